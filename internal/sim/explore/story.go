package explore

import (
	"fmt"
	"strings"
)

// tellCourse writes a course down as a story: the scope, then one action a line,
// each with what came of it.
func tellCourse(scope *Scope, course []action) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%v\n", *scope)
	for _, a := range course {
		fmt.Fprintf(&text, "%v\n", a)
	}
	return text.String()
}
