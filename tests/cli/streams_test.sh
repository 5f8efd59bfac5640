#!/bin/bash
# What the shell does when its input never ends a statement, and when its output cannot be written.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"

# repeated COUNT TEXT: without line ends.
repeated() { head -c "$1" < <(yes "$2" | tr -d '\n'); }

output_that_cannot_be_written_is_an_error() {
    "$TIDAL" "$work/db" -c 'SHOW SIGNALS' >/dev/full
    [ $? -eq 1 ] || return
    "$TIDAL" help import >/dev/full
    [ $? -eq 1 ]
}

nothing_is_written_to_the_database_after_that() {
    ! "$TIDAL" "$work/db" -c 'SHOW SIGNALS; PUT item 77 {}' >/dev/full || return
    [ "$("$TIDAL" "$work/db" --format csv -c 'RETRIEVE items FROM all RETURNING id')" = id ]
}

# Looked through again with each piece of it, 30 MB would take a minute of the processor; the limit
# is of its time, not of the clock's, which goes on while others run.
a_statement_that_never_ends_is_refused_soon() {
    { printf "PUT item 1 {\"title\": 'x"; repeated 30000000 x; } >"$work/endless.tidal"
    ! (ulimit -t 20 && exec "$TIDAL" "$work/db" -f "$work/endless.tidal") >"$work/said" 2>&1 ||
        return
    cut -c 1-200 "$work/said"
    grep -q ':1:1: the statement has .* bytes, the limit is' "$work/said"
}

comments_may_be_longer_than_a_statement() {
    { for _ in 1 2 3; do printf -- '-- '; repeated 1500000 c; echo; done
        echo 'SHOW SIGNALS; -- and'; echo ' wrong;'; } >"$work/comments.tidal"
    ! "$TIDAL" "$work/db" --format csv -f "$work/comments.tidal" >"$work/rows" 2>"$work/said" ||
        return
    cut -c 1-200 "$work/rows" "$work/said"
    grep -q '^impression,' "$work/rows" && grep -q ':5:2: ' "$work/said"
}

a_place_is_told_after_many_statements_in_one_piece() {
    { for i in $(seq 2000); do echo "PUT item $i {};"; done; echo ' wrong;'; } |
        "$TIDAL" :memory: >"$work/said" 2>&1
    cat "$work/said"
    grep -q '^stdin:2001:2: ' "$work/said" && grep -q '^   wrong;$' "$work/said" &&
        grep -q '^   ^$' "$work/said"
}

a_table_shows_no_control_characters() {
    "$TIDAL" :memory: -c 'DEFINE FIELD title ON item TEXT;
        PUT item 1 {"title": "a\u001b[31m\u009b1mb\u00e9"}; RETRIEVE items RETURNING title' |
        tee "$work/rows"
    [ "$(tail -n 1 "$work/rows")" = 'a?[31m?1mbé' ]
}

an_option_that_does_not_exist_is_named() {
    local said
    for arguments in ':memory: --wrong' 'status --wrong' 'check --wrong' 'import --wrong'; do
        # shellcheck disable=SC2086  # words
        said=$("$TIDAL" $arguments 2>&1)
        [ $? -eq 2 ] || return
        echo "$said"
        [[ $said == "tidal: there is no option '--wrong'"* ]] || return
    done
    said=$("$TIDAL" :memory: -c 2>&1)
    [[ $said == "tidal: option '-c' takes a value"* ]]
}

check_all "$0"
finish
