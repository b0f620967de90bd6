package sim

import (
	"strings"

	"msdha/internal/fsm/kv"
)

// etcdHeads holds what the path of a key begins with: the whole path of a key
// that exists once, the folder of a kind that has one, and nothing for nodes
// and foreign keys. It is asked of package kv, which owns the layout (SPEC K3).
var etcdHeads = func() (heads [kv.KindForeign + 1]string) {
	for kind := range heads {
		heads[kind] = kv.Key{Kind: kv.Kind(kind)}.Path()
	}
	return heads
}()

// etcdHeadOrder is the order of two heads that differ before either ends, else 0.
var etcdHeadOrder = func() (order [len(etcdHeads)][len(etcdHeads)]int) {
	for i, a := range etcdHeads {
		for j, b := range etcdHeads {
			if n := min(len(a), len(b)); a[:n] != b[:n] {
				order[i][j] = strings.Compare(a, b)
			}
		}
	}
	return order
}()

// etcdCompare orders keys as etcd does, by the bytes of their paths. Joining
// head and name would allocate at every look-up, so it compares the pieces.
func etcdCompare(a, b kv.Key) int {
	if a.Kind == b.Kind {
		return strings.Compare(a.Name, b.Name)
	}
	if c := etcdHeadOrder[a.Kind][b.Kind]; c != 0 {
		return c
	}
	aHead, bHead := etcdHeads[a.Kind], etcdHeads[b.Kind]
	if len(aHead) > len(bHead) {
		return -etcdCompareJoined(bHead, b.Name, aHead, a.Name)
	}
	return etcdCompareJoined(aHead, a.Name, bHead, b.Name)
}

// etcdCompareJoined compares aHead+aName with bHead+bName; aHead is not longer
// than bHead.
func etcdCompareJoined(aHead, aName, bHead, bName string) int {
	if c := strings.Compare(aHead, bHead[:len(aHead)]); c != 0 {
		return c
	}
	rest := bHead[len(aHead):]
	if len(aName) <= len(rest) {
		if c := strings.Compare(aName, rest[:len(aName)]); c != 0 {
			return c
		}
		if len(aName) == len(rest) && bName == "" {
			return 0
		}
		return -1
	}
	if c := strings.Compare(aName[:len(rest)], rest); c != 0 {
		return c
	}
	return strings.Compare(aName[len(rest):], bName)
}

// etcdInFolder reports whether the path of k begins with head, the folder of
// some kind. A foreign key below the folder counts: etcd compares ranges of
// bytes and knows nothing of kinds.
func etcdInFolder(k kv.Key, head string) bool {
	if k.Kind == kv.KindForeign {
		return strings.HasPrefix(k.Name, head)
	}
	return etcdHeads[k.Kind] == head
}

// etcdText gives the raw value of a key where it can equal a plain text; every
// other value is a JSON object.
func etcdText(it *kv.Item) (text string, plain bool) {
	switch it.Key.Kind {
	case kv.KindNode, kv.KindForeign:
		return it.Record.State, true
	default:
		return it.Record.Raw, it.Record.Raw != ""
	}
}
