//go:build docker

package images_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"msdha/internal/fsm/kv"
)

// place is where a node says that it is.
func (e *etcd) place(t *testing.T, group, node string) kv.Place {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	key := kv.NodeInfo(node)
	r, err := e.client.Get(ctx, kv.Prefix("/msdha", group)+key.Path())
	if err != nil || len(r.Kvs) == 0 {
		t.Fatalf("%s says nothing of itself: %v", node, err)
	}
	return kv.Decode(key, r.Kvs[0].Value).Place
}

func (e *etcd) put(t *testing.T, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := e.client.Put(ctx, key, value); err != nil {
		t.Fatal(err)
	}
}

// TestPlaces: a node names its own container, and its PID namespace only where that
// ends with the container (SPEC N3, E11).
func TestPlaces(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	other := start(t, "other", derived(t), "--entrypoint", "sleep", "--", "1000")
	tight := []string{"--read-only", "--tmpfs", "/run", "--cap-drop", "ALL"}
	user := []string{"--user", "4711:4711"}
	t.Run("each", func(t *testing.T) { // etcd outlives them all
		for name, c := range map[string]struct {
			options []string
			own     bool
		}{
			"plain":              {nil, true},
			"init":               {[]string{"--init"}, true},
			"user, init":         {slices.Concat(user, []string{"--init"}), true},
			"tight":              {tight, true},
			"tight user":         {slices.Concat(tight, user), true},
			"host's pids":        {[]string{"--pid", "host"}, false},
			"other's pids":       {[]string{"--pid", "container:" + other.name}, false},
			"other's pids, user": {slices.Concat(user, []string{"--pid", "container:" + other.name}), false},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				group := strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(name)
				n := start(t, "node", derived(t), slices.Concat(c.options, []string{
					"-e", e.endpoint(), "-e", "MSDHA_GROUP=" + group, "-e", "MSDHA_TTL=3",
				})...)
				e.await(group, n, "master")
				p := e.place(t, group, n.name)
				if p.Container != n.inspect("{{.Id}}") || p.Boot == "" || (p.PIDNamespace != "") != c.own {
					t.Errorf("it is in %+v, own pids: %v", p, c.own)
				}
			})
		}
	})
}

// TestSharedNetwork: the files of the engine by which a container is known are those
// of the one whose network it has. A node never takes that for itself where a proof
// would go by it.
func TestSharedNetwork(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	other := start(t, "other", derived(t), "--entrypoint", "sleep", "--", "1000")
	name := unique("node")
	docker(t, "run", "-d", "--label", run, "--name", name, "--network", "container:"+other.name,
		"-e", e.endpoint(), "-e", "MSDHA_GROUP=shared", "-e", "MSDHA_NAME="+name, "-e", "MSDHA_TTL=3", derived(t))
	n := &container{t, name}
	t.Cleanup(func() { _, _ = engine("rm", "-fv", name) })
	e.await("shared", n, "master")
	p := e.place(t, "shared", name)
	if p.Container != n.inspect("{{.Id}}") && p.PIDNamespace != "" && p.Root == "" {
		t.Errorf("it is in %+v, which is %s", p, other.inspect("{{.Id}}"))
	}
}

// TestStartedAnew: a container that was killed and is started again says of its
// earlier life that it has ended; nobody waits for a lease of a minute.
func TestStartedAnew(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	e.put(t, "/msdha/anew/_epoch", `{"epoch":1,"released":true}`) // there was a group, and nobody has to wait
	n := start(t, "node", derived(t), "-e", e.endpoint(), "-e", "MSDHA_GROUP=anew", "-e", "MSDHA_TTL=60")
	e.await("anew", n, "master")
	then := e.place(t, "anew", n.name)
	docker(t, "kill", n.name)
	docker(t, "start", n.name)
	eventually(t, "it to attest its earlier life", func() error {
		if !strings.Contains(n.logs(), "to=Attesting") {
			return context.DeadlineExceeded
		}
		return nil
	})
	e.await("anew", n, "master")
	if now := e.place(t, "anew", n.name); !now.Outlived(then) {
		t.Errorf("it was in %+v and is in %+v", then, now)
	}
}
