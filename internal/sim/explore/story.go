package explore

import (
	"fmt"
	"slices"
	"strings"
)

// IsStory reports whether a text is a story of this package: its first line that
// is neither empty nor a comment is a scope's.
func IsStory(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return strings.HasPrefix(line+" ", Head)
		}
	}
	return false
}

// tellCourse writes a course down as a story: the scope, then one action a line,
// each with what came of it as comments. Replay reads it.
func tellCourse(scope *Scope, course []action) string {
	text, _, err := tell(scope, course)
	if err != nil {
		return fmt.Sprintf("%s# cannot replay it: %v\n", text, err)
	}
	return text
}

// Replay runs a story again, and tells it with what its actions come to. The
// violation is nil if nothing was violated.
func Replay(text string) (string, *Violation, error) {
	var scope *Scope
	var course []action
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if scope == nil {
			s, err := ParseScope(line)
			if err != nil {
				return "", nil, err
			}
			scope = &s
			continue
		}
		a, err := parseAction(line)
		if err != nil {
			return "", nil, err
		}
		course = append(course, a)
	}
	if scope == nil {
		return "", nil, fmt.Errorf("the story is empty: want a line that begins with %q", Head)
	}
	return tell(scope, course)
}

// OtherCourse says that the machines of today do not do what a story tells: it
// was found with others, say before a bug was mended.
type OtherCourse struct {
	Number int // of the action that is not possible any more
	Action string
}

func (e *OtherCourse) Error() string {
	return fmt.Sprintf("the machines take another course: action %d, %q, is not possible there; "+
		"nothing was violated until then", e.Number, e.Action)
}

// tell runs a course from the beginning.
func tell(scope *Scope, course []action) (string, *Violation, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%v\n", *scope)
	b := newBuilder(*scope)
	s, err := b.root()
	if err != nil {
		return text.String(), nil, err
	}
	b.say = func(format string, args ...any) { fmt.Fprintf(&text, "#   "+format+"\n", args...) }
	for i, a := range course {
		if !b.allows(s, a) {
			return text.String(), nil, &OtherCourse{i + 1, a.String()}
		}
		fmt.Fprintf(&text, "%v\n", a)
		into := new(state)
		b.choices = chooser{mode: given, rest: a.way}
		b.apply(s, a, into)
		if b.bad != nil {
			return text.String(), b.bad, nil
		}
		s = into
	}
	if v := b.rests(s); v != nil {
		fmt.Fprintf(&text, "#   VIOLATION %v\n", v)
		return text.String(), v, nil
	}
	return text.String(), nil, nil
}

// allows reports whether the action is one of those that the state allows.
func (b *builder) allows(s *state, a action) bool {
	a.way = 0
	return slices.Contains(b.enabled(s, nil), a)
}

// rests looks whether nothing but a fault changes the state any more, and
// whether that is as it should be.
func (b *builder) rests(s *state) *Violation {
	say := b.say
	b.say = nil
	defer func() { b.say = say }()
	c := canon{scope: &b.scope}
	was := c.fingerprint(s)
	for _, a := range b.enabled(s, nil) {
		if costs[a.kind] != numFaults {
			continue
		}
		b.choices = chooser{}
		for b.choices.start(); ; {
			into := new(state)
			b.apply(s, a, into)
			if into.budget == s.budget && c.fingerprint(into) != was {
				return nil
			}
			if !b.choices.again() {
				break
			}
		}
	}
	return b.stuck(s)
}
