package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"msdha/chaos/rig"
)

// options are what the command line asks for.
type options struct {
	systems, faults, out string
	runs                 int
	keep                 bool // groups whose turn it is not
}

func systemName(s system) string { return s.name }
func faultName(f fault) string   { return f.name }

func names[T any](all []T, name func(T) string) string {
	var list []string
	for _, x := range all {
		list = append(list, name(x))
	}
	return strings.Join(list, ",")
}

// slot is a group that is up, and what the ledger missed on it when it was asked last.
type slot struct {
	group    group
	versions string
	lost     int
}

// bench is a benchmark under way. A group stays up from one run to the next; whose turn
// it is not, is removed, or goes on without writers.
type bench struct {
	plan    []cell
	keep    bool
	out     string
	done    []record
	cut     int64 // bytes of whole lines in the file
	failed  map[string]int
	machine string
	engine  *rig.Engine
	slots   map[string]*slot
}

func newBench(o *options) (*bench, error) {
	chosen, err := choose(systems, systemName, o.systems)
	if err != nil {
		return nil, err
	}
	which, err := choose(faults, faultName, o.faults)
	if err != nil {
		return nil, err
	}
	b := &bench{
		plan: plan(chosen, which, o.runs), keep: o.keep, out: o.out,
		failed: map[string]int{}, slots: map[string]*slot{},
	}
	b.done, b.cut, err = read(o.out)
	return b, err
}

// run measures until nothing of the plan is missing.
func (b *bench) run(ctx context.Context) error {
	left := 0
	for _, c := range b.plan {
		if _, wanted := next([]cell{c}, b.done, nil); wanted {
			left++
		}
	}
	fmt.Printf("bench: %d of %d runs are missing in %s\n", left, len(b.plan), b.out)
	for {
		c, wanted := next(b.plan, b.done, b.failed)
		if !wanted {
			return b.verdict()
		}
		r := record{System: c.system.name, Fault: c.fault.name, Run: c.run, At: time.Now().UTC(), Machine: b.machine}
		err := b.play(ctx, c, &r)
		r.Took = round(time.Since(r.At).Seconds())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.Failed = err.Error()
			b.failed[c.String()]++
		}
		if err != nil || r.Broken != "" {
			b.abandon(c.system.name)
		}
		if errors.As(err, new(mixed)) {
			return err
		}
		b.done = append(b.done, r)
		if b.cut, err = add(b.out, b.cut, &r); err != nil {
			return err
		}
		fmt.Println(r.line())
	}
}

// verdict names what could not be measured.
func (b *bench) verdict() error {
	var without []string
	for name, n := range b.failed {
		if n >= tries {
			without = append(without, name)
		}
	}
	if len(without) > 0 {
		return fmt.Errorf("not measured, as the rig failed %d times: %s", tries, strings.Join(without, ", "))
	}
	return nil
}

// play plays one cell on the system's group, which it starts if there is none.
func (b *bench) play(ctx context.Context, c cell, r *record) error {
	s := b.slots[c.system.name]
	if s == nil {
		if err := b.clear(); err != nil {
			return err
		}
		g, err := c.system.open(ctx, b.engine, io.Discard)
		if err != nil {
			return err
		}
		s = &slot{group: g}
		b.slots[c.system.name] = s
		if s.versions, err = g.versions(ctx); err != nil {
			return err
		}
		g.cluster().Clients.Rest()
	}
	r.Versions = s.versions
	if err := continues(b.done, r); err != nil {
		return err
	}
	p := &play{group: s.group, cell: c, rec: r}
	wait := time.Duration(rand.Float64() * float64(c.system.period))
	var err error
	s.lost, err = p.run(ctx, wait, s.lost)
	return err
}

// clear removes the groups whose turn it is not.
func (b *bench) clear() error {
	if b.keep {
		return nil
	}
	var errs []error
	for name, s := range b.slots {
		delete(b.slots, name)
		errs = append(errs, s.group.cluster().Close(context.Background()))
	}
	return errors.Join(errs...)
}

// abandon removes a group that is not what the next run could begin with, and keeps
// its logs.
func (b *bench) abandon(system string) {
	s := b.slots[system]
	if s == nil {
		return // it did not come up, and has said where its logs are
	}
	delete(b.slots, system)
	c := s.group.cluster()
	dir, err := c.Keep(context.Background())
	fmt.Fprintf(os.Stderr, "bench: %s is started anew; its logs are in %s\n", system, dir)
	if err := errors.Join(err, c.Close(context.Background())); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// line says a run in a line.
func (r *record) line() string {
	text := fmt.Sprintf("%s %s %s %d: ", r.At.Format(time.TimeOnly), r.System, r.Fault, r.Run)
	if r.Failed != "" {
		return text + "the rig failed: " + r.Failed
	}
	text += fmt.Sprintf("%s -> %s, outage %.2f s (", r.From, r.To, r.Outage)
	parts := r.Marks.split()
	for i, p := range phases {
		if i > 0 {
			text += ", "
		}
		if d, seen := parts[p.name]; seen {
			text += fmt.Sprintf("%s %.2f", p.name, d)
		} else {
			text += p.name + " " + none
		}
	}
	if r.By != "" {
		text += ", released by " + r.By
	}
	text += fmt.Sprintf("), lost %d, busy %.0f %%, took %.0f s", r.Lost, 100*r.Busy, r.Took)
	if r.Broken != "" {
		text += "; BROKEN: " + r.Broken
	}
	return text
}
