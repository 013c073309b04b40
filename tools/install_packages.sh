#!/usr/bin/env bash
# Installs the Debian packages that are missing, and asks for nothing when none is.
# Usage: install_packages.sh GROUP...   with groups: build demo test servers clickhouse verify
set -euo pipefail

declare -A groups=(
  [build]="g++ make cmake ninja-build pkg-config libnats-dev libsqlite3-dev libssl-dev libcurl4-openssl-dev libcpp-httplib-dev zlib1g-dev libzstd-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libhowardhinnant-date-dev libprotobuf-dev protobuf-compiler tzdata"
  [demo]="nodejs npm"
  [test]="libgtest-dev libboost1.81-dev libprotoc-dev python3 openssl procps nodejs npm"
  [servers]="nats-server"
  [clickhouse]="clickhouse-server clickhouse-common"
  [verify]="clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev python3"
)
# Who has these commands from elsewhere keeps them.
declare -A commands=([nodejs]=node [npm]=npm)

missing=()
for group in "$@"; do
  for package in ${groups[$group]}; do
    command -v "${commands[$package]:-no-command}" >/dev/null && continue
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
done
[ ${#missing[@]} -eq 0 ] && exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "missing packages: ${missing[*]}; install them as root, or install sudo" >&2; exit 1; }
  root=(sudo)
fi
# Debian starts a server that it installs; the tests run their own. This file is how a machine says that it does not want it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
  trap '"${root[@]}" rm -f "$policy"' EXIT
fi
echo "installing: ${missing[*]}"
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
# Nor when the machine starts.
for server in nats-server clickhouse-server; do
  if [[ " ${missing[*]} " == *" $server "* ]] && command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
    "${root[@]}" systemctl disable --now "$server.service" >/dev/null 2>&1 || true
  fi
done
