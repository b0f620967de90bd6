package rig

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"msdha/internal/runtime"
)

// base is when the cluster of these tests began.
var base = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time { return base.Add(time.Duration(seconds * float64(time.Second))) }

func happened(id string, what events.Action, seconds float64) *events.Message {
	return &events.Message{
		Type: events.ContainerEventType, Action: what, TimeNano: after(seconds).UnixNano(),
		Actor: events.Actor{ID: id},
	}
}

// busy is a container that was restarted by its policy, ended at once, and has
// been running since 31 s.
func busy() *lives {
	l := &lives{of: map[string][]life{}}
	for _, m := range []*events.Message{
		happened("x", events.ActionDie, 0), // of a life before ours
		happened("x", events.ActionStart, 1),
		happened("other", events.ActionStart, 2),
		happened("x", events.ActionKill, 20),
		happened("x", events.ActionDie, 20),
		happened("x", events.ActionStart, 21),
		happened("x", events.ActionDie, 22),
		happened("x", events.ActionStart, 31),
	} {
		l.take(m)
	}
	return l
}

func TestEachLifeIsRecorded(t *testing.T) {
	for _, c := range []struct {
		what string
		at   []float64
		want string // part of the complaint, none if it is empty
	}{
		{"all", []float64{1.2, 21.3, 31.4}, ""},
		{"the short one ended before it recorded", []float64{1.2, 31.4}, ""},
		{"quicker than the engine's word", []float64{0.9, 20.9, 30.9}, ""},
		{"the first is missing", []float64{21.3, 31.4}, "0 recordings of the life of 19.0 s"},
		{"the last is missing", []float64{1.2, 21.3}, "0 recordings of the life of 29.0 s"},
		{"none", nil, "0 recordings"},
		{"two in one life", []float64{1.2, 15, 21.3, 31.4}, "2 recordings of the life of 19.0 s"},
		{"another life's instead", []float64{21.3, 21.4, 31.4}, "2 recordings of the life of 1.0 s"},
		{"later than we look", []float64{1.2, 21.3, 61}, "0 recordings of the life of 29.0 s"},
	} {
		var at []time.Time
		for _, s := range c.at {
			at = append(at, after(s))
		}
		err := busy().recorded("x", at, after(60))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	if err := busy().recorded("x", []time.Time{after(1.2)}, after(22)); err != nil {
		t.Errorf("what began after we looked needs no recording: %v", err)
	}
	if err := busy().recorded("nobody", nil, after(60)); err == nil {
		t.Error("a container that never started passes")
	}
	l := busy()
	l.err = errors.New("the engine is gone")
	if err := l.recorded("x", []time.Time{after(1.2), after(21.3), after(31.4)}, after(60)); err == nil {
		t.Error("nobody knows of further lives, and that passes")
	}
}

// TestLivesAreTheEngines: what is asked of the engine, what it answers, and its end.
func TestLivesAreTheEngines(t *testing.T) {
	var asked string
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			w.Header().Set("Api-Version", "1.48")
			return
		}
		asked = r.URL.Query().Get("filters") + " " + r.URL.Query().Get("since")
		w.Header().Set("Content-Type", "application/jsonl")
		for _, m := range []*events.Message{
			happened("x", events.ActionStart, 1), happened("x", events.ActionDie, 9),
		} {
			_ = json.NewEncoder(w).Encode(m)
		}
	}))
	defer engine.Close()
	cl, err := client.New(client.WithHost(strings.Replace(engine.URL, "http:", "tcp:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close() //nolint:errcheck // of a test
	l := (&Engine{docker: &testcontainers.DockerClient{Client: cl}}).lives("chaos-1-a")
	defer l.close()
	l.wait.Wait() // this engine ends its answer
	for _, part := range []string{
		`"start":true`, `"die":true`, `"msdha.chaos.cluster=chaos-1-a":true`, `"container":true`,
	} {
		if !strings.Contains(asked, part) {
			t.Errorf("the engine was asked %q, want %s in it", asked, part)
		}
	}
	if strings.HasSuffix(asked, " ") {
		t.Errorf("the engine was asked %q, want it to tell from a time on", asked)
	}
	if got := l.of["x"]; len(got) != 1 || !got[0].began.Equal(after(1)) || !got[0].ended.Equal(after(9)) {
		t.Errorf("lives %v", got)
	}
	if err := l.recorded("x", []time.Time{after(2)}, after(60)); err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("the engine has ended: %v", err)
	}
}

func TestWhoGaveItsRecordingUp(t *testing.T) {
	var text strings.Builder
	log := runtime.NewLogger(&text, true, slog.LevelInfo, "node", "n1")
	log.Info("phase", "to", "ready")
	log.Close()
	if line := gaveUp(text.String()); line != "" {
		t.Errorf("%q gave nothing up", line)
	}
	log = runtime.NewLogger(&text, true, slog.LevelInfo, "node", "n1")
	log.Error(runtime.RecordingEnds, "error", "no space left on device")
	log.Info("phase", "to", "master")
	log.Close()
	line := gaveUp(text.String())
	if !strings.Contains(line, "no space left") || strings.Contains(line, "master") {
		t.Errorf("the line that says so is %q", line)
	}
}
