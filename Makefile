# Thin over the CMake presets: everything is built under build/PRESET.
PREFIX ?= /usr/local
DESTDIR ?=
SCALE ?=
export CMAKE_C_COMPILER_LAUNCHER ?= $(shell command -v ccache)
export SCALE

.DEFAULT_GOAL := help
.PHONY: demo test torture build bench bench-log bench-signals lint format install hooks clean help fresh-test

demo: ## import real films and ratings, show a ranked feed, explain it
	@scripts/demo.sh

test: ## build with all checks on (preset dev), run every test
	@scripts/setup.sh build
	@scripts/build.sh dev
	@scripts/test.sh dev

torture: ## the long crash tests, mutants and fuzzing, with a table (25 minutes)
	@scripts/setup.sh build check
	@scripts/torture.sh

build: ## build/release/bin/tidal and build/release/lib/libtidal.so
	@scripts/setup.sh build
	@scripts/build.sh release

bench: build ## run the benchmarks (SCALE=tiny: a smoke run)
	@bench/run.sh

bench-log: ## our log against RocksDB, SQLite, Redis, PostgreSQL (installs them; ten minutes)
	@scripts/setup.sh build bench
	@scripts/build.sh release
	@bench/log.sh

bench-signals: ## our signals against Redis and SQLite (installs them; ten minutes)
	@scripts/setup.sh build bench
	@scripts/build.sh release
	@bench/signals.sh

lint: ## clang-format's and clang-tidy's verdict, every warning an error
	@scripts/setup.sh build check
	@scripts/lint.sh

format: ## rewrite the C sources with clang-format
	@scripts/setup.sh check
	@scripts/c-files.sh | xargs -r clang-format -i

install: build ## install into PREFIX (default /usr/local), under DESTDIR if set
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

hooks: ## a pre-commit hook: format, lint, unit tests
	@scripts/install-hooks.sh

fresh-test: ## make demo and make test in a bare Debian 12 root (needs root)
	@scripts/setup.sh fresh
	@scripts/fresh-test.sh

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile
