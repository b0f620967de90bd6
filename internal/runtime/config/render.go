package config

import (
	"fmt"
	"strings"
)

var programNames = []struct {
	program Program
	name    string
}{
	{ProgramBackend, "backend"},
	{ProgramFrontend, "frontend"},
	{ProgramTools, "msdhactl"},
	{ProgramWitness, "witness"},
}

// String lists the programs of a set.
func (p Program) String() string {
	switch p {
	case everyProgram:
		return "all"
	case ofOneGroup:
		return "all but witness"
	}
	var names []string
	for _, n := range programNames {
		if p&n.program != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}

// Markdown is the table of variables for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| Name | Who | Default | Meaning |\n|---|---|---|---|\n")
	for i := range table {
		v := &table[i]
		meaning := v.meaning
		if v.unbuilt != "" {
			meaning += " (*not built yet: refused*)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.name, v.who, v.defaultCell(), meaning)
	}
	return b.String()
}

// Help is the part of a program's --help that explains its environment.
// Variables whose features are not built are left out.
func Help(p Program) string {
	var b strings.Builder
	b.WriteString("Environment (X_FILE gives any X from a file):\n")
	for i := range table {
		v := &table[i]
		if v.who&p == 0 || v.unbuilt != "" {
			continue
		}
		value := "default: " + strings.ReplaceAll(v.defaultFor(p), "`", "")
		if v.required&p != 0 {
			value = "required"
		}
		if value == "default: " {
			value = "not set by default"
		}
		fmt.Fprintf(&b, "  %s (%s)\n", v.name, value)
		for _, line := range wrap(strings.ReplaceAll(v.meaning, "`", ""), 74) {
			b.WriteString("      " + line + "\n")
		}
	}
	return b.String()
}

// defaultFor is a program's default in words.
func (v *variable) defaultFor(p Program) string {
	if v.defaultText != "" {
		return v.defaultText
	}
	return v.defaultValue(p)
}

// defaultCell is the default of all programs in words.
func (v *variable) defaultCell() string {
	switch {
	case v.required != 0:
		return "required"
	case v.defaultText != "":
		return v.defaultText
	case v.defaults[everyProgram] != "":
		return "`" + v.defaults[everyProgram] + "`"
	}
	var cells []string
	for _, n := range programNames {
		if text := v.defaults[n.program]; text != "" {
			cells = append(cells, "`"+text+"` "+n.name)
		}
	}
	if cells == nil {
		return "none"
	}
	return strings.Join(cells, ", ")
}

// wrap breaks a text at spaces into lines of at most width bytes.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
