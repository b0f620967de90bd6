#!/usr/bin/env bash
# Builds msdha-bench-patroni:TAG (default latest): Patroni and HAProxy as Debian
# packages them, on the very PostgreSQL that our own nodes run, for the benchmark
# chaos/bench and nothing else.
#
#   tools/bench-images.sh [TAG]
#
# Idempotent: a base that this very script has built is kept. It needs what
# tools/base-image.sh needs, and is to be run after it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly tag=${1:-latest} mirror=${MSDHA_DEBIAN_MIRROR:-http://deb.debian.org/debian}
readonly from=msdha-base-postgresql:local base=msdha-base-patroni:local
readonly script=tools/bench-images.sh

build() {
    local said
    said=$(DOCKER_BUILDKIT=0 docker build --tag "msdha-bench-patroni:$tag" --build-arg "BASE_IMAGE=$base" \
        chaos/bench/patroni 2>&1) || {
        echo "$said" >&2
        exit 1
    }
    docker image inspect -f "msdha-bench-patroni:$tag {{.Size}} bytes" "msdha-bench-patroni:$tag"
}

below=$(docker image inspect -f '{{.Id}}' "$from" 2>/dev/null) || {
    echo "bench-images: cannot build $base without $from: run tools/base-image.sh" >&2
    exit 1
}
recipe=$({
    cat "$script"
    echo "$below"
} | sha256sum)
readonly recipe=${recipe%% *}

if [ "${MSDHA_BENCH_INSIDE:-}" != 1 ]; then
    if [ "$(docker image inspect -f '{{index .Config.Labels "msdha.recipe"}}' "$base" 2>/dev/null)" != "$recipe" ]; then
        # What is mounted for the packages' scripts goes away with the mount namespace.
        MSDHA_BENCH_INSIDE=1 unshare --mount --propagation private "$script" "$tag"
    fi
    build
    exit 0
fi

root=$(mktemp -d -p /var/tmp msdha-bench.XXXXXX)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root" "$root.log"' EXIT
chmod 755 "$root"
echo "bench-images: building $base from $mirror"
container=$(docker create "$from" true)
docker export "$container" | tar -C "$root" --numeric-owner -x
docker rm "$container" >/dev/null
find "$root/dev" -mindepth 1 -delete

printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # start no services
chmod +x "$root/usr/sbin/policy-rc.d"
mknod -m 666 "$root/dev/null" c 1 3
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
echo "deb $mirror bookworm main" >"$root/etc/apt/sources.list"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
{
    chroot "$root" apt-get update -qq
    chroot "$root" apt-get install -qq -y --no-install-recommends 'patroni=3.0.2-*' 'haproxy=2.6.*'
} >"$root.log" 2>&1 || {
    cat "$root.log" >&2
    exit 1
}
umount "$root/proc"
rm -rf "$root"/usr/sbin/policy-rc.d "$root"/dev/null "$root"/etc/resolv.conf "$root"/var/lib/apt/lists/* \
    "$root"/var/cache/apt/* "$root"/usr/share/{doc,man,info,locale}/*
tar -C "$root" --one-file-system --numeric-owner -c . | docker import --change 'ENV LANG=C.UTF-8' \
    --change "LABEL msdha.recipe=$recipe" - "$base" >/dev/null
echo "bench-images: $base, $(docker image inspect -f '{{.Size}}' "$base") bytes"
