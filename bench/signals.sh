#!/bin/bash
# signals.sh [CASE...]: our signals against Redis and SQLite: build/bench/signals.jsonl.  Starts the
# server on a Unix socket, with its data beside ours, and stops it.  SCALE=tiny is a smoke run, with
# the peers that are there; settings.sh has the other settings.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/settings.sh
data=$out/signals-servers
. bench/servers.sh

rm -rf "$data" "$out/signals.tidal" "$out/signals.jsonl"
mkdir -p "$data"
machine
echo "$(load) before; processor times and ratios in the same"
echo "rounds say more than the clock.  To repeat: make bench-signals (or, built, bench/signals.sh)"
start_redis --appendonly no
"$bin/signals_bench" "$out/signals.tidal" "$out/signals.jsonl" "$scale" "$@"
[ -s "$out/signals.jsonl" ] || { echo "bench: signals reported nothing" >&2; exit 1; }
echo
echo "$(load) after; results: $out/signals.jsonl"
