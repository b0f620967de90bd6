package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "***"

// Secret is a password. However it is printed, logged or marshalled, it shows
// as "***"; Reveal is the one way to its text.
type Secret string

// Reveal returns the password itself, for the client that logs in with it.
func (s Secret) Reveal() string { return string(s) }

// String returns "***", or nothing for an empty secret, so that a reader of a
// log can tell a missing password from a hidden one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format makes every verb of fmt, %#v and %x included, print what String does.
func (s Secret) Format(f fmt.State, _ rune) {
	// A fmt.State reports no error that could be acted on.
	_, _ = io.WriteString(f, s.String())
}

// MarshalText hides the password from encoders such as encoding/json.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the password from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
