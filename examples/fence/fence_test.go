// Package fence_test runs the fence hooks against fakes of what they use.
package fence_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hook is one of them, with settings of a node n1 and a directory before PATH.
type hook struct {
	name, dir string
}

func newHook(t *testing.T, name, settings string) *hook {
	t.Helper()
	h := &hook{name, t.TempDir()}
	h.write(t, "n1", settings, 0o600)
	return h
}

func (h *hook) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// run gives the hook's end; one that is ended for its time gives ok false, too.
func (h *hook) run(t *testing.T, limit time.Duration, node string, env ...string) (ok bool, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	path, err := filepath.Abs(filepath.Join(h.name, "fence"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, path, node)
	c.WaitDelay = time.Second // what it has started may hold its output
	c.Env = append(os.Environ(), "FENCE_SETTINGS="+h.dir, "FENCE_PAUSE=0.01", "DIR="+h.dir,
		"PATH="+h.dir+":"+os.Getenv("PATH"))
	c.Env = append(c.Env, env...)
	text, err := c.CombinedOutput()
	return err == nil, string(text)
}

const (
	soon  = 20 * time.Second
	never = time.Second // by then it would have been over
)

// fakeTool is a command line whose state is what $DIR/state says after each query,
// a line for each: the last one stays. What it was asked for is in $DIR/asked.
const fakeTool = `#!/bin/sh
echo "$*" >>"$DIR/asked"
case "$*" in
*"QUERY"*)
	head -n 1 "$DIR/state"
	if [ "$(wc -l <"$DIR/state")" -gt 1 ]; then
		tail -n +2 "$DIR/state" >"$DIR/next" && mv "$DIR/next" "$DIR/state"
	fi ;;
*) exit "${REFUSES:-0}" ;;
esac
`

type commandLine struct {
	hook, tool, query, settings string
	states                      []string // on, on its way, off
	command                     string   // that ends the machine
	unknown                     string   // an answer that says nothing
}

var commandLines = []commandLine{
	{
		"ipmi", "ipmitool", "power status", "BMC=10.0.0.1 BMC_USER=u BMC_PASSWORD_FILE=/secret\n",
		[]string{"Chassis Power is on", "Chassis Power is on", "Chassis Power is off"},
		"-I lanplus -H 10.0.0.1 -U u -f /secret chassis power off", "Unable to get Chassis Power Status",
	},
	{
		"ec2", "aws", "describe-instances", "INSTANCE=i-4711\n",
		[]string{"running", "stopping", "stopped"},
		"ec2 stop-instances --instance-ids i-4711 --force --output text", "",
	},
}

// TestCommandLines: they succeed when they have read that the machine is off, and not
// because a command was taken.
func TestCommandLines(t *testing.T) {
	for _, c := range commandLines {
		fake := strings.Replace(fakeTool, "QUERY", c.query, 1)
		for name, s := range map[string]struct {
			states  []string
			ok      bool
			refuses bool
		}{
			"goes off":        {c.states, true, false},
			"is off":          {c.states[2:], true, false},
			"stays on":        {c.states[:1], false, false},
			"never gets off":  {c.states[:2], false, false},
			"refuses":         {c.states[:1], false, true},
			"refuses, is off": {c.states, true, true},
			"says nothing":    {[]string{c.unknown}, false, false},
			"offline":         {[]string{"offline"}, false, false},
		} {
			t.Run(c.hook+", "+name, func(t *testing.T) {
				t.Parallel()
				h := newHook(t, c.hook, c.settings)
				h.write(t, c.tool, fake, 0o755)
				h.write(t, "state", strings.Join(s.states, "\n")+"\n", 0o644)
				limit, refuses := never, "REFUSES=0"
				if s.ok {
					limit = soon
				}
				if s.refuses {
					refuses = "REFUSES=1"
				}
				ok, output := h.run(t, limit, "n1", refuses)
				if ok != s.ok {
					t.Errorf("success is %v, want %v: %s", ok, s.ok, output)
				}
				asked, _ := os.ReadFile(filepath.Join(h.dir, "asked"))
				if told := strings.Contains(string(asked), c.command); told == (name == "is off") {
					t.Errorf("it asked for\n%s", asked)
				}
			})
		}
	}
}

// system is a Redfish service with one machine, that is off some queries after it was
// told to be.
type system struct {
	queries, resets atomic.Int32
	body            func(query, resets int32) string
	refuses         bool
}

func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	switch {
	case user != "fencer" || password != "pass word":
		http.Error(w, "no", http.StatusUnauthorized)
	case r.Method == http.MethodGet && r.URL.Path == "/redfish/v1/Systems/1":
		fmt.Fprint(w, s.body(s.queries.Add(1), s.resets.Load()))
	case r.Method == http.MethodPost && r.URL.Path == "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset":
		text, _ := io.ReadAll(r.Body)
		if s.refuses || string(text) != `{"ResetType": "ForceOff"}` {
			http.Error(w, "no", http.StatusConflict)
			return
		}
		s.resets.Add(1)
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

// TestRedfish: the same for an API.
func TestRedfish(t *testing.T) {
	power := func(state string) string {
		return `{"Id": "1", "Status": {"State": "Disabled"},` + "\n" +
			`"PowerState" : "` + state + `", "BootProgress": {}}`
	}
	going := func(_, resets int32) string {
		return power([]string{"On", "PoweringOff", "PoweringOff", "Off"}[min(resets, 3)])
	}
	for name, c := range map[string]struct {
		body    func(query, resets int32) string
		refuses bool
		login   string
		ok      bool
	}{
		"goes off":     {going, false, "pass word", true},
		"refuses":      {going, true, "pass word", false},
		"on its way":   {func(int32, int32) string { return power("PoweringOff") }, false, "pass word", false},
		"no state":     {func(int32, int32) string { return `{"Id": "1"}` }, false, "pass word", false},
		"no machine":   {func(int32, int32) string { return "" }, false, "pass word", false},
		"wrong login":  {func(int32, int32) string { return power("Off") }, false, "guess", false},
		"off, refuses": {func(int32, int32) string { return power("Off") }, true, "pass word", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &system{body: c.body, refuses: c.refuses}
			server := httptest.NewServer(s)
			defer server.Close()
			h := newHook(t, "redfish", "")
			h.write(t, "curlrc", `user = "fencer:`+c.login+"\"\n", 0o600)
			h.write(t, "n1", "SYSTEM="+server.URL+"/redfish/v1/Systems/1\nCURL_CONFIG=$DIR/curlrc\n", 0o600)
			limit := never
			if c.ok {
				limit = soon
			}
			if ok, output := h.run(t, limit, "n1"); ok != c.ok {
				t.Errorf("success is %v, want %v, after %d queries and %d resets: %s", ok, c.ok, s.queries.Load(),
					s.resets.Load(), output)
			}
		})
	}
}

// TestCheckup: OpenHA's script decides, unless it is the one that decides nothing.
func TestCheckup(t *testing.T) {
	h := newHook(t, "checkup", "")
	for _, c := range []struct {
		body, says string
		ok         bool
	}{
		{"#!/bin/sh\necho \"shot $1\"\n", "shot n1", true},
		{"#!/bin/sh\necho \"cannot shoot $1\"; exit 3\n", "cannot shoot n1", false},
	} {
		h.write(t, "script", c.body, 0o755)
		ok, output := h.run(t, soon, "n1", "CHECKUP="+h.dir+"/script")
		if ok != c.ok || !strings.Contains(output, c.says) {
			t.Errorf("success is %v, want %v: %s", ok, c.ok, output)
		}
	}
	for checkup, says := range map[string]string{
		"/bin/true": "fences nobody", "/no/such": "there is no program", h.dir + "/n1": "there is no program",
	} {
		if ok, output := h.run(t, soon, "n1", "CHECKUP="+checkup); ok || !strings.Contains(output, says) {
			t.Errorf("with %s success is %v: %s", checkup, ok, output)
		}
	}
}

// TestUnknownNode: whoever is not in the map is not fenced.
func TestUnknownNode(t *testing.T) {
	for _, name := range []string{"ipmi", "redfish", "ec2"} {
		if ok, output := newHook(t, name, "").run(t, soon, "n2"); ok || !strings.Contains(output, "cannot fence n2") {
			t.Errorf("%s: success is %v: %s", name, ok, output)
		}
	}
}
