#!/bin/bash
# Backups on the command line.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

define='DEFINE FIELD year ON item INTEGER; DEFINE SIGNAL view ON item; PUT item 1 {"year": 1};
    SIGNAL view ON item 1 BY user 5 AT '\''2026-11-01T10:00:00Z'\'

state_hash() { "$TIDAL" check "$1" | grep '^       hash '; }

a_backup_is_restored_and_verified() {
    must sql "$define" || return
    run backup $db kept
    [ $code -eq 0 ] && grep -qE '^backed up: [0-9]+ files, .*, up to lsn 4$' out ||
        { shown; return 1; }
    run restore kept new --verify
    [ $code -eq 0 ] && has out 'restored: ' && [ "$(tail -n 1 out)" = ok ] || { shown; return 1; }
    [ "$(state_hash $db)" = "$(state_hash new)" ] && [ -n "$(state_hash new)" ]
}

a_damaged_backup_is_refused_and_leaves_nothing() {
    must sql "$define" && must run backup $db kept || return
    local file
    file=$(cd kept && ls store/*.sst | head -n 1)
    printf 'x' | dd of="kept/$file" bs=1 seek=20 conv=notrunc 2>dd
    run restore kept new
    fails 1 "tidal: the backup's file '$file' is damaged: its hash is not that of the manifest
  hint: use another backup" && [ -z "$(ls new)" ] || return
    rm kept/tidal.backup
    run restore kept new
    fails 1 "tidal: there is no whole backup in 'kept': it has no 'tidal.backup'
  hint: that file is written last: a backup without it was not finished"
}

a_directory_with_something_in_it_is_left_alone() {
    must sql "$define" && mkdir kept && echo mine >kept/file || return
    run backup $db kept
    [ $code -eq 1 ] && has err "is not empty: it holds 'file'" && [ "$(ls kept)" = file ] || return
    run backup nothing other
    [ $code -eq 1 ] && has err "there is no database in 'nothing'" && [ ! -e other ] || return
    run backup $db
    [ $code -eq 2 ]
}

check_all "$0"
finish
