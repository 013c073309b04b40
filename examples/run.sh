#!/usr/bin/env bash
# Runs an example in an empty directory until it has printed what is expected, stops it with SIGTERM, and compares.
# Usage: run.sh PROGRAM EXPECTED
set -euo pipefail
program=$1 expected=$2
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
"$program" >out 2>err &
pid=$!
lines=$(wc -l <"$expected")
for _ in $(seq 300); do
  [ "$(wc -l <out)" -ge "$lines" ] && break
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
kill -TERM "$pid" 2>/dev/null || true
status=0
wait "$pid" || status=$?
pid=
diff "$expected" out || { cat err; exit 1; }
[ "$status" -eq 0 ] || { echo "exit code $status"; cat err; exit 1; }
