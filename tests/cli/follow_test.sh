#!/bin/bash
# TAIL and cursors in the shell, and tidal follow: a copy of a database that is in use.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

schema='DEFINE FIELD year ON item INTEGER; DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h;'

# hash DIR: the state's hash, as check prints it.
state() {
    "$TIDAL" check "$1" | grep -o 'hash.*'
}

tail_prints_rows_in_every_format() {
    must sql "$schema PUT item 1 {\"year\": 2011}; SIGNAL view ON item 1 BY user 7" || return
    sql "TAIL FROM 3 WHERE kind = 'put'" --format json
    has out '"kind": "put"' && has out '"target": "item", "id": 1' &&
        has out '"change": "{\"kind\":\"put\",\"entity\":{\"kind\":\"item\",\"id\":1},' || return
    sql "TAIL FROM 99"
    [ "$code" -eq 1 ] && has err 'LSN 99 was not given yet: the log ends at'
}

a_cursor_goes_on_in_the_next_process() {
    must sql "$schema DEFINE CURSOR c FROM 1; ADVANCE CURSOR c TO 2; PUT item 5 {}" || return
    sql "TAIL CURSOR c" --format csv
    [ "$(wc -l <out)" -eq 2 ] && has out ',put,item,5,' || { shown; return 1; }
    must sql "ADVANCE CURSOR c TO 5" || return
    sql "TAIL CURSOR c" --format csv
    [ "$(wc -l <out)" -eq 1 ] || { shown; return 1; }
    sql "SHOW CURSORS" --format csv
    prints "cursor,lsn,behind,retained
c,5,1,true"
}

a_copy_catches_up_and_goes_on() {
    must sql "$schema PUT item 1 {\"year\": 2011}" || return
    must run follow "$db" copy --once || return
    has out 'lsn 3' || return
    must sql "PUT item 2 {\"year\": 2012}; SIGNAL view ON item 2 BY user 7" || return
    must run follow "$db" copy --once || return
    has out 'lsn 5' || return
    run copy --read-only -c 'RETRIEVE items FROM newest(5)' --format csv
    prints "id,score
2,0
1,0" || return
    [ -n "$(state copy)" ] && [ "$(state copy)" = "$(state "$db")" ]
}

a_copy_may_hold_less_in_memory() {
    must sql "$schema PUT item 1 {}; SIGNAL view ON item 1 BY user 7" || return
    must run follow "$db" copy --once --signal-memory 1 || return
    must sql "SIGNAL view ON item 1 BY user 8" || return
    must run follow "$db" copy --once --signal-memory 1 || return
    [ -n "$(state copy)" ] && [ "$(state copy)" = "$(state "$db")" ] || return
    run follow "$db" copy --once --signal-memory lots
    fails 2 "tidal: '--signal-memory' takes a size, as 256MiB, not 'lots'
  hint: tidal follow --help lists what it takes"
}

a_copy_of_the_directory_goes_on_from_there() {
    must sql "$schema PUT item 1 {}; PUT item 2 {}" || return
    cp -r "$db" copy
    must sql "PUT item 3 {}; SIGNAL view ON item 1 BY user 7" || return
    must run follow "$db" copy --once || return
    has out 'lsn 6' && [ "$(state copy)" = "$(state "$db")" ]
}

a_copy_follows_while_the_database_is_in_use() {
    must sql "$schema PUT item 1 {}" || return
    mkfifo in
    "$TIDAL" "$db" <in >shell.out 2>&1 &
    local shell=$!
    exec 8>in
    echo 'PUT item 2 {};' >&8
    "$TIDAL" follow "$db" copy >follow.out 2>&1 &
    local follower=$!
    for i in 1 2 3 4 5 6 7 8 9; do echo "SIGNAL view ON item 2 BY user $i;" >&8; done
    local tries=0
    until grep -q 'lsn 13' follow.out; do
        sleep 0.05
        tries=$((tries + 1))
        [ $tries -lt 2400 ] || { cat follow.out shell.out; break; }
    done
    kill -INT $follower
    wait $follower || { cat follow.out; return 1; }
    exec 8>&-
    wait $shell
    grep -q 'lsn 13' follow.out && [ "$(state copy)" = "$(state "$db")" ]
}

# The quick start's database has let go of its first LSNs.
a_copy_too_late_to_begin_is_made_of_a_backup() {
    local i
    must sql "$schema PUT item 1 {}" || return
    for i in 2 3 4; do must sql "PUT item $i {}" || return; done
    run follow "$db" copy --once
    [ "$code" -eq 1 ] && has err 'LSN 1 is not in the log any more: it begins at' &&
        has err 'hint: restore a new backup of the source into an empty directory' ||
        return
    must run backup "$db" kept && must run restore kept new && must sql 'PUT item 9 {}' || return
    must run follow "$db" new --once || return
    [ -n "$(state new)" ] && [ "$(state new)" = "$(state "$db")" ]
}

what_is_wrong_is_told() {
    run follow nothing copy
    fails 1 "tidal: there is no database in this directory
  hint: open it without must_exist and read_only to create one" || [ "$code" -eq 1 ] || return
    must sql "$schema" || return
    must run other.tidal -c "$schema" || return
    run follow "$db" other.tidal --once
    [ "$code" -eq 1 ] && has err 'is another database, not a copy' || return
    must run follow "$db" copy --once || return
    must run copy -c 'PUT item 1 {}' || return
    must sql 'PUT item 2 {}; PUT item 3 {}' || return
    run follow "$db" copy --once
    [ "$code" -eq 1 ] && has err 'part at LSN 3: they say different things there' || return
    run follow "$db"
    [ "$code" -eq 2 ] && has err 'two directories are expected'
}

check_all "$0"
finish
