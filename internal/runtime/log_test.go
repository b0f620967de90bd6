package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm"
	"msdha/internal/runtime/clock"
)

// TestLogNotRead: a log driver that is stuck costs neither the lease nor, where
// the agent is stuck too, the fence.
func TestLogNotRead(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	g.deaf = true
	flood := `yes "$(printf %1000s x)"`
	a, _ := g.pair(nodeOptions{hooks: map[string]string{"start": flood + " & " + mainProcess}})
	before := g.awaitMaster("a")
	for end := clock.Now() + int64(3*g.ttl); clock.Now() < end; time.Sleep(g.ttl / 10) {
		g.alive()
	}
	if now := g.awaitMaster("a"); now != before {
		t.Errorf("_master was %+v and is %+v", before, now)
	}
	a.mayEnd = true
	kill(t, a.agentPID(), unix.SIGSTOP)
	a.awaitEnd() // while its log is still not read
	if code := a.cmd.ProcessState.ExitCode(); code != 75 {
		t.Errorf("exit code %d", code)
	}
	g.awaitMaster("b")
}

// TestLogOrder: lines arrive whole, in order, and all before the end.
func TestLogOrder(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, true, slog.LevelInfo, "node", "a")
	const lines = 5000
	for i := range lines {
		log.Info("line", "i", i)
		log.Settle()
	}
	log.Close()
	d := json.NewDecoder(&out)
	for i := range lines {
		var line struct {
			Node string
			I    int
		}
		if err := d.Decode(&line); err != nil || line.I != i || line.Node != "a" {
			t.Fatalf("line %d: %+v, %v", i, line, err)
		}
	}
	log.Info("after the end") // of which nothing is expected but that it returns
	log.Settle()
}

// TestLogOverflows: lines are lost and counted, while nobody is made to wait; but
// who may be made to wait is.
func TestLogOverflows(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := NewLogger(write, false, slog.LevelInfo)
	const size, lines = 1000, 2 * logLimit / 1000
	for i := range lines {
		log.Info(strings.Repeat("x", size), "i", i)
	}
	settled := make(chan struct{})
	go func() {
		log.Settle()
		close(settled)
	}()
	select {
	case <-settled:
		t.Error("there is no room, but Settle returned")
	default:
	}
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(read)
		text <- string(b)
	}()
	<-settled
	log.Close()
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-text
	kept := strings.Count(got, strings.Repeat("x", size))
	want := fmt.Sprintf("lines=%d\n", lines-kept)
	if !strings.Contains(got, "level=WARN") || !strings.Contains(got, want) {
		t.Errorf("%d of %d lines came; no %q", kept, lines, want)
	}
	if kept*size < logLimit/2 {
		t.Errorf("only %d lines were kept", kept)
	}
}

// TestLogCloseIsBounded: the end of a process does not wait for a stuck reader.
func TestLogCloseIsBounded(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := NewLogger(write, false, slog.LevelInfo)
	for range 1000 {
		log.Info(strings.Repeat("x", 1000))
	}
	begun := time.Now()
	log.Close()
	if took := time.Since(begun); took < logPatience || took > logPatience+patience/2 {
		t.Errorf("Close took %v", took)
	}
	go io.Copy(io.Discard, read) //nolint:errcheck // ends with the pipe
	<-log.queue.done
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTroubles: the first failure in a row is said, the next ones are counted.
func TestTroubles(t *testing.T) {
	var r troubles[fsm.EffectKind]
	if n, _ := r.over(fsm.Check); n != 0 || r.latest() != "" {
		t.Error("there is trouble at the start")
	}
	said := 0
	for i := range 100 {
		n, say := r.add(fsm.Check, fmt.Sprint("failure ", i+1))
		if say {
			said++
		}
		if n != i+1 {
			t.Errorf("failure %d counts as %d", i+1, n)
		}
	}
	if _, say := r.add(fsm.KeepAlive, "another kind"); !say || said != 1 {
		t.Errorf("said %d times; another kind: %v", said, say)
	}
	if got := r.latest(); got != "another kind" {
		t.Errorf("the latest is %q", got)
	}
	if n, _ := r.over(fsm.KeepAlive); n != 1 || r.latest() != "failure 100" {
		t.Errorf("%d failures are over, and the latest is %q", n, r.latest())
	}
	r.of[fsm.Check].said = time.Now().Add(-troublePeriod)
	if _, say := r.add(fsm.Check, "still"); !say {
		t.Error("a long trouble is not said again")
	}
	if n, _ := r.over(fsm.Check); n != 101 {
		t.Errorf("%d failures are over", n)
	}
	if _, say := r.add(fsm.Check, "anew"); !say {
		t.Error("a new trouble is not said")
	}
}
