#!/bin/bash
# What the benchmarks that have cases make of a wrong command line.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"
bin=$TIDAL_BUILD_DIR/bin

# refuses TEXT PROGRAM ARGUMENT...: it measures nothing, and an error holds the text.
refuses() {
    local text=$1 code
    shift
    "$bin/$1" "${@:2}" >out 2>err
    code=$?
    cat out err
    [ $code -eq 2 ] && grep -qF -- "$text" err && [ ! -e results.jsonl ]
}

a_case_that_does_not_exist_is_refused_and_the_cases_are_named() {
    refuses "there is no case 'waiters3'; the cases are: waiters1 waiters16" \
        log_bench data results.jsonl tiny waiters1 waiters3 || return
    refuses "there is no case 'apply2'; the cases are: apply read5x1000" \
        signals_bench data results.jsonl tiny apply2 || return
    [ ! -e data ]
}

a_case_in_the_place_of_the_scale_is_refused() {
    refuses '[tiny|full [CASE...]]' log_bench data results.jsonl waiters1 &&
        refuses '[tiny|full [CASE...]]' signals_bench data results.jsonl apply
}

a_benchmark_without_cases_takes_none() {
    refuses 'write_bench DIR OUT.jsonl [tiny|full]' write_bench data results.jsonl tiny durable
}

what_an_earlier_run_left_is_named_and_kept() {
    mkdir data && touch data/left
    for program in log_bench signals_bench; do
        refuses "'data' cannot be made: File exists" $program data results.jsonl tiny || return
        grep -q '^remove what an earlier run left' err && [ -e data/left ] || return
    done
}

only_the_case_that_is_named_is_measured_and_nothing_is_left() {
    "$bin/log_bench" data log.jsonl tiny nowait || return
    "$bin/signals_bench" data signals.jsonl tiny cold5x1000 || return
    [ ! -e data ] && ! grep -v '"case": "nowait"' log.jsonl && ! grep ingest signals.jsonl
}

check_all "$0"
finish
