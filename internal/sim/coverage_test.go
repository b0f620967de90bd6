package sim

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"msdha/internal/fsm"
)

// coverEpisodes is how many episodes have to show what can happen.
const coverEpisodes = 3000

// paths lead to rows that take a coincidence of milliseconds; stories do too.
var paths = map[string]string{
	"a claim executed while its node waits again": `
group nodes=1 ttl=10s calm
at 20s stick n1 for 1.9s
run 30s`,
	"a view that is newer than the confirming read": `
group nodes=1 ttl=10s calm
at 20s stick n1 for 1668ms
run 30s`,
	"a reign that is over when somebody can follow": `
group nodes=2 ttl=10s master-ttl=30s calm
at 25s kill-all n2 for 1m
run 2m`,
	"a publication that is overtaken by an earlier one": `
group nodes=1 ttl=10s calm
at 400ms stick n1 for 10ms
at 432.5ms stop n1
run 10s`,
	"a data hook that fails": `
group nodes=1 ttl=10s data calm
at 2s kill-all n1 for 1s
at 2.5s fail-hook n1 hook data
run 10s`,
	"a stop while the start hook cannot be run": `
group nodes=1 ttl=10s calm
at 0s fail-start n1
on fork 1 after 1ms stop n1
run 10s`,
	"a stop while the main process is being started": `
group nodes=1 ttl=10s calm
at 428ms stop n1
run 10s`,
	"a key deleted before the first listing": `
group nodes=1 ttl=10s calm
at 18.5ms delete-node n1
run 10s`,
	"a key deleted while data is to be created": `
group nodes=1 ttl=10s data calm
at 22.5ms delete-node n1
run 10s`,
	"a view that is behind the second registration": `
group nodes=3 ttl=10s data calm
at 22.5ms delete-node n1
at 27.5ms lag-watch n1 for 1s
at 29ms stick n1 for 10ms
run 10s`,
	"a rival that registers while data is to be created": `
group nodes=2 ttl=10s data calm
at 0s lag-watch n1 for 2s
at 20ms stick n1 for 10ms
run 10s`,
	"etcd out of reach while data is to be created": `
group nodes=1 ttl=10s data calm
at 22.5ms cut n1 for 3s
run 10s`,
	"a key deleted while the listing hangs": `
group nodes=1 ttl=10s calm
at 16ms stick n1 for 30s
at 1s delete-node n1
run 40s`,
	"a claim confirmed that has a reign to fence": `
group nodes=2 ttl=10s fence=2 calm
at 30s kill-all n1 for 1m
on claim 2 after 0s cut-from n2 for 100ms
run 90s`,
	"two reigns to be fenced": `
group nodes=3 fence=3 ttl=10s calm
at 30s kill-all n1 for 5m
on claim 2 after 1s kill-all master for 5m
run 3m`,
	"a fence hook that fails, and a reign that is not struck off at once": `
group nodes=2 ttl=10s fence=2 calm
at 20s fail-hook n2 hook fence
at 30s kill-all n1 for 1m
on claim 2 after 4.2s cut n2 for 3s
run 90s`,
	"two reigns to be fenced, as nobody can attest": `
group nodes=4 ttl=10s fence=3 shared calm
at 40s kill-all n1 for 10m
on claim 2 after 0s kill-all master for 10m
run 3m`,
	"a restarted container that cannot attest at once": `
group nodes=2 ttl=10s calm
at 40s kill-all n1 for 1s
at 41.0185s cut n1 for 3s
run 1m`,
	"a witness whose patience ends while a request is under way": `
group nodes=3 fronts=1 clients=1 ttl=5s mixed=3s core=47.527474057s members=2 witness=2 drift=100 seed=0
at 26s delay w2 for 25s
at 26s recreate master for 1ms
run 1m28.901248518s`,
	"a frontend that lists after a handover": `
group nodes=2 fronts=1 clients=1 ttl=10s calm
at 41s break-watch f1
at 41.005s kill-child n1
at 41.1s compact n1
run 60s`,
	"a frontend that lists while it asks for an earlier master": `
group nodes=2 fronts=1 clients=1 ttl=10s calm
at 20.047s cut-to f1 for 600ms
at 20.77s break-watch f1
at 20.8s kill-child n1
at 20.9s compact n1
run 60s`,
	"a frontend whose patience ends": `
group nodes=1 fronts=2 ttl=10s calm
at 0s cut f2 for 40s
run 1m`,
	"a frontend stopped while etcd is out of reach": `
group nodes=1 fronts=1 ttl=10s calm
at 5s cut f1 for 10s
at 6s stop f1
run 20s`,
}

// notHere are the reasons of rows that no fault of this simulator leads to.
var notHere = map[string]string{
	"an earlier claim has won": "what refuses the second refuses the first, which asks for no less",

	"a node without the group's data must not run on it": "the model's pre_start does what it should",

	"the group has other data: a new life moves ours aside (SPEC P2)": "needs a node with foreign data " +
		"that was away at the first claim, and back in the same instant",
}

// TestEverythingHappens: a simulator that never gets somewhere proves nothing
// about what is there. Over some thousand episodes, the stories and the paths,
// every transition, every fault and every situation that a property is about
// occurs, and nothing is declared impossible that does occur.
func TestEverythingHappens(t *testing.T) {
	s := Simulate(context.Background(), Options{Seed: 2, Episodes: coverEpisodes, Enough: coverEpisodes})
	if s.First != nil {
		t.Fatalf("%v\n%s", s.First.Violations[0], s.First.Schedule)
	}
	for _, name := range s.Missing {
		t.Errorf("in %d episodes there never was the %s", coverEpisodes, name)
	}
	random := s.Stats
	w := NewWorld()
	for name, text := range paths {
		walk(t, w, name, text)
	}
	stories, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stories {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		walk(t, w, file, string(text))
	}
	s.Stats.add(&w.stats)
	covered(t, "backend", fsm.BackendRow, s.Stats.Backend[:fsm.BackendRows()], random.Backend[:])
	covered(t, "frontend", fsm.FrontendRow, s.Stats.Frontend[:fsm.FrontendRows()], random.Frontend[:])
}

func walk(t *testing.T, w *World, name, text string) {
	t.Helper()
	s, err := ParseSchedule(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, v := range w.Run(&s).Violations {
		t.Errorf("%s: %v", name, v)
	}
}

func covered(t *testing.T, machine string, row func(int) fsm.RowInfo, count, random []uint64) {
	t.Helper()
	few := 0
	for i := range count {
		r := row(i)
		switch reason := notHere[r.Why]; {
		case count[i] == 0 && reason == "":
			t.Errorf("%s: row %d was never taken: %s [%s] -> %s: %s", machine, i, r.On, r.Guard, r.To, r.Why)
		case count[i] > 0 && reason != "":
			t.Errorf("%s: row %d was taken, although %s: %s", machine, i, reason, r.Why)
		case random[i] == 0 && reason == "":
			few++
		}
	}
	t.Logf("%s: %d rows, of which %d by stories and paths only", machine, len(count), few)
}
