// Command guardtest is a small node for the guard's tests: without a guard
// above it, it is one, with a simple policy; below one it is an agent that
// follows the directives in its arguments, in order:
//
//	arm=FENCE,KILL   arm the guard, in milliseconds from now
//	rearm=FENCE,KILL arm it again every 10 ms
//	signal=NAME      fence signal of the main process
//	start=DIR        start the main process by DIR/start
//	await=LINE       wait until the main process has printed it
//	fence=PID        claim that the main process is PID
//	close            close the line to the guard
//	garbage          send the guard something else than a record
//	lease=ID,LIMIT   what is to be given back, and for how many milliseconds; 0,0 for nothing
//	stop             SIGSTOP itself
//	exit=CODE        end
//
// After the last one it waits: for the end of its guard or its main process.
//
// As the guard's helper it prints "helper ID,LIMIT" and how many processes of the
// node it has found, besides the guard and itself. Then it does what GUARDTEST_HELPER
// says: "stop" itself, "hang", or exit with that code.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/guard"
	"msdha/internal/runtime/proc"
)

func main() {
	if guard.Attesting() {
		os.Exit(helper())
	}
	if !guard.Inside() {
		os.Exit(guard.Run(guard.Options{
			Policy: &policy{fence: clock.Never, kill: clock.Never},
			Path:   os.Getenv("GUARDTEST_PATH"),
		}))
	}
	code, err := agent(os.Args[1:])
	if err != nil {
		fmt.Println("error", err)
		code = 99
	}
	os.Exit(code)
}

// policy is what the guard's own machine does, in its simplest form.
type policy struct {
	fence, kill int64
	code        int
	lease       int64
	limit       time.Duration
	giveUp      int64 // 0: there is no helper
}

func (p *policy) Next() int64 {
	if p.giveUp != 0 {
		return p.giveUp
	}
	return min(p.fence, p.kill)
}

func (p *policy) Step(now int64, ev guard.Event) []guard.Action {
	switch ev.Kind {
	case guard.EventLease:
		p.lease, p.limit = ev.Lease, ev.Limit
	case guard.EventArm:
		p.fence, p.kill = ev.Fence, ev.Kill
	case guard.EventSignal:
		return []guard.Action{{Kind: guard.ActionForward, Signal: ev.Signal}}
	case guard.EventTick:
		if p.giveUp != 0 {
			return p.exit()
		}
		if now >= p.kill {
			return p.end()
		}
		p.fence = clock.Never
		return []guard.Action{{Kind: guard.ActionFence}}
	case guard.EventAgentClosed:
		return p.end()
	case guard.EventAgentExited:
		p.code = ev.Code
		return p.end()
	case guard.EventTreeGone:
		if p.lease == 0 || ev.Left {
			return p.exit()
		}
		p.giveUp = now + int64(p.limit)
		return []guard.Action{{Kind: guard.ActionAttest, Lease: p.lease, Limit: p.limit}}
	case guard.EventAttested:
		return p.exit()
	}
	return nil
}

func (p *policy) exit() []guard.Action {
	return []guard.Action{{Kind: guard.ActionExit, Code: p.code}}
}

func (p *policy) end() []guard.Action {
	p.fence, p.kill = clock.Never, clock.Never
	return []guard.Action{{Kind: guard.ActionKill}}
}

type node struct {
	link  *guard.Link
	hooks *proc.Hooks
	fence syscall.Signal
	child *proc.Child
	lines chan string // of the main process
	seen  map[string]bool
}

func agent(directives []string) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP,
		unix.SIGUSR1, unix.SIGUSR2)
	link, err := guard.Attach()
	if err != nil {
		return 0, err
	}
	reaper, err := proc.NewReaper()
	if err != nil {
		return 0, err
	}
	lines := make(chan string, 100)
	n := node{
		link:  link,
		fence: unix.SIGTERM,
		lines: lines,
		seen:  map[string]bool{},
		hooks: &proc.Hooks{
			Reaper: reaper,
			Output: func(_ string, _ bool, line string) { lines <- line },
		},
	}
	fmt.Println("agent", os.Getpid())
	for _, d := range directives {
		name, value, _ := strings.Cut(d, "=")
		if name == "exit" {
			return strconv.Atoi(value)
		}
		if err := n.follow(name, value); err != nil {
			return 0, err
		}
	}
	fmt.Println("waiting")
	return n.wait(signals)
}

func (n *node) follow(name, value string) error {
	switch name {
	case "arm":
		return n.arm(value)
	case "rearm":
		go func() {
			for n.arm(value) == nil {
				time.Sleep(10 * time.Millisecond)
			}
		}()
		return nil
	case "signal":
		var err error
		n.fence, err = proc.ParseSignal(value)
		return err
	case "start":
		return n.start(value)
	case "await":
		for !n.seen[value] {
			n.seen[<-n.lines] = true
		}
		return nil
	case "fence":
		pid, err := strconv.Atoi(value)
		return errors.Join(err, n.link.Child(pid, n.fence))
	case "close":
		return n.link.Close()
	case "garbage":
		return unix.Sendto(3, []byte(value), 0, nil) // where the guard puts it
	case "lease":
		var id, limit int64
		_, err := fmt.Sscanf(value, "%d,%d", &id, &limit)
		return errors.Join(err, n.link.Lease(id, time.Duration(limit)*time.Millisecond))
	case "stop":
		return unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
	return errors.New("unknown directive " + name)
}

func (n *node) arm(value string) error {
	var fence, kill int64
	if _, err := fmt.Sscanf(value, "%d,%d", &fence, &kill); err != nil {
		return err
	}
	now := clock.Now()
	return n.link.Arm(now+fence*1e6, now+kill*1e6)
}

func (n *node) start(dir string) error {
	n.hooks.Dir = dir
	child, err := n.hooks.StartChild(proc.ChildCall{})
	if err != nil {
		return err
	}
	n.child = child
	fmt.Println("child", child.PID())
	return n.link.Child(child.PID(), n.fence)
}

func (n *node) wait(signals <-chan os.Signal) (int, error) {
	var ended <-chan struct{}
	if n.child != nil {
		ended = n.child.Done()
	}
	for {
		select {
		case sig := <-signals:
			fmt.Println("signal", proc.SignalName(sig.(syscall.Signal)))
		case <-ended:
			fmt.Println("child ended")
			err := n.hooks.Reaper.KillTree(context.Background(), os.Getpid())
			return n.child.Status().ExitCode(), err
		case <-n.link.Gone():
			fmt.Println("guard gone")
			return 75, n.hooks.Reaper.KillTree(context.Background(), os.Getpid())
		}
	}
}
