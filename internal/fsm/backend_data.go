package fsm

// What a node makes of its data before it runs on it (SPEC P2).

func inspectAgain(b *Backend, _ Instant, _ *Event, out *Effects) { b.runHook(HookData, out) }

func dataUnchecked(b *Backend, ev *Event) bool { return b.hasData && ev.Hook == HookPreStart }

// wrongData: after pre_start the data must be the group's, where there is one.
func wrongData(b *Backend, ev *Event) bool {
	i := &b.facts.Init
	return ev.Hook == HookData && (b.data == "" || i.Done && i.DataID != b.data)
}
