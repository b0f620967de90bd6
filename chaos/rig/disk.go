package rig

import (
	"context"
	"fmt"
	"strings"
)

// Fill leaves no room on the volume of the member's data.
func (c *Cluster) Fill(ctx context.Context, m *Member) error {
	path := "/volumes/" + m.Name + "/fill"
	out, err := c.holder.Exec(ctx, "root", "dd", "if=/dev/zero", "of="+path, "bs=1M")
	if err == nil || !strings.Contains(out, "No space left") {
		return fmt.Errorf("cannot fill the volume of %s: %v: %s", m.Name, err, quiet([]byte(out)))
	}
	return nil
}

// Empty gives it its room back.
func (c *Cluster) Empty(ctx context.Context, m *Member) error {
	_, err := c.holder.Exec(ctx, "root", "rm", "-f", "/volumes/"+m.Name+"/fill")
	return err
}

// NewLogSegment makes PostgreSQL need the next segments of its log, as a burst of
// writes would. Its answer does not matter: a full disk is what it will meet.
func (c *Cluster) NewLogSegment(ctx context.Context, m *Member) {
	for range 24 { // some may be there in advance
		_, _ = query[string](ctx, m, `select pg_logical_emit_message(true, 'chaos', 'x')::text || pg_switch_wal()`)
	}
}
