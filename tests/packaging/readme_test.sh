#!/bin/bash
# What the README shows is true: its statements run, its program compiles and prints.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"

# block LANGUAGE: the first block of the README in it.
block() {
    awk -v begin="\`\`\`$1" '$0 == begin {inside = 1; next} inside && $0 == "```" {exit} inside' \
        "$TIDAL_SOURCE_DIR/README.md"
}

the_language_page_answers_what_it_says() {
    block tidal >"$work/page.tidal"
    "$TIDAL" :memory: --format csv -f "$work/page.tidal" | tee "$work/answers" || return
    [ "$(sed -n 2p "$work/answers" | cut -d , -f 1)" = 1002 ] &&
        grep -q '^seen,"seen by the user 1 time' "$work/answers"
}
the_program_compiles_and_ranks() {
    block c >"$work/feed.c"
    cc -std=c11 -Wall -Wextra -pedantic -Werror -I "$TIDAL_SOURCE_DIR/include" "$work/feed.c" \
        -o "$work/feed" "$TIDAL_BUILD_DIR/lib/libtidal.so" || return
    LD_LIBRARY_PATH=$TIDAL_BUILD_DIR/lib "$work/feed" | tee "$work/answers"
    [ "$(cat "$work/answers")" = "1002 1.000" ]
}

check_all "$0"
finish
