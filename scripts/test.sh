#!/bin/bash
# test.sh PRESET [CTEST ARGUMENT...]: runs the tests of build/PRESET and counts their cases.
#
# Each program ends with "N passed, N failed, N skipped", which is summed.  A program without that
# line is one case; one that ends badly though it counted no failure (a crash, a leak, a time-out)
# adds one failure.  Failures and skips are listed, then the last line is "N passed, N failed".
# TEST_WRAPPER names a command that runs ctest (setarch -R).
set -u
cd "$(dirname "$0")/.." || exit 1
preset=$1
shift
log=build/$preset/test.log

# shellcheck disable=SC2086  # the wrapper is a command with arguments
${TEST_WRAPPER:-} ctest --test-dir "build/$preset" --verbose --no-tests=ignore \
    -j "$(nproc)" "$@" >"$log" 2>&1
status=$?

awk -v log_file="$log" -v status="$status" '
# Output lines come as "NUMBER: text", results as "i/n Test #NUMBER: name .... Passed 0.01 sec".
/^[0-9]+: [0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
    number = $1 + 0; counted[number] = 1
    passed[number] = $2 + 0; failed[number] = $4 + 0; skipped[number] = $6 + 0
    next
}
/^[0-9]+: SKIPPED / {
    number = $1 + 0; sub(/^[0-9]+: /, "")
    skips[++skip_count] = number SUBSEP $0
    next
}
/^[0-9]+: (Test command|Working Directory|Environment variables|Test timeout computed)/ { next }
/^[0-9]+: / {
    number = $1 + 0; sub(/^[0-9]+: ?/, "")
    output[number] = output[number] "    " $0 "\n"
    next
}
/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    number = $0; sub(/^[^#]*#/, "", number); number += 0
    name[number] = $0; sub(/^[^#]*#[0-9]+: /, "", name[number]); sub(/ .*/, "", name[number])
    bad = $0 !~ / Passed +[0-9.]+ sec/
    how = $0; sub(/^[^*]*\*\*\*/, "", how); sub(/\*\*\*.*| +[0-9.]+ sec.*/, "", how)
    if ($0 ~ /\*\*\*(Skipped|Not Run \(Disabled\))/) {
        all_skipped++; skips[++skip_count] = number SUBSEP "SKIPPED (whole program)"
        next
    }
    if (!counted[number]) passed[number] = !bad
    if (bad && failed[number] == 0) failed[number] = 1
    if (bad || failed[number] > 0) {
        printf "FAILED %s (%s)\n%s", name[number], bad ? how : "counted", output[number]
    }
    all_passed += passed[number]; all_failed += failed[number]; all_skipped += skipped[number]
    programs++
}
END {
    if (skip_count) print "\n*** SKIPPED: " all_skipped " ***"
    for (i = 1; i <= skip_count; i++) {
        split(skips[i], part, SUBSEP)
        print name[part[1]] ": " part[2]
    }
    if (status && !all_failed) {
        print "FAILED: ctest ended with status " status ", see " log_file
        all_failed++
    }
    printf "%d programs, output in %s\n", programs, log_file
    printf "%d passed, %d failed\n", all_passed, all_failed
    exit all_failed > 0
}' "$log"
