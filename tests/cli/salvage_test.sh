#!/bin/bash
# A new database of what is whole in a damaged one.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

define='DEFINE FIELD year ON item INTEGER; DEFINE SIGNAL view ON item; PUT item 1 {"year": 1999}'

# One frame each.
writes() {
    for i in 2 3 4; do must sql "PUT item $i {\"year\": $((2000 + i))}" || return; done
}

a_whole_database_is_copied_whole() {
    must sql "$define" && writes && run salvage $db new
    [ $code -eq 0 ] && has out 'rows:  of the store, up to lsn 6' && has out 'lost:  nothing' &&
        has out '4 items' && run check new && [ $code -eq 0 ] || { shown; return 1; }
    run new -c 'SHOW STATUS' && [ $code -eq 0 ]
}

what_is_behind_the_damage_is_listed_and_not_applied() {
    must sql "$define; SIGNAL view ON item 1 BY user 5 AT '2026-11-01T10:00:00Z'" || return
    writes || return
    rm -r $db/store
    python3 - $db <<'END'
import glob, struct, sys
for path in sorted(glob.glob(sys.argv[1] + "/wal/*.wal")):
    data = bytearray(open(path, "rb").read())
    for at in range(4096, len(data), 4096):
        length, kind, count, first = struct.unpack_from("<IHHQ", data, at)
        if length > 0 and kind == 1 and first == 6:
            data[at + 100] ^= 1
            open(path, "wb").write(data)
END
    run check $db
    [ $code -eq 1 ] || { shown; return 1; }
    run salvage $db new --behind behind.jsonl --json
    [ $code -eq 0 ] || { shown; return 1; }
    python3 - <<'END' || { shown; return 1; }
import json
report = json.load(open("out"))
print(report)
behind = [json.loads(line) for line in open("behind.jsonl")]
print(behind)
assert report["rows_from"] == "" and report["lsn"] == report["kept_entries"]
assert report["lost_entries"] == sum(l["to_lsn"] - l["from_lsn"] + 1 for l in report["lost"])
assert report["lost"][0]["from_lsn"] == report["lsn"] + 1
assert len(behind) == report["behind_entries"] > 0
END
    run check new
    [ $code -eq 0 ]
}

it_takes_two_directories_and_writes_over_nothing() {
    run salvage $db
    [ $code -eq 2 ] || { shown; return 1; }
    must sql "$define" && mkdir full && touch full/file && run salvage $db full
    fails 1 "tidal: the directory 'full' is not empty: it holds 'file'
  hint: name a new or an empty directory"
}

check_all "$0"
finish
