package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// record is one run, a line of the file of results. Times are seconds.
type record struct {
	System   string    `json:"system"`
	Fault    string    `json:"fault"`
	Run      int       `json:"run"`
	At       time.Time `json:"at"`
	Machine  string    `json:"machine"`
	Versions string    `json:"versions"` // of all that took part

	Wait   float64 `json:"wait"` // before the fault, drawn from a period of renewals
	Busy   float64 `json:"busy"` // share of the machine's processors, while it waited
	Load   float64 `json:"load"` // average of the last minute
	From   string  `json:"from"`
	To     string  `json:"to"`
	By     string  `json:"by,omitempty"` // who released the old reign
	Outage float64 `json:"outage"`
	Marks  marks   `json:"marks,omitempty"`
	Acked  int     `json:"acked"` // rows, of the writers through the proxy
	Lost   int     `json:"lost"`  // of these, missing in the end
	// Healing is the longest time without an acknowledgement from two seconds after the
	// outage until everything was whole again.
	Healing float64 `json:"healing"`
	// Broken says why the outage has no end, or the group was not whole again. The
	// former is a measurement, too: Outage is how long we waited.
	Broken string `json:"broken,omitempty"`
	// Failed says why the rig could not measure: such a run is repeated.
	Failed string  `json:"failed,omitempty"`
	Took   float64 `json:"took"` // all of the run, with what healed
}

func (r *record) is(c cell) bool {
	return r.System == c.system.name && r.Fault == c.fault.name && r.Run == c.run
}

// read returns the runs of a file; one that is not there is empty. The last line may
// be half: whoever wrote it was killed. cut is where the whole lines end.
func read(path string) (all []record, cut int64, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return all, cut, nil
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, 0, fmt.Errorf("line %d of %s is no run of this benchmark: %w", n, path, err)
		}
		all = append(all, r)
		cut += int64(len(line)) + 1
		text = rest
	}
}

// add appends a run to the file, which has cut bytes of whole lines, and returns how
// many there are then.
func add(path string, cut int64, r *record) (int64, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return cut, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return cut, fmt.Errorf("cannot keep a run: %w", err)
	}
	n, err := f.WriteAt(append(line, '\n'), cut)
	err = errors.Join(err, f.Truncate(cut+int64(n)), f.Close())
	return cut + int64(n), err
}

// mixed is the error of a file that holds runs of another version.
type mixed string

func (m mixed) Error() string { return string(m) }

// continues says why runs of these versions may not be added to those: figures of
// two programs are no series.
func continues(done []record, r *record) error {
	for i := range done {
		if d := &done[i]; d.System == r.System && d.Failed == "" && d.Versions != r.Versions {
			return mixed(fmt.Sprintf("there are runs of %s with %s, and now it is %s: choose another file with -out, "+
				"or remove that one", r.System, d.Versions, r.Versions))
		}
	}
	return nil
}
