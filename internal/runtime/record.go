package runtime

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// Recorder writes down what a machine was told and what it asked for, a JSON
// line for each Step. Replayed through the same machine the events must bring
// forth the same effects: what ran in production can be run again in a test.
type Recorder struct {
	file io.WriteCloser
	out  *bufio.Writer
	enc  *json.Encoder
}

// Recorded is one line of a recording; the first has only a configuration.
type Recorded struct {
	Backend  *fsm.BackendConfig  `json:",omitempty"`
	Frontend *fsm.FrontendConfig `json:",omitempty"`
	Now      fsm.Instant         `json:",omitempty"`
	Event    *fsm.Event          `json:",omitempty"`
	Effects  []fsm.Effect        `json:",omitempty"`
	Txns     []kv.Txn            `json:",omitempty"`
}

// NewRecorder creates the file, or replaces it. An empty path gives a recorder
// that records nothing.
func NewRecorder(path string, head Recorded) (*Recorder, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot record to MSDHA_RECORD: %w", err)
	}
	r := &Recorder{file: f, out: bufio.NewWriter(f)}
	r.enc = json.NewEncoder(r.out)
	return r, r.enc.Encode(head)
}

// Step writes one Step. A recording that cannot be written is given up, since
// nothing may hold the machine up.
func (r *Recorder) Step(now fsm.Instant, ev *fsm.Event, out *fsm.Effects) {
	if r == nil || r.enc == nil {
		return
	}
	err := r.enc.Encode(Recorded{Now: now, Event: ev, Effects: out.List, Txns: out.Txns})
	if err == nil {
		err = r.out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "msdha: the recording ends here:", err)
		r.enc = nil
	}
}

// Close ends the recording.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}

// Replay runs a recording through a new machine and returns the number of
// Steps. An error names the first line whose effects differ.
func Replay(in io.Reader) (steps int, err error) {
	dec := json.NewDecoder(in)
	var head Recorded
	if err := dec.Decode(&head); err != nil {
		return 0, fmt.Errorf("cannot read the recording's head: %w", err)
	}
	var m machine
	switch {
	case head.Backend != nil:
		m = fsm.NewMember(head.Backend)
	case head.Frontend != nil:
		m = fsm.NewGateway(head.Frontend)
	default:
		return 0, fmt.Errorf("the recording's head has no configuration")
	}
	var out fsm.Effects
	for ; ; steps++ {
		var rec Recorded
		if err := dec.Decode(&rec); err == io.EOF {
			return steps, nil
		} else if err != nil {
			return steps, fmt.Errorf("line %d: %w", steps+2, err)
		}
		out.Reset()
		m.Step(rec.Now, rec.Event, &out)
		if err := same(&rec, &out); err != nil {
			return steps, fmt.Errorf("line %d, %s: %w", steps+2, rec.Event.Kind, err)
		}
	}
}

// same compares what was recorded with what came out now, as JSON: both have
// lost the same then.
func same(rec *Recorded, out *fsm.Effects) error {
	want, err := json.Marshal(Recorded{Effects: rec.Effects, Txns: rec.Txns})
	if err != nil {
		return err
	}
	got, err := json.Marshal(Recorded{Effects: out.List, Txns: out.Txns})
	if err != nil {
		return err
	}
	if string(want) != string(got) {
		return fmt.Errorf("the effects differ\nrecorded: %s\nreplayed: %s", want, got)
	}
	return nil
}
