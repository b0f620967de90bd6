package runtime

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"msdha/internal/runtime/status"
)

// fetch reads a page of a program's; an error is no answer yet.
func fetch(addr, path string) (code int, body string, err error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func awaitCode(t *testing.T, addr, path string, want int) (body string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d from %s", want, path), func() bool {
		code, text, err := fetch(addr, path)
		body = text
		return err == nil && code == want
	})
	return body
}

// decode reads a status, and knows every field of it.
func decode[T any](t *testing.T, body string) (s T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("cannot read %s: %v", body, err)
	}
	return s
}

func localPort(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
}

// TestStatusOfBackends: health by phase, the status, and the metrics.
func TestStatusOfBackends(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	listen := func(addr string) []string { return []string{"MSDHA_HTTP_LISTEN=" + addr} }
	until := func(file string) string { return `until [ -e "$NODE_DIR/` + file + `" ]; do sleep 0.02; done` }
	at, slave := localPort(t), localPort(t)
	a := g.start("a", nodeOptions{env: listen(at), hooks: map[string]string{
		"running_not_ready": until("go"),
		"start":             `trap '` + until("end") + `; exit' TERM; while :; do sleep 0.02; done`,
	}})
	g.awaitHook("a", "running_not_ready", 1)
	awaitCode(t, at, "/livez", 200)
	awaitCode(t, at, "/readyz", 503)
	a.touch("go")
	awaitCode(t, at, "/readyz", 200)
	m := g.awaitMaster("a")

	g.start("b", nodeOptions{env: listen(slave)})
	awaitCode(t, slave, "/readyz", 200)
	got := decode[status.Backend](t, awaitCode(t, slave, "/status", 200))
	want := status.Backend{
		Node: "b", Group: g.name, Phase: "Standby", State: "ready", Master: "a", MasterEpoch: 2,
		Reason: "there is a master", Live: true, Ready: true, Lease: got.Lease, AuthorityMS: got.AuthorityMS,
	}
	checkStatus(t, got, want, g.ttl)
	eventually(t, "the reign to begin", func() bool {
		got = decode[status.Backend](t, awaitCode(t, at, "/status", 200))
		return got.Phase == "Reigning"
	})
	want = status.Backend{
		Node: "a", Group: g.name, Phase: "Reigning", State: "master", Master: "a", MasterEpoch: 2, Epoch: 2,
		Reason: "it is the master", Live: true, Ready: true, IsMaster: true,
		Lease: m.Lease.String(), AuthorityMS: got.AuthorityMS,
	}
	checkStatus(t, got, want, g.ttl)
	checkMetrics(t, at, "msdha_master 1", "msdha_ready 1", "msdha_epoch 2", "msdha_authority_seconds ",
		`msdha_hooks_total{hook="master",result="ok"} 1`, `msdha_hook_seconds_total{hook="ready"} `,
		`msdha_signals_total{signal="claim won"} 1`)
	checkMetrics(t, slave, "msdha_master 0", "msdha_epoch 0")

	a.signal(15)
	awaitCode(t, at, "/livez", 503)
	awaitCode(t, at, "/readyz", 503)
	a.touch("end")
	a.expectExit(0)
}

func checkStatus(t *testing.T, got, want status.Backend, ttl time.Duration) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the status is\n%+v, want\n%+v", got, want)
	}
	if left := time.Duration(got.AuthorityMS) * time.Millisecond; left <= 0 || left >= ttl {
		t.Errorf("authority for another %v", left)
	}
}

func checkMetrics(t *testing.T, addr string, lines ...string) {
	t.Helper()
	body := "\n" + awaitCode(t, addr, "/metrics", 200)
	for _, line := range lines {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("no %q in the metrics:\n%s", line, body)
		}
	}
}

// TestStatusOfFrontends: ready while it routes.
func TestStatusOfFrontends(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	at := localPort(t)
	f := g.frontend("f", "MSDHA_HTTP_LISTEN="+at)
	awaitCode(t, at, "/livez", 200)
	awaitCode(t, at, "/readyz", 503)
	one := echo(t)
	lease := g.reign("a", one, 5)
	awaitCode(t, at, "/readyz", 200)
	s := f.awaitSession(one)
	s.works(t)
	got := decode[status.Frontend](t, awaitCode(t, at, "/status", 200))
	traffic := got.Traffic
	if got.ConfirmedMS <= 0 || got.ConfirmedMS > 10_000 || traffic.Active != 1 ||
		traffic.ToTarget != 5 || traffic.Accepted == 0 || traffic.ToClient == 0 {
		t.Errorf("the status is %+v", got)
	}
	got.ConfirmedMS, got.Traffic = 0, status.Traffic{}
	want := status.Frontend{
		Name: "f", Group: g.name, Phase: "Routing", Master: "a", Epoch: 5, Live: true, Ready: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the status is\n%+v, want\n%+v", got, want)
	}
	checkMetrics(t, at, "msdha_ready 1", "msdha_epoch 5", "msdha_sessions_total ", "msdha_bytes_total ")
	g.revoke(lease)
	awaitCode(t, at, "/readyz", 503)
	checkMetrics(t, at, "msdha_ready 0", "msdha_epoch 0", "msdha_sessions_cut_total 1",
		"msdha_authority_seconds -1")
}
