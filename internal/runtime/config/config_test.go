package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// environment is a Source made of maps: variables, and files by path.
func environment(vars, files map[string]string) Source {
	var environ []string
	for name, value := range vars {
		environ = append(environ, name+"="+value)
	}
	return Source{
		Environ: environ,
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
		},
		Hostname: func() (string, error) { return "host1", nil },
	}
}

// enough is the least environment that every program starts with, and more.
func enough(more map[string]string) map[string]string {
	vars := map[string]string{
		"ETCDCTL_ENDPOINTS": "http://etcd:2379", "MSDHA_GROUP": "g", "MSDHA_PORT": "5432",
	}
	maps.Copy(vars, more)
	return vars
}

var loaders = map[Program]func(Source) ([]Warning, error){
	ProgramBackend: func(s Source) ([]Warning, error) { _, w, err := LoadBackend(s); return w, err },
	ProgramFrontend: func(s Source) ([]Warning, error) {
		_, w, err := LoadFrontend(s)
		return w, err
	},
	ProgramTools:   func(s Source) ([]Warning, error) { _, w, err := LoadTools(s); return w, err },
	ProgramWitness: func(s Source) ([]Warning, error) { _, w, err := LoadWitness(s); return w, err },
}

// wrong has values that each variable refuses. That it has them for every
// variable of the table is tested.
var wrong = map[string][]string{
	"MSDHA_ENGINE":       {"tcp://docker:2375", "run/docker.sock", "https://docker", "unix://docker.sock"},
	"MSDHA_ENGINE_PROXY": {"tcp://:2375", "engine.sock", "unix://engine.sock"},
	"ETCDCTL_ENDPOINTS": {
		",", "http://", "ftp://etcd:2379", "http://etcd:0", "http://etcd:65536",
		"http://etcd:x",
		"http://etcd:2379/v3", "http://a b:1", "http://etcd:1,,http://etcd:2", "http://[::1:2379",
		"http://etcd:1,https://etcd:2", "http://root@etcd:2379", "http://:pw@etcd:2379",
		"http://u:%zz@etcd:1", "http://u:a@e:1,http://v:a@e:2",
		"http://u:a@e:1,http://u:b@e:2",
		"http://u:p/q@etcd:1",
	},
	"ETCDCTL_USER":     {":", "root:", ":pw", "root"},
	"ETCDCTL_PASSWORD": {"without-a-user"},
	"ETCDCTL_CACERT": {
		"/no/such/file", "/garbage",
		"-----BEGIN CERTIFICATE-----",
	},
	"ETCDCTL_CERT":                     {"/no/such/file"},
	"ETCDCTL_KEY":                      {"/no/such/file"},
	"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": {"maybe", "2"},
	"ETCDCTL_DIAL_TIMEOUT":             {"0", "-1s", "soon"},
	"MSDHA_GROUP":                      {"_g", "g/h", "g h", "..", "gé"},
	"MSDHA_PORT":                       {"0", "65536", "-1", "http", "tcp://10.0.0.1:5432"},
	"MSDHA_NAME":                       {"_master", "a/b", ".", strings.Repeat("n", 254)},
	"MSDHA_TTL": {
		"0", "off", "1.5", "-10", "10ms", "2d",
		"9999999999999999999",
	},
	"MSDHA_MASTER_TTL": {"1w", "1h1h", "1m1h", "h", "1h30"},
	"MSDHA_PREFIX":     {"/", "//", "/a//b", "/a b", "/a/../b"},
	"MSDHA_ADDRESS": {
		":5432", "a:b:c", "host:0", "[::1", "[host]:1", "a b",
		"a..b",
	},
	"MSDHA_HOOKS_DIR":                      {"hooks", "./hooks"},
	"MSDHA_RUN_DIR":                        {"run"},
	"MSDHA_STATE_DIR":                      {"state"},
	"MSDHA_STOP_SIGNAL":                    {"0", "65", "-9", "SIGFOO", "SIG"},
	"MSDHA_STOP_TIMEOUT":                   {"0", "off", "x"},
	"MSDHA_FENCE_SIGNAL":                   {"QUITE"},
	"MSDHA_HOOK_TIMEOUT":                   {"never", "-1"},
	"MSDHA_HOOK_TIMEOUT_PRE_START":         {"never"},
	"MSDHA_HOOK_TIMEOUT_RUNNING_NOT_READY": {"never"},
	"MSDHA_HOOK_TIMEOUT_READY":             {"never"},
	"MSDHA_HOOK_TIMEOUT_MASTER":            {"5 m"},
	"MSDHA_HOOK_TIMEOUT_NODE_STATE_CHANGE": {"never"},
	"MSDHA_HOOK_TIMEOUT_DATA":              {"never"},
	"MSDHA_CANDIDATE":                      {"perhaps"},
	"MSDHA_PUBLISH":                        {"during"},
	"MSDHA_ALWAYS_WAIT":                    {"10"},
	"MSDHA_START_PATIENCE":                 {"0", "off", "endless"},
	"MSDHA_HTTP_LISTEN":                    {"8008", "host", ":65536", ":http", "a b:80"},
	"MSDHA_LOG_FORMAT":                     {"xml"},
	"MSDHA_LOG_LEVEL":                      {"loud"},
	"MSDHA_RECORD":                         {"here", "0"},
	"MSDHA_HOOK_TIMEOUT_FENCE":             {"never"},
	"MSDHA_HOOK_TIMEOUT_DETACH":            {"never"},
	"MSDHA_HOOK_TIMEOUT_POSITION":          {"never"},
	"MSDHA_HOOK_TIMEOUT_FOLLOW":            {"-1"},
	"MSDHA_HOOK_TIMEOUT_MEMBERS":           {"never"},
	"MSDHA_HOOK_TIMEOUT_MONITOR":           {"never"},
	"MSDHA_MONITOR_INTERVAL":               {"never", "-1", "1.5"},
	"MSDHA_MONITOR_FAILURES":               {"0", "off", "1001", "-1", "99999999999999999999", "3s"},
	"MSDHA_PRIORITY":                       {"-1", "high", "1000001", "1.5"},
	"MSDHA_PROMOTE_QUORUM":                 {"0", "65", "two", "1/2"},
	// Not built: refused whatever the value.
	"MSDHA_FENCE_PROVES_DEATH": {"true"}, "MSDHA_PUBLISH_BARRIER": {"off"},
	"MSDHA_READ_PORT": {"5433"}, "MSDHA_READ_MAX_LAG": {"1"},
	"MSDHA_READ_FALLBACK": {"true"}, "MSDHA_HOLD": {"5s"},
}

var garbage = map[string]string{"/garbage": "garbage"}

func faultsOf(t *testing.T, err error) Faults {
	t.Helper()
	var faults Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("got error %v, want Faults", err)
	}
	return faults
}

func TestEveryVariableWrongAlone(t *testing.T) {
	for _, v := range table {
		values := wrong[v.name]
		if len(values) == 0 {
			t.Errorf("no wrong value is tested for %s", v.name)
		}
		for _, value := range values {
			for p, load := range loaders {
				_, err := load(environment(enough(map[string]string{v.name: value}), garbage))
				faults := faultsOf(t, err)
				i := slices.IndexFunc(faults, func(f Fault) bool { return f.Variable == v.name })
				if i < 0 || len(faults) > 1 {
					t.Fatalf("%s, %s=%q: got faults\n%v", p, v.name, value, faults)
				}
				f := faults[i]
				shown := v.display(value)
				if f.Value != shown || f.Reason == "" || f.Want == "" {
					t.Errorf("%s, %s=%q: incomplete fault %#v", p, v.name, value, f)
				}
				text := err.Error()
				if !strings.Contains(text, quote(shown)) || strings.Contains(text, "\n") {
					t.Errorf("%s=%q: the message is %q", v.name, value, text)
				}
				if unbuilt := strings.Contains(text, "not built yet"); unbuilt != (v.unbuilt != "") {
					t.Errorf("%s=%q: the message is %q", v.name, value, text)
				}
			}
		}
	}
	if len(wrong) != len(table) {
		t.Errorf("wrong values are tested for %d variables, the table has %d", len(wrong), len(table))
	}
}

func TestAllVariablesWrongTogether(t *testing.T) {
	for p, load := range loaders {
		for n := range 17 {
			vars := map[string]string{}
			for name, values := range wrong {
				vars[name] = values[n%len(values)]
			}
			vars["ETCDCTL_USER"] = ":" // wrong by itself, whatever the password
			_, err := load(environment(vars, garbage))
			faults := faultsOf(t, err)
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(faults) {
				t.Fatalf("%d faults on %d lines:\n%v", len(faults), len(lines), err)
			}
			seen := map[string]int{}
			for i, f := range faults {
				seen[f.Variable]++
				if !strings.Contains(lines[i], f.Variable) {
					t.Errorf("line %q does not name %s", lines[i], f.Variable)
				}
			}
			for _, v := range table {
				// The password can only lack a user, and here there is one.
				if seen[v.name] == 0 && v.name != "ETCDCTL_PASSWORD" {
					t.Errorf("%s: no fault of %s among\n%v", p, v.name, err)
				}
			}
			sorted := slices.IsSortedFunc(faults, func(a, b Fault) int {
				return rank(a.Variable) - rank(b.Variable)
			})
			if !sorted {
				t.Errorf("the faults are not in the table's order:\n%v", err)
			}
		}
	}
}

func TestNothingSet(t *testing.T) {
	want := map[Program]int{ProgramBackend: 2, ProgramFrontend: 3, ProgramTools: 2, ProgramWitness: 1}
	for p, load := range loaders {
		_, err := load(environment(nil, nil))
		faults := faultsOf(t, err)
		if len(faults) != want[p] {
			t.Errorf("%s: got\n%v\nwant %d faults", p, err, want[p])
		}
		for _, f := range faults {
			if f.Reason != "it is not set" || f.Want == "" {
				t.Errorf("%s: got fault %q", p, f)
			}
		}
		// Compose writes an unset ${X:-} as an empty value.
		empty := map[string]string{}
		for _, v := range table {
			empty[v.name], empty[v.name+"_FILE"] = "", ""
		}
		if _, again := load(environment(empty, nil)); again.Error() != err.Error() {
			t.Errorf("%s: empty values give\n%v\nunset ones\n%v", p, again, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	source := environment(enough(nil), nil)
	b, warnings, err := LoadBackend(source)
	if err != nil || len(warnings) != 0 {
		t.Fatalf("got error %v, warnings %v", err, warnings)
	}
	wantTimeouts := map[string]time.Duration{
		"pre_start": 0, "running_not_ready": 0, "ready": 5 * time.Minute,
		"master": 5 * time.Minute, "node_state_change": 30 * time.Second, "data": 30 * time.Second,
		"detach": 5 * time.Second, "position": 5 * time.Second, "follow": 30 * time.Second,
		"members": 30 * time.Second, "monitor": 30 * time.Second, "fence": 5 * time.Minute,
	}
	if !maps.Equal(b.HookTimeouts, wantTimeouts) {
		t.Errorf("got hook timeouts %v, want %v (SPEC H4)", b.HookTimeouts, wantTimeouts)
	}
	f, _, err := LoadFrontend(source)
	if err != nil {
		t.Fatal(err)
	}
	tools, _, err := LoadTools(source)
	if err != nil {
		t.Fatal(err)
	}
	checks := []struct {
		what      string
		got, want any
	}{
		{"endpoints", strings.Join(b.Etcd.Endpoints, " "), "http://etcd:2379"},
		{"TLS", b.Etcd.TLS, false},
		{"dial timeout", b.Etcd.DialTimeout, 2 * time.Second},
		{"name", b.Name, "host1"},
		{"address", b.Address, "host1"},
		{"TTL", b.TTL, 10 * time.Second},
		{"prefix", b.Prefix, "/msdha"},
		{"master TTL", b.MasterTTL, 24 * time.Hour},
		{"hooks", b.HooksDir, "/etc/msdha/hooks"},
		{"run", b.RunDir, "/run/msdha"},
		{"state", b.StateDir, "/run/msdha"},
		{"stop signal", b.StopSignal, syscall.SIGTERM},
		{"stop timeout", b.StopTimeout, 8 * time.Second},
		{"fence signal", b.FenceSignal, syscall.SIGTERM},
		{"candidate", b.Candidate, true},
		{"priority", b.Priority, 0},
		{"quorum", b.PromoteQuorum, 1},
		{"monitor interval", b.MonitorInterval, 10 * time.Second},
		{"monitor failures", b.MonitorFailures, 3},
		{"publish after", b.PublishAfter, false},
		{"always wait", b.AlwaysWait, false},
		{"patience", b.StartPatience, 30 * time.Second},
		{"frontend's patience", f.StartPatience, Forever},
		{"msdhactl's patience", tools.StartPatience, 5 * time.Second},
		{"listen", b.HTTPListen, ":8008"},
		{"frontend's listen", f.HTTPListen, ":8404"},
		{"port", f.Port, uint16(5432)},
		{"log format", b.LogJSON, false},
		{"log level", b.LogLevel, slog.LevelInfo},
		{"record", b.Record, ""},
	}
	for _, c := range checks {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
}

// value makes a case of TestValues: a place in b that is to be want.
func value[T comparable](place *T, want T) func() (got, wanted any) {
	return func() (any, any) { return *place, want }
}

func TestValues(t *testing.T) {
	var b Backend
	hook := func(name string, want time.Duration) func() (any, any) {
		return func() (any, any) { return b.HookTimeouts[name], want }
	}
	cases := []struct {
		name, value string
		check       func() (got, want any)
	}{
		{"MSDHA_MASTER_TTL", "off", value(&b.MasterTTL, 0)},
		{"MSDHA_MASTER_TTL", "0", value(&b.MasterTTL, 0)},
		{"MSDHA_MASTER_TTL", "1h30m", value(&b.MasterTTL, 90*time.Minute)},
		{"MSDHA_TTL", "1m", value(&b.TTL, time.Minute)},
		{"MSDHA_TTL", "1d", value(&b.TTL, 24*time.Hour)},
		{"MSDHA_PREFIX", "msdha", value(&b.Prefix, "msdha")},
		{"MSDHA_PREFIX", "/a/b_/", value(&b.Prefix, "/a/b_")},
		{"MSDHA_ADDRESS", "10.0.0.1", value(&b.Address, "10.0.0.1")},
		{"MSDHA_ADDRESS", "db_1.example.:5432", value(&b.Address, "db_1.example.:5432")},
		{"MSDHA_ADDRESS", "::1", value(&b.Address, "::1")},
		{"MSDHA_ADDRESS", "[::1]", value(&b.Address, "::1")},
		{"MSDHA_ADDRESS", "[fe80::1%eth0]:1", value(&b.Address, "[fe80::1%eth0]:1")},
		{"MSDHA_NAME", "node-1.a_b", value(&b.Name, "node-1.a_b")},
		{"MSDHA_NAME", "n7", value(&b.Address, "n7")},
		{"MSDHA_STOP_SIGNAL", "int", value(&b.StopSignal, syscall.SIGINT)},
		{"MSDHA_STOP_SIGNAL", "SIGINT", value(&b.FenceSignal, syscall.SIGINT)},
		{"MSDHA_FENCE_SIGNAL", "3", value(&b.FenceSignal, syscall.SIGQUIT)},
		{"MSDHA_FENCE_SIGNAL", "64", value(&b.FenceSignal, syscall.Signal(64))},
		{"MSDHA_HOOK_TIMEOUT", "1m", hook("data", time.Minute)},
		{"MSDHA_HOOK_TIMEOUT", "1m", hook("pre_start", 0)},
		{"MSDHA_HOOK_TIMEOUT_PRE_START", "1h", hook("pre_start", time.Hour)},
		{"MSDHA_HOOK_TIMEOUT_MASTER", "off", hook("master", 0)},
		{"MSDHA_CANDIDATE", "False", value(&b.Candidate, false)},
		{"MSDHA_HOOK_TIMEOUT", "1m", hook("follow", time.Minute)},
		{"MSDHA_HOOK_TIMEOUT", "1m", hook("detach", 5*time.Second)},
		{"MSDHA_HOOK_TIMEOUT_FENCE", "1m", hook("fence", time.Minute)},
		{"MSDHA_MONITOR_INTERVAL", "off", value(&b.MonitorInterval, 0)},
		{"MSDHA_MONITOR_FAILURES", "1", value(&b.MonitorFailures, 1)},
		{"MSDHA_PRIORITY", "1000000", value(&b.Priority, 1_000_000)},
		{"MSDHA_PROMOTE_QUORUM", "64", value(&b.PromoteQuorum, 64)},
		{"MSDHA_ALWAYS_WAIT", "yes", value(&b.AlwaysWait, true)},
		{"MSDHA_PUBLISH", "after", value(&b.PublishAfter, true)},
		{"MSDHA_START_PATIENCE", "forever", value(&b.StartPatience, Forever)},
		{"MSDHA_HTTP_LISTEN", "off", value(&b.HTTPListen, "")},
		{"MSDHA_HTTP_LISTEN", "[::1]:80", value(&b.HTTPListen, "[::1]:80")},
		{"MSDHA_HTTP_LISTEN", "127.0.0.1:0", value(&b.HTTPListen, "127.0.0.1:0")},
		{"MSDHA_LOG_FORMAT", "JSON", value(&b.LogJSON, true)},
		{"MSDHA_LOG_LEVEL", "warn", value(&b.LogLevel, slog.LevelWarn)},
		{"MSDHA_RECORD", "/tmp/r", value(&b.Record, "/tmp/r")},
		{"MSDHA_RECORD", "/tmp/r/", value(&b.Record, "/tmp/r/")},
		{"ETCDCTL_DIAL_TIMEOUT", "1.5s", value(&b.Etcd.DialTimeout, 1500*time.Millisecond)},
		{"ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "1", value(&b.Etcd.InsecureSkipVerify, true)},
	}
	for _, c := range cases {
		var err error
		vars := enough(map[string]string{c.name: c.value})
		b, _, err = LoadBackend(environment(vars, nil))
		if got, want := c.check(); err != nil || got != want {
			t.Errorf("%s=%q: got %v, error %v, want %v", c.name, c.value, got, err, want)
		}
	}
}

func TestPortOfHTTPListenIsTaken(t *testing.T) {
	vars := enough(map[string]string{"MSDHA_HTTP_LISTEN": "127.0.0.1:5432"})
	_, _, err := LoadFrontend(environment(vars, nil))
	if faults := faultsOf(t, err); len(faults) != 1 || faults[0].Variable != "MSDHA_HTTP_LISTEN" {
		t.Errorf("got %v", err)
	}
	if _, _, err := LoadBackend(environment(vars, nil)); err != nil {
		t.Errorf("the backend does not listen on MSDHA_PORT, but got %v", err)
	}
}
