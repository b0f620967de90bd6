package kv

import (
	"fmt"
	"slices"
	"strings"
)

// MaxMembers bounds a member list: a quorum of more nodes than this would cost
// every write more than it protects.
const MaxMembers = 64

// Names is a set of nodes in one comparable value: sorted, separated by spaces,
// which no name contains.
type Names string

// NewNames sorts the names. It refuses what ValidName refuses, repetitions, and
// more than MaxMembers.
func NewNames(list []string) (Names, error) {
	if len(list) > MaxMembers {
		return "", fmt.Errorf("%d nodes are too many: at most %d can be members", len(list), MaxMembers)
	}
	sorted := slices.Sorted(slices.Values(list))
	for i, n := range sorted {
		if err := ValidName(n); err != nil {
			return "", fmt.Errorf("%s names no node: want letters, digits, '.', '_' or '-', and no '_' first",
				clip([]byte(n)))
		}
		if i > 0 && n == sorted[i-1] {
			return "", fmt.Errorf("the node %s is named twice", clip([]byte(n)))
		}
	}
	return Names(strings.Join(sorted, " ")), nil
}

// List is the names, sorted.
func (s Names) List() []string { return strings.Fields(string(s)) }

// Len is how many there are. Like Has it allocates nothing.
func (s Names) Len() int {
	if s == "" {
		return 0
	}
	return strings.Count(string(s), " ") + 1
}

// Has reports whether the node is one of them.
func (s Names) Has(node string) bool {
	for rest := string(s); rest != ""; {
		var n string
		n, rest, _ = strings.Cut(rest, " ")
		if n == node {
			return true
		}
	}
	return false
}

// With and Without give the set with one node more or less.
func (s Names) With(node string) Names {
	if s.Has(node) {
		return s
	}
	return Names(strings.Join(slices.Sorted(slices.Values(append(s.List(), node))), " "))
}

// Without gives the set without the node.
func (s Names) Without(node string) Names {
	return Names(strings.Join(slices.DeleteFunc(s.List(), func(n string) bool { return n == node }), " "))
}

// checkConfig refuses a member list under which no election could be right.
func (r *Record) checkConfig() error {
	check := func(names Names, k int) error {
		if k != 0 && k >= names.Len() {
			return fmt.Errorf("k is %d with %d members: a write cannot wait for %d others; want 0 to %d",
				k, names.Len(), k, max(0, names.Len()-1))
		}
		return nil
	}
	if err := check(r.Members, r.K); err != nil {
		return err
	}
	if r.NextMembers == "" {
		if r.NextK != 0 {
			return fmt.Errorf("the field %q stands without %q", "next_k", "next_members")
		}
		return nil
	}
	// Elections go by the larger list and the smaller k as long as the database may
	// still go by them; the other way round what it acknowledges could be missed.
	for _, n := range r.NextMembers.List() {
		if !r.Members.Has(n) {
			return fmt.Errorf("%q is in next_members and not in members: who is added is added to both", n)
		}
	}
	if r.NextK < r.K {
		return fmt.Errorf("next_k is %d, below k, which is %d: a smaller k is written to both at once", r.NextK, r.K)
	}
	return check(r.NextMembers, r.NextK)
}

// What an operator can ask for in _control. All but RequestPause stand on a lease
// of their own, which is their deadline.
const (
	RequestPause      = "pause"      // no promotions, no end by the master TTL (SPEC E8)
	RequestSwitchover = "switchover" // the reign Epoch ends, Node succeeds (SPEC E6)
	RequestPromote    = "promote"    // Node may claim after Epoch, whatever is lost (SPEC E7)
	RequestReinit     = "reinit"     // the incarnation of Node clones anew
)

func (r *Record) checkControl() error {
	switch r.Request {
	case "", RequestPause:
		return nil
	case RequestSwitchover:
		if r.Epoch == 0 {
			return fmt.Errorf("a switchover must name the epoch that it ends")
		}
		return nil
	case RequestPromote:
		if r.Epoch == 0 || r.Node == "" {
			return fmt.Errorf("a promotion must name the node, and the epoch after which it comes")
		}
		return nil
	case RequestReinit:
		if r.Node == "" || r.Incarnation == 0 {
			return fmt.Errorf("a reinit must name the node and its incarnation")
		}
		return nil
	}
	return fmt.Errorf("the request %s is none that I know: want %s, %s, %s or %s", clip([]byte(r.Request)),
		RequestPause, RequestSwitchover, RequestPromote, RequestReinit)
}
