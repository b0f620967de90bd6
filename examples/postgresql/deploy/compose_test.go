//go:build docker

// Package deploy_test starts compose.yaml and stack.yaml on the engine here, as
// their README says, and has the group survive the loss of its master.
package deploy_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestCompose: the group of compose.yaml takes writes through both frontends, a
// stopped master is replaced by another without a wait, comes back as its slave,
// and `down -v` leaves nothing.
func TestCompose(t *testing.T) {
	found := false
	for name, command := range map[string][]string{
		"v1": {"docker-compose"},
		"v2": {"docker", "compose"},
	} {
		if exec.Command(command[0], append(command[1:], "version")...).Run() != nil {
			continue
		}
		found = true
		t.Run(name, func(t *testing.T) { testCompose(t, command) })
	}
	if !found {
		t.Fatal("found neither docker-compose nor docker compose; apt-get install docker-compose")
	}
}

func testCompose(t *testing.T, command []string) {
	d := newDeployment(t, "F1_PORT=0", "F2_PORT=0")
	compose := func(args ...string) string {
		t.Helper()
		all := append(append([]string{}, command[1:]...), "-p", d.name, "-f", "compose.yaml")
		return d.run(command[0], append(all, args...)...)
	}
	d.onEnd("com.docker.compose.project", func() { compose("down", "-v", "--timeout", "5") })
	compose("up", "-d")
	fronts := make(map[string]string)
	for _, f := range []string{"f1", "f2"} {
		at := compose("port", f, "5432")
		fronts[f] = at[strings.LastIndex(at, ":")+1:]
	}
	f1, f2 := d.client(fronts["f1"]), d.client(fronts["f2"])

	f1.eventuallyWrites("create table if not exists r (v text primary key)")
	old := f2.eventuallyFollowedBy(2)
	// The service `members` has given the group its list.
	f1.eventuallyReads("select left(current_setting('synchronous_standby_names'), 7)", "ANY 1 (")
	f1.eventuallyWrites("insert into r values ('through f1') on conflict do nothing")
	f2.eventuallyWrites("insert into r values ('through f2') on conflict do nothing")

	compose("stop", old)
	// 0 is N6's "asked to stop"; it would be 137 had the engine lost its patience.
	if got := d.run("docker", "inspect", "-f", "{{.State.ExitCode}}", compose("ps", "-qa", old)); got != "0" {
		t.Errorf("the stopped master %s ended with exit code %s, want 0", old, got)
	}
	f2.eventuallyWrites("insert into r values ('afterwards') on conflict do nothing")
	if now := f2.query("select node from msdha.epoch order by epoch desc limit 1"); now == old {
		t.Errorf("%s is master still", old)
	}
	f1.eventuallyReads("select string_agg(v, ', ' order by v) from r", "afterwards, through f1, through f2")
	compose("start", old)
	f1.eventuallyFollowedBy(2)
}
