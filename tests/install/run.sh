#!/usr/bin/env bash
# Installs a build into a temporary prefix and builds a program of somebody else against it, by CMake and by pkg-config.
# Usage: run.sh BUILD_DIR SOURCE_DIR CXX CXXFLAGS
set -euo pipefail
build=$1 source=$2 cxx=$3 flags=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$source/tests/install" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_CXX_FLAGS="$flags" >/dev/null
cmake --build "$work/build" >/dev/null
"$work/build/consumer" "sqlite:$work/consumer.db"
"$work/build/jobs_only"
"$work/build/testing"
"$work/build/service"
"$work/build/clickhouse_only"
[ ! -e "$work/build/coroutine" ] || "$work/build/coroutine"

# Who wants jobs alone needs neither NATS nor what ClickHouse needs.
mkdir "$work/jobs"
cat >"$work/jobs/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(jobs LANGUAGES CXX)
find_package(leat REQUIRED COMPONENTS jobs)
foreach(unwanted PkgConfig::LIBNATS PkgConfig::ZSTD protobuf::libprotobuf)
  if(TARGET ${unwanted})
    message(FATAL_ERROR "the component jobs asks for ${unwanted}")
  endif()
endforeach()
END
cmake -S "$work/jobs" -B "$work/jobs/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" >/dev/null

export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig:$work/prefix/lib/$(gcc -print-multiarch)/pkgconfig
for program in consumer clickhouse_only; do
  # shellcheck disable=SC2046,SC2086
  "$cxx" -std=c++20 $flags "$source/tests/install/$program.cc" $(pkg-config --cflags --libs --static leat) -o "$work/$program-by-pkg-config"
  "$work/$program-by-pkg-config" "sqlite:$work/by-pkg-config.db"
done
"$work/prefix/bin/leat" --version
