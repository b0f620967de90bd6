package main

import (
	"context"

	"msdha/internal/fsm"
	"msdha/internal/runtime"
	"msdha/internal/runtime/engine"
)

// witnessed is an engine in the words of the machine.
type witnessed struct{ *engine.Client }

// Inspect is runtime.Engine's.
func (w witnessed) Inspect(ctx context.Context, id string) (fsm.ContainerState, error) {
	s, err := w.Client.Inspect(ctx, id)
	return fsm.ContainerState{
		Known: s.Known, Status: s.Status, Running: s.Running, Paused: s.Paused, Restarting: s.Restarting,
		PID: s.PID, SharesPIDs: s.SharesPIDs, Root: runtime.RootName(s.UpperDir),
	}, err
}
