package kv

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEncodeWritesReadableJSON(t *testing.T) {
	tests := []struct {
		key  Key
		r    Record
		want string
	}{
		{NodeKey("a"), Record{State: "running_not_ready"}, `running_not_ready`},
		{Master, Record{
			Node: "a", Incarnation: 0x32695410dcc0ca06, Epoch: 7, Address: "a:5432",
			TTL: 10 * time.Second,
		}, `{"node":"a","incarnation":"32695410dcc0ca06","epoch":7,` +
			`"address":"a:5432","ttl":10}`},
		{
			EpochKey,
			Record{
				Epoch: 7, Node: "a", Incarnation: 255, Address: "a", Place: Place{Container: "c0ffee"},
				TTL: 2500 * time.Millisecond, Released: true, By: "guard",
				Unfenced: `[{"epoch":6,"node":"b"}]`, Since: 1767366245,
			},
			`{"epoch":7,"node":"a","incarnation":"ff","address":"a","container":"c0ffee","ttl":2.5,` +
				`"released":true,"by":"guard","unfenced":[{"epoch":6,"node":"b"}],` +
				`"since":"2026-01-02T15:04:05Z"}`,
		},
		{
			Config,
			Record{
				Members: "a b c", K: 1, Serial: 4, Armed: true, Anchor: "b", NextMembers: "a b", NextK: 1,
			},
			`{"members":["a","b","c"],"k":1,"version":4,"armed":true,"anchor":"b","next_members":["a","b"],"next_k":1}`,
		},
		{Control, Record{Request: RequestPause}, `{"request":"pause"}`},
		{
			Control,
			Record{Request: RequestSwitchover, Epoch: 7, Node: "b"},
			`{"request":"switchover","epoch":7,"node":"b"}`,
		},
		{Control, Record{}, `{}`},
		{
			NodeInfo("a"),
			Record{
				Address: "a", Place: Place{Container: "c"}, DataID: "d",
				Final: true, FinalFor: 7, Position: Position{Len: 2, At: [4]int64{7, 12}},
				Version: "1.0", TTL: 3 * time.Second, Priority: 2, Observer: true, HasFence: true,
				Serial: 4,
			},
			`{"address":"a","container":"c","data":"d","position":[7,12],"final":true,"final_for":7,` +
				`"version":"1.0","ttl":3,"priority":2,"observer":true,"has_fence":true,"config":4}`,
		},
		{NodeInfo("a"), Record{}, `{}`},
		{
			FrontendKey("f"),
			Record{Version: "1", TTL: 100 * time.Second, Address: "<f>&"},
			`{"version":"1","ttl":100,"address":"<f>&"}`,
		},
		{
			HistoryKey(7),
			Record{Epoch: 7, Node: "a", Incarnation: 1, Since: 1, Ended: "lease \"lost\""},
			`{"epoch":7,"node":"a","incarnation":"1","since":"1970-01-01T00:00:01Z",` +
				`"ended":"lease \"lost\""}`,
		},
		{
			Initialized,
			Record{Node: "a", Incarnation: 1, Running: true},
			`{"node":"a","incarnation":"1","running":true}`,
		},
		{Initialized, Record{Done: true, DataID: "6912"}, `{"done":true,"data":"6912"}`},
	}
	for _, tt := range tests {
		if got := Encode(tt.key, tt.r); got != tt.want {
			t.Errorf("Encode(%s) = %s, want %s", tt.key, got, tt.want)
		}
		if got := Decode(tt.key, []byte(tt.want)); got != tt.r {
			t.Errorf("Decode(%s, %s) = %+v, want %+v", tt.key, tt.want, got, tt.r)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	const master = `{"node":"a","incarnation":"1","epoch":7,"ttl":10}`
	with := func(old, replacement string) string {
		if !strings.Contains(master, old) {
			t.Fatalf("%q is not in %s", old, master)
		}
		return strings.Replace(master, old, replacement, 1)
	}
	tests := []struct {
		name  string
		key   Key
		value string
		why   string
	}{
		{"empty", Master, ``, `want a JSON object`},
		{"text", Master, `master`, `want a JSON object, not "master"`},
		{"null", Master, `null`, `want a JSON object, not "null"`},
		{"array", Master, `[]`, `want a JSON object`},
		{"two objects", Master, master + master, `want a JSON object`},
		{"cut off", Master, master[:20], `unexpected end`},
		{"not UTF-8", Master, with(`"a"`, "\"a\xff\""), `not UTF-8`},
		{"large", Master, with(`"a"`, `"`+strings.Repeat("a", MaxValue)+`"`), `at most 65536`},
		{"deep", Master, strings.Repeat(`[`, 20000), `want a JSON object`},
		{"no node", Master, with(`"node":"a",`, ``), `"node" is missing`},
		{"other case", Master, with(`"node"`, `"Node"`), `"node" is missing`},
		{"null node", Master, with(`"a"`, `null`), `"node" is missing`},
		{"empty node", Master, with(`"a"`, `""`), `must not be zero or empty`},
		{"node with slash", Master, with(`"a"`, `"a/b"`), `names no node`},
		{"reserved node", Master, with(`"a"`, `"_master"`), `names no node`},
		{"node is a number", Master, with(`"a"`, `1`), `want text, not "1"`},
		{"no incarnation", Master, with(`"incarnation":"1",`, ``), `"incarnation" is missing`},
		{"incarnation is a number", Master, with(`"1"`, `1`), `want a lease as hexadecimal text`},
		{"incarnation is a word", Master, with(`"1"`, `"lease"`), `hexadecimal digits`},
		{"incarnation is negative", Master, with(`"1"`, `"-1"`), `hexadecimal digits`},
		{"incarnation is zero", Master, with(`"1"`, `"0"`), `must not be zero`},
		{"incarnation of 64 bits", Master, with(`"1"`, `"8000000000000000"`), `hexadecimal digits`},
		{"no epoch", Master, with(`"epoch":7,`, ``), `"epoch" is missing`},
		{"epoch zero", Master, with(`7`, `0`), `must not be zero`},
		{"epoch negative", Master, with(`7`, `-7`), `want a whole number`},
		{"epoch fraction", Master, with(`7`, `7.5`), `want a whole number`},
		{"epoch text", Master, with(`7`, `"7"`), `want a whole number`},
		{"epoch too large", Master, with(`7`, `9223372036854775808`), `want a whole number`},
		{"no ttl", Master, with(`,"ttl":10`, ``), `"ttl" is missing`},
		{"ttl zero", Master, with(`10`, `0.0`), `must not be zero`},
		{"ttl below a nanosecond", Master, with(`10`, `1e-300`), `must not be zero`},
		{"ttl negative", Master, with(`10`, `-1`), `want a number of seconds`},
		{"ttl text", Master, with(`10`, `"10s"`), `want a number of seconds`},
		{"ttl too large", Master, with(`10`, `1e300`), `want a number of seconds`},
		{"ttl beyond float", Master, with(`10`, `1e999`), `want a number of seconds`},
		{"address is a list", Master, with(`"ttl"`, `"address":["a"],"ttl"`), `want text`},
		{"epoch without number", EpochKey, `{"node":"a"}`, `"epoch" is missing`},
		{"released is a number", EpochKey, `{"epoch":1,"released":1}`, `want true or false`},
		{"since is a number", EpochKey, `{"epoch":1,"since":1767366245}`, `want a time`},
		{"since is a date", EpochKey, `{"epoch":1,"since":"2026-01-02"}`, `want a time`},
		{"since before 1970", EpochKey, `{"epoch":1,"since":"1969-12-31T23:59:59Z"}`, `want a time`},
		{"unfenced is text", EpochKey, `{"epoch":1,"unfenced":"b"}`, `want a list`},
		{"configuration is text", Config, `members`, `want a JSON object`},
		{"control is empty", Control, ``, `want a JSON object`},
		{"negative priority", NodeInfo("a"), `{"priority":-1}`, `want a whole number`},
		{"history of another epoch", HistoryKey(7), `{"epoch":8}`, `not the key's`},
		{"history of no epoch", Key{KindHistory, "x"}, `{"epoch":8}`, `not the key's`},
		{"state empty", NodeKey("a"), ``, `the state is empty`},
		{"state with newline", NodeKey("a"), "master\n", `cannot be printed`},
		{"state with NUL", NodeKey("a"), "master\x00", `cannot be printed`},
		{"state with zero-width space", NodeKey("a"), "master\u200b", `cannot be printed`},
		{"state not UTF-8", NodeKey("a"), "master\xff", `cannot be printed`},
		{"state long", NodeKey("a"), strings.Repeat("master", 1000), `at most 1024`},
		{"no kind", Key{}, `{}`, `no record`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Decode(tt.key, []byte(tt.value))
			if !strings.Contains(got.Bad, tt.why) || !strings.Contains(got.Bad, tt.key.Path()) {
				t.Errorf("Bad = %q, want it to contain %q and the key %q", got.Bad, tt.why, tt.key)
			}
			checkDecoded(t, tt.key, []byte(tt.value), got)
		})
	}
}

func TestDecodeTolerates(t *testing.T) {
	tests := []struct {
		name  string
		key   Key
		value string
		want  Record
	}{
		{
			"unknown fields", Master, `{"v":2,"node":"a","incarnation":"1","epoch":7,"ttl":10,"x":{}}`,
			Record{Node: "a", Incarnation: 1, Epoch: 7, TTL: 10 * time.Second},
		},
		{
			"spaces, exponent", Master, "{ \"node\": \"a\",\n\"incarnation\":\"1\",\"epoch\":7,\"ttl\":1e1}",
			Record{Node: "a", Incarnation: 1, Epoch: 7, TTL: 10 * time.Second},
		},
		{"fields of other kinds", FrontendKey("f"), `{"epoch":"none","released":1}`, Record{}},
		{"fraction", NodeInfo("a"), `{"ttl":0.000000001}`, Record{TTL: 1}},
		{
			"more decimals than nanoseconds", NodeInfo("a"), `{"ttl":2.50000000049}`,
			Record{TTL: 2500 * time.Millisecond},
		},
		{
			"zone", EpochKey, `{"epoch":1,"since":"1970-01-01T01:00:01.9+01:00"}`,
			Record{Epoch: 1, Since: 1},
		},
		{"null list", EpochKey, `{"epoch":1,"unfenced":null}`, Record{Epoch: 1}},
		{
			"list with spaces", EpochKey, `{"epoch":1,"unfenced":[ 1, {"a" : 2} ]}`,
			Record{Epoch: 1, Unfenced: `[1,{"a":2}]`},
		},
		{"unknown state", NodeKey("a"), "resting, see ticket 7", Record{State: "resting, see ticket 7"}},
		{"foreign", Key{KindForeign, "a/b"}, "\x1b[2J", Record{State: `\x1b[2J`}},
		{"foreign master", Key{KindForeign, "a/b"}, "master", Record{State: "master"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Decode(tt.key, []byte(tt.value))
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			checkDecoded(t, tt.key, []byte(tt.value), got)
		})
	}
}

// checkDecoded holds for every value that anybody may have written.
func checkDecoded(t interface{ Errorf(string, ...any) }, k Key, value []byte, r Record) {
	if (r.State == StateMaster) != ((k.Kind == KindNode || k.Kind == KindForeign) &&
		string(value) == StateMaster) {
		t.Errorf("%s: %q reads as the state %q", k, clip(value), r.State)
	}
	if r.Bad != "" && r != (Record{Bad: r.Bad, State: r.State}) {
		t.Errorf("%s: a bad record says more than its fault: %+v", k, r)
	}
	if len(r.Bad) > 1000+4*len(k.Name) || len(r.State) > 5*MaxState {
		t.Errorf("%s: %d bytes of complaint, %d of state", k, len(r.Bad), len(r.State))
	}
	if r.Bad != "" || k.Kind == KindForeign {
		return
	}
	if again := Decode(k, []byte(Encode(k, r))); again != r {
		t.Errorf("%s: %q reads as %+v, which when written reads as %+v", k, clip(value), r, again)
	}
}

func TestEncodeDecodeIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, r := drawRecord(t)
		if got := Decode(k, []byte(Encode(k, r))); got != r {
			t.Fatalf("%s: wrote %s of %+v, read %+v", k, Encode(k, r), r, got)
		}
	})
}

func TestEveryKindHasALayout(t *testing.T) {
	for kind := KindMaster; kind < KindForeign; kind++ {
		if len(layout[kind]) == 0 {
			t.Errorf("kind %d (%s) has no fields", kind, Key{Kind: kind})
		}
	}
}

func FuzzDecode(f *testing.F) {
	seeds := []string{
		`master`, `{"node":"a","incarnation":"ff","epoch":7,"address":"a:1","ttl":10.5}`,
		`{"epoch":7,"released":true,"unfenced":[{"epoch":6}],"since":"2026-01-02T15:04:05Z"}`,
		`{"running":true,"done":false,"data":"x"}`, `{"final_for":7,"priority":1,"observer":true}`,
		`{"epoch":1,"ended":"x"}`, "\xff\x00", `{"ttl":1e-999,"epoch":18446744073709551616}`, ``,
	}
	for _, s := range seeds {
		for kind := KindNone; kind <= KindForeign; kind++ {
			f.Add(uint8(kind), "1", []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, name string, value []byte) {
		k := Key{Kind: Kind(kind % uint8(KindForeign+1)), Name: name}
		checkDecoded(t, k, value, Decode(k, value))
	})
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{
		"a", "_master", "_epoch", "_nodes/a", "_nodes/", "_nodes/a/b", "_nodes/_a", "_history/7",
		"_frontends/f", "_x", "a/b", "", "/", "..", "_master/", "MASTER", "a\x00", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		k := ParseKey(path)
		if k.Path() != path {
			t.Errorf("ParseKey(%q) = %#v, whose path is %q", path, k, k.Path())
		}
		if k.Kind == KindNode && (ValidName(path) != nil || strings.HasPrefix(path, "_")) {
			t.Errorf("%q is taken for a node's key", path)
		}
		if k.Kind == KindMaster && path != "_master" || k.Kind == KindNone {
			t.Errorf("%q is taken for %#v", path, k)
		}
	})
}
