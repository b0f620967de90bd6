package rig

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// network makes a bridge network of its own and returns its subnet. The engine
// chooses that; of its addresses it gives away the upper half only, and the lower
// one is for members that must keep theirs: who looks at etcd from outside would
// otherwise ask a node that took a dead member's address.
func (e *Engine) network(ctx context.Context, cluster string) (subnet netip.Prefix, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot create the network %s: %w", cluster, err)
		}
	}()
	opts := client.NetworkCreateOptions{Driver: "bridge", Labels: e.labels(cluster)}
	// Somebody else may take the subnet between the two calls.
	for range 5 {
		if subnet, err = e.freeSubnet(ctx, cluster, opts); err != nil {
			return subnet, err
		}
		upper := netip.PrefixFrom(half(subnet), subnet.Bits()+1)
		opts.IPAM = &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, IPRange: upper}}}
		if _, err = e.docker.NetworkCreate(ctx, cluster, opts); err == nil {
			return subnet, nil
		}
		opts.IPAM = nil
	}
	return subnet, err
}

// freeSubnet is one that the engine would choose.
func (e *Engine) freeSubnet(
	ctx context.Context, cluster string, opts client.NetworkCreateOptions,
) (subnet netip.Prefix, err error) {
	n, err := e.docker.NetworkCreate(ctx, cluster, opts)
	if err != nil {
		return subnet, err
	}
	is, err := e.docker.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
	if err != nil {
		return subnet, err
	}
	if _, err := e.docker.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil {
		return subnet, err
	}
	i := slices.IndexFunc(is.Network.IPAM.Config, func(c network.IPAMConfig) bool { return c.Subnet.Addr().Is4() })
	if i < 0 {
		return subnet, fmt.Errorf("the engine gave no IPv4 subnet: %v", is.Network.IPAM.Config)
	}
	return is.Network.IPAM.Config[i].Subnet.Masked(), nil
}

// half is the first address of the upper half of a subnet.
func half(subnet netip.Prefix) netip.Addr {
	a := subnet.Addr().As4()
	a[subnet.Bits()/8] |= 0x80 >> (subnet.Bits() % 8)
	return netip.AddrFrom4(a)
}

// reserved is the i-th address that the engine gives to nobody by itself.
func reserved(subnet netip.Prefix, i int) netip.Addr {
	a := subnet.Addr().As4()
	a[3] += byte(10 + i)
	return netip.AddrFrom4(a)
}

// Locate learns all addresses anew: the restart policy may have given a container
// another one.
func (c *Cluster) Locate(ctx context.Context) error {
	for _, m := range slices.Concat(c.Nodes, c.Fronts) {
		if err := m.locate(ctx); err != nil {
			return err
		}
	}
	return nil
}
