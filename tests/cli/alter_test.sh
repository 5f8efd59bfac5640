#!/bin/bash
# DROP and RENAME of what was defined: what the shell prints, and what the other commands see of it.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

schema="DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD maker ON item REFERENCES creator;
    DEFINE SIGNAL view ON item HALF LIFE 24h WINDOWS 24h TOTALS PER genre;
    DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;
    DEFINE EXPOSURE ON item.maker HALF LIFE 6h;
    DEFINE PROFILE home AS FROM newest(10) SCORE count(view, 24h) DIVERSIFY max 2 per maker"
events="PUT item 1 {}; PUT item 2 {}; SIGNAL view ON item 1; SIGNAL view ON item 2;
    SIGNAL view ON item 2 BY user 7; SIGNAL like ON item 1 BY user 7"

fill() { must sql "$schema; $events" "$@"; }

# shows_schema LINE...: that is what SHOW SCHEMA prints.
shows_schema() {
    sql 'SHOW SCHEMA' --format csv
    prints "$(printf '%s\n' definition "$@")"
}

what_is_needed_stays_and_the_hint_says_what_goes_first() {
    fill || return
    sql 'DROP FIELD genre ON item'
    fails 1 "-c:1:12: field 'genre' is needed by signal 'view'
  DROP FIELD genre ON item
             ^
  hint: DROP SIGNAL view" || return
    sql 'DROP SIGNAL view'
    fails 1 "-c:1:13: signal 'view' is needed by profile 'home' version 1
  DROP SIGNAL view
              ^
  hint: DROP PROFILE home VERSION 1" || return
    sql 'DROP PROFILE home VERSION 1; DROP SIGNAL view; DROP FIELD genre ON item'
    [ "$code" -eq 0 ] && [ ! -s out ] || { shown; return 1; }
    shows_schema 'DEFINE FIELD maker ON item REFERENCES creator' \
        'DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE' \
        'DEFINE EXPOSURE ON item.maker HALF LIFE 6h'
}

a_new_name_is_in_every_definition_and_what_was_counted_stays() {
    fill || return
    sql "RENAME SIGNAL view TO watch; RENAME FIELD maker ON item TO author;
        RENAME PROFILE home TO front"
    [ "$code" -eq 0 ] && [ ! -s out ] || { shown; return 1; }
    local profile='front AS FROM newest(10) SCORE count(watch, 24h) DIVERSIFY max 2 per author'
    shows_schema 'DEFINE FIELD genre ON item KEYWORD' \
        'DEFINE FIELD author ON item REFERENCES creator' \
        'DEFINE SIGNAL watch ON item HALF LIFE 24h WINDOWS 24h TOTALS PER genre' \
        'DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE' \
        'DEFINE EXPOSURE ON item.author HALF LIFE 6h' \
        "\"DEFINE PROFILE $profile\"" || return
    sql 'RETRIEVE items USING front RETURNING id, score'
    prints 'id   score
--  ------
 2  2.0000
 1  1.0000'
}

a_former_name_is_told_what_became_of_it() {
    fill || return
    must sql 'RENAME SIGNAL view TO watch; DROP SIGNAL like' || return
    sql 'SIGNAL view ON item 1'
    fails 1 "-c:1:8: signal 'view' does not exist
  SIGNAL view ON item 1
         ^
  hint: 'view' was renamed to 'watch'" || return
    sql 'SIGNAL like ON item 1 BY user 7'
    fails 1 "-c:1:8: signal 'like' does not exist
  SIGNAL like ON item 1 BY user 7
         ^
  hint: 'like' was dropped" || return
    printf 'item,event,time\n1,view,%s\n' "$(date -u +%FT%TZ)" >events.csv
    run import $db events.csv --into signals
    [ "$code" -eq 1 ] && has err "signal 'view' does not exist"
}

# Another process, another kind of signal, and the log that tells both.
a_dropped_name_is_free_and_the_log_knows_which_was_meant() {
    fill --retain-log 7d || return
    must sql 'DROP PROFILE home; DROP SIGNAL view; DEFINE SIGNAL view ON item VALUE' || return
    must sql 'SIGNAL view ON item 1 VALUE 3' || return
    sql 'RETRIEVE items SCORE sum(view) RETURNING id, score'
    prints 'id   score
--  ------
 1  3.0000
 2  0.0000' || return
    must run check $db || return
    sql "TAIL FROM 7 WHERE kind IN ('drop', 'signal')" --format csv
    [ "$(grep -c '"dropped"":true' out)" -eq 3 ] && [ "$(grep -c ',drop,' out)" -eq 2 ] || shown ||
        return
    run log dump $db
    has out '{"kind":"drop","text":"DROP SIGNAL view"}' &&
        has out '{"kind":"define","text":"DEFINE SIGNAL view ON item VALUE"}'
}

what_is_built_in_stays() {
    sql 'DROP SIGNAL impression'
    fails 1 "-c:1:13: built-in signal 'impression' cannot be dropped
  DROP SIGNAL impression
              ^
  hint: the database counts on it" || return
    sql 'RENAME SIGNAL hide TO mute'
    [ "$code" -eq 1 ] && has err "built-in signal 'hide' cannot be renamed"
}

a_name_that_is_taken_is_not_given_again() {
    fill || return
    sql 'RENAME FIELD genre ON item TO maker'
    fails 1 "-c:1:31: field 'maker' of item is already defined
  RENAME FIELD genre ON item TO maker
                                ^
  hint: choose another name" || return
    sql 'DROP SIGNAL'
    fails 1 "-c:1:12: expected the name of a signal, found the end of the statement
  DROP SIGNAL
             ^"
}

# Nobody can write it, and what it asks for is not there.
a_reader_drops_nothing() {
    fill || return
    run $db --read-only -c 'DROP PROFILE home'
    [ "$code" -eq 1 ] && has err 'read-only' || return
    sql 'DROP PROFILE home VERSION 2'
    [ "$code" -eq 1 ] && has err "profile 'home' has no version 2"
}

check_all "$0"
finish
