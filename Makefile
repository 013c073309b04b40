# The front door. Every target installs what it needs (Debian packages; root or sudo) and builds what it uses.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
JOBS ?= $(shell nproc)
RELEASE := build/release/leat

.PHONY: help build demo bench test verify soak format clean

help:
	@echo 'make demo     build leat and watch it work: thousands of jobs, a killed worker, every result checked'
	@echo 'make test     build with ASan and UBSan, run every test against real servers'
	@echo 'make build    the release binary, build/release/leat'
	@echo 'make bench    leat against the raw clients of SQLite and NATS, on this machine'
	@echo 'make verify   TSan, clang thread-safety, clang-tidy, short fuzzing, a smoke test of the release build'
	@echo 'make soak     the tests with kills, restarts and random calls, 20 to 50 times each'
	@echo 'make format   clang-format over everything'

build:
	tools/install_packages.sh build
	cmake --preset release
	cmake --build --preset release -j $(JOBS)

demo: build
	tools/install_packages.sh demo
	tools/fetch_engines.sh
	$(RELEASE) demo

bench: build
	tools/install_packages.sh servers
	tools/run_bench.sh $(RELEASE)

test:
	tools/install_packages.sh build test servers clickhouse
	tools/fetch_nats_servers.sh
	tools/fetch_engines.sh
	cmake --preset asan-ubsan
	cmake --build --preset asan-ubsan -j $(JOBS)
	ctest --preset asan-ubsan || { tools/show_failures.py build/asan-ubsan/Testing/Temporary/LastTest.log; exit 1; }

verify:
	tools/install_packages.sh build test servers clickhouse verify
	tools/fetch_nats_servers.sh
	tools/fetch_engines.sh
	tools/verify.sh

soak:
	tools/install_packages.sh build test servers clickhouse verify
	tools/fetch_nats_servers.sh
	tools/fetch_engines.sh
	cmake --preset thread-safety -B build/alone -D CMAKE_UNITY_BUILD=OFF
	cmake --build build/alone --target generated_sources
	tools/check_sources.sh build/alone/compile_commands.json leat_plain
	cmake --preset asan-ubsan
	cmake --build --preset asan-ubsan -j $(JOBS)
	ctest --preset asan-ubsan -L 'jobs|integration' --repeat until-fail:20 --timeout 3600
	ctest --preset asan-ubsan -R 'Differential|Restart|Processes' --repeat until-fail:50 --timeout 3600
	LEAT_SOAK=1 ctest --preset asan-ubsan -R 'ScheduleChaos|ManyThreadsGetOneJobPerKey' --repeat until-fail:10 --timeout 3600
	LEAT_SOAK=1 build/asan-ubsan/tests/pipeline_clickhouse --gtest_filter='*Kills*:*AwayServer*'

format:
	tools/install_packages.sh verify
	git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

clean:
	rm -rf build
