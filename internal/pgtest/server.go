// Package pgtest runs a PostgreSQL where a test needs a real one.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"msdha/internal/postgres"
	"msdha/internal/testkit"
)

// patience bounds every wait; it is used up only by what never comes.
const patience = 60 * time.Second

// Server is a PostgreSQL of its own, which ends with the test. It listens on a
// socket in its directory only, so that no two ever want the same port.
type Server struct {
	t         testing.TB
	bin, data string
	cred      *syscall.Credential
	cmd       *exec.Cmd
	ended     chan struct{}
	log       testkit.Output // shown if the test fails
}

// Start makes an empty server whose superuser is postgres.
func Start(t testing.TB) *Server {
	t.Helper()
	s := prepare(t)
	s.run("initdb", "-D", s.data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions")
	s.start()
	return s
}

// Standby makes a hot standby of the server, which has all that is there now.
func (s *Server) Standby() *Server {
	s.t.Helper()
	other := prepare(s.t)
	other.run("pg_basebackup", "-D", other.data, "-R", "--no-sync", "-c", "fast", "-d", s.DSN())
	other.start()
	return other
}

func prepare(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t}
	var err error
	if s.bin, _, err = postgres.Find(postgres.Root); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if s.cred, err = postgres.User(); err != nil {
			t.Fatal(err)
		}
	}
	// Not t.TempDir, whose parents the server's user may not enter.
	dir, err := os.MkdirTemp("/tmp", "msdha-pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(dir) })
	if s.cred != nil {
		if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.data = filepath.Join(dir, "data")
	return s
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, program), args...)
	c.Dir = filepath.Dir(s.data)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	c.Stdout, c.Stderr = &s.log, &s.log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.cred}
	return c
}

func (s *Server) run(program string, args ...string) {
	s.t.Helper()
	if err := s.command(program, args...).Run(); err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, s.log.String())
	}
}

// start runs the server, and waits until it answers.
func (s *Server) start() {
	s.t.Helper()
	s.cmd = s.command("postgres", "-D", s.data, "-k", filepath.Dir(s.data),
		"-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c", "fsync=off")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	for deadline := time.Now().Add(patience); s.try("select 1") != nil; {
		if time.Now().After(deadline) {
			s.t.Fatalf("PostgreSQL does not answer\n%s", s.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// DSN is how the superuser connects.
func (s *Server) DSN() string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres", filepath.Dir(s.data))
}

func (s *Server) try(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		return err
	}
	defer c.Close(ctx) //nolint:errcheck // nothing is pending
	_, err = c.Exec(ctx, sql)
	return err
}

// Exec runs statements.
func (s *Server) Exec(sql string) {
	s.t.Helper()
	if err := s.try(sql); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// end stops the server at once, and removes its data.
func (s *Server) end(dir string) {
	if s.ended != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-s.ended:
		case <-time.After(patience):
			s.t.Errorf("PostgreSQL %d does not end", s.cmd.Process.Pid)
			_ = s.cmd.Process.Kill()
		}
	}
	if s.t.Failed() {
		s.t.Logf("PostgreSQL in %s:\n%s", dir, s.log.String())
	}
	if err := os.RemoveAll(dir); err != nil {
		s.t.Error(err)
	}
}
