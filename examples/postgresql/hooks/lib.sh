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
: "${MSDHA_PG_TLS_CERT_FILE:=}"
: "${MSDHA_PG_TLS_KEY_FILE:=}"
: "${MSDHA_PG_TLS_CA_FILE:=}"
: "${MSDHA_PG_WAL_KEEP:=1GB}"
: "${MSDHA_PG_SLOT_WAL_KEEP:=}"
: "${MSDHA_PG_KEEP_ASIDE:=1}"
: "${MSDHA_PG_INITDB_ARGS:=--encoding=UTF8 --locale=C.UTF-8}"
[ -n "${MSDHA_PG_BIN:=}" ] || newest_bin
# The agent knows none of them, so a misspelt one would go unnoticed.
known='BIN CONF HBA INITDB_ARGS KEEP_ASIDE LISTEN PASSWORD_FILE REPLICATION_PASSWORD_FILE'
known="$known SLOT_WAL_KEEP TLS_CA_FILE TLS_CERT_FILE TLS_KEY_FILE WAL_KEEP"
for name in $(env | sed -n 's/^MSDHA_PG_\([^=]*\)=.*/\1/p'); do
	case $name in
	SYNC | SYNC_NAMES) die "cannot use MSDHA_PG_$name any more: elections and PostgreSQL go by one list" \
		"of names, which is in etcd: use \`msdhactl members\`" ;;
	esac
	case " $known " in
	*" $name "*) ;;
	*) die "cannot use MSDHA_PG_$name: there is no such setting;" \
		"after MSDHA_PG_ may come one of: $known" ;;
	esac
done
case $MSDHA_PG_KEEP_ASIDE in
'' | *[!0-9]*) die "cannot use MSDHA_PG_KEEP_ASIDE=$MSDHA_PG_KEEP_ASIDE: want a number" ;;
esac
case ${MSDHA_PG_PASSWORD_FILE:+own}${MSDHA_PG_REPLICATION_PASSWORD_FILE:+other} in
own | other) die "cannot use only one of MSDHA_PG_PASSWORD_FILE and" \
	"MSDHA_PG_REPLICATION_PASSWORD_FILE: set both, or none" ;;
esac
case ${MSDHA_PG_TLS_CERT_FILE:+1}${MSDHA_PG_TLS_KEY_FILE:+2}${MSDHA_PG_TLS_CA_FILE:+3} in
'' | 123) ;;
*) die "cannot use only some of MSDHA_PG_TLS_CERT_FILE, MSDHA_PG_TLS_KEY_FILE and" \
	"MSDHA_PG_TLS_CA_FILE: set all three, or none" ;;
esac
for path in PGDATA PGSOCKET MSDHA_RUN_DIR MSDHA_PG_BIN MSDHA_PG_CONF MSDHA_PG_HBA \
	MSDHA_PG_PASSWORD_FILE MSDHA_PG_REPLICATION_PASSWORD_FILE MSDHA_PG_TLS_CERT_FILE \
	MSDHA_PG_TLS_KEY_FILE MSDHA_PG_TLS_CA_FILE; do
	eval "case \$$path in *[!A-Za-z0-9_./-]* | [!/]*)
		die \"cannot use $path=\$$path: want a path from / on, of letters, digits, _ . / -\" ;;
	esac"
done
PGDATA=${PGDATA%/}
pass_file=${MSDHA_PG_REPLICATION_PASSWORD_FILE:+$MSDHA_RUN_DIR/postgresql.pass}
in_force=$MSDHA_RUN_DIR/postgresql.quorum

# clock sets now, in hundredths of a second, by a clock that nobody sets.
clock() {
	read -r now _ </proc/uptime
	now=${now%.*}${now#*.}
}

# birth sets began to the time at which this hook was forked, in the same measure.
birth() {
	read -r line <"/proc/$$/stat"
	# shellcheck disable=SC2086 # the fields after the name
	set -- ${line##*) }
	began=${20}
}

# older SECONDS: whether this hook has run for that long.
older() {
	birth
	clock
	[ "$((now - began))" -ge "$(($1 * 100))" ]
}

# own_id prints the id of the data; half-made data has none, since it never stands at PGDATA.
own_id() { cat "$PGDATA/msdha.id" 2>/dev/null || :; }

# replace FILE < TEXT
replace() { cat >"$1.tmp" && mv -f "$1.tmp" "$1"; }

# sql [PSQL ARGUMENT...] talks to our own server. (9: see upstream.sh. A psql that outlives its hook
# changes nothing there, so nobody needs to wait for it.)
sql() {
	"$MSDHA_PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 -h "$PGSOCKET" -p "$PGPORT" -U msdha \
		-d postgres "$@" 9>&-
}

# find_master sets master to the node that reigns, if that is another one, with host and port; to
# nothing otherwise.
find_master() {
	master='' address=''
	read -r master 2>/dev/null <"$MSDHA_RUN_DIR/current_master" || :
	read -r address 2>/dev/null <"$MSDHA_RUN_DIR/current_master_address" || :
	locate "$master" "$address"
}

# locate NODE ADDRESS does the same for one that somebody else found.
locate() {
	master=$1 host=$2 port=$PGPORT
	[ "$master" != "$MSDHA_NAME" ] || master=''
	case $2 in
	\[*\]:*) host=${2%]:*} port=${2##*]:} ;;
	*:*:*) ;;
	*:*) host=${2%:*} port=${2##*:} ;;
	esac
	host=${host#[} host=${host%]}
	case $host in
	'' | *[!A-Za-z0-9_.:%-]*) master='' ;;
	esac
	case $port in
	'' | *[!0-9]*) master='' ;;
	esac
}

# conninfo NAME prints how to reach the master that was found, under an application name. No node's
# begins with _, so what does is in no quorum. A peer that vanished without a word is given up after
# about ten seconds.
conninfo() {
	printf '%s' "host=$host port=$port user=msdha_replication dbname=postgres application_name=$1" \
		" connect_timeout=3 keepalives_idle=5 keepalives_interval=2 keepalives_count=3" \
		" tcp_user_timeout=10000${pass_file:+ passfile=$pass_file}" \
		"${MSDHA_PG_TLS_CA_FILE:+ sslmode=verify-ca sslrootcert=$MSDHA_PG_TLS_CA_FILE}"
}

# slot NODE sets slot to the name of the replication slot by which NODE streams: its own (SPEC P3), since
# no two nodes' names give the same. PostgreSQL allows 63 of a-z, 0-9 and _, so all others become _XX.
slot() {
	rest=$1 slot=msdha_
	while [ -n "$rest" ]; do
		tail=${rest#?}
		char=${rest%"$tail"} rest=$tail
		case $char in
		[a-z0-9]) slot=$slot$char ;;
		*) slot=${slot}_$(printf '%02x' "'$char") ;;
		esac
	done
	[ "${#slot}" -le 63 ] || slot=msdha__$(printf '%s' "$1" | sha256sum | cut -c 1-56)
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
	kind=host${MSDHA_PG_TLS_CA_FILE:+ssl}
	if [ -n "$MSDHA_PG_PASSWORD_FILE" ]; then
		from='all' how=scram-sha-256
	else # without a password nobody from another machine can be known
		from='samehost' how=trust
	fi
	{
		printf '%s\n' "local all msdha trust # the socket is open to our own user only" \
			"host all msdha all reject" \
			"$kind replication,postgres msdha_replication $from $how"
		if [ "$1" = admitted ]; then
			printf '%s\n' "host all msdha_replication all reject" "local all all trust" \
				"$kind all all $from $how"
			[ -z "$MSDHA_PG_HBA" ] || cat "$MSDHA_PG_HBA"
		fi
	} | replace "$PGDATA/msdha_hba.conf"
	echo "msdha.clients = '$1'" | replace "$PGDATA/msdha_clients.conf"
}

# quorum K NAMES prints synchronous_standby_names: K of those that are not us. Explicit names, for
# under `*` a node's acknowledgement would count that nobody asks at an election (SPEC P3).
quorum() (
	case ${1:-0} in
	0) return 0 ;;
	*[!0-9]*) die "cannot wait for K=$1 nodes: want a number" ;;
	esac
	needed=$1 names='' others=0
	set -f
	# shellcheck disable=SC2086 # one argument each
	set -- $2
	for name in "$@"; do
		case $name in
		*[!A-Za-z0-9_.-]* | '') die "cannot wait for node \"$name\": that is no node's name" ;;
		esac
		[ "${#name}" -le 63 ] ||
			die "cannot wait for node $name: PostgreSQL's application_name ends after 63 characters"
		[ "$name" != "$MSDHA_NAME" ] || continue
		others=$((others + 1)) names="$names${names:+, }\"$name\""
	done
	same=$(printf '%s\n' "$MSDHA_NAME" "$@" | sort -u | tr '[:upper:]' '[:lower:]' | sort | uniq -d)
	[ -z "$same" ] || die "cannot tell apart two nodes called \"$same\": to PostgreSQL upper and lower" \
		"case are the same; rename one"
	[ "$others" -ge "$needed" ] ||
		die "cannot wait for K=$needed others: the members $* have only $others: see \`msdhactl members\`"
	printf 'ANY %s (%s)' "$needed" "$names"
)

# unaltered SETTING... dies if ALTER SYSTEM sets one of them: that beats our files, and clones carry
# it along.
unaltered() {
	altered=$(
		sql -v names="$*" <<-'END'
			select string_agg(name, ' ') from pg_file_settings
			where sourcefile like '%/postgresql.auto.conf' and name = any (string_to_array(:'names', ' '))
		END
	)
	[ -z "$altered" ] || die "cannot set $altered, since ALTER SYSTEM beats what the hooks write:" \
		"undo it by \`alter system reset $altered\`"
}

# enforce K NAMES makes that the quorum of every process of the running server, and proves it.
enforce() {
	wanted=$(quorum "$1" "$2") || exit 1
	(unaltered synchronous_standby_names) || {
		rm -f "$in_force"
		exit 1
	}
	former=$(cat "$in_force" 2>/dev/null) && [ "$former" = "$wanted" ] &&
		[ "$(sql -c 'show synchronous_standby_names')" = "$wanted" ] && return
	rm -f "$in_force"
	[ "$former" != "$wanted" ] || former='' # something beat it, so nobody knows what is in force
	echo "synchronous_standby_names = '$wanted'" | replace "$PGDATA/msdha_members.conf"
	reload || die "PostgreSQL does not run in $PGDATA"
	until [ "$(sql -c 'show synchronous_standby_names')" = "$wanted" ]; do
		! older 15 || die "cannot put the quorum in force: does ALTER SYSTEM set synchronous_standby_names?"
		sleep 0.01
	done
	# Each sender releases commits by its own reading of the setting, and none shows whether it has
	# read the new one; those that come from now on have.
	gone=$(sql -c "select bool_and(pg_terminate_backend(pid, 5000)) from pg_stat_activity
		where backend_type = 'walsender'")
	[ "$gone" != f ] || die "cannot put the quorum in force: a WAL sender does not end"
	# Whether commits wait at all is up to the checkpointer, which reads its settings before it works.
	[ -n "$former" ] || [ -z "$wanted" ] || sql -c checkpoint
	echo "$wanted" | replace "$in_force"
}

# slot_wal_keep DIR prints how many megabytes of log slots keep unless the operator says: 8 GB, so
# that a night away costs no clone, but a quarter of a smaller volume. Each node that is promoted
# while another is away keeps as much, so too large a value fills their disks one after another.
slot_wal_keep() {
	df -Pk "$1" | {
		read -r _ && read -r _ size _
		size=$((size / 1024 / 4))
		echo $((0 < size && size < 8192 ? size : 8192)) # some file systems do not know theirs
	}
}

# configure DIR writes what the node, not the group, decides. A clone brings its origin's along.
configure() {
	names=$(quorum "${MSDHA_MEMBERS_K:-0}" "${MSDHA_MEMBERS:-}") || exit 1
	echo "synchronous_standby_names = '$names'" | replace "$1/msdha_members.conf"
	ssl=off key=''
	if [ -n "$MSDHA_PG_TLS_KEY_FILE" ]; then # PostgreSQL wants it to be our own, and secret
		ssl=on key=$MSDHA_RUN_DIR/postgresql.key
		replace "$key" <"$MSDHA_PG_TLS_KEY_FILE"
	fi
	include=${MSDHA_PG_CONF:+"include '$MSDHA_PG_CONF'"}
	slot_keep=${MSDHA_PG_SLOT_WAL_KEEP:-$(slot_wal_keep "$1")MB}
	replace "$1/msdha.conf" <<-END
		# Written at every start; what the operator wants differently belongs into MSDHA_PG_CONF.
		$include
		cluster_name = '$MSDHA_NAME'
		listen_addresses = '$MSDHA_PG_LISTEN'
		port = $PGPORT
		unix_socket_directories = '$PGSOCKET'
		unix_socket_permissions = 0700
		hba_file = '$PGDATA/msdha_hba.conf'
		ssl = $ssl
		ssl_cert_file = '$MSDHA_PG_TLS_CERT_FILE'
		ssl_key_file = '$key'
		hot_standby = on
		wal_level = replica
		wal_log_hints = on
		# For standbys that are away, and for clones in the making (pg_basebackup has a slot, too). Both
		# bounded: a slot that nobody reads would keep log until the disk is full.
		wal_keep_size = $MSDHA_PG_WAL_KEEP
		max_slot_wal_keep_size = $slot_keep
		# The sender of a standby that vanished has its slot, so the standby cannot come back before it
		# ends: a synchronous group may acknowledge nothing meanwhile, and a fast shutdown waits for it,
		# too. Who was only paused for longer is back within wal_retrieve_retry_interval.
		wal_sender_timeout = 6s
		# A standby that lost its upstream looks for it this often: a synchronous group acknowledges
		# nothing meanwhile.
		wal_retrieve_retry_interval = 200ms
		recovery_target_timeline = 'latest'
		recovery_min_apply_delay = 0 # an election waits for the replay
		include 'msdha_members.conf'
		include 'msdha_clients.conf'
		include 'msdha_upstream.conf'
	END
}
