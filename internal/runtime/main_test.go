package runtime

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"msdha/internal/runtime/etcdtest"
	"msdha/internal/testkit"
)

// patience bounds every wait for what must happen; nothing is concluded from
// how fast it does.
const patience = 45 * time.Second

// built has the binaries under test, made once.
var built struct{ dir, backend, frontend string }

// shared is one etcd for all tests that do it no harm, each in a group of its
// own.
var shared struct {
	server *etcdtest.Server
	admin  *clientv3.Client
}

func TestMain(m *testing.M) {
	testkit.HearHangups()
	flag.Parse()
	if !isSet("test.parallel") { // most tests wait for a lease to end
		if err := flag.Set("test.parallel", "10"); err != nil {
			panic(err)
		}
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func isSet(name string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func runTests(m *testing.M) (code int, err error) {
	if built.dir, err = publicDir("msdha-runtime-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(built.dir) //nolint:errcheck // a directory in /tmp
	if err := build(built.dir, "CGO_ENABLED=0"); err != nil {
		return 1, err
	}
	built.backend = filepath.Join(built.dir, "backend")
	built.frontend = filepath.Join(built.dir, "frontend")
	if shared.server, err = etcdtest.Start(etcdtest.Options{}); err != nil {
		return 1, err
	}
	if shared.admin, err = shared.server.Client(); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := errors.Join(shared.admin.Close(), shared.server.Close()); err != nil {
		return 1, err
	}
	if code == 0 {
		err = goleak.Find()
	}
	return code, err
}

// build makes both programs in dir.
func build(dir, env string, flags ...string) error {
	args := append([]string{"build", "-o", dir + "/"}, flags...)
	cmd := exec.Command("go", append(args, "msdha/cmd/backend", "msdha/cmd/frontend")...)
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the programs: %w\n%s", err, out)
	}
	return nil
}

// publicDir is a temporary directory into which every user may look.
func publicDir(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

func testDir(t *testing.T) string {
	t.Helper()
	dir, err := publicDir("msdha-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// within is a context for one request of the test's own.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start processes as another user")
	}
}

// testWriter is a test's log as a file.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// countingLogger counts the lines that are logged.
func countingLogger() (*slog.Logger, func() int) {
	var text testkit.Output
	return slog.New(slog.NewTextHandler(&text, nil)), func() int { return text.Count("\n") }
}
