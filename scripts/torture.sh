#!/bin/bash
# torture.sh [PIECE...]: the long forms of the durability tests, one after the other, and a table
# of what they counted.  Pieces: log engine mutants states kills disk fuzz.  About 25 minutes on
# two cores.  What is longer still: LOG_SEEDS, ENGINE_SEEDS, MUTANT_SEEDS, CRASH_STATES,
# KILL_ROUNDS, FUZZ_SECONDS; another run: TIDAL_FIRST_SEED (simulations), TIDAL_SEED (the others).
# The last line is "N passed, N failed"; the whole output of a piece is in build/torture/PIECE.log.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- log engine mutants states kills disk fuzz
bin=build/release/bin
counted='[0-9] (seeds|kills|states|entries|changes|checkpoints|runs)|flips:'
counted+='|^(mutant|full|broken|SKIPPED|again)'
mkdir -p build/torture
scripts/build.sh release >build/torture-build.log 2>&1 || { cat build/torture-build.log; exit 1; }

# with "NAME=VALUE..." PROGRAM [CASE]: says how to repeat it, then runs it.
with() {
    local settings=$1
    shift
    echo "again: $settings $*"
    # Splitting the settings into words is meant.
    # shellcheck disable=SC2086
    env $settings "$@"
}

piece() {
    local first=${TIDAL_FIRST_SEED:-1} seed=${TIDAL_SEED:-1}
    case $1 in
    log) with "TIDAL_FIRST_SEED=$first TIDAL_SEEDS=${LOG_SEEDS:-100000}" \
        $bin/crash_wal_simulation_test no_seed ;;
    engine) with "TIDAL_FIRST_SEED=$first TIDAL_SEEDS=${ENGINE_SEEDS:-600}" \
        $bin/crash_engine_simulation_test no_seed ;;
    mutants)
        with "TIDAL_MUTANT_SEEDS=${MUTANT_SEEDS:-5000}" $bin/crash_wal_simulation_test every &&
            with "TIDAL_MUTANT_SEEDS=$((${MUTANT_SEEDS:-5000} / 10))" \
                $bin/crash_engine_simulation_test every
        ;;
    states) with "TIDAL_SEED=$seed TIDAL_CRASH_STATES=${CRASH_STATES:-2000}" \
        $bin/crash_states_test ;;
    kills) with "TIDAL_SEED=$seed TIDAL_KILL_ROUNDS=${KILL_ROUNDS:-500}" $bin/crash_kill_test ;;
    disk) with "" $bin/crash_disk_failure_test ;;
    fuzz) with "" scripts/fuzz.sh "${FUZZ_SECONDS:-600}" ;;
    *)
        echo "torture: no piece '$1'"
        return 1
        ;;
    esac
}

passed=0
failed=0
table=
for name in "$@"; do
    log=build/torture/$name.log
    start=$SECONDS
    if piece "$name" >"$log" 2>&1; then
        passed=$((passed + 1))
        verdict=passed
    else
        failed=$((failed + 1))
        verdict=FAILED
        tail -n 30 "$log"
    fi
    echo "$name: $verdict after $((SECONDS - start)) s"
    table+=$(
        printf '%-8s %-6s %5d s\n' "$name" $verdict $((SECONDS - start))
        grep -E "$counted" "$log" | cut -c 1-230 | sed 's/^/    /'
    )$'\n'
done
echo
printf '%s' "$table"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
