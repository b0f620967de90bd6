#!/usr/bin/env bash
# Builds the images out of the programs in bin/: msdha-backend, msdha-frontend,
# msdha-witness, msdha-backend-postgresql and msdha-etcd, each :latest and :VERSION, or :TAG alone
# where the environment has a TAG.
#
#   tools/images.sh VERSION [local|public]
#
# The bases are the local ones of tools/base-image.sh, or the public ones that the
# Dockerfiles name. Each image has a context of its own below bin/images, which
# holds what it is made of and nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly version=${1:?usage: tools/images.sh VERSION [local|public]} bases=${2:-local}

# The time of the commit, not of the build: the same commit gives the same labels.
labels="org.opencontainers.image.version=$version"
if revision=$(git log -1 --format='%H %cI' 2>/dev/null); then
    labels+=" org.opencontainers.image.revision=${revision% *} org.opencontainers.image.created=${revision#* }"
fi
source=$(git remote get-url origin 2>/dev/null || true)
case $source in
http://*@* | https://*@*) ;; # somebody's password
http://* | https://*) labels+=" org.opencontainers.image.source=\"$source\"" ;;
esac

tags=("$version" latest)
[ -z "${TAG:-}" ] || tags=("$TAG")
readonly tags

case $bases in
local) tools/base-image.sh ;;
public) ;;
*)
    echo "images: cannot use base $bases: want local or public" >&2
    exit 1
    ;;
esac

# stage NAME FILE... makes the context of an image, with its Dockerfile. Any user
# may read it, whatever the umask of whoever checked it out.
stage() {
    local context=bin/images/$1
    rm -rf "$context"
    mkdir -p "$context"
    cp -r "images/$1/Dockerfile" "${@:2}" "$context"
    chmod -R a+rX "$context"
}

# writable NAME adds a /run that any user can write to, as it is and below a tmpfs,
# which takes its mode. It is an archive, since COPY may leave a directory that is
# there as it is.
writable() {
    install -d -m 1777 "bin/images/$1/run" "bin/images/$1/run/msdha"
    tar -C "bin/images/$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "bin/images/$1/run.tar" run
    rmdir "bin/images/$1/run/msdha" "bin/images/$1/run"
}

# build NAME [BASE]
build() {
    local image=msdha-$1 said arguments=()
    if [ "$bases" = local ] && [ $# -gt 1 ]; then
        arguments+=(--build-arg "BASE_IMAGE=$2")
    fi
    # One instruction for all labels: each costs a second.
    said=$({
        cat "bin/images/$1/Dockerfile"
        echo "LABEL org.opencontainers.image.title=$image $labels"
    } | DOCKER_BUILDKIT=0 docker build "${tags[@]/#/--tag=$image:}" "${arguments[@]}" \
        -f - "bin/images/$1" 2>&1) || {
        echo "$said" >&2
        exit 1
    }
    docker image inspect -f "$image:${tags[0]} {{.Size}} bytes" "$image:${tags[0]}"
}

stage backend bin/backend images/backend/start_hook
writable backend
build backend msdha-base:local

stage frontend bin/frontend /etc/ssl/certs/ca-certificates.crt
writable frontend
build frontend

stage witness bin/witness /etc/ssl/certs/ca-certificates.crt
writable witness
build witness

stage backend-postgresql bin/backend bin/msdhactl examples/postgresql/hooks
writable backend-postgresql
build backend-postgresql msdha-base-postgresql:local

stage etcd bin/etcd bin/etcdctl bin/etcdutl
build etcd
