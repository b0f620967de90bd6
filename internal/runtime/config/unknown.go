package config

import (
	"slices"
	"strings"
)

// hookVariables are what hooks are given (SPEC H2). msdhactl, started by a
// hook, finds them in its environment; in that of an agent they have no effect.
var hookVariables = []string{
	"MSDHA_STATE", "MSDHA_EPOCH", "MSDHA_MASTER", "MSDHA_PREVIOUS_MASTER", "MSDHA_BOOTSTRAP",
	"MSDHA_GROUP_DATA", "MSDHA_MEMBERS", "MSDHA_MEMBERS_K", "MSDHA_REINIT",
	"MSDHA_FENCE_EPOCH", "MSDHA_FENCE_INCARNATION", "MSDHA_FENCE_ADDRESS", "MSDHA_FENCE_CONTAINER",
}

// hooksOwn begins the settings of hooks, which go through the agent unread: those
// of examples/postgresql. Its lib.sh knows their names, and refuses any other one.
const hooksOwn = "MSDHA_PG_"

// unknown warns of names that look like ours and are not, in their order.
func (l *loader) unknown() {
	names := make([]string, 0, len(l.env))
	for name := range l.env {
		if strings.HasPrefix(name, "MSDHA_") || strings.HasPrefix(name, "MSHDA_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		base, suffix := name, ""
		if b, ok := strings.CutSuffix(name, "_FILE"); ok {
			base, suffix = b, "_FILE"
		}
		v := lookupVariable(base)
		switch {
		case v != nil, name == typoOfName, strings.HasPrefix(name, hooksOwn):
		case !slices.Contains(hookVariables, name):
			l.warn(name, "there is no such variable, so it has no effect; "+
				"the nearest known name is "+nearest(base)+suffix)
		case l.settings.program != ProgramTools:
			l.warn(name, "it is what hooks are told, and has no effect here")
		}
	}
}

// nearest is the known name with the smallest distance; of several the first
// of the table.
func nearest(name string) string {
	best, least := "", 0
	for _, v := range table {
		if d := distance(name, v.name); best == "" || d < least {
			best, least = v.name, d
		}
	}
	return best
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours between two texts, by bytes (optimal string alignment).
func distance(a, b string) int {
	before := make([]int, len(b)+1) // the row before the last
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
