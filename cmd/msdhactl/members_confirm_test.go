package main

import (
	"strings"
	"testing"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

func TestMembersConfirm(t *testing.T) {
	f := newFixture(t)
	remembering := together(registered("n2", "ready", `,"config":9`, 0xa2), registered("n3", "ready", "", 0xa3),
		[]handmade{{"_epoch", epochN1, 0}})

	g := newGroup(t, f, "restored", remembering,
		[]handmade{{
			"_config",
			`{"members":["n1","n2","n3"],"k":1,"version":4,"anchor":"n1","next_members":["n1","n2"],"next_k":1}`, 0,
		}})
	g.run(t, "members confirm", 0, "n1, n2, n3 with k = 1, version 1009",
		"version 9 was the newest that a registered node, n2, said")
	// Armed whatever the backup says: Q decides.
	g.wantConfig(t, strings.Replace(leaving3, `"version":5`, `"version":1009`, 1))
	g.run(t, "members confirm", 0, "version 2009") // what nodes remember may not be there to be read
	g.run(t, "members confirm --k 2", 1, "name the members, too")
	g.run(t, "members confirm n2 n3 n4", 0)
	g.wantConfig(t, `{"members":["n2","n3","n4"],"k":1,"version":3009,"armed":true}`)
	g.run(t, "members confirm n2 n3 --k 2", 1, "want 0 to 1")
	g.run(t, "members confirm n2 n3 --k 0", 1, "--accept-data-loss")

	g = newGroup(t, f, "emptied", remembering)
	g.run(t, "members confirm", 1, "no member list that could be confirmed; name the members")
	g.run(t, "members confirm n1 n2 n3", 0, "not registered: n1")
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":1009,"armed":true}`)

	g = newGroup(t, f, "huge", remembering,
		[]handmade{{"_config", `{"members":["n1","n2"],"k":1,"version":9223372036854775807}`, 0}})
	g.run(t, "members confirm", 1, "version 9223372036854775807 leaves no room")
	g.run(t, "members add n3", 1, "version 9223372036854775807 leaves no room")

	g = newGroup(t, f, "bad", remembering, []handmade{{"_config", "?", 0}})
	g.run(t, "members confirm", 1, "name the members")
	g.run(t, "members confirm n1 n2 n3", 0)
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":1009,"armed":true}`)

	// A master that reigns can be given a first list, but no other one in one step.
	g = newGroup(t, f, "reign", reigningGroup(), remembering[:2], []handmade{{"_epoch", epochN1, 0}})
	g.run(t, "members confirm n2 n3", 1, "n1 reigns, and is not in this list")
	g.run(t, "members confirm n1 n2 n3", 0)
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":1009,"anchor":"n1"}`)
	g.put(t, g.name, handmade{"_nodes/n2", `{"config":12}`, 0xa2})
	g.run(t, "members confirm n1 n2", 1, "n1 reigns: change its list in steps", "add, remove and set-k")
	g.run(t, "members confirm n1 n2 n3", 0)
	g.wantConfig(t, `{"members":["n1","n2","n3"],"k":1,"version":2009,"anchor":"n1"}`)
}

// Whatever was read is compared: what somebody else does meanwhile is seen.
func TestMembersRaces(t *testing.T) {
	g := newGroup(t, newFixture(t), "races", reigningGroup(), config3(""))
	meanwhile := func(line string, code int, part string, keys ...handmade) {
		t.Helper()
		first := true
		g.op.before = func() {
			if first {
				first = false
				for _, k := range keys {
					g.put(t, g.name, k)
				}
			}
		}
		g.run(t, line, code, part)
		g.op.before = nil
	}
	meanwhile("members add n4", 0, "n4 is a member",
		handmade{"_config", `{"members":["n1","n2","n3","n5"],"k":1,"version":6,"armed":true}`, 0})
	g.wantConfig(t, `{"members":["n1","n2","n3","n4","n5"],"k":1,"version":7,"armed":true}`)
	meanwhile("members add n4", 0, "already")

	// Another operator's removal is one change too many by then.
	meanwhile("members remove n3", 1, "another change is under way: n5 leaves", handmade{
		"_config",
		`{"members":["n1","n2","n3","n5"],"k":1,"version":8,"next_members":["n1","n2","n3"],"next_k":1}`, 0,
	})
	// A failover: who is to be removed reigns by now.
	g.put(t, g.name, config3("")[0])
	meanwhile("members remove n3", 1, "n3 reigns", handmade{"_master", strings.Replace(masterN1, "n1", "n3", 2), 0xa3})
	g.wantConfig(t, listOf3)

	// Somebody claims while a list is made, and would not be in it.
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Config); x.Delete(kv.Master); x.Delete(kv.EpochKey) })
	meanwhile("members init n1 n2", 1, "n3 reigns, and is not in this list",
		handmade{"_master", strings.Replace(masterN1, "n1", "n3", 2), 0xa3}, handmade{"_epoch", epochN1, 0})

	// Who loses every time says so, and has written nothing.
	g.put(t, g.name, config3("")[0])
	g.op.before = func() { g.put(t, g.name, config3("")[0]) }
	g.run(t, "members add n4", 1, "changed 10 times", "nothing was written")
	g.wantConfig(t, listOf3)
}

// A transaction whose answer is lost may have been executed.
func TestMembersAnswerIsLost(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "lost", reigningGroup(), config3(""))
	l, err := g.s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	todo, err := l.addMember("n4")
	if err != nil {
		t.Fatal(err)
	}
	if done, err := g.s.execute(t.Context(), todo.txn); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := g.s.execute(t.Context(), todo.txn); done || err != nil {
		t.Fatalf("executed twice: %v, %v", done, err)
	}
	g.run(t, "members add n4", 0, "already")
	f.Stop()
	defer func() {
		if err := f.Restart(); err != nil {
			t.Error(err)
		}
	}()
	g.op.environment = environment("ETCDCTL_ENDPOINTS="+f.Endpoint(), "MSDHA_GROUP=lost", "MSDHA_START_PATIENCE=1s")
	g.run(t, "members add n4", fsm.ExitUnavailable, "refused")
}

func TestMembersList(t *testing.T) {
	f := newFixture(t)
	for _, c := range append(listedGroups, groups[0]) {
		name := "list-" + c.name
		g := newGroup(t, f, name, c.keys)
		text := g.run(t, "members list", 0)
		golden(t, name+".txt", text)
		if again := g.run(t, "members", 0); again != text {
			t.Errorf("members says %q, members list %q", again, text)
		}
	}
}
