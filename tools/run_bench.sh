#!/usr/bin/env bash
# Runs the benchmarks on an SQLite file and on a nats-server of its own, both in a temporary directory.
# Usage: run_bench.sh LEAT [options of `leat bench`]
set -euo pipefail
leat=$(realpath "$1")
shift
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

status=0
"$leat" bench --url "sqlite:$work/bench.db" "$@" || status=$?

# Port -1: the server picks a free one and writes it to a file.
nats-server -js -sd "$work/nats" -a 127.0.0.1 -p -1 --ports_file_dir "$work" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do
  ports=$(cat "$work"/nats-server_*.ports 2>/dev/null) && [ -n "$ports" ] && break
  kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
  sleep 0.1
done
url=$(grep -oE 'nats://[0-9.:]+' <<<"$ports" | head -n 1)
"$leat" bench --url "$url" "$@" || status=$?
exit "$status"
