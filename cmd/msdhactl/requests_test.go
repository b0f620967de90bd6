package main

import (
	"fmt"
	"strings"
	"testing"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

func TestPauseAndResume(t *testing.T) {
	g := newGroup(t, newFixture(t), "pause", reigningGroup())
	g.run(t, "resume", 0, "is not paused")
	g.run(t, "pause", 0, "nobody is promoted until msdhactl resume")
	if it := g.look(t, kv.Control); it.Record != (kv.Record{Request: kv.RequestPause}) || it.Lease != 0 {
		t.Errorf("_control is %+v", it)
	}
	g.run(t, "pause", 0, "paused already")
	g.run(t, "switchover", 1, "the group is paused", "msdhactl resume first")
	g.run(t, "reinit n2", 1, "the group is paused")
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Master) })
	g.run(t, "promote n2 --accept-data-loss", 1, "the group is paused")
	g.run(t, "resume", 0, "not paused any more")
	if g.look(t, kv.Control).Present {
		t.Error("_control is still there")
	}
	g.run(t, "pause", 0, "nobody reigns now")
	g.put(t, g.name, handmade{"_control", `{"request":"explode"}`, 0})
	for _, line := range []string{"pause", "resume", "promote n2 --accept-data-loss"} {
		g.run(t, line, 1, `cannot read the key "_control"`, "etcdctl del /msdha/pause/_control")
	}
	g.put(t, g.name, handmade{"_control", `{}`, 0}) // asks for nothing
	g.run(t, "pause", 0)
}

// follow plays a failover: n1 has gone, name reigns from the epoch on.
func (g *group) follow(t *testing.T, name string, lease int64, epoch int) {
	t.Helper()
	g.write(t, func(x *kv.Txn) {
		x.Delete(kv.Master)
		x.Delete(kv.NodeKey("n1"))
		if g.look(t, kv.Control).Present {
			x.Delete(kv.Control)
		}
	})
	g.put(t, g.name, handmade{"_master", fmt.Sprintf(
		`{"node":"%s","incarnation":"%x","epoch":%d,"address":"%s:5432","ttl":10}`, name, lease, epoch, name), lease})
	g.put(t, g.name, handmade{"_epoch", fmt.Sprintf(`{"epoch":%d,"node":"%s"}`, epoch, name), 0})
	g.put(t, g.name, handmade{name, "master", lease})
}

func TestSwitchover(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "switch", reigningGroup(), config3(""))
	out, wait, _ := g.background(t, "switchover --to n2")
	g.eventually(t, "the request", func() error { return lacks(out.String(), "waiting for n1 to end its reign") })
	it := g.look(t, kv.Control)
	if it.Record != (kv.Record{Request: kv.RequestSwitchover, Epoch: 7, Node: "n2"}) || it.Lease == 0 {
		t.Errorf("_control is %+v", it)
	}
	if life := lifetimes(t.Context(), g.s.st, []kv.LeaseID{it.Lease})[it.Lease]; life.Granted.Seconds() != 30 {
		t.Errorf("its deadline is %+v", life)
	}
	g.run(t, "switchover", 1, "there is a request already: switchover from epoch 7 to n2", "of 30 s", "etcdctl del")
	g.run(t, "pause", 1, "there is a request already")
	g.run(t, "resume", 0, "is not paused")
	g.follow(t, "n2", 0xa2, 8)
	if code, err := wait(); code != 0 || lacks(out.String(), "n2 reigns at n2:5432, epoch 8, ") != nil ||
		lacks(out.String(), "after the request; before: n1, epoch 7") != nil {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	if life := lifetimes(t.Context(), g.s.st, []kv.LeaseID{it.Lease})[it.Lease]; !life.gone {
		t.Errorf("the request's lease lives on: %+v", life)
	}

	g = newGroup(t, f, "other", reigningGroup(), config3(""))
	out, wait, _ = g.background(t, "switchover --to n2")
	g.eventually(t, "the request", func() error { return lacks(out.String(), "waiting for n1") })
	g.follow(t, "n3", 0xa3, 8)
	if code, err := wait(); code != 1 || lacks(err.Error(), "n3 reigns instead of n2") != nil {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

func TestSwitchoverInVain(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "vain", reigningGroup())
	g.run(t, "switchover --within 2s", fsm.ExitAgain, "n1 still reigns, not within 2s; the request is withdrawn")
	out, wait, cancel := g.background(t, "switchover --to n3")
	g.eventually(t, "the request", func() error { return lacks(out.String(), "waiting for n1") })
	cancel()
	if code, err := wait(); code != fsm.ExitAgain || lacks(err.Error(), "n1 still reigns, interrupted") != nil {
		t.Error(code, err)
	}
	if g.look(t, kv.Control).Present {
		t.Error("the request is not withdrawn")
	}
	out, wait, cancel = g.background(t, "switchover --to n3")
	g.eventually(t, "the request", func() error { return lacks(out.String(), "waiting for n1") })
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Master) })
	g.eventually(t, "the end", func() error { return lacks(out.String(), "epoch 7 is over") })
	g.put(t, g.name, handmade{"_master", strings.Replace(strings.Replace(masterN1, "n1", "n3", 2), "7", "8", 1), 0xa3})
	g.eventually(t, "the claim", func() error { return lacks(out.String(), "n3 has claimed epoch 8, and is being") })
	cancel()
	if code, err := wait(); code != fsm.ExitAgain || lacks(err.Error(), "n3 has claimed epoch 8, but is not") != nil {
		t.Error(code, err)
	}
}

func TestSwitchoverIsRefused(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "refused", reigningGroup(), config3(""),
		registered("n5", "ready", `,"observer":true`, 0xa5), registered("n3", "running_not_ready", "", 0xa3))
	g.run(t, "switchover --to n1", 1, "n1 reigns already")
	g.run(t, "switchover --to n9", 1, "no node n9 is registered; registered are n1, n2, n3, n4, n5")
	g.run(t, "switchover --to n4", 1, "n4 could not claim: it is not in the member list")
	g.run(t, "switchover --to n5", 1, "MSDHA_CANDIDATE=false")
	g.run(t, "switchover --to n3", 1, "n3 is not ready: its state is running_not_ready")
	// Q is 2: with one other the group would have no master afterwards.
	g.run(t, "switchover --to n2", 1,
		"2 other members must be ready to follow n1, and 1 could now: n2 is ready, n3 is running_not_ready")
	g.put(t, g.name, handmade{"n3", "ready", 0xa3})
	g.put(t, g.name, handmade{"_config", leaving3, 0})
	g.run(t, "switchover --to n3", 1, "n3 is to leave the member list", "msdhactl members add n3 takes that back")
	g.put(t, g.name, config3("")[0])
	g.put(t, g.name, handmade{"_nodes/n3", `{"config":9}`, 0xa3})
	g.run(t, "switchover --to n3", 1,
		"n3 could not claim: a newer member list than the one in etcd is remembered", "version 9")
	g.put(t, g.name, handmade{"_config", "?", 0})
	g.run(t, "switchover", 1, `cannot read the key "_config"`)
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Master); x.Delete(kv.Config) })
	g.run(t, "switchover", 1, "nobody reigns")
	if g.look(t, kv.Control).Present {
		t.Error("a refused request was written")
	}
	g = newGroup(t, f, "alone", registered("n1", "master", "", 0xa1), []handmade{{"_master", masterN1, 0xa1}})
	g.run(t, "switchover", 1, "1 other member must be ready", "there is no other")

	// What is refused is decided again by what the transaction compares.
	g = newGroup(t, f, "race", reigningGroup())
	g.op.before = func() { g.put(t, g.name, handmade{"_control", `{"request":"pause"}`, 0}) }
	g.run(t, "switchover", 1, "the group is paused")
}

func TestPromote(t *testing.T) {
	f := newFixture(t)
	vacant := together(
		registered("n2", "ready", voted("[7,1000]", ""), 0xa2),
		registered("n3", "stopping", voted("[7,1200]", ""), 0xa3),
		registered("n4", "ready", "", 0xa4),
		[]handmade{
			{"_epoch", releasedN, 0},
			{"_config", `{"members":["n1","n2","n3","n4"],"k":1,"version":4,"armed":true}`, 0},
		})
	g := newGroup(t, f, "promote", vacant)
	said := []string{
		"n2 is at position 7 1000\n", "n1 is not registered: what only it has is lost\n",
		"n3 is at position 7 1200: it has more, and that is lost\n",
		"n4 (ready) has not said how far its data reaches: it may have more\n",
	}
	g.run(t, "promote n2", 1, append(said, "gives up whatever it lacks; say --accept-data-loss")...)
	g.run(t, "promote n3 --accept-data-loss", 1, "n3 is not ready: its state is stopping")
	g.run(t, "promote n9 --accept-data-loss", 1, "no node n9 is registered")
	if g.look(t, kv.Control).Present {
		t.Error("a refused request was written")
	}
	out, wait, _ := g.background(t, "promote n2 --accept-data-loss")
	g.eventually(t, "the request", func() error { return lacks(out.String(), "nobody reigns: ") })
	it := g.look(t, kv.Control)
	if it.Record != (kv.Record{Request: kv.RequestPromote, Epoch: 7, Node: "n2"}) || it.Lease == 0 {
		t.Errorf("_control is %+v", it)
	}
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Control) })
	g.put(t, g.name, handmade{"_master", strings.Replace(strings.Replace(masterN1, "n1", "n2", 2), "7", "8", 1), 0xa2})
	g.put(t, g.name, handmade{"n2", "master", 0xa2})
	if code, err := wait(); code != 0 || lacks(out.String(), "n2 reigns at n2:5432, epoch 8, ") != nil {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	for _, part := range said {
		if out.Count(part) != 1 {
			t.Errorf("%q lacks %q, or repeats it", out, part)
		}
	}
	g.run(t, "promote n4 --accept-data-loss", 1, "n2 reigns, epoch 8", "msdhactl switchover")

	g = newGroup(t, f, "vain", vacant)
	g.run(t, "promote n4 --accept-data-loss --within 2s", fsm.ExitAgain, "n4 has not said in this vacancy",
		"n2 is at position 7 1000", "n4 was not promoted, not within 2s; the request is withdrawn")
	if g.look(t, kv.Control).Present {
		t.Error("the request is not withdrawn")
	}
	g = newGroup(t, f, "young", registered("n2", "ready", "", 0xa2))
	g.run(t, "promote n2 --accept-data-loss", 1, "there is no _epoch")
	g = newGroup(t, f, "blocked", vacant, []handmade{{"old", "master", 0}})
	g.run(t, "promote n2 --accept-data-loss", 1, "nobody can be promoted", "etcdctl del /msdha/blocked/old")
	g = newGroup(t, f, "foreign", registered("n2", "ready", `,"data":"x"`, 0xa2), vacant[len(vacant)-2:],
		[]handmade{{"_initialized", `{"done":true,"data":"y"}`, 0}})
	g.run(t, "promote n2 --accept-data-loss", 1, "n2 could not claim: the data of n2 (x) is not the group's (y)")
}

func TestReinit(t *testing.T) {
	f := newFixture(t)
	g := newGroup(t, f, "reinit", reigningGroup())
	g.run(t, "reinit n1", 1, "n1 reigns; msdhactl switchover first")
	g.run(t, "reinit n9", 1, "no node n9 is registered; registered are n1, n2, n3, n4")
	out, wait, _ := g.background(t, "reinit n2")
	g.eventually(t, "the request", func() error { return lacks(out.String(), "waiting for n2 to end") })
	it := g.look(t, kv.Control)
	if it.Record != (kv.Record{Request: kv.RequestReinit, Node: "n2", Incarnation: 0xa2}) || it.Lease == 0 {
		t.Errorf("_control is %+v", it)
	}
	g.write(t, func(x *kv.Txn) { x.Delete(kv.NodeKey("n2")) })
	g.eventually(t, "its end", func() error { return lacks(out.String(), "n2 has ended; waiting for its next life") })
	if g.look(t, kv.Control).Present {
		t.Error("a request for a life that is over is in the way of others")
	}
	g.put(t, g.name, handmade{"n2", "pre_start", 0xb2})
	g.eventually(t, "its next life", func() error { return lacks(out.String(), "n2 lives again: pre_start") })
	g.put(t, g.name, handmade{"n2", "ready", 0xb2})
	if code, err := wait(); code != 0 || lacks(out.String(), "n2 is ready again, ") != nil {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	g.run(t, "reinit n3 --within 2s", fsm.ExitAgain, "n3 has not ended, not within 2s; the request is withdrawn")
	g.put(t, g.name, handmade{"n3", "running_not_ready", 0xa3})
	g.run(t, "reinit n3 --within 2s", fsm.ExitAgain, "n3, which is running_not_ready: it obeys once it is ready")
	g.put(t, g.name, handmade{"n1", "ready", 0xa1})
	g.run(t, "reinit n2", 1, "n1 is still being promoted")
	g.write(t, func(x *kv.Txn) { x.Delete(kv.Master) })
	g.run(t, "reinit n2", 1, "nobody reigns")
}
