package runtime

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func openFiles(t *testing.T, dir string) (*files, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	f, err := newFiles(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return f, &log
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return err.Error()[strings.LastIndex(err.Error(), ": ")+2:]
	}
	return string(text)
}

// TestFiles: what an earlier life left is gone at once, whatever follows.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "run")
	f, log := openFiles(t, dir)
	f.markMaster(true)
	f.markMaster(true)
	f.writeMaster("a", "a:1")
	for name, want := range map[string]string{
		fileIsMaster: "", fileMaster: "a\n", fileAddress: "a:1\n",
	} {
		if got := content(t, dir, name); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	f, _ = openFiles(t, dir)
	for name, want := range map[string]string{
		fileIsMaster: "no such file or directory", fileMaster: "", fileAddress: "",
	} {
		if got := content(t, dir, name); got != want {
			t.Errorf("%s has %q in the next life, want %q", name, got, want)
		}
	}
	f.markMaster(true)
	f.markMaster(false)
	f.markMaster(false)
	f.writeMaster("", "")
	if got := content(t, dir, fileMaster); got != "" {
		t.Errorf("no master is %q", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if log.Len() != 0 {
		t.Errorf("logged: %s", log)
	}
}

// TestFilesAreReplacedAtomically: a reader never sees a part of a name.
func TestFilesAreReplacedAtomically(t *testing.T) {
	dir := t.TempDir()
	f, log := openFiles(t, dir)
	long := strings.Repeat("b", 200)
	var writer sync.WaitGroup
	writer.Go(func() {
		for range 100 {
			f.writeMaster("a", "a")
			f.writeMaster(long, long)
		}
		f.writeMaster("end", "end")
	})
	for got := ""; got != "end\n"; {
		got = content(t, dir, fileMaster)
		if got != "" && got != "a\n" && got != long+"\n" && got != "end\n" {
			t.Fatalf("read %q", got)
		}
	}
	writer.Wait()
	if log.Len() != 0 {
		t.Errorf("logged: %s", log)
	}
}

// TestFilesReportFailures: a run directory that vanishes is said, and nothing
// else.
func TestFilesReportFailures(t *testing.T) {
	dir := t.TempDir()
	f, log := openFiles(t, filepath.Join(dir, "run"))
	if err := os.RemoveAll(filepath.Join(dir, "run")); err != nil {
		t.Fatal(err)
	}
	f.markMaster(false) // just what is wanted
	if log.Len() != 0 {
		t.Errorf("logged: %s", log)
	}
	f.markMaster(true)
	f.writeMaster("a", "a")
	if got := strings.Count(log.String(), "level=ERROR"); got != 3 {
		t.Errorf("%d lines: %s", got, log)
	}
}
