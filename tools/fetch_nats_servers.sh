#!/bin/sh
# Fetches the nats-server of later Debian releases for tests, beside the one that this release has.
#
# Usage: tools/fetch_nats_servers.sh [DIRECTORY]     (default: build/nats-servers beside this script's folder)
# Puts each into DIRECTORY/<version>/nats-server. Uses apt-get with lists of its own, so signatures are checked and the
# machine's own package state is not touched; works for any user. Ends with 0 also when they cannot be had: tests then
# run with the servers that are there.
set -u

here=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$here/build/nats-servers}
releases="trixie sid"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

give_up() {
  echo "fetch_nats_servers: $1; tests go on with the servers at hand" >&2
  exit 0
}

# The Debian mirror of this machine: from deb822 files first, then from one-line lists; security archives are none.
find_mirror() {
  {
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' /etc/apt/sources.list.d/*.sources 2>/dev/null
    sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' \
      /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null
  } | grep -E '^(https?|mirror\+https?|mirror\+file|file|copy):' | grep -vi -e security -e backports | head -n 1
}

# Leaves the binary of one release in the target directory.
fetch_release() {
  release=$1
  work=$2/$release
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb [signed-by=$keyring] $mirror $release main" >"$work/sources.list"
  set -- -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)" \
    -o Acquire::Languages=none -o Acquire::Retries=2
  apt-get "$@" -qq update >"$work/log" 2>&1 || return 1
  (cd "$work" && apt-get "$@" -qq download nats-server >>log 2>&1) || return 1
  dpkg-deb -x "$work"/nats-server_*.deb "$work/unpacked" || return 1
  binary=$(find "$work/unpacked" -type f -name nats-server | head -n 1)
  version=$("$binary" --version 2>/dev/null | sed -nE 's/.*: v([0-9.]+).*/\1/p')
  [ -n "$version" ] || return 1
  mkdir -p "$target/$version"
  install -m 755 "$binary" "$target/$version/nats-server.new" &&
    mv "$target/$version/nats-server.new" "$target/$version/nats-server" &&
    echo "$version" >"$target/.$release" && echo "nats-server $version ($release)"
}

[ -r "$keyring" ] || give_up "no Debian keyring at $keyring"
mirror=$(find_mirror)
[ -n "$mirror" ] || give_up "no Debian mirror in the machine's apt configuration"
scratch=$(mktemp -d) || give_up "no temporary directory"
trap 'rm -rf "$scratch"' EXIT

for each in $releases; do
  if [ -r "$target/.$each" ] && [ -x "$target/$(cat "$target/.$each")/nats-server" ]; then
    echo "nats-server $(cat "$target/.$each") ($each) is there"
    continue
  fi
  fetch_release "$each" "$scratch" || {
    echo "fetch_nats_servers: none from $each: $(tail -n 1 "$scratch/$each/log" 2>/dev/null)" >&2
  }
done
exit 0
