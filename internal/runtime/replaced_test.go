package runtime

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/etcdtest"
)

// TestEtcdEmptied: in another etcd nothing that was known before counts, and no
// epoch of before comes again.
func TestEtcdEmptied(t *testing.T) {
	t.Parallel()
	srv := etcdtest.MustStart(t, etcdtest.Options{})
	g := groupAt(t, 2*time.Second, srv)
	g.seed(40)
	one, two := echo(t), echo(t)
	a := g.start("a", nodeOptions{env: []string{"MSDHA_ADDRESS=" + one}})
	old := g.awaitMaster("a").Record.Epoch
	b := g.start("b", nodeOptions{})
	g.awaitState("b", "ready")
	f := g.frontend("f")
	s := f.awaitSession(one)
	a.mayEnd, b.mayEnd = true, true
	before := time.Duration(clock.Now())
	g.must(srv.Wipe())
	a.expectExit(75)
	b.expectExit(75)
	s.awaitReset(t)
	g.start("b", nodeOptions{env: []string{"MSDHA_ADDRESS=" + two}})
	m := g.awaitMaster("b")
	if m.Record.Epoch < old+1000 {
		t.Errorf("the epoch %d follows %d", m.Record.Epoch, old)
	}
	if at := g.awaitHook("b", "master", 1).at; at < before+2*g.ttl {
		t.Errorf("promoted %v after the loss", at-before)
	}
	f.awaitSession(two)
}

// TestFrontendEtcdReplaced: a lower epoch is taken, from an etcd that does not
// know the higher one any more.
func TestFrontendEtcdReplaced(t *testing.T) {
	t.Parallel()
	srv := etcdtest.MustStart(t, etcdtest.Options{})
	g := groupAt(t, 4*time.Second, srv)
	one, two := echo(t), echo(t)
	g.reign("a", one, 50)
	f := g.frontend("f")
	s := f.awaitSession(one)
	g.must(srv.Wipe())
	s.awaitReset(t)
	f.awaitLog("to=Vacant")
	eventually(t, "its key in the new etcd", func() bool { return g.item(kv.FrontendKey("f")).Present })
	g.reign("b", two, 3)
	f.awaitSession(two).works(t)
}

// backup is a group's etcd whose data can be put back to an earlier state.
type backup struct {
	g        *group
	srv      *etcdtest.Server
	dir, old string
}

func withBackup(t *testing.T, ttl time.Duration) *backup {
	t.Helper()
	dir := testDir(t)
	b := &backup{dir: filepath.Join(dir, "data"), old: filepath.Join(dir, "backup")}
	b.srv = etcdtest.MustStart(t, etcdtest.Options{Dir: b.dir})
	b.g = groupAt(t, ttl, b.srv)
	return b
}

func (b *backup) take() {
	b.g.t.Helper()
	b.srv.Stop()
	b.g.must(os.CopyFS(b.old, os.DirFS(b.dir)))
	b.g.must(b.srv.Restart())
}

// restore comes after enough has been written for every node to have seen more
// revisions than the backup has.
func (b *backup) restore() {
	b.g.t.Helper()
	for i := range 50 {
		b.g.put("x", strconv.Itoa(i), 0)
	}
	b.g.awaitNotice("a", "PUT x 49")
	b.g.awaitNotice("b", "PUT x 49")
	seen := time.Duration(clock.Now())
	eventually(b.g.t, "a renewal after that", func() bool {
		return time.Duration(clock.Now()) > seen+b.g.ttl/2
	})
	b.srv.Stop()
	b.g.must(os.RemoveAll(b.dir))
	b.g.must(os.CopyFS(b.dir, os.DirFS(b.old)))
	b.g.must(b.srv.Restart())
}

// TestEtcdRestored: the reign is in the backup, so it goes on; what follows
// leaves room for the epochs that the backup may have lost.
func TestEtcdRestored(t *testing.T) {
	t.Parallel()
	etcd := withBackup(t, 9*time.Second)
	g := etcd.g
	a, _ := g.pair(nodeOptions{})
	before := g.item(kv.Master)
	etcd.take()
	etcd.restore()
	g.put("x", "again", 0)
	g.awaitNotice("a", "PUT x again")
	g.awaitNotice("b", "PUT x again")
	if after := g.item(kv.Master); after != before {
		t.Errorf("_master was %+v and is %+v", before, after)
	}
	a.stop()
	if m := g.awaitMaster("b"); m.Record.Epoch < before.Record.Epoch+1000 {
		t.Errorf("the epoch %d follows %d", m.Record.Epoch, before.Record.Epoch)
	}
}

// TestEtcdRestoredToBefore: the backup is older than the group; the release that
// it holds is not that of the last reign.
func TestEtcdRestoredToBefore(t *testing.T) {
	t.Parallel()
	etcd := withBackup(t, 3*time.Second)
	g := etcd.g
	g.seed(1)
	etcd.take()
	a, b := g.pair(nodeOptions{})
	old := g.item(kv.Master).Record.Epoch
	a.mayEnd, b.mayEnd = true, true
	etcd.restore()
	before := time.Duration(clock.Now())
	a.expectExit(75)
	b.expectExit(75)
	b = g.start("b", nodeOptions{})
	if m := g.awaitMaster("b"); m.Record.Epoch < old+1000 {
		t.Errorf("the epoch %d follows %d", m.Record.Epoch, old)
	}
	if at := g.awaitHook("b", "master", 1).at; at < before+2*g.ttl {
		t.Errorf("promoted %v after the restoration", at-before)
	}
	b.signal(unix.SIGTERM)
	b.expectExit(0)
}
