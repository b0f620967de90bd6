package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"time"
)

// Proxy lets through what a witness needs, and nothing else: GET and HEAD of /_ping,
// /version, /events and /containers/<full id>/json, each with or without /v1.xx. Of
// events only those of containers are asked for; and of answers about containers only
// ids, times, states and the directory of a container's own layer are left, so that
// nobody reads environments, commands, labels or mounts. Everything else is 403.
type Proxy struct {
	server *http.Server
	engine *http.Transport
	log    *slog.Logger
}

// allowed has the version as its first group, the rest as its second, and the
// container as its third.
var allowed = regexp.MustCompile(`^(/v1\.[0-9]{1,3})?(/_ping|/version|/events|/containers/([0-9a-f]{64})/json)$`)

// NewProxy makes a proxy for the engine behind the socket.
func NewProxy(socket string, log *slog.Logger) *Proxy {
	p := &Proxy{log: log}
	p.engine = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	p.server = &http.Server{
		Handler: p, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return p
}

// Serve listens on a Unix socket until ctx is done; what an earlier life left in its
// place is removed. Whoever may write to the socket may ask: its directory, or the
// volume that it is on, says who that is.
func (p *Proxy) Serve(ctx context.Context, listen string) error {
	if old, err := os.Lstat(listen); err == nil && old.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(listen); err != nil {
			return fmt.Errorf("cannot replace the socket %s: %w", listen, err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", listen, err)
	}
	const anybody = 0o666
	if err := os.Chmod(listen, anybody); err != nil {
		return fmt.Errorf("cannot open the socket %s to others: %w", listen, err)
	}
	p.log.Info("filtering", "socket", listen)
	defer context.AfterFunc(ctx, func() { _ = p.server.Close() })()
	if err := p.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the proxy on %s ended: %w", listen, err)
	}
	return nil
}

// ServeHTTP passes one request on, made anew: nothing of the original but the path
// and, for events, a time is in it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := allowed.FindStringSubmatch(r.URL.EscapedPath())
	if m == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.log.Warn("refused", "method", r.Method, "path", r.URL.Path)
		http.Error(w, `{"message":"msdha's proxy lets only a witness's requests through"}`, http.StatusForbidden)
		return
	}
	u := *r.URL
	u.Scheme, u.Host, u.RawQuery = "http", "engine", ""
	if m[2] == "/events" {
		q := u.Query()
		q.Set("filters", `{"type":{"container":true}}`)
		if since := r.URL.Query().Get("since"); since != "" {
			q.Set("since", since)
		}
		u.RawQuery = q.Encode()
	}
	ask, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), http.NoBody)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := p.engine.RoundTrip(ask)
	if err != nil {
		p.log.Warn("the engine does not answer", "path", r.URL.Path, "error", err)
		http.Error(w, `{"message":"the engine cannot be reached"}`, http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for _, h := range []string{"Content-Type", "Api-Version", "Ostype", "Server"} {
		if v := answer.Header.Get(h); v != "" {
			w.Header().Set(h, v)
		}
	}
	w.WriteHeader(answer.StatusCode)
	p.pass(w, answer, m)
}

// pass copies an answer, reduced where it is about containers. Errors of the engine
// have nothing to hide.
func (p *Proxy) pass(w http.ResponseWriter, answer *http.Response, m []string) {
	flush := http.NewResponseController(w).Flush
	var err error
	switch {
	case answer.Request.Method == http.MethodHead:
	case answer.StatusCode != http.StatusOK || m[2] == "/_ping" || m[2] == "/version":
		_, err = io.Copy(w, answer.Body)
	case m[2] == "/events":
		_ = flush() // the stream is open, though nothing may happen for long
		err = reduce[event](w, answer.Body, flush)
	default:
		err = reduce[container](w, answer.Body, flush)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p.log.Debug("an answer was cut short", "path", m[2], "error", err)
		panic(http.ErrAbortHandler) // so that it does not look whole
	}
}

// reduce copies JSON values one by one, and drops what T does not name.
func reduce[T any](w io.Writer, r io.Reader, flush func() error) error {
	in, out := json.NewDecoder(r), json.NewEncoder(w)
	for {
		var v T
		if err := in.Decode(&v); err != nil {
			return err
		}
		if err := out.Encode(&v); err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// event is what is left of an event.
type event struct {
	Type     string
	Action   string
	Actor    struct{ ID string }
	Time     int64 `json:"time"`
	TimeNano int64 `json:"timeNano"`
}

// container is what is left of an inspection.
type container struct {
	ID    string `json:"Id"`
	State struct {
		Status     string
		Running    bool
		Paused     bool
		Restarting bool
		Dead       bool
		Pid        int
		ExitCode   int
		StartedAt  string
		FinishedAt string
	}
	HostConfig  struct{ PidMode string }
	GraphDriver struct{ Data struct{ UpperDir string } }
}
