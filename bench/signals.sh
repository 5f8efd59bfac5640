#!/bin/bash
# signals.sh [CASE...]: our signals against Redis and SQLite: build/bench/signals.jsonl.  Starts the
# server on a Unix socket, with its data beside ours, and stops it.
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
data=$out/signals-servers
. bench/servers.sh

rm -rf "$data" "$out/signals.tidal" "$out/signals.jsonl"
mkdir -p "$data"
echo "$(uname -sm), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "load average $(cut -d' ' -f1-3 /proc/loadavg) before; processor times and ratios in the same"
echo "rounds say more than the clock.  To repeat: make bench-signals (or, built, bench/signals.sh)"
start_redis --appendonly no
"$bin/signals_bench" "$out/signals.tidal" "$out/signals.jsonl" "$scale" "$@"
rm -rf "$out/signals.tidal"
[ -s "$out/signals.jsonl" ] || { echo "bench: signals reported nothing" >&2; exit 1; }
echo
echo "load average $(cut -d' ' -f1-3 /proc/loadavg) after; results: $out/signals.jsonl"
