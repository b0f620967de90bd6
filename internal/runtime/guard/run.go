package guard

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/proc"
)

// ExitNotStarted is the guard's own exit code (EX_OSERR) where the agent could
// not be started; all other codes come from the policy.
const ExitNotStarted = 71

// selfPath is this program even where its file was replaced meanwhile.
const selfPath = "/proc/self/exe"

// forwarded are the signals that a supervisor or a user sends.
var forwarded = []os.Signal{
	unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2,
}

// Options configure Run.
type Options struct {
	Policy Policy
	Path   string       // program of the agent; empty: this one
	Args   []string     // its arguments, the name first; nil: ours. The helper gets the same
	Log    func(string) // nil: standard error
}

// Run is the life of a guard: it starts the agent, does what the policy says,
// and returns the exit code that the policy gave. The program calls it first
// thing, as its arguments and environment are used again as they are, and exits
// with the result.
func Run(o Options) int {
	if o.Log == nil {
		o.Log = logToStderr
	}
	option := executeThriftily(o.Log)
	stopCollector()
	lines := newLogger(o.Log)
	defer lines.close()
	o.Log = lines.log
	g, err := newGuard(o)
	if err == nil {
		defer g.close()
		err = g.startAgent(o, option)
	}
	if err != nil {
		g.log("cannot start: " + err.Error())
		return ExitNotStarted
	}
	return g.loop()
}

type guard struct {
	log      func(string)
	policy   Policy
	reaper   *proc.Reaper
	timer    *clock.Timer
	signals  chan os.Signal
	records  chan record // closed when the agent's end is closed or broken
	gone     chan bool   // one value, once killing is over: whether somebody is left
	agent    *proc.Process
	helper   *proc.Process
	attested <-chan struct{} // the helper has ended
	line     *os.File
	path     string // of agent and helper
	args     []string

	child       proc.ID // main process; PID 0 for none
	childSignal syscall.Signal
	killing     bool
	exit        bool
	code        int
}

func newGuard(o Options) (*guard, error) {
	g := &guard{
		log:     o.Log,
		policy:  o.Policy,
		signals: make(chan os.Signal, 16),
		records: make(chan record),
		gone:    make(chan bool, 1),
	}
	var err error
	if g.timer, err = clock.NewTimer(); err != nil {
		return g, err
	}
	if g.reaper, err = proc.NewReaper(); err != nil {
		_ = g.timer.Close()
		return g, err
	}
	for _, sig := range forwarded {
		// nohup and background jobs of a shell ignore SIGHUP or SIGINT; that
		// is a wish to be respected.
		if !signal.Ignored(sig) {
			signal.Notify(g.signals, sig)
		}
	}
	return g, nil
}

func (g *guard) close() {
	signal.Stop(g.signals)
	g.reaper.Close()
	_ = g.timer.Close()
	if g.line != nil {
		_ = g.line.Close()
	}
}

// startAgent starts the agent in a process group of its own: what a terminal
// sends to the guard's group reaches the agent once, through the guard.
func (g *guard) startAgent(o Options, option string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := pair[0], pair[1]
	defer unix.Close(theirs) //nolint:errcheck // nothing was written
	if err := unix.SetNonblock(ours, true); err != nil {
		return err
	}
	g.line = os.NewFile(uintptr(ours), "agent")
	path, args := o.Path, o.Args
	if path == "" {
		path = selfPath
	}
	if args == nil {
		args = os.Args
	}
	value := strconv.Itoa(agentFD)
	if option != "" {
		value += "," + option
	}
	g.path, g.args = path, args
	g.agent, err = g.reaper.Start(path, args, &syscall.ProcAttr{
		Env:   append(without(linkVariable, os.Environ()), linkVariable+"="+value),
		Files: []uintptr{0, 1, 2, uintptr(theirs)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	go g.read()
	return nil
}

// read passes the agent's records on, up to the first that is not one.
func (g *guard) read() {
	defer close(g.records)
	var buf [recordSize + 1]byte // longer ones are cut to this size
	for {
		n, err := g.line.Read(buf[:])
		if err != nil {
			return
		}
		r, ok := decode(buf[:n])
		if !ok {
			g.log("the agent sent what is no record; taking it for gone")
			return
		}
		g.records <- r
	}
}

func (g *guard) loop() int {
	records, exited, gone := g.records, g.agent.Done(), g.gone
	g.wake()
	for !g.exit {
		select {
		case <-g.timer.C():
			g.tick(clock.Now())
		case sig := <-g.signals:
			g.deliver(Event{Kind: EventSignal, Signal: sig.(syscall.Signal)})
		case r, ok := <-records:
			if !ok {
				records = nil
				g.deliver(Event{Kind: EventAgentClosed})
				break
			}
			g.take(r)
		case <-exited:
			exited = nil
			g.agentExited()
		case left := <-gone:
			if exited != nil { // reaped with the tree, and select took the other case
				exited = nil
				g.agentExited()
			}
			g.readRest(records)
			records = nil
			g.deliver(Event{Kind: EventTreeGone, Left: left})
		case <-g.attested:
			g.helper, g.attested = nil, nil
			g.deliver(Event{Kind: EventAttested})
		}
	}
	return g.code
}

// readRest takes what the agent sent before it died: that it has given everything
// back may be the last of it. Its end of the line is closed by now.
func (g *guard) readRest(records <-chan record) {
	if records == nil {
		return
	}
	for r := range records {
		g.take(r)
	}
}

func (g *guard) agentExited() {
	g.deliver(Event{Kind: EventAgentExited, Code: g.agent.Status().ExitCode()})
}

func (g *guard) take(r record) {
	switch r.kind {
	case recordArm:
		g.deliver(Event{Kind: EventArm, Fence: r.a, Kill: r.b})
	case recordChild:
		g.setChild(int(r.a), syscall.Signal(r.b))
	case recordLease:
		g.deliver(Event{Kind: EventLease, Lease: r.a, Limit: time.Duration(r.b)})
	}
}

// deliver hands an event to the policy, after the tick that is due.
func (g *guard) deliver(ev Event) {
	now := clock.Now()
	g.tick(now)
	g.step(now, ev)
}

func (g *guard) tick(now int64) {
	if now >= g.policy.Next() {
		g.step(now, Event{Kind: EventTick})
		return
	}
	g.wake()
}

func (g *guard) step(now int64, ev Event) {
	for _, a := range g.policy.Step(now, ev) {
		g.act(a)
	}
	g.wake()
}

// wake sets the timer. Without a timer there is no fence, so everything ends.
func (g *guard) wake() {
	if err := g.timer.Set(g.policy.Next()); err != nil {
		g.log(err.Error())
		g.kill()
	}
}
