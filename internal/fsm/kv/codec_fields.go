package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxSeconds is the longest TTL that etcd grants (clientv3.MaxLeaseTTL).
const maxSeconds = 9_000_000_000

// field is one field of a JSON record. put gives its JSON, "" for a zero value,
// which is left out; get takes what put gave, or what somebody else wrote.
type field struct {
	name     string
	required bool
	put      func(*Record) string
	get      func(*Record, json.RawMessage) error
}

// need marks a field as required and not zero.
func need(f field) field {
	f.required = true
	return f
}

var (
	fieldNode        = named("node", func(r *Record) *string { return &r.Node })
	fieldIncarnation = lease("incarnation", func(r *Record) *LeaseID { return &r.Incarnation })
	fieldEpoch       = whole("epoch", func(r *Record) *Epoch { return &r.Epoch })
	fieldAddress     = text("address", func(r *Record) *string { return &r.Address })
	fieldContainer   = text("container", func(r *Record) *string { return &r.Container })
	fieldData        = text("data", func(r *Record) *string { return &r.DataID })
	fieldBoot        = text("boot", func(r *Record) *string { return &r.Boot })
	fieldPIDs        = text("pid_namespace", func(r *Record) *string { return &r.PIDNamespace })
	fieldRoot        = text("root", func(r *Record) *string { return &r.Root })
	fieldVersion     = text("version", func(r *Record) *string { return &r.Version })
	fieldTTL         = seconds("ttl", func(r *Record) *time.Duration { return &r.TTL })
	fieldBy          = text("by", func(r *Record) *string { return &r.By })
	fieldHow         = text("how", func(r *Record) *Means { return &r.How })
	fieldSince       = instant("since", func(r *Record) *int64 { return &r.Since })
)

// layout is the whole of SPEC K2: which record has which fields, in the order
// in which they are written.
var layout = map[Kind][]field{
	KindMaster: {
		need(fieldNode), need(fieldIncarnation), need(fieldEpoch), fieldAddress, need(fieldTTL),
	},
	KindEpoch: {
		need(fieldEpoch), fieldNode, fieldIncarnation, fieldAddress, fieldContainer, fieldBoot, fieldPIDs,
		fieldRoot, fieldTTL,
		flag("released", func(r *Record) *bool { return &r.Released }), fieldBy, fieldHow,
		list("unfenced", func(r *Record) *string { return &r.Unfenced }),
		fieldSince,
	},
	KindInitialized: {
		fieldNode, fieldIncarnation,
		flag("running", func(r *Record) *bool { return &r.Running }),
		flag("done", func(r *Record) *bool { return &r.Done }),
		fieldData,
	},
	KindNodeInfo: {
		fieldAddress, fieldContainer, fieldBoot, fieldPIDs, fieldRoot, fieldData,
		position("position", func(r *Record) *Position { return &r.Position }),
		flag("final", func(r *Record) *bool { return &r.Final }),
		whole("final_for", func(r *Record) *Epoch { return &r.FinalFor }),
		fieldVersion, fieldTTL,
		whole("priority", func(r *Record) *int { return &r.Priority }),
		flag("observer", func(r *Record) *bool { return &r.Observer }),
		flag("has_fence", func(r *Record) *bool { return &r.HasFence }),
		whole("config", func(r *Record) *int64 { return &r.Serial }), fieldSince,
	},
	KindConfig: {
		need(members("members", func(r *Record) *Names { return &r.Members })),
		whole("k", func(r *Record) *int { return &r.K }),
		whole("version", func(r *Record) *int64 { return &r.Serial }),
		flag("armed", func(r *Record) *bool { return &r.Armed }),
		named("anchor", func(r *Record) *string { return &r.Anchor }),
		members("next_members", func(r *Record) *Names { return &r.NextMembers }),
		whole("next_k", func(r *Record) *int { return &r.NextK }),
	},
	KindControl: {
		text("request", func(r *Record) *string { return &r.Request }),
		fieldEpoch, fieldNode, fieldIncarnation,
	},
	KindFrontend: {fieldVersion, fieldTTL, fieldAddress},
	KindHistory: {
		need(fieldEpoch), fieldNode, fieldIncarnation, fieldSince,
		text("ended", func(r *Record) *string { return &r.Ended }), fieldBy, fieldHow,
	},
}

func text[T ~string](name string, at func(*Record) *T) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if *at(r) == "" {
				return ""
			}
			return quote(string(*at(r)))
		},
		get: func(r *Record, raw json.RawMessage) error {
			if raw[0] != '"' {
				return fmt.Errorf("want text, not %s", clip(raw))
			}
			return json.Unmarshal(raw, at(r))
		},
	}
}

// named is the name of a node: empty, or what ValidName accepts.
func named(name string, at func(*Record) *string) field {
	f := text(name, at)
	f.get = func(r *Record, raw json.RawMessage) error {
		if err := text(name, at).get(r, raw); err != nil || *at(r) == "" {
			return err
		}
		if err := ValidName(*at(r)); err != nil {
			return fmt.Errorf("%s names no node, it must have letters, digits, '.', '_' or '-' only "+
				"and not begin with '_'", clip(raw))
		}
		return nil
	}
	return f
}

// members is a list of nodes. It is read sorted, and must not repeat a name.
func members(name string, at func(*Record) *Names) field {
	return field{
		name: name,
		put: func(r *Record) string {
			var quoted []string
			for _, n := range at(r).List() {
				quoted = append(quoted, quote(n))
			}
			if len(quoted) == 0 {
				return ""
			}
			return "[" + strings.Join(quoted, ",") + "]"
		},
		get: func(r *Record, raw json.RawMessage) error {
			var list []string
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("want a list of nodes, not %s", clip(raw))
			}
			names, err := NewNames(list)
			*at(r) = names
			return err
		},
	}
}

// position is a list of at most len(Position.At) integers.
func position(name string, at func(*Record) *Position) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if at(r).Len == 0 {
				return ""
			}
			return "[" + strings.ReplaceAll(at(r).String(), " ", ",") + "]"
		},
		get: func(r *Record, raw json.RawMessage) error {
			var list []int64
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("want a list of whole numbers, not %s", clip(raw))
			}
			p, err := NewPosition(list)
			*at(r) = p
			return err
		},
	}
}

// list is any JSON that is carried along; what is not JSON is kept as text.
func list(name string, at func(*Record) *string) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if s := *at(r); s == "" || json.Valid([]byte(s)) {
				return s
			}
			return quote(*at(r))
		},
		get: func(r *Record, raw json.RawMessage) error {
			if raw[0] != '[' {
				return fmt.Errorf("want a list, not %s", clip(raw))
			}
			var b bytes.Buffer
			err := json.Compact(&b, raw)
			*at(r) = b.String()
			return err
		},
	}
}

func flag(name string, at func(*Record) *bool) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if *at(r) {
				return "true"
			}
			return ""
		},
		get: func(r *Record, raw json.RawMessage) error {
			if s := string(raw); s != "true" && s != "false" {
				return fmt.Errorf("want true or false, not %s", clip(raw))
			}
			*at(r) = string(raw) == "true"
			return nil
		},
	}
}

func whole[T ~int | ~int64](name string, at func(*Record) *T) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if *at(r) == 0 {
				return ""
			}
			return strconv.FormatInt(int64(*at(r)), 10)
		},
		get: func(r *Record, raw json.RawMessage) error {
			n, err := strconv.ParseInt(string(raw), 10, 64)
			if err != nil || n < 0 || int64(T(n)) != n {
				return fmt.Errorf("want a whole number from 0 to 2^63-1, not %s", clip(raw))
			}
			*at(r) = T(n)
			return nil
		},
	}
}

func lease(name string, at func(*Record) *LeaseID) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if *at(r) == 0 {
				return ""
			}
			return quote(at(r).String())
		},
		get: func(r *Record, raw json.RawMessage) error {
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return fmt.Errorf("want a lease as hexadecimal text, not %s", clip(raw))
			}
			n, err := strconv.ParseUint(s, 16, 63)
			if err != nil {
				return fmt.Errorf("want a lease in hexadecimal digits as etcdctl prints it, not %s",
					clip(raw))
			}
			*at(r) = LeaseID(n)
			return nil
		},
	}
}

// instant is RFC 3339 in JSON, because people read it, and Unix seconds in Go.
func instant(name string, at func(*Record) *int64) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if *at(r) == 0 {
				return ""
			}
			return quote(time.Unix(*at(r), 0).UTC().Format(time.RFC3339))
		},
		get: func(r *Record, raw json.RawMessage) error {
			var s string
			err := json.Unmarshal(raw, &s)
			t, errTime := time.Parse(time.RFC3339, s)
			if err != nil || errTime != nil || t.Unix() < 0 {
				return fmt.Errorf("want a time since 1970 as in %q, not %s",
					"2026-01-02T15:04:05Z", clip(raw))
			}
			*at(r) = t.Unix()
			return nil
		},
	}
}

func seconds(name string, at func(*Record) *time.Duration) field {
	return field{
		name: name,
		put: func(r *Record) string {
			if *at(r) == 0 {
				return ""
			}
			return formatSeconds(*at(r))
		},
		get: func(r *Record, raw json.RawMessage) error {
			d, ok := parseSeconds(string(raw))
			if !ok {
				return fmt.Errorf("want a number of seconds from 0 to %d, not %s", maxSeconds, clip(raw))
			}
			*at(r) = d
			return nil
		},
	}
}

// formatSeconds is exact: 2500000001 ns is 2.500000001.
func formatSeconds(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign = "-"
	}
	s := fmt.Sprintf("%s%d.%09d", sign, (d / time.Second).Abs(), (d % time.Second).Abs())
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// parseSeconds reads a JSON number, exactly where it has at most nine decimals.
func parseSeconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || s[0] == '-' || f > maxSeconds {
		return 0, false
	}
	digits, fraction, _ := strings.Cut(s, ".")
	if strings.ContainsAny(s, "eE") || len(fraction) > 9 {
		return time.Duration(math.Round(f * float64(time.Second))), true
	}
	nanos := digits + fraction + strings.Repeat("0", 9-len(fraction))
	n, err := strconv.ParseInt(nanos, 10, 64)
	return time.Duration(n), err == nil
}

// quote is a JSON string without the escapes meant for HTML.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // no string makes the encoder fail
	}
	return strings.TrimSuffix(b.String(), "\n")
}
