package status

import (
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a Source whose snapshot the test chooses.
type source struct {
	snapshot atomic.Pointer[Snapshot]
	counters Counters
}

func (s *source) show(snap Snapshot) { s.snapshot.Store(&snap) }

func (s *source) Snapshot() Snapshot {
	if p := s.snapshot.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *source) Counters() *Counters { return &s.counters }

func listen(t *testing.T, s Source) *Server {
	t.Helper()
	server, err := Listen("127.0.0.1:0", s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, s *Server, path string) (int, string, http.Header) {
	t.Helper()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func clockAt(now int64) func() int64 { return func() int64 { return now } }

func TestHealth(t *testing.T) {
	s := &source{}
	server := listen(t, s)
	for _, c := range []struct {
		snapshot     Snapshot
		live, readyz int
	}{
		{nil, 503, 503},
		{&Backend{Clock: clockAt(0)}, 503, 503},
		{&Backend{Live: true, Clock: clockAt(0)}, 200, 503},
		{&Backend{Live: true, Ready: true, Clock: clockAt(0)}, 200, 200},
		{&Frontend{Live: true, Clock: clockAt(0), Proxy: noTraffic}, 200, 503},
		{&Frontend{Live: true, Ready: true, Clock: clockAt(0), Proxy: noTraffic}, 200, 200},
	} {
		if c.snapshot != nil {
			s.show(c.snapshot)
		}
		for path, want := range map[string]int{
			"/livez": c.live, "/readyz": c.readyz, "/status": 200, "/metrics": 200,
		} {
			code, body, header := get(t, server, path)
			if code != want {
				t.Errorf("%+v: %s gives %d, want %d", c.snapshot, path, code, want)
			}
			isJSON := json.Valid([]byte(body)) && header.Get("Content-Type") == "application/json"
			if path != "/metrics" && !isJSON {
				t.Errorf("%+v: %s gives %v %q", c.snapshot, path, header, body)
			}
		}
	}
	for path, want := range map[string]int{"/": 404, "/status/": 404, "/debug/pprof/": 404} {
		if code, _, _ := get(t, server, path); code != want {
			t.Errorf("%s gives %d, want %d", path, code, want)
		}
	}
}

func noTraffic() Traffic { return Traffic{} }

// TestTimeLeft: what a snapshot says of time is true when it is asked for.
func TestTimeLeft(t *testing.T) {
	for _, c := range []struct{ deadline, now, want int64 }{
		{math.MaxInt64, 5, -1},
		{5_000_000_000, 1_500_000_000, 3500},
		{5_000_000_000, 5_000_000_000, 0},
		{5_000_000_000, 9_000_000_000, 0},
	} {
		for _, snapshot := range []any{
			&Backend{Deadline: c.deadline, Clock: clockAt(c.now)},
			&Frontend{Deadline: c.deadline, Clock: clockAt(c.now), Proxy: noTraffic},
		} {
			text, err := json.Marshal(snapshot)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			ms, ok := got["authority_ms"]
			if !ok {
				ms = got["confirmed_ms"]
			}
			if ms != float64(c.want) {
				t.Errorf("%+v: %v ms left of %s", c, ms, text)
			}
		}
	}
}

func TestMetrics(t *testing.T) {
	s := &source{}
	server := listen(t, s)
	s.show(&Backend{
		Ready: true, IsMaster: true, Epoch: 7, Deadline: 2_500_000_000, Clock: clockAt(1_000_000_000),
	})
	s.counters.Hook("ready", HookOK, 1500*time.Millisecond)
	s.counters.Hook("ready", HookFailed, 500*time.Millisecond)
	s.counters.Transition("claim won")
	expectMetrics(t, server, "msdha_ready 1", "msdha_master 1", "msdha_epoch 7", "msdha_authority_seconds 1.5",
		`msdha_hooks_total{hook="ready",result="ok"} 1`, `msdha_hooks_total{hook="ready",result="failed"} 1`,
		`msdha_hook_seconds_total{hook="ready"} 2`, `msdha_signals_total{signal="claim won"} 1`)

	s = &source{}
	server = listen(t, s)
	s.show(&Frontend{
		Epoch: 3, Deadline: math.MaxInt64, Clock: clockAt(0),
		Proxy: func() Traffic { return Traffic{Accepted: 4, Cuts: 2, ToTarget: 30, ToClient: 12} },
	})
	expectMetrics(t, server, "msdha_ready 0", "msdha_epoch 3", "msdha_authority_seconds -1",
		"msdha_sessions_total 4", "msdha_sessions_cut_total 2", "msdha_bytes_total 42")
}

func expectMetrics(t *testing.T, s *Server, lines ...string) {
	t.Helper()
	_, body, _ := get(t, s, "/metrics")
	for _, line := range lines {
		if !strings.Contains("\n"+body, "\n"+line+"\n") {
			t.Errorf("no %q in\n%s", line, body)
		}
	}
}

// TestConcurrentReaders: pages are read while snapshots and counters change.
func TestConcurrentReaders(t *testing.T) {
	s := &source{}
	server := listen(t, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				s.show(&Backend{Epoch: int64(i), Clock: clockAt(0)})
				s.counters.Hook("ready", HookOK, time.Second)
				get(t, server, "/status")
				get(t, server, "/metrics")
			}
		})
	}
	wg.Wait()
	expectMetrics(t, server, `msdha_hooks_total{hook="ready",result="ok"} 80`)
}

func TestListenRefused(t *testing.T) {
	if server, err := Listen("", &source{}, nil); server != nil || err != nil {
		t.Errorf("switched off: %v, %v", server, err)
	}
	taken := listen(t, &source{}).Addr().String()
	_, err := Listen(taken, &source{}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "MSDHA_HTTP_LISTEN="+taken) {
		t.Errorf("in use: %v", err)
	}
}

// TestCloseIsBounded: a reader that does not read holds up nobody.
func TestCloseIsBounded(t *testing.T) {
	block := make(chan struct{})
	s := &source{}
	s.show(&Frontend{Clock: clockAt(0), Proxy: func() Traffic { <-block; return Traffic{} }})
	server, err := Listen("127.0.0.1:0", s, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := client.Get("http://" + server.Addr().String() + "/status"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	begun := time.Now()
	server.Close()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
	close(block)
	<-ended
}
