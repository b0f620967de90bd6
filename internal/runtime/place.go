package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"regexp"
	"strings"

	"msdha/internal/fsm/kv"
)

// host is what a process can read about where it is; a test has another one.
type host struct {
	readFile func(path string) ([]byte, error)
	readlink func(path string) (string, error)
}

var thisHost = host{readFile: os.ReadFile, readlink: os.Readlink}

// where is our place, as far as it is certain (SPEC N3, E11): a part that is not is
// empty, and proves nothing. The hostname is never asked: anybody may set it.
//
// The container is told by its cgroup, where the path of that can be seen, and else
// by the files that the engine mounts from a directory named after the container.
// Those are another container's where the network is (docker run --network
// container:X), so that they count for little without the root file system, which no
// other container has: the PID namespace is named only with one of the two.
func (h host) where() kv.Place {
	mounts := h.mounts()
	p := kv.Place{Container: h.cgroupContainer(), Boot: h.line("/proc/sys/kernel/random/boot_id")}
	certain := p.Container != ""
	if !certain {
		p.Container, p.Root = mountedContainer(mounts), rootOf(mounts)
		certain = p.Container != "" && p.Root != ""
	}
	if certain && h.pidsAreOurs() {
		p.PIDNamespace = h.pidNamespace()
	}
	return p
}

func (h host) line(file string) string {
	text, err := h.readFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// pidsAreOurs reports whether the PID namespace is our container's own, so that it
// ends with it: process 1 has our file systems then, as entry point or as what
// docker run --init puts above it. The host's process 1 has not, nor has another
// container's. Where we may not look it is said to be somebody else's.
func (h host) pidsAreOurs() bool {
	ours, err := h.readlink("/proc/self/ns/mnt")
	if err != nil {
		return false
	}
	first, err := h.readlink("/proc/1/ns/mnt")
	return err == nil && ours == first
}

// pidNamespace names ours by its inode and the start of its first process, in ticks
// since boot. The inode alone would not do: kernels give the number of one that has
// ended to the next, and a container that is started anew gets its own again.
func (h host) pidNamespace() string {
	inode, err := h.readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	// The name of the program is in parentheses, and may contain anything.
	_, rest, ok := cutLast(h.line("/proc/1/stat"), ") ")
	fields := strings.Fields(rest)
	const start = 22 - 3 // proc_pid_stat(5) counts from 1, and two are cut off
	if !ok || len(fields) <= start {
		return ""
	}
	return inode + "@" + fields[start]
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

var (
	// An engine names a container's cgroup after it: docker/<id>, docker-<id>.scope.
	// What has a cgroup of another name in there may be a container too.
	cgroupName   = regexp.MustCompile(`[/-]([0-9a-f]{64})(?:\.scope)?$`)
	containerDir = regexp.MustCompile(`/containers/([0-9a-f]{64})/[a-z.]+$`)
	upperDir     = regexp.MustCompile(`(?:^|,)upperdir=([^,]+)`)
)

// cgroupContainer is empty where the cgroup's path is hidden, as in a cgroup
// namespace of its own, and where its lines do not agree.
func (h host) cgroupContainer() (id string) {
	text, err := h.readFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		m := cgroupName.FindStringSubmatch(parts[2])
		switch {
		case m == nil:
		case id != "" && id != m[1]:
			return ""
		default:
			id = m[1]
		}
	}
	return id
}

// mount is a line of mountinfo (proc_pid_mountinfo(5)).
type mount struct{ root, point, kind, source, options string }

func (h host) mounts() (all []mount) {
	text, err := h.readFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if ok && len(l) >= 5 && len(r) >= 3 {
			all = append(all, mount{root: l[3], point: l[4], kind: r[0], source: r[1], options: r[2]})
		}
	}
	return all
}

// mountedContainer goes by what the engine mounts at these very places: on a host
// there are mounts of all containers, at others.
func mountedContainer(mounts []mount) string {
	for _, m := range mounts {
		switch m.point {
		case "/etc/hostname", "/etc/hosts", "/etc/resolv.conf":
			found := containerDir.FindStringSubmatch(m.root)
			if found != nil && path.Base(m.root) == path.Base(m.point) {
				return found[1]
			}
		}
	}
	return ""
}

// rootOf identifies the root file system, if it is one that engines make for one
// container each: an overlay's upper directory, or a subvolume. Empty: who knows.
func rootOf(mounts []mount) string {
	for i := len(mounts) - 1; i >= 0; i-- { // the last is on top
		m := mounts[i]
		if m.point != "/" {
			continue
		}
		what := ""
		if upper := upperDir.FindStringSubmatch(m.options); m.kind == "overlay" && upper != nil {
			what = upper[1]
		} else if m.kind != "overlay" && strings.Count(m.root, "/") > 1 {
			what = m.source + m.root
		}
		return RootName(what)
	}
	return ""
}

// RootName is how a kv.Place names a root file system, by an overlay's upper
// directory or a subvolume; an engine's word on a container is compared with that.
func RootName(what string) string {
	if what == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(what))
	return hex.EncodeToString(sum[:8])
}
