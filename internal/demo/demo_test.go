package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// programs builds what the demo runs.
func programs(t *testing.T, flags ...string) (backend, frontend string) {
	t.Helper()
	dir := t.TempDir()
	backend, frontend = filepath.Join(dir, "backend"), filepath.Join(dir, "frontend")
	build(t, append(flags, "-o", backend, "msdha/cmd/backend")...)
	build(t, "-o", frontend, "msdha/cmd/frontend")
	return backend, frontend
}

func build(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
}

// leftovers are processes and directories of a demo.
func leftovers(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind", dir)
	}
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		text, err := os.ReadFile(p)
		if err == nil && bytes.Contains(text, []byte(dir)) {
			t.Errorf("%s is left behind: %q", p, text)
		}
	}
}

// workspaceOf reads the directory's name off the timeline's first line.
func workspaceOf(t *testing.T, out string) string {
	t.Helper()
	_, rest, ok := strings.Cut(out, ", in ")
	if !ok {
		t.Fatalf("no workspace in the timeline:\n%s", out)
	}
	dir, _, _ := strings.Cut(rest, "\n")
	return dir
}

// TestDemo is the main job in short: two faults after which nobody waits.
func TestDemo(t *testing.T) {
	backend, frontend := programs(t)
	var out bytes.Buffer
	r, err := Run(t.Context(), Options{
		Out: &out, Backend: backend, Frontend: frontend, Faults: []string{"kill-postgres", "stop"},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	r.Print(&out)
	t.Logf("\n%s", out.String())
	if r.TwoMasters != 0 || r.Acked == 0 || len(r.Faults) != 2 {
		t.Errorf("two masters %d, %d rows acknowledged, %d faults", r.TwoMasters, r.Acked, len(r.Faults))
	}
	for _, f := range r.Faults {
		if f.From == f.To {
			t.Errorf("%s: %s stayed master", f.Fault, f.From)
		}
	}
	leftovers(t, workspaceOf(t, out.String()))
}

// TestDemoNoticesTwoMasters: with a backend that does not fence the demo's own
// measure of two masters must not stay at zero.
func TestDemoNoticesTwoMasters(t *testing.T) {
	backend, frontend := programs(t, "-tags", "mutants",
		"-ldflags", "-X msdha/internal/fsm/mutant.planted=no-fence")
	var out bytes.Buffer
	r, err := Run(t.Context(), Options{
		Out: &out, Backend: backend, Frontend: frontend, Faults: []string{"cut"}, Async: true, SelfTest: true,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if r.TwoMasters == 0 {
		t.Errorf("no second master was noticed\n%s", out.String())
	}
	leftovers(t, workspaceOf(t, out.String()))
}

// TestDemoEndsCleanly at any moment: Ctrl-C cancels the context.
func TestDemoEndsCleanly(t *testing.T) {
	backend, frontend := programs(t)
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // while data is created
	defer cancel()
	_, err := Run(ctx, Options{Out: &out, Backend: backend, Frontend: frontend})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v\n%s", err, out.String())
	}
	leftovers(t, workspaceOf(t, out.String()))
}

// canceller cancels when something is said.
type canceller struct {
	bytes.Buffer
	at     string
	cancel context.CancelFunc
}

func (c *canceller) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.at) {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

// TestDemoEndsCleanlyInAFault: an interruption is no failure whose logs are kept.
func TestDemoEndsCleanlyInAFault(t *testing.T) {
	backend, frontend := programs(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := &canceller{at: "== SIGSTOP", cancel: cancel}
	_, err := Run(ctx, Options{Out: out, Backend: backend, Frontend: frontend, Faults: []string{"freeze"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v\n%s", err, out.String())
	}
	leftovers(t, workspaceOf(t, out.String()))
}

func TestUnknownFaultIsRefused(t *testing.T) {
	_, err := Run(t.Context(), Options{Faults: []string{"flood"}})
	if err == nil || !strings.Contains(err.Error(), `"flood"`) || !strings.Contains(err.Error(), "kill-agent") {
		t.Errorf("got %v", err)
	}
}
