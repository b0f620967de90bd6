package runtime

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"msdha/internal/fsm/kv"
)

var idA, idB = strings.Repeat("a1", 32), strings.Repeat("b2", 32)

const bootID = "c3ea006b-a08c-4cf2-b5c7-94f021cd2dde"

// fakeHost has these files and links; a link's text may be "denied".
type fakeHost struct{ files, links map[string]string }

func (f fakeHost) host() host {
	get := func(m map[string]string, name string) (string, error) {
		switch text, ok := m[name]; {
		case !ok:
			return "", fs.ErrNotExist
		case text == "denied":
			return "", errors.New("permission denied")
		default:
			return text, nil
		}
	}
	return host{
		readFile: func(name string) ([]byte, error) {
			text, err := get(f.files, name)
			return []byte(text), err
		},
		readlink: func(name string) (string, error) { return get(f.links, name) },
	}
}

// container is what a container sees on a host with cgroup v2: the namespace of its
// cgroup is its own, and its root file system an overlay.
func inContainer(change func(f *fakeHost)) kv.Place {
	f := fakeHost{
		files: map[string]string{
			"/proc/sys/kernel/random/boot_id": bootID + "\n",
			"/proc/self/cgroup":               "0::/\n",
			"/proc/1/stat":                    stat("msdha-backend", "134629"),
			"/proc/self/mountinfo":            overlay("/var/lib/docker/overlay2/aaaa/diff") + engineFiles(idA),
		},
		links: map[string]string{
			"/proc/self/ns/pid": "pid:[4026532484]", "/proc/self/ns/mnt": "mnt:[4026532481]",
			"/proc/1/ns/mnt": "mnt:[4026532481]",
		},
	}
	change(&f)
	return f.host().where()
}

func without(name string) func(*fakeHost) {
	return func(f *fakeHost) {
		delete(f.files, name)
		delete(f.links, name)
	}
}

func stat(name, start string) string {
	return "1 (" + name + ") S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 " + start + " 1234 99\n"
}

func overlay(upper string) string {
	return "210 104 0:59 / / rw,relatime master:6 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=" + upper +
		",workdir=/w\n226 212 0:88 / /dev/shm rw - tmpfs shm rw,size=65536k\n"
}

func engineFiles(id string) (lines string) {
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		lines += "227 210 254:0 /var/lib/docker/containers/" + id + "/" + name + " /etc/" + name +
			" rw,relatime - ext4 /dev/vda rw,discard\n"
	}
	return lines
}

// TestPlace: a part that is not certain is empty (SPEC N3, E11).
func TestPlace(t *testing.T) {
	const pids = "pid:[4026532484]@134629"
	cgroup := func(text string) func(*fakeHost) {
		return func(f *fakeHost) { f.files["/proc/self/cgroup"] = text }
	}
	mounts := func(text string) func(*fakeHost) {
		return func(f *fakeHost) { f.files["/proc/self/mountinfo"] = text }
	}
	first := func(namespace string) func(*fakeHost) {
		return func(f *fakeHost) { f.links["/proc/1/ns/mnt"] = namespace }
	}
	stat1 := func(text string) func(*fakeHost) {
		return func(f *fakeHost) { f.files["/proc/1/stat"] = text }
	}
	fuse := "209 103 0:59 / / rw,nodev - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0\n" + engineFiles(idA)
	shm := "60 30 0:50 / /var/lib/docker/containers/" + idB + "/mounts/shm rw - tmpfs shm rw\n"
	for name, c := range map[string]struct {
		change   func(*fakeHost)
		id, pids string
		root     bool
	}{
		"cgroup v2":      {func(*fakeHost) {}, idA, pids, true},
		"host's pids":    {first("mnt:[4026531840]"), idA, "", true},
		"may not look":   {first("denied"), idA, "", true},
		"no ns":          {without("/proc/self/ns/mnt"), idA, "", true},
		"cgroup v1":      {cgroup("9:name=x:/docker/" + idA + "\n8:pids:/docker/" + idA + "\n"), idA, pids, false},
		"systemd scope":  {cgroup("0::/system.slice/docker-" + idA + ".scope\n"), idA, pids, false},
		"another's net":  {cgroup("0::/docker/" + idB + "\n"), idB, pids, false},
		"nested":         {cgroup("0::/docker/" + idB + "/docker/" + idA + "\n"), idA, pids, false},
		"below":          {cgroup("0::/docker/" + idB + "/lxc/one\n"), idA, pids, true},
		"they disagree":  {cgroup("2:a:/docker/" + idB + "\n1:b:/docker/" + idA + "\n"), idA, pids, true},
		"too long an id": {cgroup("0::/docker/" + idB + "b2\n"), idA, pids, true},
		"no cgroup":      {without("/proc/self/cgroup"), idA, pids, true},
		"unknown root":   {mounts(fuse), idA, "", false},
		"overlay, no rw": {mounts("1 0 0:5 / / ro - overlay o ro,lowerdir=/a\n" + engineFiles(idA)), idA, "", false},
		"a subvolume": {
			mounts("1 0 0:5 /docker/subvolumes/77 / rw - btrfs /dev/sda rw\n" + engineFiles(idA)), idA, pids, true,
		},
		"on the host":        {mounts("1 0 8:1 / / rw - ext4 /dev/sda rw\n" + shm), "", "", false},
		"host, with overlay": {mounts(overlay("/upper") + shm), "", "", true},
		"no mounts":          {without("/proc/self/mountinfo"), "", "", false},
		"own hostname": {
			mounts(overlay("/u") + "1 0 8:1 /containers/" + idB + "/x /etc/hostname rw - ext4 d rw\n"), "", "", true,
		},
		"another process":   {stat1(stat(") S 1 (x", "134629")), idA, pids, true},
		"no start":          {stat1("1 (x) S 0\n"), idA, "", true},
		"its pids unnamed":  {without("/proc/self/ns/pid"), idA, "", true},
		"garbage in mounts": {mounts("x\n - \n1 2 3 - 4\n" + overlay("/u") + engineFiles(idA)), idA, pids, true},
	} {
		p := inContainer(c.change)
		if p.Container != c.id || p.PIDNamespace != c.pids || (p.Root != "") != c.root {
			t.Errorf("%s: it is in %+v, want container %q, pids %q, a root: %v", name, p, c.id, c.pids, c.root)
		}
	}
}

// TestPlaceOutlives: what N3's proof says of two lives.
func TestPlaceOutlives(t *testing.T) {
	then := inContainer(func(*fakeHost) {})
	if want := RootName("/var/lib/docker/overlay2/aaaa/diff"); then.Root != want || RootName("") != "" {
		t.Errorf("its root is %q, and %q as the engine tells it", then.Root, want)
	}
	startedAnew := func(f *fakeHost) { f.files["/proc/1/stat"] = stat("msdha-backend", "199999") }
	for name, c := range map[string]struct {
		change func(*fakeHost)
		want   bool
	}{
		// Kernels give the numbers of namespaces out again at once.
		"started anew, the same inode": {startedAnew, true},
		"the same life":                {func(*fakeHost) {}, false},
		"another boot": {func(f *fakeHost) {
			startedAnew(f)
			f.files["/proc/sys/kernel/random/boot_id"] = "another"
		}, false},
		// docker run --network container:X: the id in the mount table is X's.
		"another that shares a network": {func(f *fakeHost) {
			startedAnew(f)
			f.files["/proc/self/mountinfo"] = overlay("/var/lib/docker/overlay2/bbbb/diff") + engineFiles(idA)
		}, false},
		"no boot id": {func(f *fakeHost) {
			startedAnew(f)
			delete(f.files, "/proc/sys/kernel/random/boot_id")
		}, false},
		"in the host's pids": {func(f *fakeHost) {
			startedAnew(f)
			f.links["/proc/1/ns/mnt"] = "mnt:[4026531840]"
		}, false},
	} {
		if got := inContainer(c.change).Outlived(then); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestThisPlace: on a real kernel, whatever it is.
func TestThisPlace(t *testing.T) {
	p := thisHost.where()
	if p.Boot == "" || p.Boot != thisHost.where().Boot {
		t.Errorf("we are in %+v", p)
	}
	first, second := thisHost.pidNamespace(), thisHost.pidNamespace()
	if first != second || !strings.Contains(first, "]@") {
		t.Errorf("our pids are %q, then %q", first, second)
	}
}
