#!/bin/bash
# fuzz.sh SECONDS [TARGET...]: lets libFuzzer search with each target (default: all), as many at a
# time as there are cores, SECONDS in all.  Starts from fuzz/corpus; what is new goes to
# build/fuzz/found.  A wrong answer fails, and how to see it again is printed.  The last line is
# "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=$1
shift
if [ $# -eq 0 ]; then
    for file in fuzz/*_fuzz.c; do
        name=${file#fuzz/}
        set -- "$@" "${name%_fuzz.c}"
    done
fi
cores=$(nproc)
[ "$cores" -le $# ] || cores=$#
each=$((seconds / (($# + cores - 1) / cores))) # so many follow each other on a core
scripts/build.sh fuzz "${@/#/fuzz_}" >build/fuzz-build.log 2>&1 || {
    cat build/fuzz-build.log
    echo "0 passed, 1 failed"
    exit 1
}

# search TARGET: status 0 if nothing was found.
search() {
    local found=build/fuzz/found/$1 dictionary=() status
    mkdir -p "$found"
    case $1 in statement | retrieve) dictionary=(-dict=fuzz/language.dict) ;; esac
    build/fuzz/bin/fuzz_"$1" -max_total_time="$each" -timeout=25 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/found/$1-" "${dictionary[@]}" \
        "$found" "fuzz/corpus/$1" >"build/fuzz/found/$1.log" 2>&1
    status=$?
    echo $status >"build/fuzz/found/$1.status"
}

mkdir -p build/fuzz/found
for target in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "$cores" ]; do
        wait -n
    done
    search "$target" &
done
wait

passed=0
failed=0
for target in "$@"; do
    log=build/fuzz/found/$target.log
    runs=$(awk '/number_of_executed_units/ {print $2}' "$log")
    if [ "$(cat "build/fuzz/found/$target.status")" -eq 0 ]; then
        passed=$((passed + 1))
        echo "fuzz $target: ${runs:-no} runs in $each s, nothing wrong"
        continue
    fi
    failed=$((failed + 1))
    artifact=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    echo "FAILED fuzz $target: $(grep -m 1 -E 'ERROR|runtime error|Assert' "$log")"
    echo "    see it again: build/fuzz/bin/fuzz_$target ${artifact:-, see $log}"
    [ -z "$artifact" ] || echo "    or: echo $(base64 -w 0 "$artifact") | base64 -d >input"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
