#!/usr/bin/env bash
# Builds the images of the Dockerfile with buildah, where there is no Docker daemon and no registry
# of images: the base image is a minimal Debian from the mirror that apt uses. Needs root, buildah
# and debootstrap, and 20 GB of disk for the images with torch.
#
#   deploy/build-without-daemon.sh [TARGET ...]     default: dealer party client simulation
#
# SECFPP_BASE_IMAGE  use this image, which is there already, in place of a new base image
# SECFPP_MIRROR      mirror for debootstrap; default: the first one of apt's own settings
# BUILDAH_FLAGS      more flags of `buildah bud`, such as --build-arg TORCH=cpu
set -euo pipefail
cd "$(dirname "$0")/.."

suite=bookworm # its Python is 3.11, as requirements/lock.txt is made for
base=${SECFPP_BASE_IMAGE:-localhost/secfpp-base}
read -r -a more_flags <<<"${BUILDAH_FLAGS:-}"
flags=()

main() {
    local target
    needs buildah
    buildah inspect --type image "$base" >/dev/null 2>&1 || make_base
    read_pip_settings
    if [ $# -eq 0 ]; then
        set -- dealer party client simulation
    fi
    for target in "$@"; do
        build "$target"
    done
}

needs() {
    command -v "$1" >/dev/null || { echo "$1 is not installed" >&2; exit 1; }
}

# Debian with Python, under the name of the base image.
make_base() {
    local mirror container
    needs debootstrap
    # shellcheck disable=SC2016 # apt fills in the name
    mirror=${SECFPP_MIRROR:-$(apt-get indextargets --format '$(SITE)' | head -n 1)}
    root=$(mktemp --directory)
    trap 'rm -rf "$root"' EXIT # a variable of the script: the trap outlives this function
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        "$suite" "$root" "$mirror"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" /
    buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "$container"
    buildah commit --quiet --rm "$container" "$base"
}

# pip in the build reads the settings that pip has here, and trusts the same authorities.
read_pip_settings() {
    local path
    for path in /etc/pip.conf /etc/xdg/pip /etc/ssl/certs; do
        if [ -e "$path" ]; then
            flags+=(--volume "$path:$path:ro")
        fi
    done
}

build() {
    local name=secfpp-$1
    if [ "$1" = simulation ]; then
        name=secfpp
    fi
    buildah bud --isolation chroot --pull-never --format docker --layers \
        --build-arg "PYTHON=$base" --target "$1" --tag "localhost/$name" \
        --label "secfpp.lock=$(sha256sum requirements/lock.txt | cut --delimiter=' ' --fields=1)" \
        "${flags[@]}" "${more_flags[@]}" .
}

main "$@"
