// Command bench measures how long clients cannot write when a group loses its master
// or changes it, and of what that consists: this project at two TTLs beside Patroni
// with HAProxy, in turn, on one machine:
//
//	go run ./chaos/bench [-systems NAME,...] [-faults NAME,...] [-runs N] [-out FILE]
//	go run ./chaos/bench -table [-write docs/BENCHMARKS.md] [FILE]
//
// Each run is a line of FILE when it is over; what is there is not measured again, so
// a benchmark that was interrupted goes on where it was. It uses the rig of the chaos
// suite, and removes all that it started, Ctrl-C included.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"msdha/chaos/rig"
)

// interrupted is the exit code after Ctrl-C.
const interrupted = 130

func main() {
	var o options
	flag.StringVar(&o.systems, "systems", "", "only these: "+names(systems, systemName))
	flag.StringVar(&o.faults, "faults", "", "only these: "+names(faults, faultName))
	flag.IntVar(&o.runs, "runs", 0, "at most so many of each (default: 5 or 3, by fault)")
	flag.StringVar(&o.out, "out", "bin/bench-failover.jsonl", "file of the runs")
	flag.BoolVar(&o.keep, "keep", false, "leave all groups up: quicker, but the others are there while one is measured")
	table := flag.Bool("table", false, "measure nothing; print the tables of the file")
	write := flag.String("write", "", "with -table: put them between the marks of this document, too")
	flag.Parse()
	if flag.NArg() > 0 {
		o.out = flag.Arg(0)
	}
	if *table {
		exit(printTables(*write, o.out))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx, &o)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "bench: interrupted; the same command goes on")
		os.Exit(interrupted)
	}
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// measure runs the benchmark on the engine of this machine.
func measure(ctx context.Context, o *options) (err error) {
	b, err := newBench(o)
	if err != nil {
		return err
	}
	if b.engine, err = rig.Connect(ctx); err != nil {
		return err
	}
	if err := b.engine.Sweep(ctx); err != nil {
		return err
	}
	defer func() {
		// Also after Ctrl-C, with what a run was about to start.
		if swept := b.engine.Sweep(context.Background()); err == nil {
			err = swept
		}
	}()
	if b.machine, err = machine(ctx, b.engine); err != nil {
		return err
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	return printTables("", o.out)
}
