#!/usr/bin/env bash
# Builds the Dockerfile where neither Docker nor an image registry can be had, on a base made of Debian's packages.
# The result is localhost/twisted-tasks in the storage that buildah and podman share; docs/docker.md says how to try it.
#
#   contrib/docker/build-without-docker.sh [further arguments of "buildah build" ...]
#
# Needs root, and buildah and debootstrap (apt-get install --no-install-recommends buildah debootstrap).
# It fetches from Debian, PyPI and npm's registry. Where pip or npm has to be told how to reach them, hand in the files
# that say so:
#   --volume /etc/pip.conf:/etc/pip.conf:ro --volume "$HOME/.npmrc:/root/.npmrc:ro"
#
# SUITE: the Debian release of the base; bookworm, which has Python 3.11. Made once, kept as localhost/tasks-base:SUITE.
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${SUITE:-bookworm}
base=localhost/tasks-base:$suite

for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null || { echo "$0: $tool is missing" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "$0: debootstrap needs root" >&2; exit 1; }

# These two ask nothing of the kernel, so this works inside a container as well.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  echo "== $base"
  directory=$(mktemp -d)
  trap 'rm -rf "$directory"' EXIT
  debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates "$suite" "$directory/root" \
    >"$directory/log" || { tail "$directory/log" >&2; exit 1; }
  rm -rf "$directory"/root/var/cache/apt/archives/*.deb "$directory"/root/var/lib/apt/lists/*
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$directory/root" /
  buildah config --cmd python3 "$container"  # as the official images have: the Dockerfile has to undo it
  buildah commit --quiet --rm "$container" "$base"
fi

echo "== localhost/twisted-tasks"
# In Docker's format, since OCI's has no HEALTHCHECK.
buildah build --pull-never --format docker --build-arg BASE="$base" --tag localhost/twisted-tasks "$@" .
