package config

import (
	"errors"
	"strings"
	"time"

	"msdha/internal/fsm/kv"
)

// minSoundTTL is the TTL below which a warning is due (SPEC C, MSDHA_TTL).
const minSoundTTL = 3 * time.Second

// typoOfName is how the README of the shell original spelled MSDHA_NAME.
const typoOfName = "MSHDA_NAME"

// httpListen is the one variable that is also read alone.
const httpListen = "MSDHA_HTTP_LISTEN"

// The two ends of the filter before an engine.
const (
	engineSocket = "MSDHA_ENGINE"
	engineProxy  = "MSDHA_ENGINE_PROXY"
)

// defaults are texts that go through the parser of their variable, by program;
// everyProgram stands for those that are not named.
type defaults map[Program]string

func all(text string) defaults { return defaults{everyProgram: text} }

// variable is a row of the table.
type variable struct {
	name     string
	who      Program
	required Program // the programs that do not start without it
	defaults defaults
	// defaultText describes a default that is not a constant.
	defaultText string
	meaning     string
	form        string // the accepted form, after "want"
	// unbuilt names the feature that is still missing; such a row has no set.
	unbuilt string
	typo    string // a misspelling that is accepted with a warning
	show    func(string) string
	set     func(c *settings, value string) error
}

// display is the value as it may be printed.
func (v *variable) display(value string) string {
	if v.show == nil || value == "" {
		return value
	}
	return v.show(value)
}

// defaultValue is the text that a program's default is parsed from, if any.
func (v *variable) defaultValue(p Program) string {
	if text := v.defaults[p]; text != "" {
		return text
	}
	return v.defaults[everyProgram]
}

func hide(string) string { return redacted }

func lookupVariable(name string) *variable {
	if i := rank(name); i < len(table) {
		return &table[i]
	}
	return nil
}

// rank is the row of a variable; faults are reported in this order. The fault
// of an X_FILE stands where X does.
func rank(name string) int {
	for i := range table {
		if n := table[i].name; name == n || name == n+"_FILE" || name == table[i].typo {
			return i
		}
	}
	return len(table)
}

// into makes a setter of a parser and the place its result goes to.
func into[T any](
	parse func(string) (T, error), place func(*settings) *T,
) func(*settings, string) error {
	return func(c *settings, text string) error {
		value, err := parse(text)
		if err == nil {
			*place(c) = value
		}
		return err
	}
}

// choice makes a parser of two words; true stands for the second.
func choice(first, second string) func(string) (bool, error) {
	return func(text string) (bool, error) { return parseChoice(text, first, second) }
}

func asIs(text string) (string, error) { return text, nil }

// validName drops the second half of kv's message, which repeats formName.
func validName(text string) (string, error) {
	if err := kv.ValidName(text); err != nil {
		reason, _, _ := strings.Cut(err.Error(), "; use ")
		return "", errors.New(reason)
	}
	return text, nil
}

var setName = into(validName, func(c *settings) *string { return &c.common.Name })

func parseRecord(text string) (string, error) {
	if text == "off" {
		return "", nil
	}
	path, err := parsePath(text)
	if strings.HasSuffix(text, "/") && !strings.HasSuffix(path, "/") {
		path += "/" // it says that this is a directory
	}
	return path, err
}

func setHookTimeout(hook string) func(*settings, string) error {
	return func(c *settings, text string) error {
		d, err := parseOptional(text)
		if err != nil {
			return err
		}
		if c.backend.HookTimeouts == nil {
			c.backend.HookTimeouts = map[string]time.Duration{}
		}
		c.backend.HookTimeouts[hook] = d
		return nil
	}
}

// setHookTimeouts sets the hooks to which SPEC H4 gives no time of their own.
// Those that have one keep it: a minute for all must not cut a base backup in
// pre_start short. Rows of single hooks come after it and win.
func setHookTimeouts(c *settings, text string) error {
	for _, hook := range otherHooks {
		if err := setHookTimeout(hook)(c, text); err != nil {
			return err
		}
	}
	return nil
}

const (
	formDuration = "a duration above zero, such as 10, 10s, 5m, 12h, 1d or 1h30m"
	formOptional = "a duration, such as 10, 10s, 5m, 12h, 1d or 1h30m, or off"
	formName     = "letters, digits, '.', '_' and '-', not beginning with '_'"
	formBool     = "true or false"
	formSignal   = "a signal, such as TERM, SIGTERM or 15"
	formPEM      = "the path of a PEM file"
	formDir      = "an absolute path"
	formSocket   = "the path of a Unix socket, such as unix:///var/run/docker.sock"
)
