#!/usr/bin/env bash
# Builds the images that stand in for public bases where no registry can be
# reached, out of Debian's packages:
#
#   msdha-base:local              for debian:bookworm-slim
#   msdha-base-postgresql:local   for postgres:15-bookworm
#
# Idempotent: an image that this very script has built is kept. It needs root, an
# engine and a Debian mirror (MSDHA_DEBIAN_MIRROR).
set -euo pipefail

readonly suite=bookworm postgresql=15
readonly mirror=${MSDHA_DEBIAN_MIRROR:-http://deb.debian.org/debian}
readonly base=msdha-base:local with_postgresql=msdha-base-postgresql:local
recipe=$(sha256sum "${BASH_SOURCE[0]}")
readonly recipe=${recipe%% *}

built() { # IMAGE
    [ "$(docker image inspect -f '{{index .Config.Labels "msdha.recipe"}}' "$1" 2>/dev/null)" = "$recipe" ]
}

if [ "${1:-}" != inside ]; then
    if built "$base" && built "$with_postgresql"; then
        exit 0
    fi
    # What is mounted for the packages' scripts goes away with the mount namespace.
    exec unshare --mount --propagation private "${BASH_SOURCE[0]}" inside
fi

root=$(mktemp -d -p /var/tmp msdha-base.XXXXXX)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"

# slim takes out what only people and package managers read.
slim() {
    rm -rf "$root"/usr/share/{doc,man,info,locale,lintian,i18n}/* "$root"/var/log/* \
        "$root"/var/lib/apt/lists/* "$root"/var/cache/{apt,debconf,ldconfig}/* "$root"/tmp/* \
        "$root"/run/*
}

# import IMAGE [CHANGE...]
import() {
    local image=$1 change changes=()
    shift
    for change in 'ENV LANG=C.UTF-8' 'CMD ["/bin/sh"]' "LABEL msdha.recipe=$recipe" "$@"; do
        changes+=(--change "$change")
    done
    slim
    tar -C "$root" --one-file-system --numeric-owner -c . | docker import "${changes[@]}" - "$image" >/dev/null
    echo "base-image: $image, $(docker image inspect -f '{{.Size}}' "$image") bytes"
}

echo "base-image: building $base and $with_postgresql from $mirror"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
    cat "$root.log" >&2
    exit 1
}
rm -f "$root.log"
find "$root/dev" -mindepth 1 -delete
import "$base"

# As in the public image, the user has a fixed id: volumes keep owners by number.
chroot "$root" groupadd --system --gid 999 postgres
chroot "$root" useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/sh postgres
mkdir -p "$root/etc/postgresql-common"
echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # start no services
chmod +x "$root/usr/sbin/policy-rc.d"
mknod -m 666 "$root/dev/null" c 1 3
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot "$root" apt-get update -qq
chroot "$root" apt-get install -qq -y --no-install-recommends "postgresql-$postgresql" >"$root.log" 2>&1 || {
    cat "$root.log" >&2
    exit 1
}
rm -f "$root.log" "$root/usr/sbin/policy-rc.d" "$root/dev/null" "$root/etc/resolv.conf"
umount "$root/proc"
# PostgreSQL goes without just-in-time compilation where its library is missing;
# perl is for Debian's wrappers, which PATH passes by.
rm -rf "$root"/usr/lib/*/libLLVM* "$root"/usr/lib/*/libz3* "$root"/usr/lib/*/perl "$root"/usr/share/perl \
    "$root/usr/lib/postgresql/$postgresql/lib"/{bitcode,llvmjit*} "$root"/etc/postgresql
import "$with_postgresql" \
    "ENV PATH=/usr/lib/postgresql/$postgresql/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
