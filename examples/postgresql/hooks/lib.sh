# shellcheck shell=sh
# What the hooks share; sourced, never run. It promises:
#   - every setting has its default here and nowhere else (README.md explains each);
#   - a file that PostgreSQL reads is replaced whole or not at all;
#   - clients and msdha are told apart by role, so that the one can be refused without the other.
#
# Roles: postgres is the operator's. msdha is the hooks' superuser, over the socket only.
# msdha_replication is how nodes reach each other; it can write nothing.
set -eu
umask 077
export LC_ALL=C PGCONNECT_TIMEOUT=5 PGAPPNAME=msdha # LC_ALL: what pg_rewind says is compared
unset PGHOST PGHOSTADDR PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS \
	PGTARGETSESSIONATTRS

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

newest_bin() {
	newest=0
	for d in /usr/lib/postgresql/*/bin; do
		v=${d%/bin}
		v=${v##*/}
		if [ -x "$d/postgres" ] && [ "$v" -gt "$newest" ]; then
			newest=$v
			MSDHA_PG_BIN=$d
		fi
	done
	[ "$newest" -gt 0 ] || d=$(command -v postgres) ||
		die "cannot find PostgreSQL: set MSDHA_PG_BIN to the directory that holds postgres"
	[ "$newest" -gt 0 ] || MSDHA_PG_BIN=${d%/*}
}

: "${MSDHA_NAME:?is set by the agent: run the hooks from it}"
: "${MSDHA_RUN_DIR:=/run/msdha}"
: "${PGDATA:=/var/lib/postgresql/data/pgdata}"
: "${PGPORT:=5432}"
: "${PGSOCKET:=/var/run/postgresql}"
: "${MSDHA_PG_LISTEN:=*}"
: "${MSDHA_PG_CONF:=}"
: "${MSDHA_PG_HBA:=}"
: "${MSDHA_PG_PASSWORD_FILE:=}"
: "${MSDHA_PG_REPLICATION_PASSWORD_FILE:=}"
: "${MSDHA_PG_SYNC_NAMES:=}"
: "${MSDHA_PG_SYNC:=${MSDHA_PG_SYNC_NAMES:+on}}"
: "${MSDHA_PG_WAL_KEEP:=1GB}"
: "${MSDHA_PG_KEEP_ASIDE:=1}"
: "${MSDHA_PG_INITDB_ARGS:=--encoding=UTF8 --locale=C.UTF-8}"
[ -n "${MSDHA_PG_BIN:=}" ] || newest_bin
case $MSDHA_PG_KEEP_ASIDE in
'' | *[!0-9]*) die "cannot use MSDHA_PG_KEEP_ASIDE=$MSDHA_PG_KEEP_ASIDE: want a number" ;;
esac
case ${MSDHA_PG_PASSWORD_FILE:+own}${MSDHA_PG_REPLICATION_PASSWORD_FILE:+other} in
own | other) die "cannot use only one of MSDHA_PG_PASSWORD_FILE and" \
	"MSDHA_PG_REPLICATION_PASSWORD_FILE: set both, or none" ;;
esac
for path in PGDATA PGSOCKET MSDHA_RUN_DIR MSDHA_PG_BIN MSDHA_PG_CONF MSDHA_PG_HBA \
	MSDHA_PG_PASSWORD_FILE MSDHA_PG_REPLICATION_PASSWORD_FILE; do
	eval "case \$$path in *[!A-Za-z0-9_./-]* | [!/]*)
		die \"cannot use $path=\$$path: want a path from / on, of letters, digits, _ . / -\" ;;
	esac"
done
PGDATA=${PGDATA%/}
pass_file=${MSDHA_PG_REPLICATION_PASSWORD_FILE:+$MSDHA_RUN_DIR/postgresql.pass}

# own_id prints the id of the data; half-made data has none, since it never stands at PGDATA.
own_id() { cat "$PGDATA/msdha.id" 2>/dev/null || :; }

# replace FILE < TEXT
replace() { cat >"$1.tmp" && mv -f "$1.tmp" "$1"; }

# sql [PSQL ARGUMENT...] talks to our own server.
sql() {
	"$MSDHA_PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 -h "$PGSOCKET" -p "$PGPORT" -U msdha \
		-d postgres "$@"
}

# find_master sets master to the node that reigns, if that is another one, with host and port; to
# nothing otherwise.
find_master() {
	master='' address=''
	read -r master 2>/dev/null <"$MSDHA_RUN_DIR/current_master" || :
	read -r address 2>/dev/null <"$MSDHA_RUN_DIR/current_master_address" || :
	[ "$master" != "$MSDHA_NAME" ] || master=''
	host=$address port=$PGPORT
	case $address in
	\[*\]:*) host=${address%]:*} port=${address##*]:} ;;
	*:*:*) ;;
	*:*) host=${address%:*} port=${address##*:} ;;
	esac
	host=${host#[} host=${host%]}
	case $host in
	'' | *[!A-Za-z0-9_.:%-]*) master='' ;;
	esac
	case $port in
	'' | *[!0-9]*) master='' ;;
	esac
}

# conninfo NAME prints how to reach the master that find_master found, under an application name.
# A peer that vanished without a word is given up after about ten seconds.
conninfo() {
	printf '%s' "host=$host port=$port user=msdha_replication dbname=postgres application_name=$1" \
		" connect_timeout=3 keepalives_idle=5 keepalives_interval=2 keepalives_count=3" \
		" tcp_user_timeout=10000${pass_file:+ passfile=$pass_file}"
}

# find_postmaster sets pid. The number may be stale and somebody else's by now; a postmaster is at
# home in its data.
find_postmaster() {
	read -r pid 2>/dev/null <"$PGDATA/postmaster.pid" || return 1
	# shellcheck disable=SC3013 # dash and busybox have -ef, and so has POSIX since 2024
	[ "/proc/$pid/cwd" -ef "$PGDATA" ]
}

reload() { find_postmaster && kill -HUP "$pid"; }

# clients admitted|refused writes who may connect. Here the order matters: a server that shows the
# setting msdha.clients has read the file before it, for it reads both at one signal and the
# setting first.
clients() {
	if [ -n "$MSDHA_PG_PASSWORD_FILE" ]; then
		from='all' how=scram-sha-256
	else # without a password nobody from another machine can be known
		from='samehost' how=trust
	fi
	{
		printf '%s\n' "local all msdha trust # the socket is open to our own user only" \
			"host all msdha all reject" \
			"host replication,postgres msdha_replication $from $how"
		if [ "$1" = admitted ]; then
			printf '%s\n' "host all msdha_replication all reject" "local all all trust" \
				"host all all $from $how"
			[ -z "$MSDHA_PG_HBA" ] || cat "$MSDHA_PG_HBA"
		fi
	} | replace "$PGDATA/msdha_hba.conf"
	echo "msdha.clients = '$1'" | replace "$PGDATA/msdha_clients.conf"
}

# upstream writes whom to stream from.
upstream() {
	line="primary_conninfo = '${master:+$(conninfo "$MSDHA_NAME")}'"
	echo "$line" | replace "$PGDATA/msdha_upstream.conf"
}

# remote [PSQL ARGUMENT...] asks the master.
remote() { "$MSDHA_PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 -d "$(conninfo msdha)" "$@"; }

# reign prints the epoch of the master, once it has recorded it. Before that it still has to
# promote, and may be behind us.
reign() {
	remote -v master="$master" <<-'END'
		select epoch from msdha.epoch
		where not pg_is_in_recovery() and node = :'master'
			and epoch = (select max(epoch) from msdha.epoch)
	END
}

# where prints the epoch of our last record and where our log ends.
where() {
	sql -c "select coalesce(max(epoch), 0) || ' ' || greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'),
		coalesce(pg_last_wal_replay_lsn(), '0/0')) from msdha.epoch"
}

# ahead EPOCH LSN succeeds if the log of the master went another way before our end of it.
ahead() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		answer=$(remote -v epoch="$1" -v lsn="$2" <<-'END'
			select coalesce(min(start) < :'lsn', false) from msdha.epoch where epoch > :epoch
		END
		) && break
		sleep 0.2
	done
	[ "${answer:-}" = t ] || { [ "$try" -lt 10 ] || say "cannot compare our log with that of $master"; false; }
}

# follow makes a running standby stream from the present master. While there is none it keeps the
# former: that one may only be cut off from etcd, and its last records are worth having. Of two
# that run at once the later must not write what it read earlier, hence the lock.
#
# A standby that received more than the new master has cannot follow it, and must not be promoted
# next with what it has: it ends, its node is started again, and pre_start rewinds it. What it has
# is read before the new master can add to it.
follow() (
	exec 9>"$MSDHA_RUN_DIR/postgresql.lock"
	flock 9
	find_master
	[ -n "$master" ] && [ ! -e "$MSDHA_RUN_DIR/is_master" ] && find_postmaster || return 0
	was=$(cat "$PGDATA/msdha_upstream.conf")
	had=$(where) || return 0 # not ready yet: pre_start has just compared
	upstream
	[ "$was" != "$(cat "$PGDATA/msdha_upstream.conf")" ] || return 0
	reload
	# shellcheck disable=SC2086 # two arguments
	ahead $had || return 0
	say "ending PostgreSQL: our log ends at ${had#* }, where that of $master does not go"
	kill -INT "$pid"
)

# quorum prints synchronous_standby_names: explicit names, for under `*` a fourth node's
# acknowledgement would count although nobody asks it at an election (SPEC P3).
quorum() {
	case $MSDHA_PG_SYNC in
	on) ;;
	off | '') return 0 ;;
	*) die "cannot use MSDHA_PG_SYNC=$MSDHA_PG_SYNC: want on or off" ;;
	esac
	case $MSDHA_PG_SYNC_NAMES in
	*[!A-Za-z0-9_.,\ -]*) die "cannot use MSDHA_PG_SYNC_NAMES=$MSDHA_PG_SYNC_NAMES:" \
		"want the names of the nodes, with commas or spaces between them" ;;
	esac
	names=''
	for name in $(printf %s "$MSDHA_PG_SYNC_NAMES" | tr , ' '); do
		names="$names${names:+, }\"$name\""
	done
	[ -n "$names" ] || die "cannot replicate synchronously without MSDHA_PG_SYNC_NAMES:" \
		"name all nodes of the group in it, or set MSDHA_PG_SYNC=off"
	printf 'ANY 1 (%s)' "$names"
}

# configure DIR writes what the node, not the group, decides. A clone brings its origin's along.
configure() {
	names=$(quorum) || exit 1
	include=${MSDHA_PG_CONF:+"include '$MSDHA_PG_CONF'"}
	replace "$1/msdha.conf" <<-END
		# Written at every start; what the operator wants differently belongs into MSDHA_PG_CONF.
		$include
		cluster_name = '$MSDHA_NAME'
		listen_addresses = '$MSDHA_PG_LISTEN'
		port = $PGPORT
		unix_socket_directories = '$PGSOCKET'
		unix_socket_permissions = 0700
		hba_file = '$PGDATA/msdha_hba.conf'
		hot_standby = on
		wal_level = replica
		wal_log_hints = on
		wal_keep_size = $MSDHA_PG_WAL_KEEP
		# A standby that lost its upstream looks for the new one this often: a synchronous
		# group acknowledges nothing meanwhile.
		wal_retrieve_retry_interval = 200ms
		recovery_target_timeline = 'latest'
		synchronous_standby_names = '$names'
		include 'msdha_clients.conf'
		include 'msdha_upstream.conf'
	END
}
