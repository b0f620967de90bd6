package rig

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// Result is one scenario: what it cost, and what clients saw.
type Result struct {
	Scenario string `json:"scenario"`
	From     string `json:"from"`
	To       string `json:"to"`

	TTL time.Duration `json:"ttl_ns"`
	// Outage is the longest time without an acknowledgement through a frontend;
	// of the two frontends, the one that was worse off.
	Outage time.Duration `json:"outage_ns"`
	// Detection: until _master was gone. Wait: until the next claim. Hook: until
	// master was published. Routing: until the first acknowledgement.
	Detection time.Duration `json:"detection_ns"`
	Wait      time.Duration `json:"wait_ns"`
	Hook      time.Duration `json:"hook_ns"`
	Routing   time.Duration `json:"routing_ns"`

	Verdict Verdict   `json:"verdict"`
	Failed  bool      `json:"failed,omitempty"` // a promise was broken
	At      time.Time `json:"at"`
}

// Line is the result in a sentence.
func (r *Result) Line() string {
	split := ""
	if r.To != r.From || r.Wait > 0 {
		split = fmt.Sprintf(" (detection %s, wait %s, hook %s, routing %s)",
			seconds(r.Detection), seconds(r.Wait), seconds(r.Hook), seconds(r.Routing))
	}
	return fmt.Sprintf("%s: %s -> %s, outage %s%s; lost %d, two masters %d, registers %s, %d steps replayed",
		r.Scenario, r.From, r.To, seconds(r.Outage), split, r.Verdict.Lost, r.Verdict.TwoMasters,
		r.Verdict.Registers, r.Verdict.Steps)
}

// Results collects those of a run, from several lanes.
type Results struct {
	mu   sync.Mutex
	path string
	all  []Result
}

// NewResults writes the results to that file as JSON, too, unless it is empty.
func NewResults(path string) *Results { return &Results{path: path} }

// Add takes one.
func (r *Results) Add(one Result) {
	one.At = time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

// Print prints the table, and writes the file.
func (r *Results) Print(w io.Writer, took time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.all, func(a, b Result) int { return cmp.Compare(a.Scenario, b.Scenario) })
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tT\tmaster\toutage\tdetection\twait\thook\trouting\tlost\ttwo masters\tregisters")
	for i := range r.all {
		x := &r.all[i]
		moved := x.To != x.From || x.Wait > 0
		part := func(d time.Duration) string {
			if !moved {
				return "-"
			}
			return seconds(d)
		}
		fmt.Fprintf(t, "%s\t%v\t%s -> %s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", x.Scenario, x.TTL, x.From, x.To,
			seconds(x.Outage), part(x.Detection), part(x.Wait), part(x.Hook), part(x.Routing),
			x.Verdict.Lost, x.Verdict.TwoMasters, x.Verdict.Registers)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d scenarios in %s\n", len(r.all), took.Round(time.Second))
	if r.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r.all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
