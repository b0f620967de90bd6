#!/usr/bin/env bash
# Installs what the tests and the demo need beyond Go. On Debian as root it does
# so itself; otherwise it says what is missing and exits 1. Idempotent, and fast
# when nothing is missing.
set -euo pipefail

# The package would create and start a cluster of its own on port 5432.
readonly createcluster=/etc/postgresql-common/createcluster.conf

missing=()

need_command() { # COMMAND PACKAGE...
    local command=$1
    shift
    command -v "$command" >/dev/null 2>&1 || missing+=("$@")
}

need_file() { # PATTERN PACKAGE...
    local pattern=$1
    shift
    compgen -G "$pattern" >/dev/null || missing+=("$@")
}

need_file '/usr/lib/postgresql/*/bin/postgres' postgresql
need_command shellcheck shellcheck
need_command git git
need_command setpriv util-linux
need_command unshare util-linux
need_command capsh libcap2-bin
need_command ps procps
# go test -race links with the C library.
need_command gcc gcc libc6-dev
need_file '/etc/ssl/certs/ca-certificates.crt' ca-certificates
# Base images and faults in containers' networks are of no use without an engine.
if docker info >/dev/null 2>&1; then
    need_command debootstrap debootstrap
    need_command nft nftables
    need_command mkfs.ext4 e2fsprogs
    docker compose version >/dev/null 2>&1 || need_command docker-compose docker-compose
fi

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "ensure: missing: ${missing[*]} (names of Debian packages); install them with your system's package manager" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "ensure: missing packages; run as root: apt-get install ${missing[*]}" >&2
    exit 1
fi

echo "ensure: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A file that somebody has edited is kept; only the one setting is changed.
mkdir -p "${createcluster%/*}"
touch "$createcluster"
if grep -q '^[[:space:]]*create_main_cluster' "$createcluster"; then
    sed -i 's/^[[:space:]]*create_main_cluster.*/create_main_cluster = false/' "$createcluster"
else
    echo 'create_main_cluster = false' >>"$createcluster"
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "${missing[@]}"
