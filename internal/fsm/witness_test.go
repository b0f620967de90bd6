package fsm

import (
	"fmt"
	"slices"
	"testing"

	"msdha/internal/fsm/kv"
)

// inquiry drives a Witness: an etcd that holds what a test says, and an engine that
// answers what it says. Both answer when they are told to.
type inquiry struct {
	t       *testing.T
	w       *Witness
	now     Instant
	out     Effects
	follow  Op
	pending []Effect
	items   []kv.Item
	says    ContainerState
	asked   []string // what the witness did, in order
}

var (
	here    = kv.Place{Container: "c1", Boot: "b1", PIDNamespace: "p1"}
	exited  = ContainerState{Known: true, Status: "exited"}
	running = ContainerState{Known: true, Status: "running", Running: true, PID: 7}
	paused  = ContainerState{Known: true, Status: "paused", Running: true, Paused: true, PID: 7}
)

func newInquiry(t *testing.T) *inquiry {
	b := &inquiry{t: t, now: Instant(second), says: running}
	b.w = NewWitness(&WitnessConfig{Name: "w", Boot: "b1", Timeout: second})
	b.step(&Event{Kind: Started})
	b.step(&Event{Kind: Following, Op: b.follow})
	b.settle()
	b.asked = nil
	return b
}

func (b *inquiry) step(ev *Event) {
	b.out.Reset()
	b.w.Step(b.now, ev, &b.out)
	for _, e := range b.out.List {
		if e.Kind == Follow {
			b.follow = e.Op
			continue
		}
		b.asked = append(b.asked, e.Kind.String())
		b.pending = append(b.pending, e)
	}
	if next := b.w.Next(); next <= b.now {
		b.t.Fatalf("it wants to be woken in the past, after %v", ev.Kind)
	}
}

func (b *inquiry) event(action string) {
	b.step(&Event{Kind: ContainerEvent, Op: b.follow, Container: "c1", Action: action})
}

// answer replies to the oldest request.
func (b *inquiry) answer(o kv.Outcome) EffectKind {
	e := b.pending[0]
	b.pending = b.pending[1:]
	ev := Event{Kind: e.Kind.Answer(), Op: e.Op, Outcome: o}
	says, r := b.says, grave(0, 0, 0)
	for _, it := range b.items {
		if it.Key == kv.EpochKey {
			r.Items[1] = it
		}
	}
	ev.Engine, ev.Result = &says, r
	ev.Groups = []GroupKeys{{Group: "g", Items: b.items}}
	b.step(&ev)
	return e.Kind
}

func (b *inquiry) settle() {
	for n := 0; len(b.pending) > 0; n++ {
		if n > 100 {
			b.t.Fatal("it does not settle")
		}
		b.answer(kv.OK)
	}
}

// pass lets time go by, and answers what is asked.
func (b *inquiry) pass(until Instant) {
	for b.w.Next() <= until {
		b.now = b.w.Next()
		b.step(&Event{Kind: Tick})
		b.settle()
	}
	b.now = until
}

func (b *inquiry) attests() bool { return slices.Contains(b.asked, "Attest") }

func reignAt(p kv.Place) kv.Item {
	return kv.Item{Key: kv.EpochKey, Present: true, Mod: 7, Record: kv.Record{
		Node: "n0", Epoch: 4, Incarnation: deadLease, TTL: ttl, Place: p,
	}}
}

// TestWitnessReadsThenInspectsThenAttests is the order that makes a proof.
func TestWitnessReadsThenInspectsThenAttests(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(here)}, exited
	b.event("die")
	b.settle()
	want := "[ListKeys Inspect Inquire Attest RevokeLease]"
	if got := fmt.Sprint(b.asked); got != want {
		t.Errorf("it asks for %s, want %s", got, want)
	}
	if q, a := b.w.Work(); q != 0 || a != 0 {
		t.Errorf("%d inquests and %d attestations are left", q, a)
	}
}

// TestWhatProvesNothing: each state of the engine that is not "ended".
func TestWhatProvesNothing(t *testing.T) {
	for name, says := range map[string]ContainerState{
		"running":             running,
		"paused":              paused,
		"restarting":          {Known: true, Status: "restarting", Running: true, Restarting: true},
		"being removed":       {Known: true, Status: "removing"},
		"never started":       {Known: true, Status: "created"},
		"exited with a pid":   {Known: true, Status: "exited", PID: 9},
		"exited and running":  {Known: true, Status: "exited", Running: true},
		"shared pids":         {Known: true, Status: "exited", SharesPIDs: true},
		"unknown":             {},
		"a word of its own":   {Known: true, Status: "stopped"},
		"exited but paused":   {Known: true, Status: "exited", Paused: true},
		"exited, restarting":  {Known: true, Status: "exited", Restarting: true},
		"dead but has a task": {Known: true, Status: "dead", PID: 3},
	} {
		b := newInquiry(t)
		b.items, b.says = []kv.Item{reignAt(here)}, says
		b.event("die")
		b.pass(b.now.Add(5 * ttl))
		if b.attests() {
			t.Errorf("%s: it attests", name)
		}
	}
	for _, says := range []ContainerState{exited, {Known: true, Status: "dead"}} {
		b := newInquiry(t)
		b.items, b.says = []kv.Item{reignAt(here)}, says
		b.event("die")
		b.settle()
		if !b.attests() {
			t.Errorf("%s: it does not attest", says.Status)
		}
	}
}

// TestNotFoundIsProofOnlyAfterADestruction: whether the destruction is told before or
// after the question.
func TestNotFoundIsProofOnlyAfterADestruction(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(here)}, ContainerState{}
	b.event("die")
	b.settle()
	if b.attests() {
		t.Error("no such container, and it attests")
	}
	b.event("destroy")
	b.settle()
	if !b.attests() {
		t.Error("its container was destroyed, and it does not attest")
	}
	b = newInquiry(t)
	b.event("destroy")
	b.settle()
	b.items, b.says = []kv.Item{reignAt(here)}, ContainerState{}
	b.pass(b.now.Add(2 * comparePeriod))
	if !b.attests() {
		t.Error("its container was destroyed before it looked, and it does not attest")
	}
}

// TestWhoIsLeftOut: of what is registered only what is in a PID namespace of its own,
// on this kernel, and not released.
func TestWhoIsLeftOut(t *testing.T) {
	released := reignAt(here)
	released.Record.Released = true
	bad := reignAt(here)
	bad.Record.Bad = "nonsense"
	node := kv.Item{Key: kv.NodeInfo("n0"), Present: true, Lease: deadLease, Record: kv.Record{Place: here}}
	keyless := node
	keyless.Lease = 0
	owing := released
	owing.Record.Incarnation = 0xbeef
	owing.Record.Unfenced = kv.DebtsText([]kv.Debt{{Epoch: 3, Node: "n0", Incarnation: deadLease, Place: here}})
	for name, c := range map[string]struct {
		item kv.Item
		want bool
	}{
		"a reign":            {reignAt(here), true},
		"a node":             {node, true},
		"a debt":             {owing, true},
		"released":           {released, false},
		"unreadable":         {bad, false},
		"without a lease":    {keyless, false},
		"of another kernel":  {reignAt(kv.Place{Container: "c1", Boot: "b2", PIDNamespace: "p1"}), false},
		"of no known kernel": {reignAt(kv.Place{Container: "c1", PIDNamespace: "p1"}), false},
		"shared pids":        {reignAt(kv.Place{Container: "c1", Boot: "b1"}), false},
		"another container":  {reignAt(kv.Place{Container: "c2", Boot: "b1", PIDNamespace: "p1"}), false},
	} {
		b := newInquiry(t)
		b.items, b.says = []kv.Item{c.item}, exited
		b.event("die")
		b.settle()
		if got := slices.Contains(b.asked, "Inquire"); got != c.want {
			t.Errorf("%s: attests %v, want %v: %v", name, got, c.want, b.asked)
		}
	}
}

// TestALaterLifeIsNotAttested: what registers after the reading is not touched,
// though the inspection found the container ended.
func TestALaterLifeIsNotAttested(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(here)}, exited
	b.event("die")
	b.answer(kv.OK) // the reading
	b.items[0].Record.Incarnation = 0xbeef
	b.settle()
	for _, s := range b.asked {
		if s == "Attest" {
			t.Errorf("it attests what was not read: %v", b.asked)
		}
	}
}

// TestEventsDuringAnInquest: one that comes while the witness looks has it look again.
func TestEventsDuringAnInquest(t *testing.T) {
	b := newInquiry(t)
	b.items = []kv.Item{reignAt(here)}
	b.event("kill")
	b.answer(kv.OK)
	b.event("die")
	b.answer(kv.OK) // running, as of before
	b.says = exited
	b.settle()
	if !b.attests() {
		t.Errorf("it does not attest: %v", b.asked)
	}
}

// TestGapsAreCompared: when events flow again everything registered is looked at; an
// event of an earlier stream means nothing.
func TestGapsAreCompared(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(here)}, exited
	old := b.follow
	b.step(&Event{Kind: FollowEnded, Op: old})
	b.step(&Event{Kind: ContainerEvent, Op: old, Container: "c1", Action: "die"})
	if len(b.asked) != 0 {
		t.Errorf("an event of a stream that ended has it ask for %v", b.asked)
	}
	b.pass(b.now.Add(second))
	if b.follow == old {
		t.Fatal("it does not follow again")
	}
	b.step(&Event{Kind: Following, Op: b.follow})
	b.settle()
	if !b.attests() {
		t.Error("it does not compare")
	}
}

// TestSilenceIsNoProof: neither etcd's nor the engine's, and both are asked again.
func TestSilenceIsNoProof(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(here)}, exited
	b.event("die")
	for range 6 {
		for len(b.pending) > 0 {
			b.answer(kv.Unknown)
		}
		b.now = b.w.Next()
		b.step(&Event{Kind: Tick})
	}
	if b.attests() || slices.Contains(b.asked, "Inspect") {
		t.Fatalf("without a reading it goes on: %v", b.asked)
	}
	if b.answer(kv.OK) != ListKeys || b.answer(kv.Unknown) != Inspect {
		t.Fatalf("it asks for %v", b.asked)
	}
	b.pass(b.now.Add(2 * second))
	if !b.attests() {
		t.Errorf("it does not attest when both answer: %v", b.asked)
	}
}

// TestAReleaseThatTakesTooLong is given up while its request is under way: the witness
// does not ask to be woken at an instant that has passed (found by the simulator, S21).
func TestAReleaseThatTakesTooLong(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(here)}, exited
	b.event("die")
	for len(b.pending) > 0 && b.pending[0].Kind != Attest {
		b.answer(kv.OK)
	}
	b.now = b.now.Add(attestPatience)
	b.step(&Event{Kind: Tick})
	if _, a := b.w.Work(); a != 0 {
		t.Errorf("%d attestations are left", a)
	}
	if b.answer(kv.OK) != Attest || slices.Contains(b.asked, "RevokeLease") {
		t.Error("a late reply goes on with a release that was given up")
	}
}

// TestWitnessForgets: whatever the engine tells, memory is bounded.
func TestWitnessForgets(t *testing.T) {
	b := newInquiry(t)
	for i := range 3 * maxDestroyed {
		b.step(&Event{Kind: ContainerEvent, Op: b.follow, Container: fmt.Sprint(i), Action: "destroy"})
		if q, _ := b.w.Work(); q > maxInquests || len(b.w.destroyed) > maxDestroyed {
			t.Fatalf("%d inquests, %d destroyed", q, len(b.w.destroyed))
		}
	}
	b.settle()
	b.pass(b.now.Add(2 * comparePeriod))
	if q, _ := b.w.Work(); q != 0 {
		t.Errorf("%d inquests are left", q)
	}
}
