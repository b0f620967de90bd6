//go:build docker

// Package images_test runs the images of `make images` on a Docker engine: what
// README promises of them, nothing of what the programs in them decide.
package images_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds every wait for what must happen; nothing is concluded from
	// how fast it does.
	patience = 60 * time.Second
	// janitorLabel tells the process that cleans up what to remove.
	janitorLabel = "MSDHA_IMAGES_JANITOR"

	base           = "msdha-base:local"
	basePostgreSQL = "msdha-base-postgresql:local"
)

// run names what this run made: label and network of all containers.
var run = fmt.Sprintf("msdha-images-%d", os.Getpid())

// version is that of the images under test.
var version string

func TestMain(m *testing.M) {
	if label := os.Getenv(janitorLabel); label != "" {
		os.Exit(janitor(label))
	}
	flag.Parse()
	// The tests wait most of the time.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(test(m))
}

func test(m *testing.M) (code int) {
	described, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot tell which images are to be tested: git describe:", err)
		return 1
	}
	version = strings.TrimSpace(string(described))
	for _, name := range []string{"backend", "frontend", "witness", "backend-postgresql", "etcd"} {
		if _, err := engine("image", "inspect", image(name)); err != nil {
			fmt.Fprintf(os.Stderr, "%v; run `make images` first\n", err)
			return 1
		}
	}
	dismiss, err := employJanitor()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot clean up afterwards:", err)
		return 1
	}
	defer func() {
		if err := dismiss(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot clean up:", err)
			code = 1
		}
	}()
	if _, err := engine("network", "create", "--label", run, run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// image is one of ours, of the version under test.
func image(name string) string { return "msdha-" + name + ":" + version }

// engine runs the docker command, and returns what it printed.
func engine(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	c := exec.CommandContext(ctx, "docker", args...)
	c.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return strings.TrimSpace(out.String()), nil
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := engine(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// employJanitor starts a process that removes what this run made as soon as this
// process ends or calls dismiss: after Ctrl-C, a panic or SIGKILL as well.
func employJanitor() (dismiss func() error, err error) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), janitorLabel+"="+run)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var said bytes.Buffer
	c.Stderr = &said
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() error {
		if err := errors.Join(stdin.Close(), c.Wait()); err != nil {
			return fmt.Errorf("%w: %s", err, &said)
		}
		return nil
	}, nil
}

func janitor(label string) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the tests are over
	code := 0
	for _, kind := range []struct{ list, remove string }{
		{"ps -aq --filter label=" + label, "rm -fv"},
		{"network ls -q --filter label=" + label, "network rm"},
		{"volume ls -q --filter label=" + label, "volume rm"},
		{"images -q --filter reference=" + label + "-*", "rmi -f"},
	} {
		ids, err := engine(strings.Fields(kind.list)...)
		if err == nil && ids != "" {
			_, err = engine(append(strings.Fields(kind.remove), strings.Fields(ids)...)...)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

var serial atomic.Int32

// unique is a name that nothing else on the engine has.
func unique(what string) string { return fmt.Sprintf("%s-%s-%d", run, what, serial.Add(1)) }

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err = try(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("waited %v in vain for %s: %v", patience, what, err)
}
