package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRunsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.jsonl")
	all, cut, err := read(path)
	if err != nil || len(all) != 0 || cut != 0 {
		t.Fatalf("%v, %d, %v", all, cut, err)
	}
	want := []record{
		{System: "msdha-t3", Fault: "kill", Run: 1, Outage: 8.9, Marks: marks{gone: 2.5}, Versions: "a"},
		{System: "msdha-t3", Fault: "kill", Run: 2, Failed: "no engine"},
	}
	for i := range want {
		if cut, err = add(path, cut, &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	// Somebody killed us while we wrote a third one.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := `{"system":"msdha-t3","fault":"kill","run":2,"failed":"a long reason that is not`
	if _, err := f.WriteString(half); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	all, cut, err = read(path)
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Fatalf("%v, %v, want %v", all, err, want)
	}
	last := record{System: "msdha-t3", Fault: "kill", Run: 2}
	if _, err := add(path, cut, &last); err != nil {
		t.Fatal(err)
	}
	if all, _, err = read(path); err != nil || !reflect.DeepEqual(all, append(want, last)) {
		t.Fatalf("%v, %v: the half line is still there", all, err)
	}
	if err := os.WriteFile(path, []byte("{}\nno JSON\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a line that is no run: %v", err)
	}
}

// TestVersionsDoNotMix: a series is of one program.
func TestVersionsDoNotMix(t *testing.T) {
	done := []record{
		{System: "msdha-t3", Versions: "1"},
		{System: "patroni-default", Versions: "3.0.2"},
		{System: "msdha-t10", Versions: "0", Failed: "no engine"},
	}
	for _, c := range []struct {
		system, versions string
		mixed            bool
	}{
		{"msdha-t3", "1", false}, {"msdha-t3", "2", true}, {"msdha-t10", "2", false}, {"patroni-default", "1", true},
	} {
		err := continues(done, &record{System: c.system, Versions: c.versions})
		if errors.As(err, new(mixed)) != c.mixed {
			t.Errorf("%s with %s: %v", c.system, c.versions, err)
		}
	}
}

func TestProcessorTime(t *testing.T) {
	// cpu user nice system idle iowait irq softirq steal guest guest_nice
	idle, all, err := parseProcessorTime("cpu  10 20 30 400 50 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if err != nil || idle != 450 || all != 531 {
		t.Errorf("%d of %d idle, %v; want 450 of 531", idle, all, err)
	}
	for _, text := range []string{"", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8 9 10\n", "cpu a 2 3 4 5 6 7 8 9\n"} {
		if _, _, err := parseProcessorTime(text); err == nil {
			t.Errorf("%q was understood", text)
		}
	}
}
