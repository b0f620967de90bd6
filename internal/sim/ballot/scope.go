package ballot

import (
	"fmt"
	"strconv"
	"strings"
)

// Scope bounds what is visited.
type Scope struct {
	Nodes, Members, K int
	// Reigns is how many there may be, the first included, which stands already.
	Reigns int
	// Entries is how many a master writes for clients.
	Entries int
	// Changes is how many changes of the member list are begun; Forces how many
	// promotions there are with accepted loss.
	Changes, Forces int
	// Promo is the length of the record that a promotion writes before that of the
	// epoch, as PostgreSQL's do; 0 if there is none. Weight is that of any other record.
	Promo, Weight int
	// Start is 0 for a group with a master, 1 for one whose data is on one node and was
	// cloned by nobody yet (SPEC P2), 2 for a master that was just given a list, and has
	// acknowledged what nobody else has; the list names another node as the anchor.
	Start int
	// Away is 1 if a node can be gone for as long as it likes; otherwise who ends is
	// back at once. doc.go argues why nothing is lost by the latter.
	Away int
	// Old is 1 if finals of older vacancies are told from none.
	Old int
	// Cascade is 1 if a standby goes on with a host that was master, whatever that is by
	// now.
	Cascade int
}

// Floor is the smallest scope in which all that is looked at can happen.
func Floor() Scope {
	return Scope{Nodes: 3, Members: 3, K: 1, Reigns: 3, Entries: 1, Changes: 1, Weight: 1}
}

type scopeField struct {
	name   string
	at     *int
	lo, hi int
}

func (s *Scope) fields() []scopeField {
	return []scopeField{
		{"nodes", &s.Nodes, 2, maxNodes},
		{"members", &s.Members, 2, maxNodes},
		{"k", &s.K, 1, maxNodes - 1},
		{"reigns", &s.Reigns, 1, maxReigns},
		{"entries", &s.Entries, 1, maxRecord - 2},
		{"changes", &s.Changes, 0, 3},
		{"forces", &s.Forces, 0, 1},
		{"promo", &s.Promo, 0, 9},
		{"weight", &s.Weight, 1, 9},
		{"start", &s.Start, 0, 2},
		{"away", &s.Away, 0, 1},
		{"old", &s.Old, 0, 1},
		{"cascade", &s.Cascade, 0, 1},
	}
}

// String is the words that ParseScope reads.
func (s Scope) String() string {
	var words []string
	for _, f := range s.fields() {
		words = append(words, fmt.Sprintf("%s=%d", f.name, *f.at))
	}
	return strings.Join(words, " ")
}

// ParseScope reads name=NUMBER words. What is not named is as in Floor; members is
// as many as there are nodes.
func ParseScope(words string) (Scope, error) {
	s := Floor()
	s.Members = 0
	for _, word := range strings.Fields(words) {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(value)
		if err != nil {
			return s, fmt.Errorf("cannot read %q: want %s=NUMBER", word, name)
		}
		if err := s.set(name, n); err != nil {
			return s, err
		}
	}
	if s.Members == 0 {
		s.Members = s.Nodes
	}
	switch {
	case s.Members > s.Nodes:
		return s, fmt.Errorf("members=%d: there are only %d nodes", s.Members, s.Nodes)
	case s.K >= s.Members:
		return s, fmt.Errorf("k=%d: want less than %d, the number of members", s.K, s.Members)
	}
	return s, nil
}

// promos is how many records a promotion writes of its own.
func (s *Scope) promos() uint8 { return uint8(min(1, s.Promo)) }

func (s *Scope) set(name string, n int) error {
	for _, f := range s.fields() {
		if f.name != name {
			continue
		}
		if n < f.lo || n > f.hi {
			return fmt.Errorf("%s=%d: want %d to %d", name, n, f.lo, f.hi)
		}
		*f.at = n
		return nil
	}
	return fmt.Errorf("a scope has no %q", name)
}
