#!/usr/bin/env bash
# What takes longer than the tests, or needs clang: TSan over all that has threads, clang-tidy with thread-safety analysis, fuzzing, and of the
# release build a smoke test and the tests of memory.
set -euo pipefail
jobs=${JOBS:-$(nproc)}
fuzz_seconds=${FUZZ_SECONDS:-10}

step() { printf '\n== %s ==\n' "$1"; }

linted='^(?!.*/(tests|generated)/)(?!.*_test[.]cc)'

step "clang-tidy, which finds what thread-safety analysis finds, too"
cmake --preset thread-safety >/dev/null
cmake --build build/thread-safety --target generated_sources >/dev/null
run-clang-tidy-14 -quiet -j "$jobs" -p build/thread-safety "$linted" >build/tidy.log 2>&1 || {
  grep -E '(warning|error):' build/tidy.log | sort -u | head -50
  exit 1
}

step "thread-safety analysis of the tests"
tools/check_sources.sh build/thread-safety/compile_commands.json "$linted|leat_plain"

step "TSan"
cmake --preset tsan >/dev/null
threaded=(unit conformance jobs pubsub pipeline pipeline_clickhouse clickhouse integration)
cmake --build --preset tsan -j "$jobs" --target "${threaded[@]}" | tail -n 1
# Left out: parameters whose code is that of the others, and what has no sanitizer.
TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1" ctest --preset tsan -E '2_9_10|2_10_27|/memory |embedded' \
  -L "^($(IFS='|'; echo "${threaded[*]}"))\$" || {
  tools/show_failures.py build/tsan/Testing/Temporary/LastTest.log
  exit 1
}

step "fuzzing, $fuzz_seconds s a target"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" | tail -n 1
for target in build/fuzz/tests/fuzz/*_fuzz; do
  corpus=build/fuzz/corpus/$(basename "$target")
  mkdir -p "$corpus"
  "$target" -max_total_time="$fuzz_seconds" -rss_limit_mb=2048 "$corpus" >"$target.log" 2>&1 || { tail -n 40 "$target.log"; exit 1; }
  grep -E '^Done|stat::number_of_executed_units' "$target.log" | head -1 | sed "s|^|$(basename "$target"): |"
done

step "release build: a smoke test, and the memory of thousands of waiting jobs and of long streams in batches"
cmake --preset release -B build/release-tests -D LEAT_TESTS=ON >/dev/null
cmake --build build/release-tests --target leat jobs pipeline pipeline_clickhouse -j "$jobs" | tail -n 1
build/release-tests/leat demo
ctest --test-dir build/release-tests -R 'FiveThousand|BatchMemory|pipeline_memory' --output-on-failure --no-tests=error
