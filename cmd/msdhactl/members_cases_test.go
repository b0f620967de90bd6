package main

import (
	"strings"
	"testing"
)

const (
	listOf3 = `{"members":["n1","n2","n3"],"k":1,"version":4,"armed":true}`
	// n3 is being removed from that.
	leaving3 = `{"members":["n1","n2","n3"],"k":1,"version":5,"armed":true,"next_members":["n1","n2"],"next_k":1}`
)

// voted is what a node that has published its final tells about itself.
func voted(position, more string) string {
	return `,"final":true,"final_for":7,"position":` + position + more
}

// listedGroups are groups with a member list, requests and debts.
var listedGroups = []struct {
	name string
	keys []handmade
	want []string
}{
	{
		"listed", together(
			registered("n1", "master", `,"config":4`, 0xa1),
			registered("n2", "ready", `,"config":4,"priority":2`, 0xa2),
			registered("n4", "ready", `,"observer":true`, 0xa4),
			[]handmade{
				{"_master", masterN1, 0xa1},
				{"_epoch", epochN1, 0},
				{"_config", leaving3, 0},
				{"_control", `{"request":"switchover","epoch":7,"node":"n2"}`, 0xc1},
			},
		), nil,
	},
	{
		"newer-list", together(
			registered("n4", "master", "", 0xa4), registered("n2", "ready", `,"config":9`, 0xa2),
			[]handmade{
				{"_master", strings.Replace(masterN1, "n1", "n4", 2), 0xa4},
				{"_epoch", strings.Replace(epochN1, "n1", "n4", 1), 0},
				{"_config", listOf3, 0},
				{"_control", `{"request":"pause"}`, 0},
			},
		), nil,
	},
	{
		"too-few", together(
			registered("n2", "ready", voted("[7,1000]", ""), 0xa2),
			registered("n3", "stopping", voted("[7,1200]", ""), 0xa3),
			[]handmade{{"_epoch", releasedN, 0}, {"_config", listOf3, 0}}),
		[]string{
			"n2 may not claim: too few finals are not higher than its own: 1 of 2 is not higher, and 2 are needed; " +
				"higher: n3 (7 1200 against 7 1000)",
			"n1 is not registered", "n3 is not ready: its state is stopping, and its final counts",
		},
	},
	{
		"alone", together(
			registered("n2", "ready", "", 0xa2),
			registered("n3", "running_not_ready", `,"since":"2026-11-22T10:03:12Z"`, 0xa3),
			[]handmade{{"_epoch", releasedN, 0}, {"_config", listOf3, 0}}),
		[]string{
			"n2 may not claim: 2 finals, its own included, must not be higher than its own, and at most 1 final can",
			"n1 is not registered", "n3 is not ready: its state is running_not_ready since 2026-11-22T10:03:12Z",
		},
	},
	{
		"enough", together(
			registered("n2", "ready", voted("[7,1000]", ""), 0xa2),
			registered("n3", "ready", voted("[7,1000]", ""), 0xa3),
			[]handmade{{"_epoch", releasedN, 0}, {"_config", listOf3, 0}}),
		[]string{"ready to follow as soon as the ready hook has returned: n2, n3 (where MSDHA_ALWAYS_WAIT=true, " +
			"after twice the largest TTL, at most 20.02s); then each says how far its data reaches, and 2 finals"},
	},
	{
		"old-finals", together(
			registered("n2", "ready", `,"final":true,"final_for":6,"position":[6,9]`, 0xa2),
			registered("n3", "stopping", voted("[7,1]", ""), 0xa3),
			[]handmade{{"_epoch", releasedN, 0}, {"_config", listOf3, 0}}),
		[]string{"ready to follow as soon as"},
	},
	{
		"stranger", together(
			registered("n4", "ready", "", 0xa4), registered("n2", "ready", `,"config":5`, 0xa2),
			[]handmade{{"_epoch", releasedN, 0}, {"_config", listOf3, 0}}),
		[]string{
			"n2 may not claim: a newer member list than the one in etcd is remembered (msdhactl members confirm): it " +
				"remembers version 5",
			"n4 may not claim: it is not in the member list",
			"n1 is not registered", "n3 is not registered",
		},
	},
	{
		"unarmed", together(
			registered("n2", "ready", "", 0xa2),
			[]handmade{{"_config", `{"members":["n1","n2","n3"],"k":1,"version":1,"anchor":"n1"}`, 0}}),
		[]string{
			"not enough members have had the data yet: only the node that has all of it may claim: n1",
			"n1 is not registered", "n3 is not registered",
		},
	},
	{
		"unarmed-reign", together(
			registered("n2", "ready", "", 0xa2), registered("n3", "ready", "", 0xa3),
			[]handmade{
				{"_epoch", `{"epoch":8,"node":"n2","incarnation":"b2","ttl":10,"released":true,"by":"n2"}`, 0},
				{"_config", `{"members":["n1","n2","n3"],"k":1,"version":1,"anchor":"n1"}`, 0},
			}),
		[]string{"nobody has to wait; ready to follow as soon as the ready hook has returned: n2 ("},
	},
	{
		"paused", together(
			registered("n2", "ready", "", 0xa2),
			[]handmade{{"_epoch", epochN1, 0}, {"_control", `{"request":"pause"}`, 0}}),
		[]string{"the group is paused; msdhactl resume ends that"},
	},
	{
		"bad-list", together(
			registered("n2", "ready", "", 0xa2),
			[]handmade{{"_config", `{"members":["n2"],"k":1}`, 0}, {"_control", `{"request":"explode"}`, 0}}),
		[]string{
			`cannot read the key "_config": k is 1 with 1 members: a write cannot wait for 1 others; want 0 to 0; it ` +
				"blocks every claim until it is repaired or removed: msdhactl members confirm NAME... --k K",
			`cannot read the key "_control": the request "explode" is none that I know`,
		},
	},
	{
		"forced", together(
			registered("n2", "ready", voted("[7,1000]", ""), 0xa2),
			[]handmade{
				{"_epoch", releasedN, 0},
				{"_config", listOf3, 0},
				{"_control", `{"request":"promote","epoch":7,"node":"n2"}`, 0xc1},
			}),
		[]string{"epoch 7 was released, so nobody has to wait"},
	},
	{
		"debts", together(
			registered("n1", "ready", `,"has_fence":true`, 0xb1), registered("n2", "ready", "", 0xa2),
			[]handmade{
				{"_epoch", `{"epoch":7,"node":"n1","incarnation":"a1","address":"n1:5432","ttl":10,` +
					`"unfenced":[{"epoch":5,"node":"n3","incarnation":"a3"}]}`, 0},
			}),
		[]string{
			"n1 may not claim: its own earlier life has to be fenced, which another node must do: epoch 7",
			"n2 may not claim: an earlier reign has to be fenced, and it has no fence hook: epoch 5 of n3",
		},
	},
}

func init() { groups = append(groups, listedGroups...) }

// The words must agree with what the machines make of the same keys.
func TestWhoMayClaimIsWhatTheMachinesSay(t *testing.T) {
	for _, c := range groups {
		l := listed(c.name, c.keys)
		for i := range l.nodes {
			n := &l.nodes[i]
			f := l.facts(n.name)
			if got, want := l.obstacle(n) == "", f.MemberObstacle(n.name, n.info.Record.Serial) == "" &&
				l.debtObstacle(n) == ""; got != want {
				t.Errorf("%s: the words for %s are %q, want some: %v", c.name, n.name, l.obstacle(n), !want)
			}
			unarmed := strings.Contains(f.MemberObstacle(n.name, n.info.Record.Serial), "not enough members")
			if first := l.first(); unarmed && (first == "" || first == n.name) {
				t.Errorf("%s: %s may not claim, and the words are that only %q may", c.name, n.name, first)
			}
			if v := f.Votes; v.Own && (l.tooFew(n.name) == "") != (v.TooFew(f.Quorum(n.name, 1)) == "") {
				t.Errorf("%s: the words for %s are %q, the machine's %+v", c.name, n.name, l.tooFew(n.name), v)
			}
		}
	}
}
