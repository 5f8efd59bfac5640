#!/bin/bash
# tidal size: what the parts of a database take of memory, or would take.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

schema='DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h;
    DEFINE SIGNAL stars ON item HALF LIFE 7d VALUE MIN MAX;'

size_tells_of_each_signal() {
    must sql "$schema PUT item 1 {}; SIGNAL view ON item 1" || return
    run size $db --format csv
    [ $code -eq 0 ] && [ "$(head -n 1 out)" = what,name,count,bytes,bytes_each ] &&
        grep -qE '^signal,view,1,[1-9][0-9]*,' out && grep -qE '^signal,stars,0,' out || shown
}

a_plan_grows_with_the_items() {
    echo "$schema" >schema.tidal
    run size --plan schema.tidal --items 1000 --events 5
    [ $code -eq 0 ] && mv out small || { shown; return 1; }
    run size --plan schema.tidal --items 3000000 --events 5
    [ $code -eq 0 ] || { shown; return 1; }
    awk '$1 == "signal" && $2 == "view" {count[FILENAME] = $3; each[FILENAME] = $5}
        END {fits = each["out"] > 20 && each["out"] < 200
            exit !(count["out"] > 1000 * count["small"] && fits)}' small out
}

the_command_of_the_page_runs() {
    echo "$schema" >schema.tidal
    sed -n '/^```sh$/,/^```$/p' "$TIDAL_SOURCE_DIR/docs/signals.md" | sed '/^```/d' >commands
    [ "$(grep -c '^tidal size --plan' commands)" -eq 1 ] || { cat commands; return 1; }
    PATH=$(dirname "$TIDAL"):$PATH sh -e ./commands >out 2>err
    code=$?
    [ $code -eq 0 ] && has out behaviour && has out coengagement
}

wrong_plans_change_nothing() {
    echo 'DEFINE SIGNAL' >wrong.tidal
    run size --plan wrong.tidal --items 10
    [ $code -eq 1 ] || { shown; return 1; }
    run size --plan wrong.tidal
    [ $code -eq 2 ] || { shown; return 1; }
    run size --plan wrong.tidal --items 0
    [ $code -eq 2 ] || { shown; return 1; }
    run size --items 10 $db
    [ $code -eq 2 ] && [ ! -e $db ]
}

check_all "$0"
finish
