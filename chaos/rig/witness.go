package rig

import (
	"context"
	"fmt"
	"strings"
)

var witnessImage = "msdha-witness:" + tag

// socketPath is where the witness and its proxy find their common volume.
const socketPath = "/run/msdha"

// startWitness runs one witness for all nodes, since all are on one engine, behind the
// proxy that it comes with. The proxy alone has the engine's socket.
func (c *Cluster) startWitness(ctx context.Context) (err error) {
	socket, ok := strings.CutPrefix(c.Engine.docker.DaemonHost(), "unix://")
	switch {
	case !c.Opts.Witness:
		return nil
	case !ok:
		return fmt.Errorf("a witness needs an engine with a Unix socket, not %s", c.Engine.docker.DaemonHost())
	case !c.Engine.HasImage(ctx, witnessImage):
		return fmt.Errorf("cannot start a cluster without the image %s: run make images", witnessImage)
	}
	proxy := &spec{
		name: "proxy", image: witnessImage, cmd: []string{"proxy"}, user: "0:0", restart: true, frozen: true,
		env:     map[string]string{"MSDHA_ENGINE": "unix:///engine.sock", "MSDHA_LOG_FORMAT": "json"},
		volumes: map[string]string{socket: "/engine.sock", c.volumeName("engine"): socketPath},
	}
	if c.Proxy, err = c.Engine.run(ctx, c.name, proxy); err != nil {
		return err
	}
	env := c.agentEnv("witness")
	delete(env, "MSDHA_RECORD") // it keeps none
	env["MSDHA_ENGINE"] = "unix://" + socketPath + "/engine.sock"
	witness := &spec{
		name: "witness", image: witnessImage, env: env, restart: true, frozen: true,
		volumes: map[string]string{c.volumeName("engine"): socketPath, c.volumeName("config"): configPath + ":ro"},
	}
	c.Witness, err = c.Engine.run(ctx, c.name, witness)
	return err
}
