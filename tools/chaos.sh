#!/usr/bin/env bash
# Plays chaos scenarios on the Docker engine of this machine, and leaves no
# container, network or volume behind, however it ends.
#
#   tools/chaos.sh fast|full|long|self|soak [NAME,...]
#
# Names or parts of names choose scenarios of every tier. The images are built
# first, unless MSDHA_CHAOS_TAG names others that are there. Results go to
# bin/chaos.json (full) or bin/chaos-TIER.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly tier=${1:?usage: tools/chaos.sh fast|full|long|self|soak [NAME,...]} only=${2:-}
results=$PWD/bin/chaos.json minutes=${MSDHA_CHAOS_MINUTES:-5} limit=40m
case $tier in
full) ;;
fast) results=$PWD/bin/chaos-fast.json ;;
long | self) results=$PWD/bin/chaos-$tier.json limit=60m ;;
soak) results=$PWD/bin/chaos-soak.json limit=$((minutes + 20))m ;;
*)
    echo "chaos: cannot play $tier: want fast, full, long, self or soak" >&2
    exit 1
    ;;
esac

if ! docker info >/dev/null 2>&1; then
    echo '##### NO DOCKER ENGINE ANSWERS HERE: NO CHAOS SCENARIO WAS PLAYED #####' >&2
    [ "${MSDHA_REQUIRE_DOCKER:-0}" != 1 ]
    exit 0
fi

# Each step says what it does only if it fails: the scenarios are what is read.
step() {
    local said
    said=$("$@" 2>&1) || {
        echo "$said" >&2
        echo "chaos: cannot play: $* failed" >&2
        exit 1
    }
}
if [ -z "${MSDHA_CHAOS_TAG:-}" ]; then
    step make --no-print-directory images TAG=
fi
mkdir -p bin
step go test -c -tags docker -o bin/chaos.test ./chaos
rm -f "$results"

# The suite removes what it made, unless a panic, a test's time limit or SIGKILL
# ends it. A run without tests removes what nobody will remove any more.
sweep() { step env -C chaos ../bin/chaos.test -test.run "^$"; }

# Whoever interrupts this, interrupts the suite: a terminal signals both, kill
# only one. Then its own end is awaited, which cleans up.
child=
# shellcheck disable=SC2317 # run by trap
interrupted() {
    trap '' INT TERM
    [ -z "$child" ] || kill -INT "$child" 2>/dev/null || true
}
trap interrupted INT TERM

# In a shell without job control what runs in the background ignores SIGINT; the
# suite asks for it itself.
(
    cd chaos
    export MSDHA_CHAOS=$tier MSDHA_CHAOS_ONLY=$only MSDHA_CHAOS_RESULTS=$results
    exec ../bin/chaos.test -test.v -test.run '^TestChaos$' -test.timeout "$limit"
) &
child=$!
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do # the wait was interrupted
    code=0
    wait "$child" || code=$?
done
trap '' INT TERM
sweep
if [ "$tier" = full ] && [ "$code" != 130 ]; then
    echo
    go run ./chaos/table bin/chaos.json bin/chaos-long.json || code=1
fi
exit "$code"
