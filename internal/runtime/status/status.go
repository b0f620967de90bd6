// Package status shows what an agent or a frontend is doing, over HTTP: health
// for orchestrators, a JSON status for people and msdhactl, metrics for
// Prometheus. It reads snapshots and decides nothing.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Source is what a Server shows. Snapshot may return nil before the first Step.
type Source interface {
	Snapshot() Snapshot
	Counters() *Counters
}

// Snapshot is the state after one Step.
type Snapshot interface {
	// Alive is liveness: a node that clones or waits lives.
	Alive() bool
	// Serving is readiness: promotable, or routing.
	Serving() bool
}

// Backend is the snapshot of an agent.
type Backend struct {
	Node        string `json:"node"`
	Group       string `json:"group"`
	Phase       string `json:"phase"`
	State       string `json:"state"` // as etcd has it
	Master      string `json:"master"`
	MasterEpoch int64  `json:"master_epoch"`
	Epoch       int64  `json:"epoch"` // of this node's own reign; 0: none
	Lease       string `json:"lease"`
	Reason      string `json:"reason"`         // why it is, or is not, master
	Cure        string `json:"cure,omitempty"` // what an operator can do about it
	// AuthorityMS is the time left until D, in milliseconds; -1: no deadline.
	AuthorityMS int64 `json:"authority_ms"`
	IsMaster    bool  `json:"is_master"`
	Live        bool  `json:"live"`
	Ready       bool  `json:"ready"`

	Follows  string   `json:"follows,omitempty"`    // the master to which the follow hook has attached
	Detached bool     `json:"detached,omitempty"`   // it takes nothing from anybody
	Position string   `json:"position,omitempty"`   // how far its data reaches, since it detached
	Finals   *Finals  `json:"finals,omitempty"`     // for the present vacancy
	Members  *Members `json:"members,omitempty"`    // the member list, where there is one
	Ended    *Ended   `json:"last_ended,omitempty"` // the last reign that is known to have ended
	Paused   bool     `json:"paused,omitempty"`
	Trouble  string   `json:"trouble,omitempty"` // a hook that goes on failing

	Deadline int64        `json:"-"` // D, on the clock below
	Clock    func() int64 `json:"-"`
}

// Finals is what the nodes have said of how far their data reaches (SPEC E7).
type Finals struct {
	Cast      int `json:"cast"`
	NotHigher int `json:"not_higher"` // than the node's own, which is one of them
	Needed    int `json:"needed"`     // not higher ones, for a claim
}

// Ended is a reign of which no process is left, and how that is known.
type Ended struct {
	Epoch int64  `json:"epoch"`
	Node  string `json:"node"`
	Ended string `json:"ended"`
	By    string `json:"by,omitempty"`  // who attested it, if the reign itself did not (SPEC E11)
	How   string `json:"how,omitempty"` // guard, restart, witness or fence
}

// Members is the member list (SPEC P3). The next list is what the database is to
// have before elections go by it.
type Members struct {
	Names     string `json:"names"` // separated by spaces
	K         int    `json:"k"`
	Version   int64  `json:"version"`
	Armed     bool   `json:"armed"`
	NextNames string `json:"next_names,omitempty"`
	NextK     int    `json:"next_k,omitempty"`
}

// Alive reports whether the agent is not leaving.
func (b *Backend) Alive() bool { return b.Live }

// Serving reports whether the node is promotable, or master.
func (b *Backend) Serving() bool { return b.Ready }

// MarshalJSON adds what depends on the present time.
func (b *Backend) MarshalJSON() ([]byte, error) {
	type plain Backend
	c := plain(*b)
	c.AuthorityMS = left(b.Deadline, b.Clock)
	return json.Marshal(c)
}

// Frontend is the snapshot of a frontend.
type Frontend struct {
	Name   string `json:"name"`
	Group  string `json:"group"`
	Phase  string `json:"phase"`
	Master string `json:"master"` // that it routes to; empty: none
	Epoch  int64  `json:"epoch"`
	// ConfirmedMS is the time left until forwarding ends unless the route is
	// confirmed again, in milliseconds; -1: nothing is routed.
	ConfirmedMS int64   `json:"confirmed_ms"`
	Live        bool    `json:"live"`
	Ready       bool    `json:"ready"`
	Traffic     Traffic `json:"traffic"`

	Deadline int64          `json:"-"`
	Clock    func() int64   `json:"-"`
	Proxy    func() Traffic `json:"-"` // at present
}

// Traffic counts what a frontend did since its start, but for Active.
type Traffic struct {
	Accepted   uint64 `json:"accepted"`    // connections
	Active     int64  `json:"active"`      // sessions that exist now
	DialErrors uint64 `json:"dial_errors"` // master not reached
	ToTarget   uint64 `json:"to_target"`   // bytes
	ToClient   uint64 `json:"to_client"`   // bytes
	Resets     uint64 `json:"resets"`      // sessions ended by one of their sides
	Cuts       uint64 `json:"cuts"`        // sessions ended by us
}

// Alive reports whether the frontend is not leaving.
func (f *Frontend) Alive() bool { return f.Live }

// Serving reports whether the port is open.
func (f *Frontend) Serving() bool { return f.Ready }

// MarshalJSON adds what depends on the present time.
func (f *Frontend) MarshalJSON() ([]byte, error) {
	type plain Frontend
	c := plain(*f)
	c.ConfirmedMS, c.Traffic = left(f.Deadline, f.Clock), f.Proxy()
	return json.Marshal(c)
}

func left(deadline int64, clock func() int64) int64 {
	if deadline == math.MaxInt64 {
		return -1
	}
	return max(0, (deadline-clock())/int64(time.Millisecond))
}

// Server answers /livez, /readyz, /status and /metrics.
type Server struct {
	http *http.Server
	addr net.Addr
	done chan struct{}
}

// Listen begins to serve on host:port; an empty address gives a nil server. An
// error names the address.
func Listen(addr string, s Source, log *slog.Logger) (*Server, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on MSDHA_HTTP_LISTEN=%s: %w; choose another or off", addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", health(s, Snapshot.Alive))
	mux.HandleFunc("GET /readyz", health(s, Snapshot.Serving))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.Snapshot())
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Counters().registry(s), promhttp.HandlerOpts{}))
	server := &Server{
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
		addr: l.Addr(), done: make(chan struct{}),
	}
	go func() {
		defer close(server.done)
		if err := server.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the HTTP server ended", "error", err)
		}
	}()
	return server, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.addr }

// Close ends the server; requests under way get a moment.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	<-s.done
}

func health(s Source, good func(Snapshot) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		snap := s.Snapshot()
		if snap == nil || !good(snap) {
			write(w, http.StatusServiceUnavailable, snap)
			return
		}
		write(w, http.StatusOK, snap)
	}
}

func write(w http.ResponseWriter, code int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n'))
}
