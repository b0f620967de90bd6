//go:build docker

package deploy_test

import (
	"net"
	"slices"
	"strings"
	"testing"
)

// TestSwarm: the group of stack.yaml takes writes through the port of the host,
// a master whose task vanished is replaced by another and comes back as its
// slave on its own data, and `stack rm` leaves volumes only.
//
// A swarm that was here before is used, and left as it was found.
func TestSwarm(t *testing.T) {
	port := freePort(t)
	// Encryption between hosts needs IPsec in the kernel, and there is one host.
	d := newDeployment(t, "FRONTEND_PORT="+port, "ENCRYPTED=false")
	joinSwarm(d)
	d.onEnd("com.docker.stack.namespace", func() {
		d.run("docker", "stack", "rm", d.name)
		d.eventuallyGone("container", "com.docker.stack.namespace")
		for _, v := range d.listed("volume", "com.docker.stack.namespace") {
			d.run("docker", "volume", "rm", v)
		}
	})
	d.run("docker", "stack", "deploy", "--resolve-image", "never", "-c", "stack.yaml", d.name)
	front := d.client(port)
	front.eventuallyWrites("create table if not exists r (v text primary key)")
	old := front.eventuallyFollowedBy(2)
	front.eventuallyReads("select left(current_setting('synchronous_standby_names'), 7)", "ANY 1 (")
	front.eventuallyWrites("insert into r values ('before') on conflict do nothing")

	d.run("docker", "rm", "-f", d.task(old))
	front.eventuallyWrites("insert into r values ('afterwards') on conflict do nothing")
	if now := front.query("select node from msdha.epoch order by epoch desc limit 1"); now == old {
		t.Errorf("%s is master still", old)
	}
	front.eventuallyReads("select string_agg(v, ', ' order by v) from r", "afterwards, before")
	front.eventuallyFollowedBy(2)
	// A node without its data says one or the other; one with it keeps or rewinds it.
	if said := d.said(d.task(old)); strings.Contains(said, "waiting for a master to clone") ||
		strings.Contains(said, "our data at no position") {
		t.Errorf("the new task of %s did not find its data; it said:\n%s", old, said)
	}
}

// task is the running container of a service.
func (d *deployment) task(service string) string {
	d.t.Helper()
	return d.run("docker", "ps", "-q", "--filter", "label=com.docker.swarm.service.name="+d.name+"_"+service)
}

// joinSwarm makes this engine a swarm unless it is in one, and gives it the
// labels of all hosts.
func joinSwarm(d *deployment) {
	d.t.Helper()
	networks := d.run("docker", "network", "ls", "--format", "{{.Name}}")
	if d.run("docker", "info", "-f", "{{.Swarm.LocalNodeState}}") == "inactive" {
		d.run("docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
		d.cleanup(func() {
			d.run("docker", "swarm", "leave", "--force")
			if !slices.Contains(strings.Fields(networks), "docker_gwbridge") {
				d.run("docker", "network", "rm", "docker_gwbridge")
			}
		})
	}
	self := d.run("docker", "info", "-f", "{{.Swarm.NodeID}}")
	had := d.run("docker", "node", "inspect", "-f", "{{json .Spec.Labels}}", self)
	for _, l := range []string{"msdha-n1", "msdha-n2", "msdha-n3", "msdha-frontend"} {
		if strings.Contains(had, `"`+l+`"`) {
			continue
		}
		d.run("docker", "node", "update", "--label-add", l+"=true", self)
		d.cleanup(func() { d.run("docker", "node", "update", "--label-rm", l, self) })
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing depends on it
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
