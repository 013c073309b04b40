#!/usr/bin/env bash
# What takes longer than the tests, or needs clang: TSan over the suite, thread-safety analysis, clang-tidy, fuzzing, and of the
# release build a smoke test and the tests of memory.
set -euo pipefail
jobs=${JOBS:-$(nproc)}
fuzz_seconds=${FUZZ_SECONDS:-10}

step() { printf '\n== %s ==\n' "$1"; }

step "thread-safety analysis (clang)"
cmake --preset thread-safety >/dev/null
cmake --build build/thread-safety --target generated_sources >/dev/null
tools/check_sources.sh build/thread-safety/compile_commands.json

step "clang-tidy"
run-clang-tidy-14 -quiet -j "$jobs" -p build/thread-safety '^(?!.*_test)(?!.*\.pb\.).*/(src|examples)/' >build/tidy.log 2>&1 || {
  grep -E 'warning:|error:' build/tidy.log | sort -u | head -50
  exit 1
}

step "TSan"
cmake --preset tsan >/dev/null
cmake --build --preset tsan -j "$jobs" | tail -n 1
TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1" ctest --preset tsan -LE 'source-check|install'

step "fuzzing, $fuzz_seconds s a target"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" | tail -n 1
for target in build/fuzz/tests/fuzz/*_fuzz; do
  corpus=build/fuzz/corpus/$(basename "$target")
  mkdir -p "$corpus"
  "$target" -max_total_time="$fuzz_seconds" -rss_limit_mb=2048 "$corpus" >"$target.log" 2>&1 || { tail -n 40 "$target.log"; exit 1; }
  grep -E '^Done|stat::number_of_executed_units' "$target.log" | head -1 | sed "s|^|$(basename "$target"): |"
done

step "release build: a smoke test, and the memory of thousands of waiting jobs"
cmake --preset release -B build/release-tests -D LEAT_TESTS=ON >/dev/null
cmake --build build/release-tests --target leat jobs -j "$jobs" | tail -n 1
build/release-tests/leat demo
ctest --test-dir build/release-tests -R FiveThousand --output-on-failure --no-tests=error
