package rig

import (
	"net/netip"
	"testing"
)

func TestReservedAddressesAreInTheLowerHalf(t *testing.T) {
	for _, c := range []struct{ subnet, half, second string }{
		{"172.18.0.0/16", "172.18.128.0", "172.18.0.11"},
		{"192.168.96.0/20", "192.168.104.0", "192.168.96.11"},
		{"10.1.2.0/24", "10.1.2.128", "10.1.2.11"},
		{"10.1.2.128/26", "10.1.2.160", "10.1.2.139"},
	} {
		s := netip.MustParsePrefix(c.subnet)
		if got := half(s).String(); got != c.half {
			t.Errorf("%s: the upper half begins at %s, want %s", s, got, c.half)
		}
		got := reserved(s, 1)
		if got.String() != c.second || !s.Contains(got) || netip.PrefixFrom(half(s), s.Bits()+1).Contains(got) {
			t.Errorf("%s: the second reserved address is %s, want %s", s, got, c.second)
		}
	}
}
