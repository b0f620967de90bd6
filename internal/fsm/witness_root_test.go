package fsm

import (
	"fmt"
	"slices"
	"testing"

	"msdha/internal/fsm/kv"
)

// rooted is a place whose container was told by files alone, so that its root file
// system counts: with docker run --network container:c1 they are c1's.
var rooted = kv.Place{Container: "c1", Boot: "b1", PIDNamespace: "p1", Root: "r1"}

// told are the doubts that have not been told yet.
func (b *inquiry) told() (whys []string) {
	for d, ok := b.w.Doubt(); ok; d, ok = b.w.Doubt() {
		whys = append(whys, d.Why)
	}
	return whys
}

// TestAnotherContainersDeathProvesNothing: the container that has ended is the one
// whose network a node has. It says why it attests nothing, once.
func TestAnotherContainersDeathProvesNothing(t *testing.T) {
	const untold, other = "the engine does not tell that container's root file system",
		"it lives in another container, which has that one's network"
	for name, c := range map[string]struct {
		place kv.Place
		says  ContainerState
		why   string
	}{
		"its own":               {rooted, ContainerState{Known: true, Status: "exited", Root: "r1"}, ""},
		"another's":             {rooted, ContainerState{Known: true, Status: "exited", Root: "r2"}, other},
		"not told":              {rooted, exited, untold},
		"certain without":       {here, ContainerState{Known: true, Status: "exited", Root: "r2"}, ""},
		"certain, and not told": {here, exited, ""},
	} {
		b := newInquiry(t)
		b.items, b.says = []kv.Item{reignAt(c.place)}, c.says
		for range 3 {
			b.event("die")
			b.settle()
			b.pass(b.now.Add(2 * comparePeriod))
		}
		var want []string
		if c.why != "" {
			want = []string{c.why}
		}
		if got := b.told(); b.attests() != (c.why == "") || !slices.Equal(got, want) {
			t.Errorf("%s: attests %v, says %q", name, b.attests(), got)
		}
		if q, _ := b.w.Work(); q != 0 {
			t.Errorf("%s: it goes on looking", name)
		}
	}
}

// TestOneContainerManyNodes: of those who see the files of a container that has ended,
// the one that lives in it is attested, and no other.
func TestOneContainerManyNodes(t *testing.T) {
	b := newInquiry(t)
	joined := rooted
	joined.Root = "r2"
	b.items = []kv.Item{
		{Key: kv.NodeInfo("n1"), Present: true, Lease: 0xbeef, Record: kv.Record{Place: joined}}, reignAt(rooted),
	}
	b.says = ContainerState{Known: true, Status: "exited", Root: "r1"}
	b.event("die")
	b.answer(kv.OK)
	b.answer(kv.OK)
	if _, n := b.w.Work(); n != 1 || b.w.attests[0].Incarnation != deadLease {
		t.Errorf("it attests %+v", b.w.attests)
	}
}

// TestRootOfADestroyedContainer: what the engine said while it was there counts.
func TestRootOfADestroyedContainer(t *testing.T) {
	const unseen = "the engine destroyed that container before it told its root file system"
	for name, c := range map[string]struct {
		before string // the root file system, as told before the end
		want   []string
	}{
		"told before": {"r1", nil},
		"another's":   {"r2", []string{"it lives in another container, which has that one's network"}},
		"never told":  {"", []string{unseen}},
	} {
		b := newInquiry(t)
		b.items, b.says = []kv.Item{reignAt(rooted)}, running
		b.says.Root = c.before
		b.event("kill")
		b.settle()
		b.says = ContainerState{}
		b.event("destroy")
		b.settle()
		if got := b.told(); b.attests() != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: attests %v, says %q", name, b.attests(), got)
		}
	}
}

// TestDoubtsAreForgotten with what they are about; and so are root file systems.
func TestDoubtsAreForgotten(t *testing.T) {
	b := newInquiry(t)
	b.items, b.says = []kv.Item{reignAt(rooted)}, exited
	b.event("die")
	b.settle()
	if len(b.w.doubts) != 1 {
		t.Fatalf("it doubts %v", b.w.doubts)
	}
	b.items = nil
	b.pass(b.now.Add(2 * comparePeriod))
	if len(b.w.doubts) != 0 {
		t.Errorf("it still doubts %v", b.w.doubts)
	}
	for i := range 2 * maxDestroyed {
		b.w.remember(fmt.Sprint(i), &ContainerState{Known: true, Root: "r"})
	}
	first, last := b.w.rootOf("0"), b.w.rootOf(fmt.Sprint(2*maxDestroyed-1))
	if n := len(b.w.roots); n != maxDestroyed || first != "" || last != "r" {
		t.Errorf("it remembers %d root file systems, the first %q, the last %q", n, first, last)
	}
}
