package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// fakeEngine answers everything, and remembers what it was asked.
type fakeEngine struct {
	asked chan string
	more  chan string // further events
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked <- r.Method + " " + r.URL.RequestURI()
	w.Header().Set("Api-Version", "1.41")
	switch {
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.Header().Set("Content-Type", "application/json")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case text := <-f.more:
				_, _ = io.WriteString(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	case strings.HasSuffix(r.URL.Path, "/json"):
		fmt.Fprintf(w, `{"Id":%q,"Config":{"Env":["PASSWORD=secret"]},"State":{"Status":"exited","Pid":0},`+
			`"HostConfig":{"PidMode":"host","Binds":["/:/secret"]},`+
			`"GraphDriver":{"Name":"overlay2","Data":{"UpperDir":"/upper","LowerDir":"/secret"}}}`, id)
	default:
		_, _ = io.WriteString(w, "OK")
	}
}

// filtered is a fake engine behind a proxy, and a client of the proxy's socket.
func filtered(t *testing.T) (*fakeEngine, string, *http.Client) {
	dir := t.TempDir()
	f := &fakeEngine{asked: make(chan string, 100), more: make(chan string)}
	l, err := net.Listen("unix", filepath.Join(dir, "engine"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	socket := filepath.Join(dir, "proxy")
	go func() {
		done <- NewProxy(filepath.Join(dir, "engine"), slog.New(slog.DiscardHandler)).Serve(ctx, socket)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the proxy ends with %v", err)
		}
	})
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
			if err == nil || ctx.Err() != nil {
				return c, err
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return f, socket, &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// TestProxyRefuses: whatever is not a witness's request does not reach the engine.
func TestProxyRefuses(t *testing.T) {
	f, _, c := filtered(t)
	for _, r := range []string{
		"GET /containers/json", "GET /info", "GET /images/json", "GET /", "GET /secrets", "GET /v1.41/info",
		"POST /containers/" + id + "/kill", "POST /containers/create", "POST /v1.41/containers/" + id + "/exec",
		"DELETE /containers/" + id, "PUT /containers/" + id + "/archive", "GET /containers/" + id + "/archive",
		"GET /containers/" + id + "/logs", "GET /containers/short/json", "GET /containers/" + id + "/json/../../info",
		"POST /_ping", "PUT /events", "POST /containers/" + id + "/json", "GET /v2.0/version", "GET //events",
		"GET /containers/..%2fjson", "GET /containers/" + id + "%2fjson", "GET /events/", "GET /v1.41",
		"CONNECT /events", "OPTIONS /_ping", "PATCH /version", "GET /x/events", "GET /containers/" + id + "/json/",
	} {
		method, path, _ := strings.Cut(r, " ")
		req, err := http.NewRequest(method, "http://engine"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Do(req)
		if err != nil {
			t.Errorf("%s: %v", r, err)
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", r, answer.Status)
		}
	}
	if len(f.asked) > 0 {
		t.Errorf("the engine was asked for %s", <-f.asked)
	}
}

// TestProxyPasses: a witness gets its answers, and nothing beyond them.
func TestProxyPasses(t *testing.T) {
	f, socket, c := filtered(t)
	for path, want := range map[string]string{
		"/_ping": "OK", "/version": "OK", "/v1.41/version": "OK",
		"/v1.41/containers/" + id + "/json?size=1": `"Status":"exited"`,
	} {
		answer, err := c.Get("http://engine" + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), want) ||
			strings.Contains(string(text), "ecret") {
			t.Errorf("%s: %s %q %v", path, answer.Status, text, err)
		}
		if asked := <-f.asked; strings.Contains(asked, "size") {
			t.Errorf("the engine was asked for %s", asked)
		}
	}
	api, err := Open(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	got, err := api.Inspect(t.Context(), id)
	if want := (State{Known: true, Status: "exited", SharesPIDs: true, UpperDir: "/upper"}); err != nil || got != want {
		t.Errorf("inspected: %+v, %v, want %+v", got, err, want)
	}
	follows(t, f, api)
}

// follows: an event passes at once, though the stream goes on.
func follows(t *testing.T, f *fakeEngine, api *Client) {
	ctx, cancel := context.WithCancel(t.Context())
	opened, told, ended := make(chan bool, 1), make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- api.Follow(ctx, 20*time.Second, func() { opened <- true }, func(container, action string) {
			told <- container + " " + action
		})
	}()
	<-opened
	f.more <- `{"Type":"container","Action":"die","Actor":{"ID":"` + id + `","Attributes":{"x":"secret"}},` +
		`"time":1700000000,"timeNano":1700000000000000001}` + "\n"
	select {
	case e := <-told:
		if e != id+" die" {
			t.Errorf("told %q", e)
		}
	case <-time.After(20 * time.Second):
		t.Error("the event does not pass")
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("following ended without an error")
	}
}
