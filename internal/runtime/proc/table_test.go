package proc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const statTail = " S 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 4711 1 2 3"

func TestParseStat(t *testing.T) {
	want := Entry{
		ID: ID{PID: 42, Start: 4711}, State: 'S', Parent: 7, Group: 8, Session: 9, Threads: 3,
	}
	for _, name := range []string{"sh", "a) b", "((", "))", ") S 1 1 1 (", "", "a\nb", " ", "\xff"} {
		got, err := parseStat([]byte("42 (" + name + ")" + statTail + "\n"))
		want.Name = name
		if err != nil || got != want {
			t.Errorf("name %q: got %+v, %v", name, got, err)
		}
	}
	for _, line := range []string{
		"", "42", "42 (sh", "42 (sh)", ")(", "(sh)" + statTail, "x (sh)" + statTail,
		"42 (sh) S 7 8 9", "42 (sh)" + strings.Replace(statTail, "4711", "-1", 1),
		"42 (sh)" + strings.Replace(statTail, "7", "x", 1),
		"42 (sh)" + strings.Replace(statTail, "S", "SS", 1),
	} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: parsed as %+v", line, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) b)" + statTail))
	f.Fuzz(func(t *testing.T, line []byte) {
		if e, err := parseStat(line); err == nil && !strings.Contains(string(line), "("+e.Name+")") {
			t.Fatalf("%q: name %q", line, e.Name)
		}
	})
}

func TestDead(t *testing.T) {
	for _, c := range []struct {
		state   byte
		threads int
		dead    bool
	}{
		{'R', 1, false},
		{'D', 1, false},
		{'T', 1, false},
		{'Z', 0, true},
		{'Z', 1, true},
		{'Z', 2, false},
		{'X', 0, true},
	} {
		if got := (Entry{State: c.state, Threads: c.threads}).Dead(); got != c.dead {
			t.Errorf("state %c with %d threads: dead %v", c.state, c.threads, got)
		}
	}
}

func TestBelowSurvivesCycles(t *testing.T) {
	entry := func(pid, parent int) Entry { return Entry{ID: ID{PID: pid}, Parent: parent} }
	all := []Entry{
		entry(5, 4), entry(2, 3), entry(3, 2), entry(4, 1), entry(1, 5), entry(9, 8), entry(6, 1),
	}
	var pids []int
	for _, e := range below(all, 1) {
		pids = append(pids, e.PID)
	}
	if !slices.Equal(pids, []int{4, 6, 5}) {
		t.Fatalf("got %v", pids)
	}
}

func TestDescendantsOfOddNames(t *testing.T) {
	l := newLab(t)
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(l.Dir, "a) S (b")
	if err := os.WriteFile(odd, sleep, 0o755); err != nil {
		t.Fatal(err)
	}
	c := l.child(`setsid "` + odd + `" 300 & exec sleep 300`)
	var names []string
	eventually(t, "the odd name", func() bool {
		names = nil
		tree, err := Descendants(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tree {
			names = append(names, e.Name)
		}
		return slices.Equal(names, []string{"sleep", "a) S (b"})
	})
	if tree, err := Descendants(c.PID()); err != nil || len(tree) != 1 || tree[0].Parent != c.PID() {
		t.Fatalf("below the child: %v, %v", tree, err)
	}
}

func TestIdentify(t *testing.T) {
	l := newLab(t)
	c := l.child("exec sleep 300")
	id, err := Identify(c.PID())
	if err != nil || id != c.ID() || id.Start == 0 {
		t.Fatalf("got %+v, %v; the child is %+v", id, err, c.ID())
	}
	other := ID{PID: id.PID, Start: id.Start + 1}
	if err := SignalID(other, unix.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signalled another process with the pid: %v", err)
	}
	if err := SignalID(id, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := c.Status(); got != (Status{Signal: unix.SIGTERM}) {
		t.Fatalf("ended with %v", got)
	}
	if _, err := Identify(id.PID); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("identified a process that is gone: %v", err)
	}
	if err := SignalID(id, unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signalled a process that is gone: %v", err)
	}
}

// TestZombieChief: the first thread of a process may end before the others.
// Such a process looks like a zombie, but runs.
func TestZombieChief(t *testing.T) {
	l := newLab(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := l.child("exec env " + helperVariable + "=zombieChief " + exe)
	eventually(t, "a dead first thread", func() bool {
		tree, err := Descendants(os.Getpid())
		return err == nil && len(tree) == 1 && tree[0].State == 'Z' && tree[0].Threads > 1
	})
	l.killAll()
	if got := c.Status(); got != (Status{Signal: unix.SIGKILL}) {
		t.Fatalf("ended with %v", got)
	}
}

// helpZombieChief ends the first thread, which main's goroutine need not be on.
func helpZombieChief() error {
	for {
		if unix.Gettid() == os.Getpid() {
			go func() {
				for {
					time.Sleep(time.Second)
				}
			}()
			_, _, _ = syscall.Syscall(unix.SYS_EXIT, 0, 0, 0)
		}
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	}
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]syscall.Signal{
		"TERM": unix.SIGTERM, "SIGTERM": unix.SIGTERM, "sigquit": unix.SIGQUIT, " int ": unix.SIGINT,
		"15": unix.SIGTERM, "64": 64, "RTMIN": 34, "SIGRTMIN+3": 37, "RTMAX-1": 63, "USR2": unix.SIGUSR2,
	} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "SIG", "0", "-1", "65", "TERMINATE", "SIGSIGTERM",
		"RTMIN-1", "RTMAX+1", "RTMIN3", "RTMINx", "9x",
	} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%q: taken for %v", text, got)
		} else if !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: error does not show it: %v", text, err)
		}
	}
	if got := SignalName(unix.SIGQUIT) + SignalName(40); got != "SIGQUITsignal 40" {
		t.Errorf("names: %s", got)
	}
}

func TestBelow(t *testing.T) {
	all, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	own := os.Getpid()
	id, err := Identify(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := Below(os.Getppid(), own); !ok || got != id {
		t.Errorf("below our parent: %v, %v", got, ok)
	}
	if got, ok := Below(own, own); ok {
		t.Errorf("below ourselves: %v", got)
	}
	unused := 0
	for _, e := range all {
		unused = max(unused, e.PID)
	}
	for _, pid := range []int{-1, 0, 1, unused + 1000, os.Getppid()} {
		if got, ok := Below(own, pid); ok {
			t.Errorf("process %d is below us: %v", pid, got)
		}
	}
}
