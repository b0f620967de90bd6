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
	execute         // etcd executes a call
	delay           // a call is given up by its sender and may arrive later
	answer          // a reply arrives
	mute            // a reply is lost
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
	"tick", "execute", "delay", "answer", "mute", "expire", "expire-slowly", "pause-agent", "pause",
	"crash", "elect", "restart", "stop", "delete-master", "delete-key",
}

// costs is the fault that an action takes from the budget; numFaults for none.
var costs = [numKinds]fault{
	tick: numFaults, execute: numFaults, answer: numFaults, expire: numFaults,
	delay: drops, mute: numFaults, expireSlow: ghosts, pauseAgent: pauses, pauseAll: pauses,
	crash: crashes, elect: leaders, restart: restarts, stop: stops, deleteMaster: deletes, deleteNode: deletes,
}

// action is one step of a course: what happens, to whom, and in which of the ways
// in which it can turn out (chooser.code).
type action struct {
	kind  kind
	actor int8 // -1: nobody
	arg   uint8
	way   uint64
}

// code packs an action for the edges of the search; unpack is its inverse.
func (a action) code() uint64 {
	return a.way<<16 | uint64(a.kind)<<11 | uint64(a.actor+1)<<6 | uint64(a.arg)
}

func unpack(c uint64) action {
	return action{kind(c >> 11 & 31), int8(c>>6&31) - 1, uint8(c & 63), c >> 16}
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
	if a.way != 0 {
		words = append(words, "way="+strconv.FormatUint(a.way, 10))
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
		way, isWay := strings.CutPrefix(w, "way=")
		n, err := strconv.ParseUint(way, 10, 47)
		switch {
		case err == nil && isWay:
			a.way = n
		case err == nil && n < 64:
			a.arg = uint8(n)
		case w == frontName:
			a.actor = front0
		case indexOf(w) >= 0:
			a.actor = indexOf(w)
		default:
			return a, fmt.Errorf("%q: cannot read %q", line, w)
		}
	}
	return a, nil
}
