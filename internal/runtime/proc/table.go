package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// ID names one process for good: the kernel reuses pids, but not together with
// the start time (in clock ticks since boot).
type ID struct {
	PID   int
	Start uint64
}

// Entry is one process as /proc shows it.
type Entry struct {
	ID
	Name    string // as in /proc/<pid>/comm, at most 15 bytes; may hold anything
	State   byte   // R, S, D, T, t, Z, X
	Parent  int
	Group   int
	Session int
	Threads int
}

// Dead reports whether nothing of the process can run any more: it only waits
// to be reaped. A zombie whose other threads live on is not dead.
func (e Entry) Dead() bool {
	return e.State == 'X' || e.State == 'Z' && e.Threads <= 1
}

func (e Entry) String() string {
	return fmt.Sprintf("pid %d (%s, state %c)", e.PID, e.Name, e.State)
}

// Identify reads the identity of a running process.
// It returns an error that is os.ErrNotExist where there is no such process.
func Identify(pid int) (ID, error) {
	e, err := readEntry(pid, make([]byte, statSize))
	return e.ID, err
}

// Descendants returns the live descendants of pid, in whatever session or group
// they are, parents before their children; pid itself is not among them. Being
// read while processes come and go it may miss one that was just forked.
func Descendants(pid int) ([]Entry, error) {
	all, err := readTable()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(below(all, pid), Entry.Dead), nil
}

// maxDepth bounds the way up from a process, since parents change meanwhile.
const maxDepth = 1 << 10

// Below gives the identity of a process that is alive and a descendant of the
// ancestor. It climbs, and so costs nothing for all the others that there are.
func Below(ancestor, pid int) (id ID, ok bool) {
	buf := make([]byte, statSize)
	for range maxDepth {
		e, err := readEntry(pid, buf)
		if err != nil || e.Dead() {
			return ID{}, false
		}
		if id == (ID{}) {
			id = e.ID
		}
		if e.Parent == ancestor {
			return id, true
		}
		pid = e.Parent
	}
	return ID{}, false
}

// below returns the descendants of root, dead ones too, parents first.
func below(all []Entry, root int) []Entry {
	children := make(map[int][]Entry, len(all))
	for _, e := range all {
		children[e.Parent] = append(children[e.Parent], e)
	}
	// The table is no snapshot, so reused pids may make it cyclic.
	seen := map[int]bool{root: true}
	var found []Entry
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, e := range children[next[0]] {
			if !seen[e.PID] {
				seen[e.PID] = true
				found = append(found, e)
				next = append(next, e.PID)
			}
		}
	}
	return found
}

// readTable reads all processes of the PID namespace. Those that end meanwhile
// are left out.
func readTable() ([]Entry, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	defer dir.Close() //nolint:errcheck // only read
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	all := make([]Entry, 0, len(names))
	buf := make([]byte, statSize)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		e, err := readEntry(pid, buf)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// statSize holds any /proc/<pid>/stat: 52 numbers and a name.
const statSize = 2048

func readEntry(pid int, buf []byte) (Entry, error) {
	n, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf)
	if err != nil {
		return Entry{}, err
	}
	return parseStat(buf[:n])
}

// readSmall reads a file of /proc in one piece. A process that ends while it is
// read is one that does not exist.
func readSmall(path string, buf []byte) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd) //nolint:errcheck // only read
		var n int
		if n, err = unix.Read(fd, buf); err == nil && n > 0 {
			return n, nil
		}
	}
	if err == nil || errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist
	}
	return 0, &fs.PathError{Op: "read", Path: path, Err: err}
}

// errStat is what parseStat returns for anything unlike proc(5).
var errStat = errors.New("cannot read a process: unexpected format of /proc/<pid>/stat")

// parseStat reads a line of /proc/<pid>/stat. The name in parentheses may hold
// spaces and parentheses itself; what follows the last one does not.
func parseStat(line []byte) (Entry, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 2 || end < open {
		return Entry{}, errStat
	}
	const ( // index after the name; proc(5) counts from 1 and the name is 2
		state, parent, group, session, threads, start = 0, 1, 2, 3, 17, 19
	)
	fields := bytes.Fields(line[end+1:])
	if len(fields) <= start || len(fields[state]) != 1 {
		return Entry{}, errStat
	}
	e := Entry{Name: string(line[open+1 : end]), State: fields[state][0]}
	var bad error
	number := func(text []byte) int {
		n, err := strconv.Atoi(string(text))
		if err != nil {
			bad = errStat
		}
		return n
	}
	e.PID = number(line[:open-1])
	e.Parent = number(fields[parent])
	e.Group = number(fields[group])
	e.Session = number(fields[session])
	e.Threads = number(fields[threads])
	ticks, err := strconv.ParseUint(string(fields[start]), 10, 64)
	if err != nil {
		bad = errStat
	}
	e.Start = ticks
	return e, bad
}
