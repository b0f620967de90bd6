package fsm

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"msdha/internal/fsm/kv"
)

// script is a Canon that writes down what it is told, as it is.
type script struct{ b strings.Builder }

func (s *script) put(sense string, v any)              { fmt.Fprintf(&s.b, "%s %v\n", sense, v) }
func (s *script) Num(n int64)                          { s.put("num", n) }
func (s *script) Flag(on bool)                         { s.put("flag", on) }
func (s *script) Text(t string)                        { s.put("text", t) }
func (s *script) Node(name string)                     { s.put("node", name) }
func (s *script) Lease(id kv.LeaseID)                  { s.put("lease", int64(id)) }
func (s *script) Rev(rev kv.Revision)                  { s.put("rev", rev) }
func (s *script) Seen(rev kv.Revision)                 { s.put("seen", rev) }
func (s *script) Epoch(e kv.Epoch)                     { s.put("epoch", e) }
func (s *script) Op(op Op)                             { s.put("op", op) }
func (s *script) ViewOp(op Op)                         { s.put("view op", op) }
func (s *script) Due(at Instant)                       { s.put("due", int64(at)) }
func (s *script) Until(since Instant, d time.Duration) { s.put("until", int64(since.Add(d))) }

// leftOut are the fields that no Canon is given, and why they decide nothing.
var leftOut = map[string]string{
	"Backend.cfg":          "it is the same for ever",
	"Backend.ops":          "the next number is free; which one it is does not matter",
	"Backend.hook":         "the reply names the hook",
	"Backend.rounds":       "it moves a round by less than a tenth of its period",
	"Backend.attempt":      "it picks an endpoint",
	"Backend.tries":        "it picks an endpoint",
	"Backend.fencedAt":     "it is set in the Step that uses it",
	"Backend.facts":        "Member visits them, and a view's facts follow from its listing",
	"Backend.previous":     "hooks are told",
	"Backend.shownMaster":  "hooks are told",
	"Backend.shownAddress": "hooks are told",
	"Backend.remembered":   "it is written to disk, and read in another life; its Serial is visited",
	"Backend.reign.since":  "people are told",
	"Backend.cause":        "people and the exit code are told",
	"Backend.status":       "the exit code is told",

	"View.self":    "it is the same for ever",
	"View.attempt": "it picks an endpoint",
	"View.sent":    "nothing reads it",
	"View.items":   "it is etcd's listing at the revision that is visited (S16)",
	"View.spare":   "memory to be used again",
	"View.ev":      "it is set in the Step that uses it",
	"View.facts":   "they follow from the listing; their revision is visited",

	"Frontend.cfg":            "it is the same for ever",
	"Frontend.ops":            "the next number is free; which one it is does not matter",
	"Frontend.tries":          "it picks an endpoint",
	"Frontend.facts":          "Gateway visits them, and a view's facts follow from its listing",
	"Frontend.wanted.address": "the node's own",
	"Frontend.routed.address": "the node's own",
	"Frontend.here":           "nothing is decided by a frontend's own key",
	"Frontend.cause":          "people and the exit code are told",

	"Lineage.cluster": "one etcd, and its revision never goes back: it is never taken for another",
	"Lineage.rev":     "the same",
	"Lineage.at":      "the same",
}

// otherwise gives a field another value; false for what is no plain value.
func otherwise(f reflect.Value) bool {
	f = reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
	switch {
	case f.CanInt():
		f.SetInt(f.Int() + 1)
	case f.CanUint():
		f.SetUint(f.Uint() + 1)
	case f.Kind() == reflect.Bool:
		f.SetBool(!f.Bool())
	case f.Kind() == reflect.String:
		f.SetString(f.String() + "x")
	case f.Kind() == reflect.Array:
		return otherwise(f.Index(0))
	default:
		return false
	}
	return true
}

// unvisited compares a machine's fields with what it gives to a Canon: at is
// the address of a copy of it, visit its Canon.
func unvisited(name string, at reflect.Value, visit func() string, check func(field string, visited bool)) {
	for i := range at.NumField() {
		field := name + "." + at.Type().Field(i).Name
		f := at.Field(i)
		if _, out := leftOut[field]; f.Kind() == reflect.Struct && !out {
			unvisited(field, f, visit, check)
			continue
		}
		was := reflect.New(f.Type()).Elem()
		plain := reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
		was.Set(plain)
		before := visit()
		visited := otherwise(f) && visit() != before
		plain.Set(was)
		check(field, visited)
	}
}

// TestCanonVisitsAllThatDecides: a field that is neither visited nor listed above
// would let an exhaustive search take two states for one.
func TestCanonVisitsAllThatDecides(t *testing.T) {
	b := Backend{
		cfg: &BackendConfig{}, alive: request{1, 1}, check: request{2, 1}, act: request{3, 1},
		ttl: second, maxTTL: 2 * second, claimSeen: 9,
	}
	b.vacancy.open, b.reign.epochMod = true, 5
	f := Frontend{cfg: &FrontendConfig{}, phase: Checking, read: request{1, 1}}
	v := View{next: 7}
	var g Guard
	var l Lineage
	var used []string
	check := func(field string, visited bool) {
		_, out := leftOut[field]
		switch {
		case out && visited:
			t.Errorf("%s is visited, and listed as left out", field)
		case !out && !visited:
			t.Errorf("%s is neither visited by Canon nor listed in leftOut with a reason", field)
		case out:
			used = append(used, field)
		}
	}
	write := func(visit func(Canon)) func() string {
		return func() string {
			var s script
			visit(&s)
			return s.b.String()
		}
	}
	unvisited("Backend", reflect.ValueOf(&b).Elem(), write(b.Canon), check)
	unvisited("Frontend", reflect.ValueOf(&f).Elem(), write(f.Canon), check)
	unvisited("View", reflect.ValueOf(&v).Elem(), write(v.Canon), check)
	unvisited("Guard", reflect.ValueOf(&g).Elem(), write(g.Canon), check)
	unvisited("Lineage", reflect.ValueOf(&l).Elem(), write(func(Canon) {}), check)
	for field := range leftOut {
		if !slices.Contains(used, field) {
			t.Errorf("%s is listed as left out, and there is no such field", field)
		}
	}
}

// TestFactsThatAreNotTheViews are visited: only a planted bug has such.
func TestFactsThatAreNotTheViews(t *testing.T) {
	m := NewMember(&BackendConfig{Name: "n1", TTL: ttl})
	var same, other script
	m.Canon(&same)
	m.Backend.facts.Epoch.Epoch = 7
	m.Canon(&other)
	if same.b.String() == other.b.String() {
		t.Error("facts that differ from the view's are not visited")
	}
}
