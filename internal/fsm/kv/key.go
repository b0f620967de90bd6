// Package kv owns what a group keeps in etcd: the names of its keys, the
// records behind them, and the transactions that the machines of package fsm
// ask for (SPEC K1–K3).
//
// Everything here is plain data. The runtime turns it into etcd requests, the
// simulator into operations on its model of etcd; neither adds a condition of
// its own, so what the simulator attacks is what production executes.
package kv

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Revision is etcd's store revision; 0 means "no such key" in comparisons.
type Revision int64

// LeaseID names an etcd lease, and thereby one incarnation of a node.
type LeaseID int64

// String prints a lease as etcdctl does, so that a message can be pasted into
// `etcdctl lease revoke`.
func (l LeaseID) String() string { return strconv.FormatInt(int64(l), 16) }

// ParseLease reads what LeaseID.String printed.
func ParseLease(s string) (LeaseID, error) {
	n, err := strconv.ParseInt(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read lease %q: want hexadecimal digits as etcdctl prints them", s)
	}
	return LeaseID(n), nil
}

// Epoch is the fencing number of one reign (SPEC E4).
type Epoch int64

// Kind says what a key is for.
type Kind uint8

// The kinds of keys below <prefix>/<group>/ (SPEC K1, K2).
const (
	KindNone        Kind = iota
	KindNode             // <node>: the node's state, nothing else
	KindMaster           // _master: the lock, on the master's node lease
	KindEpoch            // _epoch: number and holder of the last reign
	KindConfig           // _config: members and k
	KindControl          // _control: requests of operators
	KindInitialized      // _initialized: who creates the group's data
	KindNodeInfo         // _nodes/<node>: what a node tells about itself
	KindFrontend         // _frontends/<name>
	KindHistory          // _history/<epoch>
	KindForeign          // anything else: not ours, never written
)

// Key is one key of a group. Name is the node, the frontend, the epoch in
// decimal, or, for KindForeign, the path below the group.
type Key struct {
	Kind Kind
	Name string
}

// The keys that exist once a group.
var (
	Master      = Key{Kind: KindMaster}
	EpochKey    = Key{Kind: KindEpoch}
	Config      = Key{Kind: KindConfig}
	Control     = Key{Kind: KindControl}
	Initialized = Key{Kind: KindInitialized}
)

// NodeKey is the key that holds a node's state (SPEC K1).
func NodeKey(node string) Key { return Key{KindNode, node} }

// NodeInfo is the key that holds a node's description.
func NodeInfo(node string) Key { return Key{KindNodeInfo, node} }

// FrontendKey is the key by which a frontend shows itself (SPEC X6).
func FrontendKey(name string) Key { return Key{KindFrontend, name} }

// HistoryKey is the key that holds what is known of one reign.
func HistoryKey(e Epoch) Key { return Key{KindHistory, strconv.FormatInt(int64(e), 10)} }

var singles = map[Kind]string{
	KindMaster: "_master", KindEpoch: "_epoch", KindConfig: "_config",
	KindControl: "_control", KindInitialized: "_initialized",
}

var folders = map[Kind]string{
	KindNodeInfo: "_nodes/", KindFrontend: "_frontends/", KindHistory: "_history/",
}

// Path is the key's name below the group's prefix.
func (k Key) Path() string {
	if name, ok := singles[k.Kind]; ok {
		return name
	}
	return folders[k.Kind] + k.Name
}

func (k Key) String() string { return k.Path() }

// Compare orders keys by kind, then name. It is not etcd's order; it is the
// order in which a view keeps them.
func (k Key) Compare(o Key) int {
	if c := cmp.Compare(k.Kind, o.Kind); c != 0 {
		return c
	}
	return strings.Compare(k.Name, o.Name)
}

// ParseKey reads a path below the group's prefix. It never fails: what is not
// ours is KindForeign and keeps its whole path as its name.
func ParseKey(path string) Key {
	for kind, name := range singles {
		if path == name {
			return Key{Kind: kind}
		}
	}
	for kind, folder := range folders {
		if name, ok := strings.CutPrefix(path, folder); ok && ValidName(name) == nil {
			return Key{kind, name}
		}
	}
	if ValidName(path) == nil {
		return NodeKey(path)
	}
	return Key{KindForeign, path}
}

// ValidName reports why s cannot name a group, a node or a frontend: allowed
// are letters, digits, '.', '_' and '-', not beginning with '_' (SPEC C).
func ValidName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("the name is empty; use letters, digits, '.', '_' or '-'")
	case len(s) > 253:
		return fmt.Errorf("the name has %d characters; at most 253 are allowed", len(s))
	case s[0] == '_':
		return fmt.Errorf("the name %q begins with '_', which is reserved for msdha's own keys", s)
	case s == "." || s == "..":
		return fmt.Errorf("the name %q is a path, not a name", s)
	}
	for _, r := range s {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '.' || r == '_' || r == '-'
		if !ok {
			return fmt.Errorf("the name %q contains %q; use letters, digits, '.', '_' or '-'", s, r)
		}
	}
	return nil
}

// Prefix is what every key of a group begins with. It ends in a slash, so that
// groups g and g2 never see each other.
func Prefix(prefix, group string) string {
	return strings.TrimRight(prefix, "/") + "/" + group + "/"
}
