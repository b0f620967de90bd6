package demo

import "strings"

// quiet transitions are the routine of joining.
var quiet = map[string]bool{
	"Inspecting": true, "Granting": true, "Registering": true, "Listing": true, "Starting": true,
	"NotReady": true, "Readying": true, "Vacant": true, "Leaving": true,
}

// showLog shows a line of an agent's log: transitions with their reason, and what
// went wrong. The whole log is in a file.
func (d *demo) showLog(name, line string) {
	t := d.timeline
	l, ok := parseLog(line)
	switch {
	case !ok:
		t.Say("%-3s %s", name, strings.TrimSpace(line))
	case l.Msg == "transition" && !quiet[l.To]:
		t.Say("%-3s %s -> %s: %s", name, l.From, l.To, l.Why)
	case l.Msg == "ends":
		t.Say("%-3s ends: %s", name, l.Cause)
	case l.Level == "ERROR":
		t.Say("%-3s %s %s", name, l.Msg, strings.TrimSpace(strings.Join(
			[]string{l.Hook, l.Outcome, l.Error, l.Fault, l.LastError}, " ")))
	}
}
