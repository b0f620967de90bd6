package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDurationIsTheSumOfItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		var want time.Duration
		for _, u := range units {
			if rapid.Bool().Draw(t, "has"+string(u.letter)) {
				n := rapid.IntRange(0, 10000).Draw(t, string(u.letter))
				fmt.Fprintf(&text, "%d%c", n, u.letter)
				want += time.Duration(n) * u.length
			}
		}
		if text.Len() == 0 {
			n := rapid.IntRange(0, 1<<30).Draw(t, "seconds")
			fmt.Fprint(&text, n)
			want = time.Duration(n) * time.Second
		}
		got, err := parseDuration(text.String())
		if err != nil || got != want {
			t.Fatalf("%q: got %v, error %v, want %v", text.String(), got, err, want)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{
		"10", "10s", "5m", "12h", "1d", "1h30m", "off", "", "-1", "1.5s", "1s1m", "106751d",
		"106752d", "9223372036", "9223372037", "1d1", "00", "1D", "١s",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDuration(s)
		if err != nil {
			return
		}
		if d < 0 || d%time.Second != 0 {
			t.Errorf("%q: got %v", s, d)
		}
		again, err := parseDuration(fmt.Sprint(int64(d / time.Second)))
		if err != nil || again != d {
			t.Errorf("%q: got %v, and its seconds give %v, error %v", s, d, again, err)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"db", "db:1", "::1", "[::1]", "[::1]:5", "[::1%e]:5", "[0::]", "[0::]:1", "a:b:c", "[]", "[",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		again, err := parseAddress(a)
		if err != nil || again != a {
			t.Errorf("%q: got %q, and of that %q, error %v", s, a, again, err)
		}
	})
}

func FuzzPrefixSignalListen(f *testing.F) {
	for _, seed := range []string{
		"/msdha", "msdha/", "TERM", "sigint", "15", ":8008", "off", "[::1]:0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePrefix(s); err == nil && (p == "" || strings.HasSuffix(p, "/")) {
			t.Errorf("prefix %q gives %q", s, p)
		}
		if n, err := parseSignal(s); err == nil && (n < 1 || n > 64) {
			t.Errorf("signal %q gives %d", s, n)
		}
		if a, err := parseListen(s); err == nil && a != "" {
			if b, err := parseListen(a); err != nil || a != b {
				t.Errorf("listen %q gives %q, and that %q, error %v", s, a, b, err)
			}
		}
	})
}
