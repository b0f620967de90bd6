package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValueFromFile(t *testing.T) {
	files := map[string]string{
		"/run/secrets/pw": "s3cret \n", "/group": "from-file\r\n", "/bad": "5 m\n", "/empty": "\n",
	}
	vars := map[string]string{
		"ETCDCTL_ENDPOINTS": "http://etcd:2379", "ETCDCTL_USER": "root",
		"ETCDCTL_PASSWORD_FILE": "/run/secrets/pw", "MSDHA_GROUP_FILE": "/group",
	}
	b, warnings, err := LoadBackend(environment(vars, files))
	if err != nil || len(warnings) != 0 {
		t.Fatalf("got error %v, warnings %v", err, warnings)
	}
	if got := b.Etcd.Password.Reveal(); got != "s3cret " {
		t.Errorf("got password %q, want only the newline trimmed", got)
	}
	if b.Group != "from-file" {
		t.Errorf("got group %q", b.Group)
	}

	faulty := []struct {
		vars map[string]string
		want []string
	}{
		{
			map[string]string{"MSDHA_TTL": "10", "MSDHA_TTL_FILE": "/group"},
			[]string{`MSDHA_TTL="10"`, `MSDHA_TTL_FILE="/group" is set too`},
		},
		{
			map[string]string{"MSDHA_TTL_FILE": "/none"},
			[]string{`MSDHA_TTL_FILE="/none"`, "no such file or directory", "a file that holds"},
		},
		{
			map[string]string{"MSDHA_TTL_FILE": "/bad"},
			[]string{`MSDHA_TTL="5 m" from file "/bad"`, "whole seconds"},
		},
		{map[string]string{"MSDHA_TTL_FILE": "/empty"}, []string{"the file is empty"}},
		{map[string]string{"MSDHA_HOLD_FILE": "/bad"}, []string{"MSDHA_HOLD_FILE", "not built yet"}},
	}
	for _, c := range faulty {
		_, _, err := LoadBackend(environment(enough(c.vars), files))
		if faults := faultsOf(t, err); len(faults) != 1 {
			t.Errorf("%v: got\n%v\nwant one fault", c.vars, err)
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: the message %q lacks %q", c.vars, err, part)
			}
		}
	}

	// A required variable whose file cannot be read is one fault, not two.
	vars["MSDHA_GROUP_FILE"] = "/none"
	_, _, err = LoadBackend(environment(vars, files))
	if faults := faultsOf(t, err); len(faults) != 1 {
		t.Errorf("got\n%v\nwant one fault", err)
	}
}

func TestRealFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "group")
	if err := os.WriteFile(path, []byte("g1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ETCDCTL_ENDPOINTS", "etcd:2379")
	t.Setenv("MSDHA_GROUP_FILE", path)
	t.Setenv("MSDHA_NAME", "n1")
	b, _, err := LoadBackend(OS())
	if err != nil || b.Group != "g1" {
		t.Fatalf("got group %q, error %v", b.Group, err)
	}
	for _, c := range []struct{ path, want string }{
		{"/dev/zero", "larger than"}, {dir, "is a directory"},
	} {
		t.Setenv("MSDHA_GROUP_FILE", c.path)
		_, _, err := LoadBackend(OS())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("file %s: got %v, want %q", c.path, err, c.want)
		}
	}
}

func TestMisspeltName(t *testing.T) {
	b, warnings, err := LoadBackend(environment(enough(map[string]string{"MSHDA_NAME": "n1"}), nil))
	if err != nil || b.Name != "n1" || len(warnings) != 1 ||
		warnings[0].Variable != "MSHDA_NAME" {
		t.Errorf("got name %q, warnings %v, error %v", b.Name, warnings, err)
	}
	both := enough(map[string]string{"MSHDA_NAME": "n1", "MSDHA_NAME": "n1"})
	if _, warnings, err = LoadBackend(environment(both, nil)); err != nil || len(warnings) != 1 {
		t.Errorf("equal names: got warnings %v, error %v", warnings, err)
	}
	both["MSDHA_NAME"] = "n2"
	_, _, err = LoadBackend(environment(both, nil))
	if faults := faultsOf(t, err); len(faults) != 1 || faults[0].Variable != "MSHDA_NAME" {
		t.Errorf("different names: got %v", err)
	}
}

func TestHostnameThatDoesNotDo(t *testing.T) {
	for _, hostname := range []func() (string, error){
		func() (string, error) { return "", fmt.Errorf("uname: broken") },
		func() (string, error) { return "_gateway", nil },
	} {
		s := environment(enough(nil), nil)
		s.Hostname = hostname
		_, _, err := LoadBackend(s)
		if faults := faultsOf(t, err); len(faults) != 1 || faults[0].Variable != "MSDHA_NAME" {
			t.Errorf("got %v", err)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	cases := []struct{ name, nearest string }{
		{"MSDHA_GRUOP", "MSDHA_GROUP"},
		{"MSDHA_GROUPS", "MSDHA_GROUP"},
		{"MSHDA_PORT", "MSDHA_PORT"},
		{"MSDHA_TLL_FILE", "MSDHA_TTL_FILE"},
		{"MSDHA_HOOK_TIMEOUT_MASTERS", "MSDHA_HOOK_TIMEOUT_MASTER"},
		{"MSDHA_LOGLEVEL", "MSDHA_LOG_LEVEL"},
	}
	for _, c := range cases {
		for p, load := range loaders {
			warnings, err := load(environment(enough(map[string]string{c.name: "x"}), nil))
			if err != nil || len(warnings) != 1 {
				t.Fatalf("%s, %s: got warnings %v, error %v", p, c.name, warnings, err)
			}
			if w := warnings[0]; w.Variable != c.name || !strings.HasSuffix(w.Text, c.nearest) {
				t.Errorf("%s: got %q, want %s", c.name, w, c.nearest)
			}
		}
	}
	// A warning comes along with faults, too: the misspelt name explains them.
	vars := enough(map[string]string{"MSDHA_GRUOP": "g"})
	delete(vars, "MSDHA_GROUP")
	if _, warnings, err := LoadBackend(environment(vars, nil)); err == nil || len(warnings) != 1 {
		t.Errorf("got warnings %v, error %v", warnings, err)
	}
}

func TestWhatHooksAreTold(t *testing.T) {
	source := environment(enough(map[string]string{"MSDHA_EPOCH": "7"}), nil)
	for p, want := range map[Program]int{ProgramTools: 0, ProgramBackend: 1, ProgramFrontend: 1} {
		warnings, err := loaders[p](source)
		if err != nil || len(warnings) != want {
			t.Errorf("%s: got warnings %v, error %v", p, warnings, err)
		}
	}
}

// TestSettingsOfHooks go through unread.
func TestSettingsOfHooks(t *testing.T) {
	source := environment(enough(map[string]string{
		"MSDHA_PG_SYNC_NAMES": "n1 n2", "MSDHA_PG_PASSWORD_FILE": "/no/such/file",
	}), nil)
	for p, load := range loaders {
		if warnings, err := load(source); err != nil || len(warnings) != 0 {
			t.Errorf("%s: got warnings %v, error %v", p, warnings, err)
		}
	}
}

func TestShortTTLWarns(t *testing.T) {
	for value, want := range map[string]int{"1": 1, "2s": 1, "3": 0, "10": 0} {
		vars := enough(map[string]string{"MSDHA_TTL": value})
		_, warnings, err := LoadBackend(environment(vars, nil))
		if err != nil || len(warnings) != want {
			t.Errorf("TTL %s: got warnings %v, error %v", value, warnings, err)
		}
	}
}

func TestDistance(t *testing.T) {
	cases := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "", 3},
		{"", "abc", 3},
		{"abc", "abd", 1},
		{"abc", "acb", 1},
		{"abcd", "badc", 2},
		{"kitten", "sitting", 3},
	}
	for _, c := range cases {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestDocumentsNameEveryVariable(t *testing.T) {
	markdown := Markdown()
	if got, want := strings.Count(markdown, "\n"), len(table)+2; got != want {
		t.Errorf("the table has %d lines, want %d", got, want)
	}
	for _, v := range table {
		if !strings.Contains(markdown, "| `"+v.name+"` | ") {
			t.Errorf("Markdown lacks %s", v.name)
		}
		if v.meaning == "" || v.who == 0 || (v.unbuilt == "") != (v.set != nil) {
			t.Errorf("the row of %s is incomplete", v.name)
		}
		for _, p := range []Program{ProgramBackend, ProgramFrontend, ProgramTools} {
			want := v.who&p != 0 && v.unbuilt == ""
			if got := strings.Contains(Help(p), "\n  "+v.name+" ("); got != want {
				t.Errorf("Help(%s) names %s: %v, want %v", p, v.name, got, want)
			}
		}
	}
	for line := range strings.Lines(markdown) {
		if strings.Count(line, "|") != 5 {
			t.Errorf("not four cells: %q", line)
		}
	}
}
