#!/bin/bash
# log.sh [CASE...]: our log against RocksDB, SQLite, Redis and PostgreSQL: build/bench/log.jsonl.
# Starts the two servers on Unix sockets, with their data beside ours, and stops them.
#
#   SCALE=tiny   a smoke run of seconds, with the peers that are there
#   TIDAL_BIN    the folder of the programs (default build/release/bin)
#   BENCH_OUT    where data and results go (default build/bench): on the disk to be measured
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${TIDAL_BIN:-build/release/bin}
out=${BENCH_OUT:-build/bench}
scale=${SCALE:-full}
case $scale in
full | tiny) ;;
*)
    echo "bench: SCALE is '$scale'; it can be tiny, or not set" >&2
    exit 1
    ;;
esac
mkdir -p "$out"
out=$(cd "$out" && pwd)
data=$out/log-servers
. bench/servers.sh

rm -rf "$data" "$out/log.jsonl"
mkdir -p "$data"
echo "$(uname -sm), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "load average $(cut -d' ' -f1-3 /proc/loadavg) before; ratios of ours to a peer's in the same"
echo "rounds say more than the figures.  To repeat: make bench-log (or, built, bench/log.sh)"
start_redis --appendonly yes --appendfsync always
start_postgresql
"$bin/log_bench" "$out/log.tidal" "$out/log.jsonl" "$scale" "$@"
[ -s "$out/log.jsonl" ] || { echo "bench: log reported nothing" >&2; exit 1; }
echo
echo "load average $(cut -d' ' -f1-3 /proc/loadavg) after; results: $out/log.jsonl"
