#!/bin/bash
# Directories: what status and check say of a database, and what is said of those that hold none, or
# one that cannot be used.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

define='DEFINE FIELD year ON item INTEGER; DEFINE SIGNAL view ON item; PUT item 1 {"year": 1};
    PUT item 2 {}; SIGNAL view ON item 1 BY user 5 AT '\''2026-11-01T10:00:00Z'\'

status_counts_what_the_database_holds() {
    must sql "$define" || return
    run status $db
    [ $code -eq 0 ] && grep -qx 'items            2' out && grep -qx 'users            1' out &&
        grep -qx 'newest_event     2026-11-01T10:00:00Z' out && grep -qx 'lsn              5' out ||
        { shown; return 1; }
    mv out table
    run status $db --format csv
    [ $code -eq 0 ] && [ "$(head -n 2 out)" = $'name,value\nitems,2' ] || { shown; return 1; }
    tail -n +2 out | cut -d, -f 1 | diff - <(awk '{print $1}' table) || return
    run status $db --format json
    [ $code -eq 0 ] && python3 - table <<'END'
import json, sys
status = json.load(open("out"))
print(status)
names = [line.split()[0] for line in open(sys.argv[1])]
sys.exit(not (list(status) == names and status["items"] == 2 and status["lsn"] == 5
              and status["newest_event"] == "2026-11-01T10:00:00Z" and status["store_bytes"] > 0))
END
}

status_of_an_empty_database_has_no_newest_event() {
    must sql '' && run status $db --format json && has out '"newest_event": null' &&
        run status $db && grep -qx 'newest_event     none' out
}

check_says_what_it_verified() {
    must sql "$define" || return
    run check $db
    sed -i 's/^       hash [0-9a-f]\{64\}$/       hash H/' out
    prints 'log:   lsn 1 to 5 in 1 segment
       every hash is right, no entry is missing
store: every row up to lsn 5 read, decoded and as it has to be
state: the rows and the log behind them, up to lsn 5
       the same as lsn 1 to 5 folded from nothing
       2 items, 1 users, 0 creators
       hash H
ok'
}

damage_in_the_log_is_found() {
    must sql "$define" || return
    printf 'x' | dd of="$(echo $db/wal/*.wal)" bs=1 seek=20 conv=notrunc 2>dd
    run check $db
    [ $code -eq 1 ] && has err damaged && has out 'log:   DAMAGED' &&
        has out 'store: every row up to lsn 5'
}

damage_in_the_store_is_found_and_the_log_is_not_blamed() {
    must sql "$define" || return
    rm $db/store/*.sst || return
    run check $db
    [ $code -eq 1 ] && has out 'log:   lsn 1 to 5' && has out 'store: DAMAGED' &&
        has err 'cannot open the store' &&
            has err 'hint: restore a backup, or keep what verifies: tidal salvage'
}

no_command_makes_a_database_but_the_shell() {
    local command
    printf 'id\n1\n' >items.csv
    mkdir empty
    for directory in nothing empty; do
        for command in "status $directory" "check $directory" "$directory --read-only -c ;" \
            "import $directory items.csv --into item"; do
            # shellcheck disable=SC2086
            run $command
            fails 1 "tidal: there is no database in '$directory'
  hint: tidal $directory makes one" || { echo "$command"; return 1; }
        done
    done
    [ ! -e nothing ] && [ -z "$(ls empty)" ] && run empty -c '' && run check empty && has out ok
}

a_directory_of_something_else_is_left_alone() {
    mkdir mine && echo text >mine/file || return
    run mine -c "$define"
    [ $code -eq 1 ] && has err 'not a tidalDB database' && [ "$(ls mine)" = file ] || return
    run mine/file -c "$define"
    [ $code -eq 1 ] && has err "is not a directory" && [ "$(cat mine/file)" = text ]
}

a_database_of_a_newer_version_is_refused() {
    must sql "$define" || return
    sed -i 's/^format .*/format 99/; s/^written by .*/written by 9.8.7/' $db/tidal.format
    run $db -c 'SHOW STATUS'
    [ $code -eq 1 ] && has err 'format 99' && has err '9.8.7' && [ ! -s out ]
}

a_database_in_use_can_be_checked_and_is_free_afterwards() {
    must sql "$define" || return
    local holder answer
    mkfifo pipe
    "$TIDAL" $db <pipe >held 2>&1 &
    holder=$!
    exec 3>pipe
    echo 'SHOW PROFILES;' >&3
    until [ -s held ]; do sleep 0.05; done # it has the database open
    run $db -c 'SHOW PROFILES'
    answer=$code
    run check $db # reads beside it
    exec 3>&-
    wait $holder
    [ $code -eq 0 ] && [ $answer -eq 1 ] || { shown; return 1; }
    run $db -c 'SHOW PROFILES'
    [ $code -eq 0 ]
}

the_process_that_has_a_database_open_is_named() {
    must sql "$define" || return
    local holder
    mkfifo pipe
    "$TIDAL" $db <pipe >held 2>&1 &
    holder=$!
    exec 3>pipe
    echo 'SHOW PROFILES;' >&3
    until [ -s held ]; do sleep 0.05; done
    run $db -c 'SHOW PROFILES'
    exec 3>&-
    wait $holder
    [ $code -eq 1 ] && has err "is locked by process $holder" && has err 'hint: '
}

# As somebody who may not write here.
without_rights() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

a_directory_that_cannot_be_written_is_told_and_can_be_read() {
    must sql "$define" || return
    chmod -R a+rX "$work" . && chmod a-w . || return
    local as=
    [ "$(id -u)" -ne 0 ] || as=without_rights
    $as "$TIDAL" new.tidal -c 'SHOW STATUS' >"$work/out" 2>"$work/err"
    code=$?
    cat "$work/err"
    [ $code -eq 1 ] && grep -q 'ermission denied' "$work/err" || return
    chmod -R a-w $db
    $as "$TIDAL" $db -c 'PUT item 3 {}' >"$work/out" 2>"$work/err"
    code=$?
    cat "$work/err"
    [ $code -eq 1 ] && grep -q 'ermission denied' "$work/err" || return
    $as "$TIDAL" $db --read-only -c 'RETRIEVE items RETURNING id' --format csv 2>&1 | sort |
        diff - <(printf '1\n2\nid\n')
}

# Runs a command in a name space of its own, with a small disk on ./small.
with_a_small_disk() {
    unshare --mount bash -c 'mount -t tmpfs -o size=24m none small && "$@"' small "$@"
}

fill() {
    "$TIDAL" small/db -c "$1" || return
    { echo id,title; seq 200000 | sed 's/$/,a title that takes room on the disk/'; } >items.csv
    "$TIDAL" import small/db items.csv --into item >out 2>err
    code=$?
    tail -n 3 out err
    [ $code -eq 1 ] && grep -qi 'space' err && grep -q ' read, .* taken, ' out || return
    # What it counted as taken is there, and can be read.
    "$TIDAL" check small/db
}

a_full_disk_ends_an_import_with_its_counts() {
    mkdir small
    export -f fill
    export TIDAL
    with_a_small_disk bash -c 'fill "$1"' fill 'DEFINE FIELD title ON item TEXT'
}

for name in $(sed -n 's/^\([a-z]*_[a-z_]*\)() {$/\1/p' "$0"); do
    case $name in
    with_a_small_disk) ;;
    a_full_disk*)
        mkdir -p "$work/small"
        if (cd "$work" && with_a_small_disk true) 2>"$work/why"; then
            check $name
        else
            skip $name "a small disk needs rights: $(tail -n 1 "$work/why")"
        fi
        ;;
    a_directory_that_cannot*)
        if [ "$(id -u)" -ne 0 ] || without_rights "$TIDAL" --version >"$work/why" 2>&1; then
            check $name
        else
            skip $name "root may write here, others not run it: $(tail -n 1 "$work/why")"
        fi
        ;;
    *) check $name ;;
    esac
done
finish
