#!/bin/bash
# run.sh [NAME...]: runs bench/NAME_bench.c (default: all) and writes build/bench/NAME.jsonl, one
# object a line.  docs/benchmarks.md says what each measures.
#
#   SCALE=tiny   a smoke run of seconds
#   TIDAL_BIN    the folder of the programs (default build/release/bin)
#   BENCH_OUT    where databases and results go (default build/bench): on the disk to be measured
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${TIDAL_BIN:-build/release/bin}
out=${BENCH_OUT:-build/bench}
scale=${SCALE:-full}
[ $# -gt 0 ] || set -- write query open personal coengagement
case $scale in
full) ratings=all ;;
tiny) ratings=12000 ;;
*)
    echo "bench: SCALE is '$scale'; it can be tiny, or not set" >&2
    exit 1
    ;;
esac
mkdir -p "$out"

echo "$(uname -sm), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "load average $(cut -d' ' -f1-3 /proc/loadavg); with more than a little of it, times and rates"
echo "say as much about the other processes, and processor times alone can be compared"
for name in "$@"; do
    database=$out/$name.tidal
    rm -rf "$database" "$out/$name.jsonl"
    if [ "$name" = query ] || [ "$name" = open ]; then
        TIDAL=$bin/tidal demo/import.sh "$database" "$ratings" >"$out/$name-import.log" 2>&1 || {
            cat "$out/$name-import.log" >&2
            exit 1
        }
    fi
    "$bin/${name}_bench" "$database" "$out/$name.jsonl" "$scale"
    [ -s "$out/$name.jsonl" ] || { echo "bench: $name reported nothing" >&2; exit 1; }
    rm -rf "$database"
done
echo
echo "results: $out/NAME.jsonl"
