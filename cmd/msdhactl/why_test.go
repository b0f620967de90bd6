package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/store"
)

func itoa(n int) string { return strconv.Itoa(n) }

// handmade is a key as somebody with etcdctl could write it.
type handmade struct {
	path, value string
	lease       int64
}

// registered is what an agent writes.
func registered(name, state, info string, lease int64) []handmade {
	return []handmade{
		{name, state, lease},
		{"_nodes/" + name, `{"address":"` + name + `:5432","version":"v1.0"` + ttl(info) + info + `}`, lease},
	}
}

// ttl is 10 s unless info has another one.
func ttl(info string) string {
	if strings.Contains(info, `"ttl"`) {
		return ""
	}
	return `,"ttl":10`
}

func together(parts ...[]handmade) []handmade {
	var all []handmade
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

const (
	masterN1  = `{"node":"n1","incarnation":"a1","epoch":7,"address":"n1:5432","ttl":10}`
	epochN1   = `{"epoch":7,"node":"n1","incarnation":"a1","ttl":10,"since":"2026-11-20T08:00:00Z"}`
	attestedN = `{"epoch":7,"node":"n1","incarnation":"a1","ttl":10,"released":true,"by":"w1","how":"witness"}`
	diedN     = `{"epoch":7,"node":"n1","incarnation":"a1","since":"2026-01-02T15:04:05Z","by":"WHO","how":"witness",` +
		`"ended":"died; known from the container engine, whose word a witness passed on"}`
	releasedN = `{"epoch":7,"node":"n1","incarnation":"a1","ttl":10,"released":true,"by":"n1"}`
)

// groups are groups in all the states that status has words for. want are parts
// of the reasons, in order.
var groups = []struct {
	name string
	keys []handmade
	want []string
}{
	{
		"reigning", together(
			registered("n1", "master", `,"data":"7300000000000000001"`, 0xa1),
			registered("n2", "ready", `,"data":"7300000000000000001"`, 0xa2),
			registered("n3", "running_not_ready", `,"data":"7300000000000000001","observer":true`, 0xa3),
			[]handmade{
				{"_master", masterN1, 0xa1},
				{"_epoch", epochN1, 0},
				{"_initialized", `{"done":true,"data":"7300000000000000001"}`, 0},
				{"_frontends/f1", `{"version":"v1.0","ttl":10,"address":":5432"}`, 0xf1},
				{"_frontends/f2", `{"version":"v1.0","ttl":10,"address":":5432"}`, 0xf2},
				{"_history/5", `{"epoch":5,"node":"n2","incarnation":"b2","ended":"the master TTL is over"}`, 0},
				{"_history/6", `{"epoch":6,"node":"n3","incarnation":"b3"}`, 0},
				{"_history/7", epochN1, 0},
			},
		), nil,
	},
	{
		"promoting", together(
			registered("n1", "ready", "", 0xa1),
			[]handmade{{"_master", masterN1, 0xa1}, {"_epoch", epochN1, 0}, {"n9", "master", 0}},
		), nil,
	},
	{"empty", nil, []string{"no node is registered"}},
	{
		"starting", together(
			registered("n1", "pre_start", "", 0xa1), registered("n2", "running_not_ready", "", 0xa2)),
		[]string{"no node is ready: n1 is pre_start, n2 is running_not_ready"},
	},
	{
		"observers", together(
			registered("n1", "ready", `,"observer":true`, 0xa1), registered("n2", "start", "", 0xa2)),
		[]string{"only observers (MSDHA_CANDIDATE=false): n1; the others are not ready: n2 is start"},
	},
	{
		"bootstrap", together(
			registered("n1", "pre_start", "", 0xa1), registered("n2", "pre_start", "", 0xa2),
			[]handmade{{"_initialized", `{"node":"n1","incarnation":"a1","running":true}`, 0xa1}}),
		[]string{
			"n1 is creating the group's data; the others wait for it until its lease a1 ends, in 3s unless",
			"no node is ready",
		},
	},
	{
		"created", together(
			registered("n1", "ready", `,"data":"x"`, 0xa1), registered("n2", "pre_start", "", 0xa2),
			[]handmade{{"_initialized", `{"node":"n1","incarnation":"a1","running":true}`, 0xa1}}),
		[]string{"no _epoch tells how the last reign ended; ready to follow: n1, each after twice the largest TTL, " +
			"at most 20.02s from"},
	},
	{
		"conflict", together(
			registered("n1", "ready", `,"data":"x"`, 0xa1), registered("n2", "ready", `,"data":"y"`, 0xa2),
			registered("n3", "ready", `,"data":"x"`, 0xa3)),
		[]string{`x on n1, n3; y on n2; to choose: etcdctl put /msdha/conflict/_initialized ` +
			`'{"done":true,"data":"ID"}'`},
	},
	{
		"foreign-data", together(
			registered("n1", "ready", `,"data":"x"`, 0xa1),
			[]handmade{{"_initialized", `{"done":true,"data":"y"}`, 0}}),
		[]string{"the data of n1 (x) is not the group's (y)"},
	},
	{
		"unreleased", together(
			registered("n2", "ready", `,"ttl":30`, 0xa2), registered("n3", "ready", "", 0xa3),
			registered("n1", "stopping", "", 0xa1), []handmade{{"_epoch", epochN1, 0}}),
		[]string{"epoch 7 of n1 was not released, so its processes may still live; ready to follow: n2, n3, " +
			"each after twice the largest TTL, at most 1m0.06s from"},
	},
	{
		"released", together(registered("n2", "ready", "", 0xa2), []handmade{{"_epoch", releasedN, 0}}),
		[]string{"epoch 7 was released, so nobody has to wait; ready to follow as soon as the ready hook " +
			"has returned: n2 ("},
	},
	{
		"attested", together(registered("n2", "ready", "", 0xa2), []handmade{
			{"_epoch", attestedN, 0},
			{"_history/7", strings.Replace(diedN, "WHO", "w1", 1), 0},
			{"_history/6", strings.Replace(strings.Replace(diedN, "WHO", "n1", 1), ":7", ":6", 1), 0},
		}),
		[]string{"epoch 7 of n1 is attested to be dead by w1, which knows it from the container engine, whose word a " +
			"witness passed on, so nobody has to wait; ready to follow as soon as the ready hook has returned: n2 ("},
	},
	{
		"handmade-master", together(
			registered("n2", "ready", "", 0xa2), []handmade{{"_epoch", releasedN, 0}, {"old", "master", 0}}),
		[]string{"the key /msdha/handmade-master/old says master, but there is no _master: another program uses " +
			"this group, or somebody wrote it by hand; it blocks every claim, and as it has no lease it never " +
			"ends by itself; remove it: etcdctl del /msdha/handmade-master/old"},
	},
	{
		"leased-master", together(
			registered("n2", "ready", "", 0xa2), []handmade{{"sub/old", "master", 0xb1}}),
		[]string{"it blocks every claim until its lease b1 ends, in 3s unless it is renewed; if"},
	},
	{
		"deleted-master", together(
			registered("n1", "master", "", 0xa1), registered("n2", "ready", "", 0xa2),
			[]handmade{{"_epoch", epochN1, 0}}),
		[]string{"there is no _master: somebody deleted that, and the node is ending; it blocks every claim until"},
	},
	{
		"garbage", together(registered("n2", "ready", "", 0xa2), []handmade{
			{"_master", "who knows", 0},
			{"_epoch", `{"epoch":"seven"}`, 0},
			{"_nodes/n3", "[1]", 0},
			{"n4", "\x00\xff", 0},
			{"n5", "ready", 0},
			{"_frontends/f1", "", 0},
			{"_history/9", "{}", 0},
		}),
		[]string{
			`cannot read the key "_master": want a JSON object`, `cannot read the key "_epoch": the field "epoch"`,
		},
	},
	{
		"bad-initialized", together(
			registered("n1", "ready", `,"data":"x"`, 0xa1), []handmade{{"_initialized", "done", 0}}),
		[]string{`cannot read the key "_initialized"`},
	},
	{
		"wide", together(
			registered(strings.Repeat("long-name.", 9), "running_not_ready",
				`,"data":"`+strings.Repeat("0123456789", 7)+`"`, 0x7fffffffffffffff),
			[]handmade{{
				"_frontends/" + strings.Repeat("front", 30), `{"address":"` + strings.Repeat("a", 200) + `"}`, 0xf1,
			}},
		),
		[]string{"no node is ready"},
	},
}

// listed decodes hand-made keys as the store does.
func listed(group string, keys []handmade) *listing {
	var items []kv.Item
	lives := map[kv.LeaseID]lifetime{}
	for i, k := range keys {
		key := kv.ParseKey(k.path)
		items = append(items, kv.Item{
			Key: key, Present: true, Create: kv.Revision(i + 2), Mod: kv.Revision(i + 2),
			Lease: kv.LeaseID(k.lease), Record: kv.Decode(key, []byte(k.value)),
		})
		if k.lease != 0 {
			left := store.Remaining{Left: 3 * time.Second, Granted: 10 * time.Second}
			lives[kv.LeaseID(k.lease)] = lifetime{Remaining: left}
		}
	}
	l := sortListing("/msdha/"+group+"/", items)
	l.lives = lives
	return l
}

func TestWhyNobody(t *testing.T) {
	for _, c := range groups {
		got := listed(c.name, c.keys).whyNobody()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %d reasons", c.name, got, len(c.want))
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s: %q lacks %q", c.name, got[i], c.want[i])
			}
		}
	}
}

func TestLeaseWithoutAnswer(t *testing.T) {
	keys := []handmade{{"n1", "ready", 1}, {"n2", "ready", 2}, {"n3", "ready", 0}}
	l := listed("g", keys)
	l.lives = map[kv.LeaseID]lifetime{2: {gone: true}}
	s := l.status("g")
	for i, want := range []string{"unknown", "ended", "no lease"} {
		if got := s.Nodes[i].left(); got != want {
			t.Errorf("%s has %q left, want %q", s.Nodes[i].Node, got, want)
		}
	}
	if s.Nodes[0].LeftSeconds != nil || *s.Nodes[1].LeftSeconds != 0 || s.Nodes[2].Candidate {
		t.Errorf("got %+v", s.Nodes)
	}
}

func TestSeveral(t *testing.T) {
	if got := several(strings.Split("abcdefghijk", "")); got != "a, b, c, d, e, f, g, h and 3 more" {
		t.Error(got)
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"a bb ccc", "a bb|ccc"},
		{"äöü ßß", "äöü|ßß"},
		{"abcdefghijk l", "abcde|fghij|k l"},
		{"ab cdefgh", "ab|cdefg|h"},
	} {
		if got := strings.Join(fold(c.in, 5), "|"); got != c.want {
			t.Errorf("%q folds into %q, want %q", c.in, got, c.want)
		}
	}
}
