package explore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind says what an action does.
type kind uint8

const (
	tick       kind = iota
	wake            // an actor whose timer is due runs
	execute         // etcd executes a call
	delay           // a call is given up by its sender and may arrive later
	answer          // a reply arrives
	mute            // a reply is lost
	deliver         // a watch brings the next revision
	hookEnds        // the master hook returns
	childExits      // a child that was asked to end does
	treeDies        // SIGKILL has reached all
	expire          // etcd revokes a lease that has expired
	expireSlow      // … and grants keepalives to it all the same, for a while
	pauseAgent      // for arg ticks
	pauseAll
	crash
	elect   // etcd gets another leader
	restart // of a container that is down
	stop    // somebody asks a node to stop
	deleteMaster
	deleteNode
	numKinds
)

var kindNames = [numKinds]string{
	"tick", "wake", "execute", "delay", "answer", "mute", "deliver", "hook-ends", "child-exits",
	"tree-dies", "expire", "expire-slowly", "pause-agent", "pause", "crash", "elect", "restart", "stop",
	"delete-master", "delete-key",
}

// costs is the fault that an action takes from the budget; numFaults for none.
var costs = [numKinds]fault{
	tick: numFaults, wake: numFaults, execute: numFaults, answer: numFaults, deliver: numFaults,
	hookEnds: numFaults, childExits: numFaults, treeDies: numFaults, expire: numFaults,
	delay: drops, mute: numFaults, expireSlow: ghosts, pauseAgent: pauses, pauseAll: pauses,
	crash: crashes, elect: leaders, restart: restarts, stop: stops, deleteMaster: deletes, deleteNode: deletes,
}

// action is one step of a course: what happens, to whom, and what befalls the
// rounds that are sent because of it.
type action struct {
	kind  kind
	actor int8 // -1: nobody; hit's for a tick
	arg   uint8
	hit   netFault
}

// code packs an action for the edges of the search; unpack is its inverse.
func (a action) code() uint32 {
	return uint32(a.kind)<<24 | uint32(uint8(a.actor))<<16 | uint32(a.arg)<<8 | uint32(a.hit)
}

func unpack(c uint32) action {
	return action{kind(c >> 24), int8(uint8(c >> 16)), uint8(c >> 8), netFault(c)}
}

func actorName(i int8) string {
	switch {
	case i == front0:
		return frontName
	case i < 0:
		return ""
	}
	return nodeNames[i]
}

// String is the line of a story; parseAction reads it.
func (a action) String() string {
	words := []string{kindNames[a.kind]}
	if a.actor >= 0 {
		words = append(words, actorName(a.actor))
	}
	switch a.kind {
	case execute, delay, answer, mute, expire, expireSlow, pauseAgent, pauseAll:
		words = append(words, strconv.Itoa(int(a.arg)))
	}
	if a.hit != hitNone {
		words = append(words, hitNames[a.hit])
	}
	return strings.Join(words, " ")
}

func parseAction(line string) (action, error) {
	words := strings.Fields(line)
	a := action{actor: -1}
	k := slices.Index(kindNames[:], words[0])
	if k < 0 {
		return a, fmt.Errorf("there is no action %q", words[0])
	}
	a.kind = kind(k)
	for _, w := range words[1:] {
		n, err := strconv.ParseUint(w, 10, 8)
		switch {
		case err == nil:
			a.arg = uint8(n)
		case w == frontName:
			a.actor = front0
		case indexOf(w) >= 0:
			a.actor = indexOf(w)
		case slices.Contains(hitNames[1:], w):
			a.hit = netFault(slices.Index(hitNames[:], w))
		default:
			return a, fmt.Errorf("%q: cannot read %q", line, w)
		}
	}
	return a, nil
}
