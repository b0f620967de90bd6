package kv

import "time"

// StateMaster is the one state name that decides anything by itself: a node
// key with this text is routed to, and blocks a claim (SPEC E3, X2).
const StateMaster = "master"

// Record is the value of any key, decoded: one flat comparable struct, so that
// machines, views and the simulator's etcd can copy it by assignment. Which
// fields mean something depends on the key's kind (SPEC K2).
type Record struct {
	// State is the whole text of a node key or of a foreign key.
	State string
	// Bad says why the value could not be decoded; empty when it could.
	Bad string

	Node        string  // _master, _epoch, _initialized: whose it is
	Incarnation LeaseID // the holder's lease
	Epoch       Epoch
	Address     string
	TTL         time.Duration // granted TTL of the holder's lease

	// Place is where the holder's processes are.
	Place

	Released bool   // _epoch: no process of the reign is left (SPEC E5)
	By       string // _epoch: who said so
	How      Means  // _epoch: how they know, where it is not the reign itself (SPEC E11)
	Unfenced string // _epoch: reigns without proof of death, JSON, carried (SPEC E9)
	// Since is when it began, in Unix seconds, for people only: the reign (_epoch,
	// _history), or the node's state, but for stopping (_nodes).
	Since int64

	Running bool   // _initialized: the holder is creating the data (SPEC P2)
	Done    bool   // _initialized: the group's data exists
	DataID  string // _initialized, _nodes: identity of the data

	Version  string // _nodes, _frontends: of the program
	Priority int    // _nodes
	Observer bool   // _nodes: registered with MSDHA_CANDIDATE=false
	HasFence bool   // _nodes: has a fence hook (SPEC E9)
	// FinalFor and Position are what a node published for a vacancy (SPEC E7).
	Final    bool // without it FinalFor, which may be 0, means nothing
	FinalFor Epoch
	Position Position

	// Elections go by Members and K, the database by NextMembers and NextK where
	// there are any: a removal or a larger K that is under way (SPEC P3).
	Members, NextMembers Names
	K, NextK             int
	Armed                bool   // _config: K others have once had all that the master had
	Anchor               string // _config: who has all, until then; empty: _initialized's node
	Serial               int64  // _config, _nodes: version of the member list (SPEC K4)

	Request string // _control: what an operator asks for (SPEC E6, E8)

	// Ended says why a reign was over (_history).
	Ended string
	// Raw is written as it stands where it is set: a value that is not ours.
	Raw string
}

// Item is one key as etcd holds it at some revision.
type Item struct {
	Key     Key
	Present bool
	Create  Revision
	Mod     Revision
	Lease   LeaseID
	Record  Record
}
