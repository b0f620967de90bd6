// Package demo runs msdha's main job on one machine, on real parts: an etcd,
// three PostgreSQL nodes under three backends, a frontend, writers through it
// and writers straight to each node. It breaks the master in five ways and
// measures from outside what that costs, trusting nobody's word: what counts
// is which server acknowledged what, and when.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"msdha/internal/runtime/etcdtest"
)

// Options say what to run. The zero value of a field means its default.
type Options struct {
	Out      io.Writer
	Backend  string        // program; required
	Frontend string        // program; required
	TTL      time.Duration // whole seconds; 3 s
	Faults   []string      // names; all
	Async    bool          // replicate asynchronously
	Stay     bool          // keep it up until ctx ends
	// SelfTest expects a backend that does not fence, and ends while two masters
	// acknowledge: the old one will not come back.
	SelfTest bool
}

// Limits of patience, generous for a busy machine: what takes longer is broken.
const (
	steadyLimit  = 60 * time.Second
	failLimit    = 60 * time.Second
	stopLimit    = 12 * time.Second
	restartDelay = 500 * time.Millisecond
)

// Report is what was measured.
type Report struct {
	Faults     []FaultReport `json:"faults"`
	Acked      int           `json:"acked"`
	Lost       int           `json:"lost"`
	TwoMasters int           `json:"two_masters"`
}

// FaultReport is one fault. The split adds up to the outage but for the moment
// before the fault and the pace of the writers.
type FaultReport struct {
	Fault    string `json:"fault"`
	From     string `json:"from"`
	To       string `json:"to"`
	OutageMS int64  `json:"outage_ms"` // longest gap between acknowledgements through the frontend
	// Detection: until _master was gone. Wait: until the next claim. Hook: until
	// master was published. Routing: until the first acknowledgement.
	DetectionMS int64 `json:"detection_ms"`
	WaitMS      int64 `json:"wait_ms"`
	HookMS      int64 `json:"hook_ms"`
	RoutingMS   int64 `json:"routing_ms"`
	Acked       int   `json:"acked"`
}

// demo is a group under way.
type demo struct {
	opts     Options
	work     *workspace
	etcd     *etcdtest.Server
	nodes    []*node
	front    *process
	port     int // of the frontend
	timeline *timeline
	observer *observer
	ledger   *ledger
}

// Run runs the demo. Nothing is left behind, whatever way it ends.
func Run(ctx context.Context, opts Options) (report Report, err error) {
	if opts.TTL == 0 {
		opts.TTL = 3 * time.Second
	}
	chosen, err := chooseFaults(opts.Faults)
	if err != nil {
		return report, err
	}
	d := &demo{opts: opts, timeline: newTimeline(opts.Out), ledger: newLedger()}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.start(ctx); err != nil {
		return report, err
	}
	writers, stopWriters := context.WithCancel(ctx)
	defer stopWriters()
	wait := d.startWriters(writers)
	for _, f := range chosen {
		r, err := d.play(ctx, f)
		if err != nil {
			return report, fmt.Errorf("%s: %w", f.name, err)
		}
		report.Faults = append(report.Faults, r)
	}
	if opts.Stay {
		d.invite()
		<-ctx.Done()
		return report, nil
	}
	if err := d.settled(ctx); err != nil {
		return report, err
	}
	stopWriters()
	wait()
	return report, d.account(ctx, &report)
}

// start brings up etcd, the nodes, and the frontend, and waits for the first
// master.
func (d *demo) start(ctx context.Context) (err error) {
	if d.work, err = newWorkspace(&d.opts); err != nil {
		return err
	}
	d.timeline.say("etcd, three PostgreSQL nodes (%s), one frontend, in %s", d.work.version, d.work.dir)
	if d.etcd, err = etcdtest.Start(etcdtest.Options{Dir: d.work.etcdDir()}); err != nil {
		return err
	}
	if d.observer, err = newObserver(d.etcd, d.timeline); err != nil {
		return err
	}
	for i := range 3 {
		n, err := d.newNode(fmt.Sprintf("n%d", i+1))
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, n)
	}
	if err := d.startFrontend(); err != nil {
		return err
	}
	for _, n := range d.nodes {
		n.process.start()
	}
	master, err := d.observer.awaitMaster(ctx, steadyLimit)
	if err != nil {
		return err
	}
	return d.ledger.prepare(ctx, d.node(master.node).dsn())
}

func (d *demo) node(name string) *node {
	i := slices.IndexFunc(d.nodes, func(n *node) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return d.nodes[i]
}

// steady waits until there is a master, both others stream from it, and the
// writers get acknowledgements through the frontend.
func (d *demo) steady(ctx context.Context) error {
	deadline := time.Now().Add(steadyLimit)
	for {
		missing := d.missing(ctx)
		if missing == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return d.withLogs(ctx, fmt.Errorf("not steady after %v: %s", steadyLimit, missing))
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// withLogs keeps the logs of a demo that failed, not of one that was interrupted.
func (d *demo) withLogs(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w; logs are in %s", err, d.work.keep())
}

// settled is steady, or as near as a group comes to it whose old master goes on.
func (d *demo) settled(ctx context.Context) error {
	if d.opts.SelfTest {
		return sleep(ctx, 2*time.Second)
	}
	return d.steady(ctx)
}

// missing says what a steady group lacks; empty when it is steady.
func (d *demo) missing(ctx context.Context) string {
	m := d.observer.master()
	if m.published.IsZero() {
		return "no master is published"
	}
	for _, n := range d.nodes {
		if s := d.observer.state(n.name); n.name != m.node && s != "ready" {
			return fmt.Sprintf("%s is %q, not ready", n.name, s)
		}
	}
	if n := d.node(m.node); n == nil || n.streaming(ctx) < len(d.nodes)-1 {
		return "not all slaves stream from " + m.node
	}
	if last := d.ledger.lastThrough(); time.Since(last) > time.Second || last.Before(m.published) {
		return "writers get no acknowledgements through the frontend"
	}
	return ""
}

// account looks every acknowledged row up again.
func (d *demo) account(ctx context.Context, r *Report) error {
	m := d.observer.master()
	present, err := d.ledger.rows(ctx, d.node(m.node).dsn())
	if err != nil {
		return fmt.Errorf("cannot look the rows up again: %w", err)
	}
	d.ledger.settle(r, present)
	return nil
}

func (d *demo) invite() {
	d.timeline.say("staying up: psql -h 127.0.0.1 -p %d -U postgres postgres; "+
		"nodes at %v; etcd at %s; Ctrl-C ends it", d.port, d.ports(), d.etcd.Endpoint())
}

func (d *demo) ports() (all []string) {
	for _, n := range d.nodes {
		all = append(all, fmt.Sprintf("%s=%d", n.name, n.port))
	}
	return all
}

// close ends everything, in an order in which nobody misses what is gone.
func (d *demo) close() error {
	var stops []*process
	if d.front != nil {
		stops = append(stops, d.front)
	}
	for _, n := range d.nodes {
		n.thaw()
		n.relay.Hold(false, false)
		stops = append(stops, n.process)
	}
	limit := stopLimit
	if d.opts.SelfTest {
		limit = 2 * time.Second // a node that does not fence does not end either
	}
	stopAll(stops, limit)
	var errs []error
	for _, n := range d.nodes {
		errs = append(errs, n.relay.Close())
	}
	if d.observer != nil {
		d.observer.close()
	}
	if d.etcd != nil {
		errs = append(errs, d.etcd.Close())
	}
	d.timeline.close()
	if d.work != nil {
		errs = append(errs, d.work.remove())
	}
	return errors.Join(errs...)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
