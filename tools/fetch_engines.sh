#!/bin/sh
# Fetches ClickHouse's engine as a library (libchdb) for tests, with npm from the machine's own registry.
#
# Usage: tools/fetch_engines.sh [DIRECTORY]     (default: build beside this script's folder)
# Puts it into DIRECTORY/node_modules, where leat finds it; half a gigabyte. Ends with 0 also when it cannot be had: its tests
# are skipped then.
set -u

here=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$here/build}
package=@chdb/lib-linux-x64-gnu
library=$target/node_modules/$package/libchdb.so

give_up() {
  echo "fetch_engines: $1; the tests of the embedded engine are skipped" >&2
  exit 0
}

if [ -r "$library" ]; then
  echo "libchdb is there"
  exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] || give_up "there is no libchdb for $(uname -sm)"
command -v npm >/dev/null || give_up "no npm"
mkdir -p "$target" || give_up "no directory $target"
# A scratch beside it: an install that is cut off leaves nothing that looks whole.
scratch=$(mktemp -d "$target/engines.XXXXXX") || give_up "no temporary directory in $target"
trap 'rm -rf "$scratch"' EXIT
npm install --prefix "$scratch" --no-save --no-audit --no-fund --ignore-scripts "$package@26" >"$scratch/log" 2>&1 ||
  give_up "npm: $(grep -m 1 -E "reason|ERR|error" "$scratch/log")"
mkdir -p "$target/node_modules/@chdb"
rm -rf "${target:?}/node_modules/$package"
mv "$scratch/node_modules/$package" "$target/node_modules/$package" || give_up "it cannot be moved to $target"
echo "libchdb $(sed -nE 's/.*"version": "([^"]+)".*/\1/p' "$target/node_modules/$package/package.json")"
