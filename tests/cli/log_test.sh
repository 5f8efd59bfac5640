#!/bin/bash
# The log seen from outside: what is dumped, and that a second reader, written from the page about
# the format alone, reads the same of whole logs and of damaged ones.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

# The event keeps the log from its beginning: its identity is looked up for a minute.
define='DEFINE FIELD year ON item INTEGER; DEFINE SIGNAL view ON item;
    DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;
    DEFINE RELATION follows FROM user TO creator;
    PUT item 7 {}; SIGNAL view ON item 7 BY user 5 AT '\''2026-11-01T09:00:00Z'\'
writes="PUT item 1 {\"year\": 1999}; SIGNAL view ON item 1 BY user 5 AT '2026-11-01T10:00:00Z';
    SIGNAL like ON item 1 BY user 5; RELATE user 5 follows creator 9 WEIGHT 0.5"

second_reader() { python3 "$TIDAL_SOURCE_DIR/tools/read_log.py" "$@"; }

dump_shows_every_change_with_its_names() {
    must sql "$define" && must sql "$writes" || return
    run log dump $db
    [ $code -eq 0 ] && [ ! -s err ] && python3 - <<'END'
import json
lines = [json.loads(line) for line in open("out")]
print(lines)
assert [line["lsn"] for line in lines] == list(range(1, 11))
assert [line["change"]["kind"] for line in lines] == \
    ["define"] * 4 + ["put", "signal", "put", "signal", "signal", "relate"]
assert lines[6]["change"]["values"] == {"year": 1999}
assert lines[7]["change"]["name"] == "view"
assert lines[7]["change"]["user"] == {"kind": "user", "id": 5}
assert len(lines[7]["identity"]) == 32 and "identity" not in lines[8]
END
}

dump_takes_a_range() {
    must sql "$define" && must sql "$writes" || return
    run log dump $db --from 3 --to 5
    [ $code -eq 0 ] && [ "$(sed 's/^{"lsn":\([0-9]*\).*/\1/' out)" = $'3\n4\n5' ] ||
        { shown; return 1; }
    has out 'DEFINE RELATION' || return
    run log dump $db --from 99
    [ ! -s out ] && [ $code -eq 0 ]
}

verify_says_how_far_the_log_is_whole() {
    must sql "$define" && must sql "$writes" && run log verify $db
    [ $code -eq 0 ] && grep -qx 'whole: lsn 1 to 10 in [0-9]* segments' out || { shown; return 1; }
    sql '' && run log verify "$db/wal"
    fails 1 "tidal: there is no database in '$db/wal'
  hint: name a directory that holds 'tidal.format' and 'wal'"
}

# damage FILE OFFSET: changes a byte.
damage() {
    python3 - "$1" "$2" <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 1]))
END
}

damage_is_placed_and_what_stands_before_it_is_dumped() {
    must sql "$define" && must sql "$writes" || return
    damage "$(ls -d $db/wal/* | sed -n 2p)" 4200 || return
    run log verify $db
    [ $code -eq 1 ] && has out 'whole up to the damage: lsn 1 to 6' && has err ', at byte 4096' &&
        has err 'hint: restore a backup, or keep what verifies: tidal salvage' || return
    run log dump $db
    [ $code -eq 1 ] && [ "$(wc -l <out)" -eq 6 ] && has err damaged
}

names_come_from_the_store_where_the_log_has_lost_them() {
    must sql "${define%%PUT*}" && must sql "$writes" || return
    run log dump $db
    [ $code -eq 0 ] && [ "$(wc -l <out)" -eq 4 ] && has out '"lsn":5' &&
        has out '"name":"follows"' || return
    rm -r $db/store && run log dump $db && has out '"name":"#'
}

wrong_arguments_are_told() {
    run log
    fails 2 "tidal: expected 'tidal log verify' or 'tidal log dump'
  hint: tidal log --help lists what it takes" || return
    run log dump $db --from 0
    fails 2 "tidal: '0' is not an LSN: they count from 1
  hint: tidal log --help lists what it takes" || return
    run log verify $db --raw
    [ $code -eq 2 ] && run log dump nothing && [ $code -eq 1 ] && has err nothing
}

the_second_reader_reads_the_same() {
    must sql "$define" && must sql "$writes" && must sql "PUT item 2 {}; PUT item 3 {}" || return
    run log dump --raw $db
    second_reader $db >second 2>second.err
    [ $code -eq 0 ] && [ "$(wc -l <out)" -eq 12 ] && cmp out second || return
    has second.err 'LSN 1 to 12, 0 torn' || return
    [ "$(wc -l <second.err)" -eq 1 ] # it has nothing to say of identities, padding and times
}

# 40 logs with a byte changed, most of them where there are frames: both give the same entries, and
# both say damaged or both do not.
the_second_reader_agrees_on_damage() {
    must sql "$define" && must sql "$writes" && must sql "PUT item 2 {}; PUT item 3 {}" || return
    local seed damaged=0
    for seed in $(seq 40); do
        rm -rf broken && cp -r $db broken || return
        python3 - "$seed" <<'END' || return
import glob, random, sys
choose = random.Random(int(sys.argv[1]))
path = choose.choice(sorted(glob.glob("broken/wal/*.wal")))
data = bytearray(open(path, "rb").read())
used = len(data.rstrip(b"\0"))
at = choose.choice([choose.randrange(192), choose.randrange(4096, used),
                    choose.randrange(4096, used), choose.randrange(used),
                    choose.randrange(len(data))])
data[at] ^= 1 << choose.randrange(8)
if choose.randrange(8) == 0:
    del data[choose.randrange(len(data)):]
open(path, "wb").write(data)
END
        run log dump --raw broken
        second_reader broken >second 2>second.err
        second=$?
        damaged=$((damaged + code))
        [ $second -eq $code ] && cmp out second && continue
        echo "seed $seed: $second"
        shown
        cat second.err
        return 1
    done
    echo "$damaged of 40"
    [ $damaged -gt 10 ] && [ $damaged -lt 40 ]
}

check_all "$0"
finish
