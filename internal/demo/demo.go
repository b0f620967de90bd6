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

	"msdha/internal/evidence"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
	"msdha/internal/runtime/store"
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
	timeline *evidence.Timeline
	observer *evidence.Observer
	ledger   *evidence.Ledger
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
	d := &demo{opts: opts, timeline: evidence.NewTimeline(opts.Out), ledger: evidence.NewLedger()}
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
	d.timeline.Say("etcd, three PostgreSQL nodes (%s), one frontend, in %s", d.work.version, d.work.dir)
	if d.etcd, err = etcdtest.Start(etcdtest.Options{Dir: d.work.etcdDir()}); err != nil {
		return err
	}
	etcd := store.Config{Endpoints: []string{d.etcd.Endpoint()}, Prefix: "/msdha", Group: "demo"}
	if d.observer, err = evidence.Observe(etcd, d.timeline.Say); err != nil {
		return err
	}
	if err := d.listMembers(ctx, etcd); err != nil {
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
	master, err := d.observer.AwaitMaster(ctx, steadyLimit)
	if err != nil {
		return err
	}
	return d.ledger.Prepare(ctx, d.node(master.Node).dsn())
}

// listMembers does what `msdhactl members init n1 n2 n3` does: from the first
// write on two nodes have whatever is acknowledged, and elections know it.
func (d *demo) listMembers(ctx context.Context, etcd store.Config) error {
	if d.opts.Async {
		return nil
	}
	s, err := store.Open(etcd)
	if err != nil {
		return err
	}
	defer s.Close()
	var x kv.Txn
	x.IfCreate(kv.Config, 0)
	x.Put(kv.Config, kv.Record{Members: "n1 n2 n3", K: 1, Serial: 1}, 0)
	x.Get(kv.Config)
	ctx, cancel := context.WithTimeout(ctx, steadyLimit)
	defer cancel()
	r, _, outcome, err := s.Txn(ctx, &x, 0)
	if outcome != kv.OK || !r.Succeeded {
		return fmt.Errorf("cannot write the member list: %s: %w", outcome, err)
	}
	d.timeline.Say("members n1, n2, n3: one of the two others flushes a row before it is acknowledged")
	return nil
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
	err := evidence.Await(ctx, steadyLimit, func() string { return d.missing(ctx) })
	if err != nil {
		return d.withLogs(ctx, fmt.Errorf("not steady %w", err))
	}
	return nil
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
	var names []string
	for _, n := range d.nodes {
		names = append(names, n.name)
	}
	m, lacks := d.observer.Unready(names)
	if lacks != "" {
		return lacks
	}
	if n := d.node(m.Node); n == nil || n.streaming(ctx) < len(d.nodes)-1 {
		return "not all slaves stream from " + m.Node
	}
	if last := d.ledger.Last(byFrontend); time.Since(last) > time.Second || last.Before(m.Published) {
		return "writers get no acknowledgements through the frontend"
	}
	return ""
}

// account looks every acknowledged row up again.
func (d *demo) account(ctx context.Context, r *Report) error {
	m := d.observer.Master()
	v, err := d.ledger.Check(ctx, d.node(m.Node).dsn())
	r.Acked, r.Lost, r.TwoMasters = v.Acked, v.Lost, v.TwoMasters
	return err
}

func (d *demo) invite() {
	d.timeline.Say("staying up: psql -h 127.0.0.1 -p %d -U postgres postgres; "+
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
		d.observer.Close()
	}
	if d.etcd != nil {
		errs = append(errs, d.etcd.Close())
	}
	d.timeline.Close()
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
