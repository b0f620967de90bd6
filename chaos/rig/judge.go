package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"msdha/internal/runtime"
)

// Verdict is what a scenario's clients and recordings show.
type Verdict struct {
	// Acked and Lost are rows since the cluster was judged before.
	Acked      int `json:"acked"`
	Ops        int `json:"register_operations"`
	Lost       int `json:"lost"`
	TwoMasters int `json:"two_masters"`
	// Registers says what the checker of linearizability found. Sound: that it
	// found an order; or that acknowledged rows were lost, so there is none, which
	// nobody promises before positions decide elections (SPEC E7).
	Registers string `json:"registers"`
	Sound     bool   `json:"sound"`
	Steps     int    `json:"replayed"` // of recordings, all reproduced
	Detail    string `json:"detail,omitempty"`
}

// Judge looks up what was acknowledged, checks the registers, and replays all
// recordings. The cluster must be steady.
func (c *Cluster) Judge(ctx context.Context, r *Register) (v Verdict, err error) {
	master := c.Node(c.Observer.Master().Node)
	if master == nil {
		return v, errors.New("cannot judge: there is no master")
	}
	l, err := c.Clients.Ledger.Check(ctx, dsn(master))
	if err != nil {
		return v, err
	}
	v.Acked, v.Lost, v.TwoMasters = l.Acked-c.acked, l.Lost-c.lost, l.TwoMasters
	c.acked, c.lost = l.Acked, l.Lost
	if l.Lost+l.TwoMasters > 0 {
		v.Detail = l.String()
	}
	if err := r.judge(ctx, dsn(master), &v); err != nil {
		return v, err
	}
	v.Steps, err = c.replay(ctx)
	return v, err
}

// replay runs every recording of every life through a new machine: what ran here
// must be what the simulator attacks. No life may be without a recording, and none
// may have given it up.
func (c *Cluster) replay(ctx context.Context) (steps int, err error) {
	dir, err := os.MkdirTemp("", "msdha-record-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary copy
	fetched := time.Now()   // a later life may be missing
	if err := c.fetchRecordings(ctx, dir); err != nil {
		return 0, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "record", "*.jsonl"))
	if err != nil {
		return 0, err
	}
	began := map[string][]time.Time{}
	for _, path := range files {
		name, at, err := runtime.RecordedLife(path)
		if err != nil {
			return steps, err
		}
		began[name] = append(began[name], at)
		n, err := replayFile(path)
		if err != nil {
			return steps, fmt.Errorf("the recording %s is not what its machine does: %w", filepath.Base(path), err)
		}
		steps += n
	}
	return steps, c.whole(ctx, began, fetched)
}

// whole says of which lives there is no recording, or only the beginning of one.
// The recordings are by their names and beginnings, as they were at that time.
func (c *Cluster) whole(ctx context.Context, began map[string][]time.Time, fetched time.Time) error {
	var errs []error
	begin := time.Now()
	for _, m := range slices.Concat(c.Nodes, c.Fronts) {
		if err := c.lives.recorded(m.id, began[m.Name], fetched); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, err))
		}
		log, err := m.Log(ctx, c.judged)
		if err != nil {
			return err
		}
		if line := gaveUp(log); line != "" {
			errs = append(errs, fmt.Errorf("%s gave its recording up: %s", m.Name, line))
		}
	}
	c.judged = begin
	return errors.Join(errs...)
}

// gaveUp is the line in which an agent says that it does not record any more.
func gaveUp(log string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, runtime.RecordingEnds) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func replayFile(path string) (steps int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()                   //nolint:errcheck // only read
	steps, _, err = runtime.Replay(f) // a killed process may leave half a line
	return steps, err
}
