// Package markdown writes tables that are readable as they are, and puts them
// between the marks of a document.
package markdown

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is lines of cells, the first one being the heading. All have as many.
func Table(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, text := range l {
			widths[i] = max(widths[i], utf8.RuneCountInString(text), 3)
		}
	}
	rule := make([]string, len(widths))
	for i, w := range widths {
		rule[i] = strings.Repeat("-", w)
	}
	var b strings.Builder
	for _, l := range slices.Insert(slices.Clone(lines), 1, rule) {
		for i, text := range l {
			fmt.Fprintf(&b, "| %-*s ", widths[i], text)
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// Replace puts a part between two marks: a line that begins with the first one, and
// the second one.
func Replace(text, begin, end, part string) (string, error) {
	head, rest, ok := strings.Cut(text, begin)
	mark, rest, line := strings.Cut(rest, "\n")
	_, tail, ended := strings.Cut(rest, end)
	if !ok || !line || !ended {
		return "", fmt.Errorf("there is no line that begins with %q and no %q after it", begin, end)
	}
	return head + begin + mark + "\n" + part + end + tail, nil
}
