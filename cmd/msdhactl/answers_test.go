package main

import (
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// lossy is the group through a relay that keeps the answer to the first
// transaction until whoever asked has given it up.
func lossy(t *testing.T, g *group) {
	t.Helper()
	r := etcdtest.MustRelay(t, g.Addr())
	g.op.environment = environment("ETCDCTL_ENDPOINTS=http://"+r.Addr(), "MSDHA_GROUP="+g.name,
		"MSDHA_START_PATIENCE=20s")
	first := true
	g.op.before = func() {
		if first {
			first = false
			r.Hold(false, true)
			time.AfterFunc(askTimeout+askTimeout/4, func() { r.Hold(false, false) })
		}
	}
}

// What was executed without an answer is recognised, and not done again.
func TestAnswersThatAreLost(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "list", reigningGroup(), config3(""))
	lossy(t, g)
	g.run(t, "members add n4", 0, "n4 is a member already")
	g.wantConfig(t, `{"members":["n1","n2","n3","n4"],"k":1,"version":5,"armed":true}`)

	g = newGroup(t, f, "change", reigningGroup(), config3(""))
	lossy(t, g)
	out, wait, cancel := g.background(t, "members remove n3")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "waiting for n1") })
	g.wantConfig(t, leaving3)
	cancel()
	_, _ = wait()

	g = newGroup(t, f, "request", reigningGroup(), config3(""))
	lossy(t, g)
	out, wait, cancel = g.background(t, "switchover --to n2")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "waiting for n1 to end its reign") })
	if it := g.look(t, kv.Control); it.Record.Node != "n2" || it.Create != it.Mod {
		t.Errorf("_control is %+v", it)
	}
	cancel()
	if _, err := wait(); err == nil || g.look(t, kv.Control).Present {
		t.Errorf("the request is not withdrawn: %v", err)
	}
}

func TestCompletion(t *testing.T) {
	g := newGroup(t, newFixture(t), "g", reigningGroup(), config3(""))
	for line, want := range map[string]string{
		"members remove ": "n1 n2 n3 n4", "members remove n3 ": "", "members init n2 ": "n1 n3 n4", "reinit n4": "n4",
		"switchover --to n": "n1 n2 n3 n4", "pause ": "", "members set-k ": "",
	} {
		got := g.complete(t, line)
		if strings.Join(got, " ") != want {
			t.Errorf("%s<TAB> offers %q, want %q", line, got, want)
		}
	}
	g.op.environment = environment()
	if got := g.complete(t, "reinit "); len(got) > 0 {
		t.Errorf("without a configuration: %q", got)
	}
}

// complete asks as a shell does, and leaves out the directive.
func (g *group) complete(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for line := range strings.Lines(g.run(t, "__complete "+strings.ReplaceAll(line, " ", "\x00"), 0)) {
		if w := strings.TrimSpace(line); w != "" && w[0] != ':' && !strings.HasPrefix(w, "Completion") {
			words = append(words, w)
		}
	}
	return words
}
