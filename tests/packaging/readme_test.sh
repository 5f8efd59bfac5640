#!/bin/bash
# What the README shows is true: its statements run, its program compiles and prints.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# block LANGUAGE: the first block of the README in it.
block() {
    awk -v begin="\`\`\`$1" '$0 == begin {inside = 1; next} inside && $0 == "```" {exit} inside' \
        "$TIDAL_SOURCE_DIR/README.md"
}
check() {
    local name=$1
    if "$name" >"$work/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        sed 's/^/    /' "$work/output"
    fi
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

check the_language_page_answers_what_it_says
check the_program_compiles_and_ranks
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
