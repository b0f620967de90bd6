package rig

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestPatronisConfiguration: what the comparison rests on, in Patroni's words.
func TestPatronisConfiguration(t *testing.T) {
	s := PatroniSettings{
		TTL: 30 * time.Second, LoopWait: 10 * time.Second, RetryTimeout: 9 * time.Second,
		Check: 3 * time.Second, Fall: 4, Rise: 2,
	}
	at := netip.MustParseAddr("10.0.0.13")
	for text, parts := range map[string][]string{
		s.node("n1", at): {
			"\nname: n1\n", "connect_address: 10.0.0.13:5432\n", "    ttl: 30\n", "    loop_wait: 10\n",
			"    retry_timeout: 9\n", "    shared_buffers: '32MB'\n", "        wal_keep_size: 64MB\n",
			"    log_checkpoints: 'off'\n",
		},
		s.haproxy([]netip.Addr{at, at}): {
			"inter 3s fall 4 rise 2 on-marked-down shutdown-sessions\n",
			"server n2 10.0.0.13:5432 maxconn 100 check port 8008\n",
			"option httpchk OPTIONS /primary\n",
		},
	} {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in\n%s", part, text)
			}
		}
	}
	if text := s.node("n1", at); strings.Count(text, "max_connections") != 1 || strings.Contains(text, "%!") {
		t.Errorf("the configuration is\n%s", text)
	}
}
