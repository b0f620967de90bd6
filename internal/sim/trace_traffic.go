package sim

import "fmt"

// traffic reports whether the trace tells what becomes of clients' writes.
func (w *World) traffic() bool { return w.trace != nil && w.sched.Traffic }

// tell says what becomes of a client's writes, if it is not what was last said.
func (w *World) tell(client int32, format string, args ...any) {
	t := w.trace
	for len(t.told) <= int(client) {
		t.told = append(t.told, "")
	}
	text := fmt.Sprintf(format, args...)
	if t.told[client] == text {
		return
	}
	name := w.actors[w.clients[client].front].name
	t.line(w, name, fmt.Sprintf("client%d: %s", client+1, text))
	t.told[client] = text
}

// tellEnd says how a session ends, and what is dropped with it.
func (w *World) tellEnd(i int32, c *client, reset bool) {
	node := w.actors[c.node].name
	switch {
	case !reset:
		w.tell(i, "the session to %s ends with the frontend's process", node)
	case len(c.kernel) > 0:
		w.tell(i, "the session to %s is reset, %d writes in the buffers are dropped", node, len(c.kernel))
	default:
		w.tell(i, "the session to %s is reset", node)
	}
}
