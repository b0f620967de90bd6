# shellcheck shell=sh
# What makes data, shared by pre_start and adopt; sourced after lib.sh, never run. It promises that
# what stands at PGDATA is whole: data is made beside it and renamed.
#
# Being sourced, it also takes the lock under which data is made.

[ "$(id -u)" -ne 0 ] || die "PostgreSQL refuses to run as root: run the agent as user postgres"
while read -r _ _ _ _ point _; do
	[ "$point" != "$PGDATA" ] ||
		die "cannot replace PGDATA=$PGDATA, since it is a mount point: mount its parent instead"
done </proc/self/mountinfo

# The lock passes to all that we start, so that even the leftovers of a killed run end before us.
mkdir -p "${PGDATA%/*}" "$PGSOCKET"
exec 8>"$PGDATA.lock"
flock 8
server=''
trap 'quit' EXIT
trap 'exit 143' TERM INT HUP

# serve DIR [POSTGRES ARGUMENT...] runs a private server, without a network, until it answers.
serve() {
	dir=$1
	shift
	configure "$dir"
	"$MSDHA_PG_BIN/postgres" -D "$dir" -c hba_file="$dir/pg_hba.conf" -c listen_addresses= \
		-c synchronous_standby_names= -c primary_conninfo= -c primary_slot_name= \
		-c restore_command= "$@" &
	server=$!
	until sql -U postgres -c 'select' 2>/dev/null; do
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.05
	done
}

# quit stops the private server.
quit() {
	[ -n "$server" ] || return 0
	kill -INT "$server" 2>/dev/null || :
	wait "$server" || :
	server=''
}

# aside DIR moves it out of the way, if it is there.
aside() {
	[ -e "$1" ] && ! rmdir "$1" 2>/dev/null || return 0
	kept=$PGDATA.aside.$(date -u +%Y%m%dT%H%M%S.%N)
	mv -T "$1" "$kept"
	say "moved $1 aside to $kept"
}

# settle puts DIR, which is whole, in PGDATA's place.
settle() {
	aside "$PGDATA"
	mv -T "$1" "$PGDATA"
	sync "${PGDATA%/*}"
	surplus=-$MSDHA_PG_KEEP_ASIDE
	for old in "$PGDATA".aside.*; do surplus=$((surplus + 1)); done
	for old in "$PGDATA".aside.*; do # oldest first, by name
		[ "$surplus" -gt 0 ] || break
		rm -rf "$old"
		surplus=$((surplus - 1))
	done
}

# furnish gives data in PGDATA.new what makes it a group's, but for the id: msdha's roles and the
# record of epochs. Its server is left running.
furnish() {
	new=$PGDATA.new
	echo "include 'msdha.conf'" >>"$new/postgresql.conf"
	echo "local all all trust # for pre_start's private server alone; see MSDHA_PG_HBA" |
		replace "$new/pg_hba.conf"
	: >"$new/msdha_clients.conf"
	: >"$new/msdha_upstream.conf"
	serve "$new" -c synchronous_commit=local || die "cannot start PostgreSQL on $new, see above"
	sql -U postgres <<-'END'
		create role msdha login superuser;
		create role msdha_replication login replication in role pg_checkpoint;
		create schema msdha;
		create table msdha.epoch (
			epoch bigint primary key, node text not null, start pg_lsn not null,
			at timestamptz not null default now()
		);
		comment on table msdha.epoch is 'one row a reign: who, and where in the log it began';
		grant usage on schema msdha to msdha_replication;
		grant select on msdha.epoch to msdha_replication;
		-- what pg_rewind and pre_start call
		grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean),
			pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean),
			pg_ls_waldir() to msdha_replication;
	END
	if [ -n "$MSDHA_PG_PASSWORD_FILE" ]; then
		sql -U postgres <<-END
			\\set own \`cat $MSDHA_PG_PASSWORD_FILE\`
			\\set replication \`cat $MSDHA_PG_REPLICATION_PASSWORD_FILE\`
			alter role postgres password :'own';
			alter role msdha_replication password :'replication';
		END
	fi
}

# conclude ends that server, writes the id, last, and puts the data in PGDATA's place.
conclude() {
	id=$(sql -U postgres -c 'select system_identifier from pg_control_system()')
	quit
	echo "$id" >"$new/msdha.id"
	sync "$new/msdha.id" "$new"
	settle "$new"
}
