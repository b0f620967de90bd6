package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what Decode takes seriously. Our own values are far below them; a
// larger one was written by somebody else and must cost neither memory nor log.
const (
	MaxValue = 64 << 10 // bytes of a record
	MaxState = 1 << 10  // bytes of a node's state
)

// Encode gives the value under which r is stored at k: the state itself for a
// node's key (SPEC K1), JSON with readable names for ours (SPEC K2). It cannot
// fail; a record that breaks Decode's rules comes back from it as Bad.
func Encode(k Key, r Record) string {
	switch {
	case k.Kind == KindNode, k.Kind == KindForeign:
		return r.State
	case r.Raw != "":
		return r.Raw
	}
	var b strings.Builder
	b.WriteByte('{')
	for _, f := range layout[k.Kind] {
		value := f.put(&r)
		if value == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(quote(f.name) + ":" + value)
	}
	b.WriteByte('}')
	return b.String()
}

// Decode reads the value stored at k. It never fails: what does not parse gives
// a record with nothing but Bad, a sentence that names the key (SPEC K3). Unknown
// fields are ignored, so that an older version can read a newer one's records.
func Decode(k Key, value []byte) Record {
	switch k.Kind {
	case KindNode:
		state, why := readState(value)
		return Record{State: state, Bad: complain(k, why)}
	case KindForeign:
		// Nobody promised that a foreign key makes sense; it is only shown.
		state, _ := readState(value)
		return Record{State: state}
	}
	r, err := readObject(k, value)
	if err != nil {
		return Record{Bad: complain(k, err.Error())}
	}
	return r
}

func complain(k Key, why string) string {
	if why == "" {
		return ""
	}
	return fmt.Sprintf("cannot read the key %q: %s", k.Path(), why)
}

// readState returns text that is safe to print, and why it is not a state.
// Whatever is altered contains a backslash or is long: only a value that is
// exactly "master" reads as that.
func readState(value []byte) (state, why string) {
	switch {
	case len(value) > MaxState:
		why = fmt.Sprintf("the state has %d bytes; at most %d are allowed", len(value), MaxState)
		return escape(value[:MaxState]) + "…", why
	case len(value) == 0:
		return "", "the state is empty"
	case !utf8.Valid(value) || bytes.ContainsFunc(value, unprintable):
		return escape(value), "the state " + clip(value) + " contains characters that cannot be printed"
	}
	return string(value), ""
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func escape(value []byte) string {
	quoted := strconv.Quote(string(value))
	return quoted[1 : len(quoted)-1]
}

// clip quotes a value for a message, shortened.
func clip(value []byte) string {
	const limit = 40
	if len(value) > limit {
		return fmt.Sprintf("%q…", value[:limit])
	}
	return strconv.Quote(string(value))
}

func readObject(k Key, value []byte) (Record, error) {
	if len(value) > MaxValue {
		return Record{}, fmt.Errorf("the value has %d bytes; at most %d are allowed",
			len(value), MaxValue)
	}
	if !utf8.Valid(value) {
		return Record{}, fmt.Errorf("the value %s is not UTF-8", clip(value))
	}
	// A map rather than a struct: names are matched exactly, and a wrong type is
	// reported with the name of the field instead of the name of a Go type.
	var object map[string]json.RawMessage
	if err := json.Unmarshal(value, &object); err != nil {
		return Record{}, fmt.Errorf("want a JSON object, not %s: %w", clip(value), err)
	}
	if object == nil {
		return Record{}, fmt.Errorf("want a JSON object, not %s", clip(value))
	}
	var r Record
	if k.Kind == KindNone {
		return r, fmt.Errorf("this kind of key has no record")
	}
	for _, f := range layout[k.Kind] {
		raw, ok := object[f.name]
		if !ok || string(raw) == "null" {
			raw = nil
		}
		if raw == nil && !f.required {
			continue
		}
		if raw == nil {
			return Record{}, fmt.Errorf("the field %q is missing", f.name)
		}
		if err := f.get(&r, raw); err != nil {
			return Record{}, fmt.Errorf("the field %q is wrong: %w", f.name, err)
		}
		if f.required && f.put(&r) == "" {
			return Record{}, fmt.Errorf("the field %q is %s; it must not be zero or empty",
				f.name, clip(raw))
		}
	}
	switch k.Kind {
	case KindHistory:
		if HistoryKey(r.Epoch) != k {
			return Record{}, fmt.Errorf("the field \"epoch\" is %d, which is not the key's", r.Epoch)
		}
	case KindConfig:
		if err := r.checkConfig(); err != nil {
			return Record{}, err
		}
	case KindControl:
		if err := r.checkControl(); err != nil {
			return Record{}, err
		}
	}
	return r, nil
}
