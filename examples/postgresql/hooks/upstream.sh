# shellcheck shell=sh
# Whom a standby streams from; sourced after lib.sh, never run. It promises that of the hooks that
# change it only one does at a time, and none that was ended changes it later.

# The lock passes to whatever writes on behalf of a hook, so that even the leftovers of a killed one
# end before us.
lock() {
	exec 9>"$MSDHA_RUN_DIR/postgresql.lock"
	flock -w 4 9 || die "another hook holds $MSDHA_RUN_DIR/postgresql.lock"
}

# When the last detach ended. A follow that began before it, whatever held it up, must not attach.
# shellcheck disable=SC2034 # detach, follow and start use it
detached=$MSDHA_RUN_DIR/postgresql.detached

# upstream CONNINFO RESTORE_COMMAND [NOTE] prints msdha_upstream.conf. The operator's restore_command
# would be an upstream, too: a master that woke up archives.
#
# The slot is for the quorum (SPEC P3): PostgreSQL counts senders, not names, and a sender of ours may
# live on when we come back. But a slot has one sender at a time.
slot "$MSDHA_NAME"
upstream() {
	# shellcheck disable=SC2154 # slot sets it
	printf '%s\n' "primary_conninfo = '$1'" "primary_slot_name = '$slot'" "restore_command = '$2'" \
		"${3:+# $3}"
}

# detach makes PostgreSQL accept nothing from any upstream, and proves it. What was received is still
# replayed. It stays so until `follow`: the start hook begins without an upstream.
#
# The process that asks for a receiver reads its settings in its own time, so neither they nor a
# missing receiver prove anything. But it runs restore_command when it has no receiver, and has read
# it together with the empty primary_conninfo. Here that command fetches nothing and removes a file.
detach() {
	find_postmaster || die "cannot detach: PostgreSQL does not run in $PGDATA"
	unaltered primary_conninfo restore_command
	rm -f "$MSDHA_RUN_DIR"/postgresql.attached.*
	proof=$(mktemp "$MSDHA_RUN_DIR/postgresql.attached.XXXXXX")
	upstream '' "rm -f \"$proof\"; exit 1" | replace "$PGDATA/msdha_upstream.conf"
	reload
	patiently test ! -e "$proof"
	left=$(sql -c 'show primary_conninfo')
	[ -z "$left" ] || die "cannot detach: primary_conninfo is \"$left\", although" \
		"$PGDATA/msdha_upstream.conf empties it: what beats that?"
	while waiting=$(sql -c "select pid from pg_stat_activity where backend_type = 'walreceiver'") &&
		[ -n "$waiting" ]; do
		kill -TERM "$waiting" || : # at the end of its timeline, for orders that do not come
		sleep 0.02
	done
	upstream '' '' | replace "$PGDATA/msdha_upstream.conf"
	reload
}

# patiently COMMAND waits until it succeeds, which is up to the replay. What holds that up, a
# reader or a pause, holds up an election, and is ended.
patiently() {
	tries=0
	until "$@"; do
		sleep 0.02
		tries=$((tries + 1))
		[ $((tries % 25)) -eq 0 ] || continue
		sql -o /dev/null <<-'END'
			select pg_wal_replay_resume() where pg_is_wal_replay_paused();
			select pg_terminate_backend(pid) from pg_stat_activity
			where backend_type = 'client backend' and pid <> pg_backend_pid() and exists (
				select from pg_stat_activity where backend_type = 'startup' and
				(wait_event like 'RecoveryConflict%' or wait_event_type in ('Lock', 'BufferPin')));
		END
	done
}

# replayed waits until a server without upstream has replayed all that it has, and sets had to the
# epoch of its last record and where its log ends. It waits like this only after it found no more; the
# receive position tells nothing: it is too low after a restart, and amid a record at other times.
replayed() {
	patiently idle
	# shellcheck disable=SC2034 # follow and pre_start use it
	had=$(where)
}
where() { sql -c "select coalesce(max(epoch), 0) || ' ' || pg_last_wal_replay_lsn() from msdha.epoch"; }
idle() {
	[ "$(sql -c "select wait_event = 'RecoveryRetrieveRetryInterval' from pg_stat_activity
		where backend_type = 'startup'")" = t ]
}

# own_branch sets timeline to the newest that we have log of, and history to its history. A standby
# that was left behind also has the history of the timeline that left it, and does not start on it.
own_branch() {
	timeline=1 history=''
	for file in "$PGDATA"/pg_wal/????????????????????????; do # in order
		file=${file%????????????????}
		[ -e "$file.history" ] || continue
		# shellcheck disable=SC2034 # pre_start uses it
		timeline=$((0x${file##*/}))
		history=$(cat "$file.history")
	done
}

# remote [PSQL ARGUMENT...] asks the master, for at most $limit seconds if that is set. It takes the
# place of a standby (max_wal_senders), which clients cannot take: where they have all others, and
# wait for a standby to acknowledge what they wrote, nobody else would let that standby come.
limit=''
remote() {
	${limit:+timeout --foreground "$limit"} "$MSDHA_PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 \
		-d "$(conninfo _msdha) replication=database" "$@" 9>&-
}

# reign prints the epoch of the master, once it has recorded it. Before that it still has to
# promote, and may be behind us.
reign() {
	# shellcheck disable=SC2154 # locate and find_master set it
	remote -v master="$master" <<-'END'
		select epoch from msdha.epoch
		where not pg_is_in_recovery() and node = :'master'
			and epoch = (select max(epoch) from msdha.epoch)
	END
}

# judge EPOCH LSN asks the master what our data is good for. Timelines alone do not tell: two nodes
# that were promoted from the same point give theirs the same number and history, and pg_rewind
# calls that no difference. Epochs alone do not either: a promotion may die before its record.
judge() {
	remote -v epoch="$1" -v lsn="$2" -v history="$history" <<-'END'
		select case
			when not starts_with(convert_from(pg_read_binary_file('pg_wal/'
				|| left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.history'), 'UTF8'),
				:'history') then 'clone, since our timeline is unknown there'
			when :epoch > 0 and not exists (select from msdha.epoch where epoch = :epoch)
				then 'clone, since our last epoch is unknown there'
			when next.start < :'lsn'
				then 'rewind to ' || next.start
			when not exists (select from pg_ls_waldir()
				where name ~ '^[0-9A-F]{24}$'
				and substr(name, 9) <= substr(pg_walfile_name(:'lsn'), 9))
				then 'clone, since the log we miss is gone there'
			else 'keep' end
		from (select min(start) as start from msdha.epoch where epoch > :epoch) next
	END
}

# reserve has the master make our slot if it is missing. One whose log is gone is made anew.
reserve() {
	remote -v slot="$slot" -o /dev/null <<-'END'
		select pg_drop_replication_slot(slot_name) from pg_replication_slots
		where slot_name = :'slot' and wal_status = 'lost' and not active;
		select pg_create_physical_replication_slot(:'slot')
		where not exists (select from pg_replication_slots where slot_name = :'slot');
	END
}

# streams tells whether a receiver is connected, by our slot.
streams() {
	[ "$(sql -c "select count(*) from pg_stat_wal_receiver
		where status = 'streaming' and slot_name = '$slot'")" = 1 ]
}
