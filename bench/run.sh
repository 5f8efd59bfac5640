#!/bin/bash
# run.sh [NAME...]: runs bench/NAME_bench.c (default: all) and writes build/bench/NAME.jsonl, one
# object a line.  docs/benchmarks.md says what each measures, settings.sh what can be set.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/settings.sh
[ $# -gt 0 ] || set -- write query open personal coengagement backfill
ratings=all
[ "$scale" = full ] || ratings=12000

machine
echo "$(load); with more than a little of it, times and rates"
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
