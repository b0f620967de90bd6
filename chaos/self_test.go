//go:build docker

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"msdha/chaos/rig"
)

// Fault: in the rig itself, if there is one. The backends have a planted bug: they
// do not end when their authority is over (mutant.NoFence). Replication is
// asynchronous, so that nothing else stops a master that should be none. It is cut
// off from etcd and from the other nodes, but not from its clients.
//
// Promise: what the rig takes for evidence is able to fail.
//
// Evidence: the ledger proves two masters and misses rows, as does the register; the recordings are not
// what the machine does that was not tampered with.
var mastersSeen = scenario{
	name: "self-two-masters", tier: self,
	options: &rig.Options{Async: true},
	prepare: func(t *testing.T, o *rig.Options) { o.Backend = buildMutant(t, "no-fence") },
	play: func(p *play) {
		m := p.master()
		p.strike("%s, which does not fence, is cut off from etcd and from the other nodes", m.Name)
		p.must(m.Filter(p.ctx, rig.Drop(append(p.Others(m), p.Etcds...)...)))
		next := p.successor()
		p.pass(p.Opts.TTL)
		if last := p.Clients.Ledger.LastOf(int64(p.old.Epoch), m.Name); last.Before(next.Published) {
			p.t.Errorf("%s acknowledged nothing after its successor: the bug is not there", m.Name)
		}
	},
	judge: func(p *play) {
		v, err := p.Judge(p.ctx, p.reg)
		if v.TwoMasters == 0 {
			p.t.Errorf("two nodes were masters, and the ledger did not see it")
		}
		if v.Lost == 0 {
			p.t.Errorf("a master was cut off from its standbys and its clients were not, and no row is missed")
		}
		if v.Registers == "linearizable" {
			p.t.Errorf("writes of the register were lost with that master, and its history passed")
		}
		if err == nil || !strings.Contains(err.Error(), "not what its machine does") {
			p.t.Errorf("the recordings of a backend with a planted bug passed: %v", err)
		}
		first, _, _ := strings.Cut(fmt.Sprint(err), "\n")
		p.Say("%s: the evidence failed as it should: two masters %d, lost %d, registers %q; %v",
			p.name, v.TwoMasters, v.Lost, v.Registers, first)
	},
}

// buildMutant builds a backend in which that bug is planted for good.
func buildMutant(t *testing.T, bug string) (program string) {
	t.Helper()
	return buildBackend(t, "-tags", "mutants", "-ldflags", "-X msdha/internal/fsm/mutant.planted="+bug)
}

// buildBackend builds a backend with further arguments to go build.
func buildBackend(t *testing.T, args ...string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "backend")
	args = append(append([]string{"build"}, args...), "-o", program, "msdha/cmd/backend")
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build a backend: %v\n%s", err, out)
	}
	return program
}
