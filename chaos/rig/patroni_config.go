package rig

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

func whole(d time.Duration) int { return int(d / time.Second) }

// node is the configuration of one node: Patroni's example, with the servers as
// small as ours.
func (s PatroniSettings) node(name string, at netip.Addr) string {
	return fmt.Sprintf(`scope: chaos
namespace: /service/
name: %[1]s
restapi:
  listen: 0.0.0.0:8008
  connect_address: %[2]s:8008
etcd3:
  hosts: [e1:2379, e2:2379, e3:2379]
bootstrap:
  dcs:
    ttl: %[3]d
    loop_wait: %[4]d
    retry_timeout: %[5]d
    maximum_lag_on_failover: 1048576
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        max_connections: 60
        wal_keep_size: %[6]s
        max_slot_wal_keep_size: %[7]s
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - wal-segsize: '4'
postgresql:
  listen: 0.0.0.0:5432
  connect_address: %[2]s:5432
  bin_dir: /usr/lib/postgresql/15/bin
  data_dir: /var/lib/postgresql/data/pgdata
  pgpass: /tmp/pgpass
  pg_hba:
    - local all all trust
    - host all all 0.0.0.0/0 scram-sha-256
    - host replication all 0.0.0.0/0 scram-sha-256
  authentication:
    superuser: {username: postgres, password: %[8]s}
    replication: {username: replicator, password: %[8]s}
  parameters:
    password_encryption: scram-sha-256
    unix_socket_directories: /tmp
%[9]s`, name, at, whole(s.TTL), whole(s.LoopWait), whole(s.RetryTimeout), walKeep, slotKeep, password, parameters())
}

// parameters are our servers' settings in Patroni's words. max_connections is the
// whole group's business there.
func parameters() string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(settings)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		if name != "max_connections" {
			fmt.Fprintf(&b, "    %s: '%s'\n", name, value)
		}
	}
	return b.String()
}

// haproxy is the configuration of Patroni's example.
func (s PatroniSettings) haproxy(nodes []netip.Addr) string {
	var b strings.Builder
	fmt.Fprintf(&b, `global
    maxconn 500

defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s

listen postgresql
    bind *:5432
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter %ds fall %d rise %d on-marked-down shutdown-sessions
`, whole(s.Check), s.Fall, s.Rise)
	for i, at := range nodes {
		fmt.Fprintf(&b, "    server n%d %s:5432 maxconn 100 check port 8008\n", i+1, at)
	}
	return b.String()
}
