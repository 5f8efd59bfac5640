#!/bin/bash
# tidal import: files of each form into entities, signals and relations; what is refused and why;
# what is left behind when it has to stop.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

define='DEFINE FIELD title ON item TEXT; DEFINE FIELD genres ON item KEYWORD[];
    DEFINE FIELD year ON item INTEGER; DEFINE FIELD country ON user KEYWORD;
    DEFINE SIGNAL view ON item; DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;
    DEFINE SIGNAL rating ON item VALUE SUM;
    DEFINE RELATION follows FROM user TO creator'

# items TEXT [OPTION...]: imports lines of text, with \n and the like, as items; from $file.
items() {
    printf '%b' "$1" >"${file:=items.csv}"
    shift
    run import $db "$file" --into item "$@"
}

# events TEXT [OPTION...]
events() {
    printf '%b' "$1" >events.csv
    shift
    run import $db events.csv --into signals "$@"
}

# holds TEXT: the items, by id.
holds() {
    sql 'RETRIEVE items SCORE 0 - coalesce(item.year, 0) RETURNING id, key, title, genres, year' \
        --format csv
    prints "id,key,title,genres,year${1:+
$1}"
}

# counts NUMBER EXPRESSION: that expression of item 1.
counts() {
    sql "RETRIEVE items SCORE $2 NOW '2026-11-02T00:00:00Z' WHERE year = 1 RETURNING score" \
        --format csv
    prints "score
$1"
}

prepare() {
    must sql "$define" && must sql 'PUT item 1 {"year": 1}; PUT item 2 KEY '\''two'\'' {"year": 2}'
}

columns_become_fields_of_their_names() {
    must sql "$define" && items 'id,title,year\n1,One,2001\n2,,2002\n' || return
    counted '2 read, 2 taken, 0 refused, 0 duplicates' && [ $code -eq 0 ] &&
        holds '1,,One,,2001
2,,,,2002'
}

columns_are_mapped_skipped_and_split() {
    must sql "$define" || return
    items 'film,name,tags,junk\n1,One,a|b c,x\n2,Two,a,\n' --id film --map title=name,genres=tags \
        --split 'tags=|' --skip junk
    counted '2 read, 2 taken, 0 refused, 0 duplicates' &&
        holds '1,,One,"[""a"",""b c""]",
2,,Two,"[""a""]",'
}

quoted_cells_hold_delimiters_quotes_and_lines() {
    must sql "$define" || return
    items 'id,title,year\r\n1,"One, ""two""",1\r\n2,"a\nb\r\nc",2\r\n3,"",3\r\n'
    counted '3 read, 3 taken, 0 refused, 0 duplicates' && holds '1,,"One, ""two""",,1
2,,"a
b'$'\r''
c",,2
3,,,,3'
}

other_delimiters_and_no_quotes() {
    must sql "$define" || return
    items '1::"One" & only::1\n2::Two: a::2\n' --delimiter :: --columns id,title,year --no-quotes
    counted '2 read, 2 taken, 0 refused, 0 duplicates' || return
    items 'id\tyear\ttitle\n3\t3\tThree, all\n' --delimiter '\t'
    counted '1 read, 1 taken, 0 refused, 0 duplicates' && holds '1,,"""One"" & only",,1
2,,Two: a,,2
3,,"Three, all",,3'
}

a_header_line_may_be_replaced() {
    must sql "$define" || return
    items 'nummer;titel;jahr\n1;One;1\n' --delimiter ';' --header --columns id,title,year
    counted '1 read, 1 taken, 0 refused, 0 duplicates' && holds '1,,One,,1'
}

a_byte_order_mark_blank_lines_and_a_missing_last_line_end() {
    must sql "$define" || return
    items '\xef\xbb\xbfid,year\n\n1,1\r\n\r\n2,2'
    counted '2 read, 2 taken, 0 refused, 0 duplicates' && holds '1,,,,1
2,,,,2'
}

jsonl_is_read_by_its_name_and_by_option() {
    must sql "$define" || return
    local file=items.jsonl
    items '{"id": 1, "title": "One", "genres": ["a", "b"], "year": 1}\n{"id": "2", "year": null}\n'
    counted '2 read, 2 taken, 0 refused, 0 duplicates' || return
    file=items.txt
    items '\n{"n": 3, "t": "a|b", "junk": {}, "year": 3}\n' --format jsonl --id n --map genres=t \
        --split 't=|' --skip junk
    counted '1 read, 1 taken, 0 refused, 0 duplicates' && holds '2,,,,
1,,One,"[""a"",""b""]",1
3,,,"[""a"",""b""]",3'
}

keys_stand_in_place_of_ids_or_beside_them() {
    must sql "$define" || return
    items 'isbn,year\na-1,1\nb-2,2\na-1,3\n' --key isbn
    counted '3 read, 3 taken, 0 refused, 0 duplicates' || return
    items 'id,isbn,year\n77,c-3,4\n' --id id --key isbn
    counted '1 read, 1 taken, 0 refused, 0 duplicates' && sql \
        'RETRIEVE items SCORE item.year RETURNING key, year' --format csv && prints 'key,year
c-3,4
a-1,3
b-2,2' && sql "RETRIEVE items WHERE year = 4 RETURNING id" --format csv && prints 'id
77'
}

users_and_standard_input() {
    must sql "$define" || return
    printf 'id,country\n5,de\n6,fr\n' | "$TIDAL" import $db - --into user >out 2>err
    code=$?
    counted '2 read, 2 taken, 0 refused, 0 duplicates' && run status $db --format csv &&
        has out 'users,2'
}

wrong_lines_are_told_counted_and_kept() {
    must sql "$define" || return
    items 'id,title,year
1,One,1
x,Two,2
3,Three
4,Four,4,4
5,Five,MMV
6,"Si"x,6
,Seven,7
8,\xff,8
9,Nine,9
10,"Ten,10
' \
        --refused refused.csv
    [ $code -eq 1 ] && counted '10 read, 2 taken, 8 refused, 0 duplicates' || return
    has err "items.csv:3: refused: 'id' is 'x', not an id" &&
        has err 'items.csv:4: refused: the line has 2 columns, the file has 3' &&
        has err 'items.csv:5: refused: the line has 4 columns, the file has 3' &&
        has err "items.csv:6: refused: " && has err "'year'" &&
        has err 'items.csv:7: refused: there is text behind' &&
        has err "items.csv:8: refused: 'id' is missing" &&
        has err 'items.csv:9: refused: the line is not UTF-8' &&
        has err 'items.csv:11: refused: the quotation mark that opens column 2 is never closed' ||
        return
    holds '1,,One,,1
9,,Nine,,9' || return
    # What was refused can be mended and imported.
    python3 - items.csv <<'END'
import csv, sys
lines = open("items.csv", "rb").read().split(b"\n")
rows = list(csv.reader(open("refused.csv", encoding="latin-1", newline="")))
print(rows)
wanted = [(str(n), lines[n - 1].decode("latin-1")) for n in (3, 4, 5, 6, 7, 8, 9, 11)]
sys.exit([(row[0], row[2]) for row in rows[1:]] != wanted)
END
}

of_many_refused_lines_ten_are_told() {
    must sql "$define" || return
    items "id\n$(printf 'x\\n%.0s' $(seq 50))"
    [ $code -eq 1 ] && counted '50 read, 0 taken, 50 refused, 0 duplicates' &&
        [ "$(grep -c ': refused: ' err)" -eq 10 ] && has err '--refused FILE keeps them all'
}

wrong_json_lines_are_refused() {
    must sql "$define" || return
    local file=items.jsonl
    items '{"id": 1}
{"id": 2
[3]
{"id": 4, "id": 5}
{"id": [6]}
{"year": 7}
{"id": 8, "colour": 1}
'
    [ $code -eq 1 ] && counted '7 read, 1 taken, 6 refused, 0 duplicates' &&
        has err 'items.jsonl:2: refused: not JSON' &&
        has err 'items.jsonl:3: refused: not a JSON object' && has err 'items.jsonl:4: refused: ' &&
        has err "items.jsonl:5: refused: 'id' is a list" &&
        has err "items.jsonl:6: refused: 'id' is missing" && has err 'items.jsonl:7: refused: ' &&
        has err 'colour'
}

a_file_that_cannot_be_understood_changes_nothing() {
    prepare || return
    local before
    before=$("$TIDAL" $db --format csv -c 'SHOW STATUS' | grep '^lsn,')
    items 'id,colour\n1,red\n' && fails 1 "tidal: column 'colour' of 'items.csv' is no field of item
  hint: --skip colour leaves it out, --map FIELD=colour gives it to a field" || return
    items 'number,year\n1,1\n' && fails 1 "tidal: 'items.csv' has no column 'id'
  hint: its columns are number, year; --id COLUMN names the right one" || return
    items 'id,year,year\n' && [ $code -eq 1 ] && has err "has two columns named 'year'" || return
    items '' && [ $code -eq 1 ] && has err "'items.csv' is empty" || return
    items 'id,year\n1,1\n' --map colour=year && [ $code -eq 1 ] && has err "no field 'colour'" ||
        return
    items 'id,year\n1,1\n' --split genre='|' && [ $code -eq 1 ] && has err "no column 'genre'" ||
        return
    run import $db nothing.csv --into item
    fails 1 "tidal: 'nothing.csv' cannot be read: No such file or directory" || return
    run import $db items.csv --into likes
    [ $code -eq 1 ] && has err "there is no relation 'likes'" || return
    [ "$("$TIDAL" $db --format csv -c 'SHOW STATUS' | grep '^lsn,')" = "$before" ]
}

options_that_do_not_go_together_are_wrong_use() {
    local wrong
    : >f
    for wrong in "--into item --signal view" "--into signals --map a=b" "--into follows --id a" \
        "--into signals --signal view --event e" "--into signals --id a --key b" \
        "--into item --format xml" "--into item --delimiter" "--into signals --batch 0" \
        "--into signals --batch 70000" "--into signals --time-unit d" "--into item --map a" \
        "--into item --split a" "--into follows --from a --from-key b"; do
        # shellcheck disable=SC2086
        run import $db f $wrong
        [ $code -eq 2 ] && [ -s err ] && [ ! -s out ] || { echo "$wrong"; shown; return 1; }
    done
}

a_directory_without_a_database_is_not_made_one() {
    items 'id\n1\n'
    [ $code -eq 1 ] && [ ! -e $db ] && [ -s err ]
}

events_are_counted_at_their_times_in_any_order_of_the_file() {
    # Two days apart, more than the lateness: sorted before they are sent, none is late.
    prepare || return
    events 'event,item,user,time,value
view,1,5,2026-11-01T00:00:00Z,
rating,1,5,1793318400000,4.5
view,1,,2026-10-30 12:00:00+02:00,
view,2,6,2026-10-29T00:00:00.5z,
'
    [ $code -eq 0 ] && counted '4 read, 4 taken, 0 refused, 0 duplicates' &&
        counts 2 'count(view)' && counts 4.5 'sum(rating)' && run status $db --format csv &&
        has out 'newest_event,2026-11-01T00:00:00Z'
}

events_come_once_however_often_they_are_read() {
    prepare || return
    local text='event,item,user,time
view,1,5,2026-11-01T00:00:00Z
view,1,6,2026-11-01T00:00:00Z
'
    events "$text" && counted '2 read, 2 taken, 0 refused, 0 duplicates' || return
    events "$text" && counted '2 read, 0 taken, 0 refused, 2 duplicates' || return
    [ $code -eq 0 ] && counts 2 'count(view)'
}

states_said_again_change_nothing() {
    prepare || return
    local text='event,item,user,time
like,1,5,2026-11-01T00:00:00Z
like,1,6,2026-11-01T00:00:00Z
'
    events "$text" && events "$text" && [ $code -eq 0 ] && counts 2 'count(like)'
}

events_behind_the_lateness_are_refused() {
    prepare || return
    events 'item,time\n1,2026-11-01T12:00:00Z\n' --signal view && [ $code -eq 0 ] || return
    events 'item,time\n1,2026-11-01T00:00:00Z\n1,2026-10-31T23:59:59Z\n' --signal view
    [ $code -eq 1 ] && counted '2 read, 1 taken, 1 refused, 0 duplicates' &&
        has err 'events.csv:3: refused: ' && counts 2 'count(view)'
}

events_of_keys_users_by_keys_and_seconds() {
    prepare || return
    events 'film\tn\twho\twhen\ntwo\t3\tanna\t1793527200.5\ntwo\t4.5\tbob\t1793527201\n' \
        --delimiter '\t' --key film --user-key who --time when --time-unit s --value n \
        --signal rating
    [ $code -eq 0 ] && counted '2 read, 2 taken, 0 refused, 0 duplicates' || return
    sql "RETRIEVE items SCORE sum(rating) WHERE year = 2 RETURNING key, score" --format csv
    prints 'key,score
two,7.5' || return
    run status $db --format csv
    has out 'users,2' && has out 'newest_event,2026-11-01T10:00:01Z'
}

events_that_cannot_be_are_refused_each_for_its_reason() {
    prepare || return
    events 'event,item,user,time,value
view,9,5,2026-11-01T00:00:00Z,
wink,1,5,2026-11-01T00:00:00Z,
view,1,me,2026-11-01T00:00:00Z,
view,1,5,yesterday,
rating,1,5,2026-11-01T00:00:00Z,nan
view,1,5,,
view,1,5,2026-02-29T00:00:00Z,
rating,1,5,2026-11-01T00:00:00Z,3e9
like,1,,2026-11-01T00:00:00Z,
view,1,5,2999-01-01T00:00:00Z,
view,1,5,2026-11-01T00:00:00Z,
' \
        --batch 3 --refused refused.csv
    [ $code -eq 1 ] && counted '11 read, 1 taken, 10 refused, 0 duplicates' &&
        has err "events.csv:3: refused: signal 'wink' does not exist" &&
        has err "events.csv:4: refused: 'user' is 'me', not an id" &&
        has err "events.csv:5: refused: 'time' is 'yesterday', not a time" &&
        has err "events.csv:6: refused: 'value' is 'nan', not a number" &&
        has err "events.csv:7: refused: 'time' is missing" &&
        has err "events.csv:8: refused: 'time' is '2026-02-29T00:00:00Z', not a time" &&
        has err 'events.csv:2: refused: ' && has err 'events.csv:9: refused: ' &&
        has err 'events.csv:10: refused: ' && has err 'events.csv:11: refused: ' &&
        counts 1 'count(view)' && [ "$(grep -c '' refused.csv)" -eq 11 ]
}

edges_have_weights_and_ends_by_id_or_key() {
    prepare || return
    printf 'from,to,weight\n5,7,0.5\n6,8,\n' >edges.csv
    run import $db edges.csv --into follows
    [ $code -eq 0 ] && counted '2 read, 2 taken, 0 refused, 0 duplicates' || return
    must sql "PUT user 9 KEY 'anna' {}; PUT creator 70 KEY 'ms' {}" || return
    printf '{"who": "anna", "whom": "ms", "w": 0.25}\n{"who": "anna", "whom": {}}\n' >edges.jsonl
    run import $db edges.jsonl --into follows --from-key who --to-key whom --weight w
    [ $code -eq 1 ] && counted '2 read, 1 taken, 1 refused, 0 duplicates' &&
        has err "edges.jsonl:2: refused: 'whom' is an object" || return
    must sql 'DEFINE FIELD singer ON item REFERENCES creator;
        PUT item 3 {"singer": 70}; PUT item 4 {"singer": 7}' ||
        return
    local score='SCORE related(user follows creator) WHERE singer IS NOT MISSING 
        RETURNING id, score'
    sql "RETRIEVE items FOR user 9 $score" --format csv && prints 'id,score
3,0.25
4,0' && sql "RETRIEVE items FOR user 5 $score" --format csv && prints 'id,score
4,0.5
3,0'
}

a_dry_run_says_what_would_be_and_keeps_nothing() {
    prepare || return
    local before
    before=$("$TIDAL" $db -c 'RETRIEVE items RETURNING id, year')
    export TMPDIR=$PWD/scratch
    mkdir scratch
    items 'id,year\n1,5\nx,6\n3,7\n' --dry-run
    [ $code -eq 1 ] && counted 'dry run, nothing kept: 3 read, 2 taken, 1 refused, 0 duplicates' ||
        return
    events 'item,time\n1,2026-11-01T12:00:00Z\n3,2026-11-01T12:00:00Z\n' --signal view --dry-run
    counted 'dry run, nothing kept: 2 read, 1 taken, 1 refused, 0 duplicates' || return
    [ "$("$TIDAL" $db -c 'RETRIEVE items RETURNING id, year')" = "$before" ] &&
        counts 0 'count(view)' && [ -z "$(ls scratch)" ]
}

the_refused_lines_never_replace_the_file() {
    prepare || return
    items 'id\n1\n' --refused ./items.csv
    [ $code -eq 1 ] && has err 'is the file that is read' && [ "$(cat items.csv)" = $'id\n1' ]
}

progress_is_told_on_standard_error() {
    prepare || return
    local importer row=100
    mkfifo pipe
    "$TIDAL" import $db - --into item --progress <pipe >out 2>err &
    importer=$!
    exec 4>pipe
    echo id >&4
    # A row now and then, until more than a second has gone by since it began.
    until [ -s err ] || [ $row -eq 2500 ]; do
        echo $((row += 1)) >&4
        sleep 0.05
    done
    exec 4>&-
    wait $importer
    code=$?
    grep -qx '[0-9,]* read, [0-9,]* taken' err || { shown; return 1; }
    row=$(sed 's/\([0-9]\)\([0-9]\{3\}\)$/\1,\2/' <<<$((row - 100)))
    [ $code -eq 0 ] && counted "$row read, $row taken, 0 refused, 0 duplicates"
}

an_interrupt_stops_between_two_writes_with_counts() {
    prepare || return
    mkfifo pipe
    python3 "$here/interrupted.py" SIGINT "id,year
$(seq 100 1599 | sed 's/.*/&,&/')
" "$TIDAL" import $db pipe --into item
    code=$?
    [ $code -eq 1 ] && has err "tidal: stopped at line 1502 of 'pipe'" &&
        counted '1,500 read, 1,500 taken, 0 refused, 0 duplicates' &&
        run status $db --format csv && has out 'items,1502'
}

an_interrupt_before_all_events_are_read_sends_none() {
    prepare || return
    mkfifo pipe
    python3 "$here/interrupted.py" SIGTERM $'item,time\n1,2026-11-01T12:00:00Z\n' \
        "$TIDAL" import $db pipe --into signals --signal view
    code=$?
    [ $code -eq 1 ] || { shown; return 1; }
    counts 0 'count(view)'
}

an_import_may_hold_less_in_memory() {
    prepare || return
    events 'item,event,user,time\n1,view,7,2026-11-01T10:00:00Z\n1,view,8,2026-11-01T10:00:01Z\n' \
        --signal-memory 1
    counted '2 read, 2 taken, 0 refused, 0 duplicates' && counts 2 'count(view)' || return
    run import $db events.csv --into signals --signal-memory lots
    fails 2 "tidal: '--signal-memory' takes a size, as 256MiB, not 'lots'
  hint: tidal import --help lists what it takes"
}

a_large_import_is_run_again_and_counts_nothing_twice() {
    prepare || return
    awk 'BEGIN {print "item,user,time"
                for (n = 0; n < 140000; n++)
                    printf "1,%d,%.0f\n", n % 977, 1780000000000 + n}' >many.csv
    run import $db many.csv --into signals --signal view
    counted '140,000 read, 140,000 taken, 0 refused, 0 duplicates' || return
    run import $db many.csv --into signals --signal view
    counted '140,000 read, 0 taken, 0 refused, 140,000 duplicates' && counts 140000 'count(view)'
}

check_all "$0"
finish
