#!/usr/bin/env bash
# Runs the tests that need a Docker engine: those with the build tag "docker".
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
    exec go test -count=1 -tags docker "${packages[@]}"
fi
if [ ${#packages[@]} -eq 0 ]; then
    echo '##### NO DOCKER ENGINE ANSWERS HERE; nothing was left out, since no test needs one yet #####' >&2
    exit 0
fi
echo "##### NO DOCKER ENGINE ANSWERS HERE: the tests in ${packages[*]} WERE NOT RUN #####" >&2
[ "${MSDHA_REQUIRE_DOCKER:-0}" != 1 ]
