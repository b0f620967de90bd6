package runtime

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// RecordingSuffix ends the names of recordings in a directory.
const RecordingSuffix = ".jsonl"

// Recorder writes down what a machine was told and what it asked for, a JSON
// line for each Step. Replayed through the same machine the events must bring
// forth the same effects: what ran in production can be run again in a test.
type Recorder struct {
	file io.WriteCloser
	out  *bufio.Writer
	enc  *json.Encoder
}

// recordFormat says what the numbers in a recording mean. It rises whenever kinds,
// hooks or causes get other numbers, or a machine decides otherwise: what another
// program recorded is not replayed then, but refused.
const recordFormat = 3

// Recorded is one line of a recording; the first has only a configuration.
type Recorded struct {
	Format   int                 `json:",omitempty"`
	Backend  *fsm.BackendConfig  `json:",omitempty"`
	Frontend *fsm.FrontendConfig `json:",omitempty"`
	Now      fsm.Instant         `json:",omitempty"`
	Event    *fsm.Event          `json:",omitempty"`
	Effects  []fsm.Effect        `json:",omitempty"`
	Txns     []kv.Txn            `json:",omitempty"`
}

// NewRecorder creates the file, or replaces it. If the path is that of a
// directory, or ends in a slash, the file is a new one in it for each life of the
// process. An empty path gives a recorder that records nothing.
func NewRecorder(path string, head Recorded) (*Recorder, error) {
	if path == "" {
		return nil, nil
	}
	f, err := createRecording(path, &head)
	if err != nil {
		return nil, fmt.Errorf("cannot record to MSDHA_RECORD: %w", err)
	}
	return newRecorder(f, &head)
}

func newRecorder(file io.WriteCloser, head *Recorded) (*Recorder, error) {
	r := &Recorder{file: file, out: bufio.NewWriter(file)}
	r.enc = json.NewEncoder(r.out)
	first := *head
	first.Format = recordFormat
	return r, errors.Join(r.enc.Encode(first), r.out.Flush())
}

// lifeFormat is how the name of a recording spells when the life began, in UTC.
const lifeFormat = "20060102T150405.000000Z"

// createRecording names a life by its node and its beginning. The process number
// alone would not do: in a container it is always the same.
func createRecording(path string, head *Recorded) (*os.File, error) {
	if strings.HasSuffix(path, "/") {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	}
	var name string
	switch {
	case head.Backend != nil:
		name = head.Backend.Name
	case head.Frontend != nil:
		name = head.Frontend.Name
	}
	began := time.Now().UTC().Format(lifeFormat)
	path = filepath.Join(path, fmt.Sprintf("%s-%s-%d%s", name, began, os.Getpid(), RecordingSuffix))
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// RecordedLife says whose life a recording in a directory is, and when it began.
func RecordedLife(file string) (name string, began time.Time, err error) {
	parts := strings.Split(strings.TrimSuffix(filepath.Base(file), RecordingSuffix), "-")
	if len(parts) < 3 { // a name may contain the separator
		return "", time.Time{}, fmt.Errorf("%q names no recording: want NAME-BEGINNING-PID%s", file, RecordingSuffix)
	}
	if began, err = time.Parse(lifeFormat, parts[len(parts)-2]); err != nil {
		return "", time.Time{}, fmt.Errorf("%q does not say when the life began: %w", file, err)
	}
	return strings.Join(parts[:len(parts)-2], "-"), began, nil
}

// RecordingEnds is what the log says of a recording that was given up.
const RecordingEnds = "the recording ends here"

// Step writes one Step. A recording that cannot be written is given up, since
// nothing may hold the machine up; the error says so, once.
func (r *Recorder) Step(now fsm.Instant, ev *fsm.Event, out *fsm.Effects) error {
	if r == nil || r.enc == nil {
		return nil
	}
	err := r.enc.Encode(Recorded{Now: now, Event: ev, Effects: out.List, Txns: out.Txns})
	if err == nil {
		err = r.out.Flush()
	}
	if err != nil {
		r.enc = nil
	}
	return err
}

// Close ends the recording.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}

// Replay runs a recording through a new machine and returns the number of
// Steps. An error names the first line whose effects differ. The last line of a
// process that was killed may be cut off: it is left out, and cut says so.
func Replay(in io.Reader) (steps int, cut bool, err error) {
	lines := bufio.NewReader(in)
	text, err := lines.ReadBytes('\n')
	var head Recorded
	if err == nil {
		err = json.Unmarshal(text, &head)
	}
	if err != nil {
		return 0, false, fmt.Errorf("cannot read the recording's head: %w", err)
	}
	var m machine
	switch {
	case head.Format != recordFormat && (head.Backend != nil || head.Frontend != nil):
		return 0, false, fmt.Errorf("the recording has format %d, but this program replays format %d: "+
			"use the msdhactl of the version that recorded it, %s",
			max(1, head.Format), recordFormat, head.version())
	case head.Backend != nil && head.Backend.TTL > 0:
		m = fsm.NewMember(head.Backend)
	case head.Frontend != nil && head.Frontend.TTL > 0:
		m = fsm.NewGateway(head.Frontend)
	default: // without a TTL a machine would renew for ever in its first step
		return 0, false, errors.New("the recording's head has no configuration, or one without a TTL")
	}
	var out fsm.Effects
	for ; ; steps++ {
		text, err := lines.ReadBytes('\n')
		switch {
		case err == io.EOF:
			return steps, len(text) > 0, nil
		case err == nil:
			err = replayLine(m, text, &out)
		}
		if err != nil {
			return steps, false, fmt.Errorf("line %d: %w", steps+2, err)
		}
	}
}

// version is that of the program that made the recording.
func (r *Recorded) version() string {
	switch {
	case r.Backend != nil && r.Backend.Version != "":
		return r.Backend.Version
	case r.Frontend != nil && r.Frontend.Version != "":
		return r.Frontend.Version
	}
	return "which it does not name"
}

func replayLine(m machine, text []byte, out *fsm.Effects) error {
	var rec Recorded
	if err := json.Unmarshal(text, &rec); err != nil {
		return err
	}
	if rec.Event == nil {
		return errors.New("there is no event")
	}
	out.Reset()
	m.Step(rec.Now, rec.Event, out)
	if err := same(&rec, out); err != nil {
		return fmt.Errorf("%s: %w", rec.Event.Kind, err)
	}
	return nil
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
