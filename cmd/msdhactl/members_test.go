package main

import (
	"errors"
	"strings"
	"testing"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

func TestMembersInit(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "fresh")
	g.run(t, "members init n1 n2 n3", 0, "the member list is n1, n2, n3 with k = 1; not registered: n1, n2, n3")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":1}`)
	g.run(t, "members init n3 n2 n1 --k 1", 0, "already n1, n2, n3 with k = 1")
	g.run(t, "members init n1 n2", 1, "has a member list, n1, n2, n3 with k = 1", "add, remove or set-k")
	g.run(t, "members init n1 n2 n3 --k 2", 1, "has a member list")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":1}`)

	g = newGroup(t, f, "reigning", reigningGroup())
	g.run(t, "members init n2 n3", 1, "n1 reigns, and is not in this list", "switchover")
	g.run(t, "members init n1 n2 n3 --k 3", 1, "k is 3 with 3 members", "want 0 to 2")
	g.run(t, "members init n1", 1, "k is 1 with 1 member", "--accept-data-loss")
	g.run(t, "members init n1 n2 --k 0", 1, "may be lost", "--accept-data-loss")
	if g.look(t, kv.Config).Present {
		t.Error("a refused list was written")
	}
	g.run(t, "members init n1 n2 n3 --k 2", 0, "n1, n2, n3 with k = 2")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":2,"version":1,"anchor":"n1"}`)

	// Nothing says how far the others reach: the last master has all.
	g = newGroup(t, f, "vacant", registered("n2", "ready", "", 0xa2), []handmade{{"_epoch", epochN1, 0}})
	g.run(t, "members init n2 n3", 1, "n1 reigned last, and is not in this list")
	g.run(t, "members init n1 n2 n3", 0)
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":1,"anchor":"n1"}`)

	g = newGroup(t, f, "remembering", registered("n2", "ready", `,"config":7`, 0xa2))
	g.run(t, "members init n1 n2 n3", 1, "n2 remembers version 7", "members confirm n1 n2 n3 --k 1")
	g = newGroup(t, f, "asynchronous")
	g.run(t, "members init n1 n2 --k 0 --accept-data-loss", 0)
	g.wantConfig(t, `{"members":["n1","n2"],"version":1}`)
}

func TestMembersUsage(t *testing.T) {
	g := newGroup(t, newFixture(t), "usage")
	for line, part := range map[string]string{
		"members init":             "names of the members are missing",
		"members init a a":         "named twice",
		"members init _a":          "names no node",
		"members init a b --k -1":  "-1 is no k",
		"members init a b --k x":   "invalid argument",
		"members add":              "want the name of one node",
		"members add a b":          "want the name of one node, not 2 words",
		"members remove a/b":       "use letters",
		"members set-k":            "want one number",
		"members set-k -- -1":      `"-1" is no k`,
		"members explode":          "unknown command",
		"members list n1":          "unknown command",
		"switchover n2":            "unknown command",
		"promote":                  "want the name of one node",
		"reinit":                   "want the name of one node",
		"pause now":                "unknown command",
		"switchover --within soon": "invalid argument",
	} {
		g.run(t, line, fsm.ExitConfig, part, "--help")
	}
	for _, line := range []string{"members add n1", "members remove n1", "members set-k 1"} {
		g.run(t, line, 1, "has no member list", "members init NAME...")
	}
	g.put(t, g.name, handmade{"_config", `{"members":"n1"}`, 0})
	for _, line := range []string{"members add n1", "members remove n1", "members set-k 1", "members init n1 n2"} {
		g.run(t, line, 1, `cannot read the key "_config"`, "members confirm NAME... --k K")
	}
	g.run(t, "members", 0, `cannot read the key "_config"`)
}

func TestMembersAdd(t *testing.T) {
	g := newGroup(t, newFixture(t), "add", reigningGroup(), config3(""))
	g.run(t, "members add n5", 1, "no node n5 is registered", "not a member: n4")
	g.run(t, "members add n2", 0, "n2 is a member already")
	g.run(t, "members add n4", 0, "n4 is a member")
	g.wantConfig(t, `{"members":["n1","n2","n3","n4"],"k":1,"version":5,"armed":true}`)
	g.run(t, "members add n4", 0, "already")
	g.put(t, g.name, handmade{"_nodes/n5", `{"observer":true}`, 0xa5})
	g.put(t, g.name, handmade{"n5", "ready", 0xa5})
	g.run(t, "members add n5", 0, "never reigns")
}

func TestMembersRemoveIsRefused(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "refused", reigningGroup(), config3(""))
	g.run(t, "members remove n1", 1, "n1 reigns", "switchover")
	g.run(t, "members remove n4", 0, "n4 is no member")
	g.run(t, "members remove n9", 1, "no member n9", "members are n1, n2, n3")
	g = newGroup(t, f, "two", reigningGroup(), []handmade{{"_config", `{"members":["n1","n2"],"k":1,"armed":true}`, 0}})
	g.run(t, "members remove n2", 1, "only 1 of 2 members would be left", "members set-k 0 --accept-data-loss",
		"may be lost")
	g = newGroup(t, f, "one", reigningGroup(), []handmade{{"_config", `{"members":["n2"]}`, 0}})
	g.run(t, "members remove n2", 1, "the only member")
	g = newGroup(t, f, "vacant", registered("n2", "ready", "", 0xa2), config3(""))
	g.run(t, "members remove n3", 1, "nobody reigns")
	g.run(t, "members set-k 2", 1, "nobody reigns")
	g = newGroup(t, f, "garbage", config3(""), []handmade{{"_master", "?", 0}})
	g.run(t, "members remove n3", 1, `cannot read the key "_master"`, "etcdctl del")
	g.wantConfig(t, listOf3)
}

// Interrupted anywhere, the same command goes on, and nothing is lost or done twice.
func TestMembersRemoveIsResumed(t *testing.T) {
	g := newGroup(t, newFixture(t), "resume", reigningGroup(), config3(""))
	g.run(t, "members remove n3 --timeout 300ms", fsm.ExitAgain,
		"waiting for n1: its database is to wait for the new list, and 1 of n2 to have all that it has",
		"not within 300ms", "the same command", "members add n3 takes it back")
	g.wantConfig(t, leaving3)

	for _, line := range []string{"members add n4", "members remove n2", "members set-k 0 --accept-data-loss"} {
		g.run(t, line, 1, "another change is under way: n3 leaves", "members remove n3", "members add n3")
	}
	g.run(t, "members add n2", 0, "already")
	g.run(t, "members set-k 1", 0, "already")

	out, wait, cancel := g.background(t, "members remove n3")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "waiting for n1") })
	cancel() // as Ctrl-C does
	if code, err := wait(); code != fsm.ExitAgain || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("exit code %d, %v", code, err)
	}
	g.wantConfig(t, leaving3)

	out, wait, _ = g.background(t, "members remove n3")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "waiting for n1") })
	g.settle(t)
	if code, err := wait(); code != 0 || lacks(out.String(), "n3 is no member any more, after ") != nil {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	g.wantConfig(t, `{"members":["n1","n2"],"k":1,"version":6,"armed":true}`)
	g.run(t, "members remove n3", 0, "n3 is no member")
}

func lacks(text, part string) error {
	if strings.Contains(text, part) {
		return nil
	}
	return errors.New("said so far: " + text)
}

func TestMembersChangeIsTakenBack(t *testing.T) {
	g := newGroup(t, newFixture(t), "back", reigningGroup(), config3(""))
	out, wait, _ := g.background(t, "members remove n3")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "waiting for n1") })
	g.run(t, "members add n3", 0, "n3 stays a member")
	if code, err := wait(); code != 1 || !strings.Contains(err.Error(), "somebody else has changed the list") {
		t.Errorf("exit code %d, %v", code, err)
	}
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":6,"armed":true}`)
	g.run(t, "members set-k 2 --timeout 300ms", fsm.ExitAgain, "2 of n2, n3", "members set-k 1 takes it back")
	g.run(t, "members set-k 1", 0, "k stays 1")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":8,"armed":true}`)
}

// A node that leaves may come to reign meanwhile.
func TestMembersRemovedNodeReigns(t *testing.T) {
	g := newGroup(t, newFixture(t), "leaver", reigningGroup(), config3(""))
	out, wait, cancel := g.background(t, "members remove n3")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "waiting for n1") })
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Master); x.Delete(kv.NodeKey("n1")) })
	g.eventually(t, "the vacancy", func() error { return lacks(out.String(), "waiting for a master") })
	g.put(t, g.name, handmade{"_master", strings.Replace(masterN1, "n1", "n3", 2), 0xa3})
	g.eventually(t, "its reign", func() error {
		return lacks(out.String(), "n3 reigns now, and is to leave the list: msdhactl switchover")
	})
	cancel()
	if code, _ := wait(); code != fsm.ExitAgain {
		t.Errorf("exit code %d", code)
	}
}

func TestMembersSetK(t *testing.T) {
	g := newGroup(t, newFixture(t), "k", reigningGroup(), config3(""))
	g.run(t, "members set-k 3", 1, "k is 3 with 3 members", "want 0 to 2")
	g.run(t, "members set-k 0", 1, "--accept-data-loss")
	out, wait, _ := g.background(t, "members set-k 2")
	g.eventually(t, "progress", func() error { return lacks(out.String(), "2 of n2, n3 to have all") })
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":5,"armed":true,`+
		`"next_members":["n1","n2","n3"],"next_k":2}`)
	g.settle(t)
	if code, err := wait(); code != 0 {
		t.Error(code, err)
	}
	g.run(t, "members set-k 1", 0, "k is 1")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":7,"armed":true}`)
	g.run(t, "members set-k 0 --accept-data-loss", 0, "k is 0")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"version":8,"armed":true}`)
}
