package status

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

func TestProbe(t *testing.T) {
	s := &source{}
	server := listen(t, s)
	_, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// What MSDHA_HTTP_LISTEN may say of the same server.
	addresses := []string{server.Addr().String(), ":" + port, "0.0.0.0:" + port, "localhost:" + port}
	for _, c := range []struct {
		snapshot Snapshot
		fault    string
	}{
		{nil, "503"}, // before the first Step
		{&Backend{Live: true, Clock: clockAt(0)}, ""},
		{&Frontend{Live: true, Clock: clockAt(0), Proxy: noTraffic}, ""},
		{&Backend{Phase: "Draining", Clock: clockAt(0)}, `"phase": "Draining"`},
	} {
		if c.snapshot != nil {
			s.show(c.snapshot)
		}
		for _, address := range addresses {
			err := Probe(t.Context(), address)
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%+v at %s: %v, want %q", c.snapshot, address, err, c.fault)
			}
		}
	}
	t.Setenv("http_proxy", "http://127.0.0.1:1") // is nobody's business here
	s.show(&Backend{Live: true, Clock: clockAt(0)})
	if err := Probe(t.Context(), server.Addr().String()); err != nil {
		t.Error(err)
	}
}

// TestProbeUnanswered: who accepts and says nothing, as a stopped agent does, and
// who does not listen.
func TestProbeUnanswered(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := silent.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Probe(ctx, address); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("nobody answered, got %v", err)
	}
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), address); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("nobody listens, got %v", err)
	}
}
