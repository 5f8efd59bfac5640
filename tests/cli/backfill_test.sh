#!/bin/bash
# A signal in use gets a half-life and windows: what happened before comes from the log.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

first='DEFINE SIGNAL view ON item HALF LIFE 24h WINDOWS 24h LATENESS 7d'
later='DEFINE SIGNAL view ON item HALF LIFE 24h, 30d WINDOWS 24h, 60d LATENESS 7d'
count='RETRIEVE items FROM all SCORE count(view, 60d) RETURNING id, score LIMIT 3'

# events DAYS: an event a day and item, oldest first; item i has i a day.
events() {
    echo item,event,time
    for ((day = $1; day > 0; day--)); do
        for item in 1 2 3; do
            for ((i = 0; i < item; i++)); do
                echo "$item,view,$(date -u -d "@$((now - day * 86400 + item * 60 + i))" +%FT%TZ)"
            done
        done
    done
}
now=$(date +%s)

# fill DAYS [OPTION...]: that, in a log that is kept (or not), closed and opened in between.
fill() {
    local days=$1
    shift
    must sql "$first; PUT item 1 {}; PUT item 2 {}; PUT item 3 {}" "$@" || return
    events "$days" >events.csv
    must run import $db events.csv --into signals
}

# state: what SHOW SIGNALS says of view.
state() { sql 'SHOW SIGNALS' --format csv && grep '^view,' out | cut -d, -f 2- | grep -o '[^,]*$'; }

what_was_before_is_brought_and_counted() {
    fill 40 --retain-log 7d || return
    must sql "$later" || return
    run backfill $db
    [ "$code" -eq 0 ] && [ "$(tail -n 1 out)" = 'view: exact' ] || { shown; return 1; }
    [ "$(state)" = exact ] || { shown; return 1; }
    must sql "$count" --format csv || return
    prints $'id,score\n3,120\n2,80\n1,40' || return
    must sql 'EXPLAIN RETRIEVE items FROM all SCORE count(view, 60d) LIMIT 1' || return
    ! grep -q estimated out
}

# Nobody has it open for long enough: the definition is there, the values are estimates.
until_then_it_is_estimated_and_says_so() {
    fill 40 --retain-log 7d || return
    must sql "$later" || return
    run $db --read-only -c 'EXPLAIN RETRIEVE items FROM all SCORE count(view, 60d), 0 LIMIT 1'
    run $db --read-only -c 'SHOW SIGNALS' --format csv
    [ "$code" -eq 0 ] || { shown; return 1; }
    if grep -q '^view,.*backfill: waits' out; then
        run $db --read-only -c 'EXPLAIN RETRIEVE items FROM all SCORE count(view, 60d) LIMIT 1'
        grep -q 'count(view, 60d).*estimated' out || { shown; return 1; }
    fi
    run backfill $db --quiet
    [ "$code" -eq 0 ] && [ ! -s out ] && [ "$(state)" = exact ] || shown
}

# The log was let go when the database was closed.
what_the_log_has_not_is_said() {
    fill 40 || return
    must sql "$later" || return
    run backfill $db
    [ "$code" -eq 0 ] && tail -n 1 out | grep -q '^view: exact from 20' || { shown; return 1; }
    must sql 'EXPLAIN RETRIEVE items FROM all SCORE count(view, 60d) LIMIT 1' || return
    grep -q 'count(view, 60d).*estimated' out || shown
}

# The database is the same as one that was so from the beginning.
it_is_checked_and_backed_up_like_any_other() {
    fill 20 --retain-log 7d || return
    must sql "$later" || return
    must run backfill $db --quiet || return
    must run check $db || return
    must run backup $db copy || return
    must run restore copy again --verify
}

a_definition_that_leaves_out_or_changes_something_is_refused() {
    must sql "$first" || return
    sql 'DEFINE SIGNAL view ON item HALF LIFE 7d WINDOWS 24h LATENESS 7d'
    grep -q "signal 'view' is already defined, with a half-life of 24h" err || { shown; return 1; }
    sql 'DEFINE SIGNAL view ON item HALF LIFE 24h, 7d WINDOWS 24h LATENESS 1h'
    grep -q "already defined, with another target, LATENESS" err || { shown; return 1; }
    sql "$first"
    [ "$code" -eq 1 ] && grep -q "signal 'view' is already defined" err || shown
}

where_nothing_was_added_there_is_nothing_to_say() {
    fill 3 || return
    run backfill $db
    prints 'all is exact: nothing to backfill'
}

# Under its new name; and what is gone waits for nothing.
a_renamed_signal_is_backfilled_and_a_dropped_one_is_not() {
    fill 40 --retain-log 7d || return
    must sql "$later; RENAME SIGNAL view TO watch" || return
    run backfill $db
    [ "$code" -eq 0 ] && [ "$(tail -n 1 out)" = 'watch: exact' ] || { shown; return 1; }
    must sql "${count/view/watch}" --format csv || return
    prints $'id,score\n3,120\n2,80\n1,40' || return
    must sql "${later//view/watch} VELOCITY 24h; DROP SIGNAL watch" || return
    run backfill $db
    prints 'all is exact: nothing to backfill'
}

wrong_arguments_are_told() {
    run backfill
    fails 2 'tidal: one directory is expected
  hint: tidal backfill --help lists what it takes' || return
    run backfill nowhere.tidal
    fails 1 "tidal: there is no database in 'nowhere.tidal'
  hint: tidal nowhere.tidal makes one" && [ ! -e nowhere.tidal ]
}

check_all "$0"
finish
