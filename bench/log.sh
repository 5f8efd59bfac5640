#!/bin/bash
# log.sh [CASE...]: our log against RocksDB, SQLite, Redis and PostgreSQL: build/bench/log.jsonl.
# Starts the two servers on Unix sockets, with their data beside ours, and stops them.  SCALE=tiny
# is a smoke run, with the peers that are there; settings.sh has the other settings.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/settings.sh
data=$out/log-servers
. bench/servers.sh

rm -rf "$data" "$out/log.tidal" "$out/log.jsonl"
mkdir -p "$data"
machine
echo "$(load) before; ratios of ours to a peer's in the same"
echo "rounds say more than the figures.  To repeat: make bench-log (or, built, bench/log.sh)"
start_redis --appendonly yes --appendfsync always
start_postgresql
"$bin/log_bench" "$out/log.tidal" "$out/log.jsonl" "$scale" "$@"
[ -s "$out/log.jsonl" ] || { echo "bench: log reported nothing" >&2; exit 1; }
echo
echo "$(load) after; results: $out/log.jsonl"
