#!/usr/bin/env bash
# Runs the tests that need a Docker engine: those with the build tag "docker". It
# builds the images first.
# Without an engine it says so, loudly, and fails only where MSDHA_REQUIRE_DOCKER=1
# and such tests exist: a check that was left out must never look like one that
# passed.
set -euo pipefail

mapfile -t packages < <(
    grep -rlE --include='*_test.go' '^//go:build .*\bdocker\b' . | xargs -r -n1 dirname | sort -u
)

if docker info >/dev/null 2>&1; then
    if [ ${#packages[@]} -eq 0 ]; then
        echo 'docker: an engine answers; nothing was left out, since no test needs one yet'
        exit 0
    fi
    others=()
    for p in "${packages[@]}"; do
        [ "$p" = ./chaos ] || others+=("$p")
    done
    make --no-print-directory images TAG=
    # One package after the other: some measure time.
    [ ${#others[@]} -eq 0 ] || go test -timeout 30m -count=1 -p 1 -tags docker "${others[@]}"
    MSDHA_CHAOS_TAG=latest exec tools/chaos.sh fast
fi
if [ ${#packages[@]} -eq 0 ]; then
    echo '##### NO DOCKER ENGINE ANSWERS HERE; nothing was left out, since no test needs one yet #####' >&2
    exit 0
fi
echo "##### NO DOCKER ENGINE ANSWERS HERE: the tests in ${packages[*]} WERE NOT RUN #####" >&2
[ "${MSDHA_REQUIRE_DOCKER:-0}" != 1 ]
