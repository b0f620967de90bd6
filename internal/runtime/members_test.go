package runtime

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/status"
)

// list writes a member list as msdhactl does.
func (g *group) list(r kv.Record) {
	g.t.Helper()
	g.put("_config", kv.Encode(kv.Config, r), 0)
}

// ask writes a request that ends by itself.
func (g *group) ask(r kv.Record) {
	g.t.Helper()
	lease, err := g.admin.Grant(within(g.t), 60)
	g.must(err)
	g.put("_control", kv.Encode(kv.Control, r), lease.ID)
}

// awaitStatus reads a node's status until it is as wanted.
func awaitStatus(t *testing.T, at, what string, is func(*status.Backend) bool) (s status.Backend) {
	t.Helper()
	eventually(t, what, func() bool {
		code, body, err := fetch(at, "/status")
		if err != nil || code != 200 || strings.TrimSpace(body) == "null" {
			return false
		}
		s = decode[status.Backend](t, body)
		return is(&s)
	})
	return s
}

func says(words ...string) func(*status.Backend) bool {
	return func(s *status.Backend) bool {
		for _, w := range words {
			if !strings.Contains(s.Reason, w) {
				return false
			}
		}
		return true
	}
}

// TestTooFewFinals: with a member list nobody is promoted before enough members have
// said that they have no more (SPEC E7).
func TestTooFewFinals(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		with func(g *group)
		next string
	}{
		"a third comes back": {func(g *group) { g.startAt("c", "2 9", nodeOptions{}) }, "c"},
		"one is behind":      {func(g *group) { g.startAt("c", "2 7", nodeOptions{}) }, "b"},
		"an operator accepts the loss": {func(g *group) {
			g.ask(kv.Record{Request: kv.RequestPromote, Epoch: 2, Node: "b"})
		}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 10*time.Second)
			g.seed(1)
			g.list(kv.Record{Members: "a b c", K: 1, Armed: true, Serial: 3})
			at := localPort(t)
			a := g.startAt("a", "1 9", nodeOptions{})
			b := g.startAt("b", "1 8", nodeOptions{env: []string{"MSDHA_HTTP_LISTEN=" + at}})
			c := g.startAt("c", "1 7", nodeOptions{})
			g.awaitMaster("a")
			for _, n := range []*node{b, c} {
				g.awaitHook(n.name, "follow", 1)
			}
			b.write("position", "2 8")
			c.stop()
			a.stop()
			got := awaitStatus(t, at, "b to say why",
				says("1 of 1, and 2 are needed", "; a is not there since ", "; c is not there since "))
			want := status.Backend{
				Detached: true, Position: "2 8", Finals: &status.Finals{Cast: 1, NotHigher: 1, Needed: 2},
				Members: &status.Members{Names: "a b c", K: 1, Version: 3, Armed: true},
			}
			if !got.Detached || got.Position != want.Position || *got.Finals != *want.Finals ||
				*got.Members != *want.Members || !strings.Contains(got.Cure, "--accept-data-loss") {
				t.Errorf("the status is %+v", got)
			}
			time.Sleep(200 * time.Millisecond)
			if m := g.item(kv.Master); m.Present {
				t.Errorf("promoted with too few finals: %+v", m.Record)
			}
			end.with(g)
			g.awaitMaster(end.next)
			if g.item(kv.Control).Present {
				t.Error("the claim left the request")
			}
			if lines := b.logged("not promoted", "too few"); len(lines) == 0 || len(lines) > 6 {
				t.Errorf("%d lines about it:\n%s", len(lines), strings.Join(lines, "\n"))
			}
		})
	}
}

// TestQuorumWithoutList: MSDHA_PROMOTE_QUORUM, and priority among equals.
func TestQuorumWithoutList(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	at := localPort(t)
	quorum := "MSDHA_PROMOTE_QUORUM=2"
	g.start("a", nodeOptions{env: []string{quorum, "MSDHA_HTTP_LISTEN=" + at}})
	awaitStatus(t, at, "a to say why", says("1 of 1, and 2 are needed"))
	g.start("b", nodeOptions{env: []string{quorum, "MSDHA_PRIORITY=5"}})
	g.awaitMaster("b")
	if r := g.item(kv.NodeInfo("b")).Record; r.Priority != 5 {
		t.Errorf("b says %+v", r)
	}
}

// TestMembersHook: the database has a list in force before elections go by it, and
// a master of its own accord sees to the one that it finds (SPEC P3).
func TestMembersHook(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 6*time.Second)
	g.seed(1)
	at := localPort(t)
	a := g.startAt("a", "1 1", nodeOptions{
		env: []string{"MSDHA_HTTP_LISTEN=" + at},
		hooks: map[string]string{"members": `echo "$MSDHA_MEMBERS/$MSDHA_MEMBERS_K" >>"$NODE_DIR/told"
[ -e "$NODE_DIR/flushed" ]`},
	})
	b := g.startAt("b", "1 0", nodeOptions{})
	g.awaitMaster("a")
	g.list(kv.Record{Members: "a b c", K: 1, Serial: 1})
	g.awaitHook("a", "members", 3)
	if r := g.item(kv.Config).Record; r.Armed || r.Serial != 1 {
		t.Errorf("armed before anybody has the data: %+v", r)
	}
	awaitStatus(t, at, "the trouble to be shown", func(s *status.Backend) bool {
		return s.Trouble == "the members hook fails: exit 1"
	})
	a.touch("flushed")
	awaitConfig(g, kv.Record{Members: "a b c", K: 1, Armed: true, Serial: 2})
	g.list(kv.Record{Members: "a b c", K: 1, Armed: true, Serial: 3, NextMembers: "a b", NextK: 1})
	awaitConfig(g, kv.Record{Members: "a b", K: 1, Armed: true, Serial: 4})
	if got := b.logged("hook=members"); len(got) != 0 {
		t.Errorf("a slave ran it: %q", got)
	}
	told, err := readFile(a.dir, "told")
	if err != nil || !strings.HasPrefix(told, "a b c/1\n") || !strings.HasSuffix(told, "\na b/1\n") {
		t.Errorf("told %q, %v", told, err)
	}
	if got := a.logged("level=ERROR", "hook failed", "hook=members"); len(got) != 1 {
		t.Errorf("%d lines about failures of members", len(got))
	}
	s := awaitStatus(t, at, "the list to be shown", func(s *status.Backend) bool { return s.Members.Version == 4 })
	if want := (status.Members{Names: "a b", K: 1, Version: 4, Armed: true}); *s.Members != want || s.Trouble != "" {
		t.Errorf("the status is %+v", s)
	}
	g.put("x", "later", 0) // by then the node's own change of _config has come back to it
	g.awaitNotice("a", "PUT x later")
	lane := g.lane("a")
	if last := lane[len(lane)-2:]; !slices.Equal(last, []string{"members 1 a b c", "members 1 a b"}) {
		t.Errorf("a ran %q", lane)
	}
}

func awaitConfig(g *group, want kv.Record) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("_config to be %+v", want), func() bool {
		g.alive()
		return g.item(kv.Config).Record == want
	})
}
