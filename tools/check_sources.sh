#!/usr/bin/env bash
# Runs the compile commands of a preset for their diagnostics alone: nothing is written.
# Usage: check_sources.sh compile_commands.json [REGEX]     REGEX: files to leave out
set -euo pipefail
python3 - "$1" "${2:-^$}" <<'PY'
import concurrent.futures, json, os, re, subprocess, sys
commands = {c["file"]: c for c in json.load(open(sys.argv[1])) if not re.search(sys.argv[2], c["file"])}.values()
def check(entry):
    done = subprocess.run(entry["command"] + " -fsyntax-only", shell=True, cwd=entry["directory"], capture_output=True, text=True)
    return entry["file"], done.returncode, done.stderr
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(check, commands))
bad = [r for r in results if r[1] != 0]
for file, _, text in bad: print(file + "\n" + text)
print(f"{len(results)} files, {len(bad)} with findings")
sys.exit(1 if bad else 0)
PY
