package sim

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestScheduleText: a schedule that is printed and read is the same.
func TestScheduleText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSchedule(rapidDrawer{t})
		want.Calm = rapid.Bool().Draw(t, "calm")
		want.Notices = rapid.Bool().Draw(t, "notices")
		want.Files = rapid.Bool().Draw(t, "files")
		want.Traffic = rapid.Bool().Draw(t, "traffic")
		got, err := ParseSchedule(want.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, &want)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("printed and read it is\n%swas\n%s", &got, &want)
		}
	})
}

func TestScheduleErrors(t *testing.T) {
	const group = "group nodes=2 fronts=1 clients=1 ttl=10s\n"
	tests := []struct{ text, want string }{
		{"", `no line that begins with "group"`},
		{group, `no line "run DURATION"`},
		{"run 10s\n", `no line that begins with "group"`},
		{"nonsense\n", `line 1 "nonsense": want a line that begins with group, at, on, run or show`},
		{"\n# note\ngroup nodes=0\n", `line 3 "group nodes=0": want 1 to 50 nodes`},
		{"group nodes=51\n", "want 1 to 50 nodes"},
		{"group nodes=x\n", `line 1 "group nodes=x": nodes=x: `},
		{"group nodes=2 fronts=-1\n", "want 1 to 50 nodes"},
		{"group nodes=2 ttl=10\n", `ttl=10: cannot read the time "10"`},
		{"group nodes=2 ttl=1ms\n", "want TTLs of at least 1s"},
		{"group nodes=2 drift=-1\n", "drift=-1: want 0 to 500000 ppm"},
		{"group nodes=2 mixed=1ms\n", "want TTLs of at least 1s"},
		{"group nodes=1 twin\n", "twin: want at least 2 nodes"},
		{"group nodes=2 wrong=1\n", "wrong=1: unknown option"},
		{group + group, "line 2 " + `"group nodes=2 fronts=1 clients=1 ttl=10s": there was such a line`},
		{group + "run\n", `want "run DURATION"`},
		{group + "run -1s\n", `cannot read the time "-1s"`},
		{group + "run 10000h\n", `want 0 to 1000h0m0s`},
		{group + "show\n", `want "show TIME", and any of [notices`},
		{group + "show 1s all\n", `cannot show "all": want "show TIME", and any of [notices`},
		{"at 1s stop n1\n", "comes first"},
		{group + "at 1s stop\n", `want "at T FAULT WHO`},
		{group + "at 1s stop n1 for\n", `want "at T FAULT WHO`},
		{group + "at 1s melt n1\n", `unknown fault "melt", want one of [break-watch`},
		{group + "at 1s none n1\n", `unknown fault "none"`},
		{group + "on dawn 1 after 1s stop n1\n", `unknown milestone "dawn", want one of [renewal`},
		{group + "on claim x after 1s stop n1\n", `number "x" of the milestone`},
		{group + "on claim 0 after 1s stop n1\n", `number "0" of the milestone`},
		{group + "at soon stop n1\n", `cannot read the time "soon"`},
		{group + "at 1s stop n3\n", `unknown target "n3": want master, n1 to n2, f1 to f1 or w1 to w0`},
		{group + "at 1s stop n\n", `unknown target "n"`},
		{group + "at 1s stop n+1\n", `unknown target "n+1"`},
		{group + "at 1s stop n1 in 1s\n", `unknown word "in"`},
		{group + "at 1s slow-hook n1 for 1s\n", `slow-hook: want "hook" and what it is`},
		{group + "at 1s stop n1 hook ready\n", `unknown word "hook", want for`},
		{group + "at 1s freeze n1 hook ready\n", `unknown word "hook", want for or first`},
		{group + "at 1s skew n1 for 1s ppm 0\n", `ppm "0": want a number from -500000 to 500000, not 0`},
		{group + "at 1s restart-etcd n1 min-ttl 76\n", `min-ttl "76": want a number from 1 to 75`},
		{group + "at 1s corrupt n1 for 1s key _nodes\n", `unknown key "_nodes", want one of [_master`},
		{group + "at 1s restore n1 as before\n", `unknown as "before", want one of [another]`},
		{group + "at 1s fail-hook n1 hook start\n", `unknown hook "start"`},
	}
	for _, tt := range tests {
		_, err := ParseSchedule(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: the error is %v, want one with %q", tt.text, err, tt.want)
		}
	}
}

// FuzzParseSchedule: whatever is read prints as what reads as the same, and
// nothing makes the parser panic.
func FuzzParseSchedule(f *testing.F) {
	stories, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range stories {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for i := range 10 {
		s := SeedSchedule(1, i)
		f.Add(s.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%q was read as\n%swhich is read as\n%s(%v)", text, &s, &again, err)
		}
	})
}
