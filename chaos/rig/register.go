package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"msdha/internal/evidence"
)

// Register is used by clients through the frontends during one scenario.
type Register struct {
	*evidence.Register
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// StartRegister creates its tables on the master and starts two clients through
// each frontend, who draw what they ask from the seed.
func (c *Cluster) StartRegister(ctx context.Context, seed uint64) (*Register, error) {
	master := c.Node(c.Observer.Master().Node)
	if master == nil {
		return nil, errors.New("cannot create a register without a master")
	}
	c.registers++
	r := &Register{Register: evidence.NewRegister(seed)}
	r.Table = fmt.Sprintf("register%d", c.registers)
	if err := r.Prepare(ctx, dsn(master)); err != nil {
		return nil, err
	}
	clients, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	for _, f := range c.Fronts {
		for i := range 2 {
			name := fmt.Sprintf("%s-%d", f.Name, i+1)
			r.wait.Go(func() { r.Run(clients, name, 0, func() string { return dsn(f) }) })
		}
	}
	return r, nil
}

// Stop ends the clients.
func (r *Register) Stop() {
	r.cancel()
	r.wait.Wait()
}

// judge adds what the history shows. The cluster is steady, so every server but
// the master is its slave, and no write of an earlier reign can come any more.
func (r *Register) judge(ctx context.Context, dsn string, v *Verdict) error {
	r.Stop()
	found, err := r.Check(ctx, dsn)
	if err != nil {
		return err
	}
	v.Ops, v.Lost = found.Ops, v.Lost+found.Lost
	switch {
	case found.Judged && found.Linearizable:
		v.Registers, v.Sound = "linearizable", true
		if found.Standby > 0 {
			v.Registers += fmt.Sprintf(", without %d reads by a standby", found.Standby)
		}
		return nil
	case !found.Judged && found.Lost > 0:
		v.Registers, v.Sound = "rows lost", true
		return nil
	}
	v.Registers, v.Detail = "broken", v.Detail+found.String()
	if !found.Judged {
		return nil
	}
	dir, err := os.MkdirTemp("", "msdha-chaos-history-")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "history.html")
	v.Detail += "\nhistory: " + path
	return found.Visualize(path)
}
