#!/usr/bin/env bash
# Runs an example in an empty directory until it has printed what is expected, and compares. One that calls leat::run() or
# a runner's run() is stopped with SIGTERM; another one ends by itself.
# Usage: run.sh PROGRAM EXPECTED SOURCE
set -euo pipefail
program=$1 expected=$2 source=$3
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
if grep -Eq 'leat::run\(|runner\.run\(' "$source"; then
  kill -TERM "$pid" 2>/dev/null || true
fi
status=0
wait "$pid" || status=$?
pid=
diff "$expected" out || { cat err; exit 1; }
[ "$status" -eq 0 ] || { echo "exit code $status"; cat err; exit 1; }
