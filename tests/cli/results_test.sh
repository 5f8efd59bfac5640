#!/bin/bash
# Rows as table, JSON and CSV, to the byte; parameters of each type; the shell on a terminal.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

define='DEFINE FIELD title ON item TEXT; DEFINE FIELD genre ON item KEYWORD;
    DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD year ON item INTEGER;
    DEFINE FIELD length ON item FLOAT; DEFINE FIELD live ON item BOOLEAN;
    DEFINE FIELD published ON item TIMESTAMP; DEFINE FIELD creator ON item REFERENCES creator;
    DEFINE EMBEDDING content ON item DIMENSIONS 2;
    PUT item 1 {"title": "Say \"hi\", all", "genre": "日本", "tags": ["a", "b c"], "year": -5,
        "length": 0.1, "live": true, "published": "2026-11-01T10:00:00.25Z",
        "creator": 18446744073709551615, "content": [0.5, -2]};
    PUT item 2 KEY '\''two'\'' {"title": "one\ntwo\tthree", "year": 9007199254740993,
        "live": false, "length": 2.5};
    PUT item 18446744073709551615 {"title": ""}'
# 0.1 * 3 is not 0.3.
ranked='RETRIEVE items SCORE 0.1 * 3 + coalesce(item.length, -0.3)'
some='RETURNING rank, id, title, genre, tags, year, length'
others='RETURNING id, key, live, published, creator, content, score'

a_table_aligns_texts_left_and_numbers_right_and_goes_on_below() {
    must sql "$define" && sql "$ranked $some" && prints \
'rank                    id  title          genre  tags                     year  length
----  --------------------  -------------  -----  -----------  ----------------  ------
   1                     2  one                                9007199254740993  2.5000
                            two?three
   2                     1  Say "hi", all  日本   ["a","b c"]                -5  0.1000
   3  18446744073709551615'
}

a_table_shows_truths_times_references_and_vectors() {
    must sql "$define" && sql "$ranked $others" && prints \
'                  id  key   live                 published               creator    content   score
--------------------  ---  -----  ------------------------  --------------------  ---------  ------
                   2  two  false                                                             2.8000
                   1        true  2026-11-01T10:00:00.250Z  18446744073709551615  [0.5, -2]  0.4000
18446744073709551615                                                                         0.0000'
}

json_is_an_array_with_a_row_a_line() {
    must sql "$define" && sql "$ranked RETURNING id, title, tags, year, length" --format json &&
        prints \
'[{"id": 2, "title": "one\ntwo\tthree", "tags": null, "year": 9007199254740993, "length": 2.5},
 {"id": 1, "title": "Say \"hi\", all", "tags": "[\"a\",\"b c\"]", "year": -5, "length": 0.1},
 {"id": 18446744073709551615, "title": "", "tags": null, "year": null, "length": null}]'
}

json_reads_back_as_what_was_put() {
    must sql "$define" && must sql "$ranked $others, title" --format json && python3 - out <<'END'
import json, sys
rows = json.load(open(sys.argv[1], encoding="utf-8"))
print(rows)
first, second, third = rows
sys.exit(not (
    first["title"] == "one\ntwo\tthree" and first["key"] == "two" and first["live"] is False
    and second["creator"] == 2**64 - 1 and second["content"] == [0.5, -2] and second["live"] is True
    and second["published"] == "2026-11-01T10:00:00.250Z" and second["score"] == 0.1 * 3 + 0.1
    and third["id"] == 2**64 - 1 and third["key"] is None and third["score"] == 0.1 * 3 - 0.3))
END
}

csv_quotes_what_needs_it() {
    must sql "$define" && sql "$ranked $some" --format csv && prints \
'rank,id,title,genre,tags,year,length
1,2,"one
two'$'\t''three",,,9007199254740993,2.5
2,1,"Say ""hi"", all",日本,"[""a"",""b c""]",-5,0.1
3,18446744073709551615,,,,,'
}

csv_reads_back_as_what_was_put() {
    must sql "$define" && must sql "$ranked $others, title" --format csv && python3 - out <<'END'
import csv, sys
first, second, third = csv.DictReader(open(sys.argv[1], encoding="utf-8", newline=""))
print(first, second, third)
sys.exit(not (
    first["title"] == "one\ntwo\tthree" and first["key"] == "two" and first["live"] == "false"
    and second["title"] == 'Say "hi", all' and second["content"] == "[0.5, -2]"
    and float(second["score"]) == 0.1 * 3 + 0.1 and float(third["score"]) == 0.1 * 3 - 0.3))
END
}

no_rows_have_their_names_still() {
    must sql "$define" || return
    local none="RETRIEVE items WHERE year = 7"
    sql "$none" && prints $'id  score\n--  -----' || return
    sql "$none" --format json && prints '[]' || return
    sql "$none" --format csv && prints 'id,score'
}

a_write_prints_nothing_in_any_format() {
    for format in table json csv; do
        sql 'DEFINE FIELD a'$format' ON item TEXT; PUT item 3 {"a'$format'": "x"}' --format $format
        [ $code -eq 0 ] && [ ! -s out ] && [ ! -s err ] || { shown; return 1; }
    done
}

control_characters_do_not_reach_the_terminal() {
    # ESC and CSI, as one character of Latin 1: both begin orders to a terminal.
    sql 'DEFINE FIELD t ON item TEXT; PUT item 1 {"t": "a\u001b[31mb\u009b31mc\u007f"};
        RETRIEVE items RETURNING id, t'
    prints $'id  t\n--  -------------\n 1  a?[31mb?31mc?' || return
    sql 'RETRIEVE items RETURNING t' --format json
    [ $code -eq 0 ] && python3 - out <<'END'
import json, sys
sys.exit(json.load(open(sys.argv[1]))[0]["t"] != "a\x1b[31mb\x9b31mc\x7f")
END
}

# finds NAME=VALUE CONDITION IDS: the items that a condition on $p finds.
finds() {
    sql "RETRIEVE items SCORE coalesce(item.year, 0) WHERE $2 RETURNING id" --param "$1" \
        --format csv
    prints "$(printf 'id'; printf '\n%s' $3)"
}

parameters_of_each_type_are_bound() {
    must sql "$define" || return
    finds p=-5 'year = $p' 1 && finds p=9007199254740993 'year = $p' 2 &&
        finds p=2.5 'length = $p' 2 && finds p=1e-1 'length = $p' 1 && finds p=true 'live = $p' 1 &&
        finds p=false 'live = $p' 2 && finds p=日本 'genre = $p' 1 &&
        finds "p='日本'" 'genre = $p' 1 && finds 'p=Say "hi", all' 'title = $p' 1 &&
        finds p= 'title = $p' 18446744073709551615 && finds '$p=-5' 'year = $p' 1 &&
        finds p=18446744073709551615 'creator = $p' 1 &&
        finds p=2026-11-01T10:00:00.250Z 'published = $p' 1 &&
        finds p=1793527200250 'published = $p' 1 && finds p=a=b 'NOT title = $p' \
        "2 18446744073709551615 1"
}

parameters_that_are_lists_are_bound() {
    must sql "$define" || return
    finds 'p=["日本", "jazz"]' 'genre IN $p' 1 && finds 'p=["b c"]' 'tags IN $p' 1 &&
        finds 'p=[1, 9007199254740993]' 'year IN $p' 2 && finds 'p=[]' 'genre IN $p' '' &&
        finds 'p=[ 18446744073709551615 ,5]' 'creator IN $p' 1
}

parameters_stand_for_entities_fields_and_limits() {
    must sql "$define" || return
    sql 'PUT item $id KEY $key $fields;
        RETRIEVE items SCORE 1 LIMIT $limit RETURNING id, key, genre, content' \
        --param id=77 --param key=k-77 --param 'fields={"genre": "folk", "content": [1, 2]}' \
        --param limit=1 --format csv
    [ $code -eq 0 ] && has out '77,k-77,folk,"[1, 2]"' && [ "$(wc -l <out)" -eq 2 ]
}

a_parameter_without_a_value_is_told_at_its_place() {
    must sql "$define" || return
    sql 'RETRIEVE items WHERE year = $p' --param q=1
    [ $code -eq 1 ] && has err "-c:1:29: parameter '\$p' has no value"
}

a_parameter_of_another_type_is_told_at_its_place() {
    must sql "$define" || return
    sql 'RETRIEVE items WHERE genre = $p' --param p=5
    [ $code -eq 1 ] && has err "-c:1:30: '\$p' is of type integer, wanted is keyword"
}

a_list_that_is_not_well_formed_is_told() {
    sql 'SHOW PROFILES' --param 'p=[1, 2'
    [ $code -eq 2 ] && has err "the list in 'p=[1, 2' is not well-formed" || return
    sql 'SHOW PROFILES' --param 'p=[18446744073709551616]'
    [ $code -eq 2 ] && has err "the list in 'p=[18446744073709551616]' is not well-formed"
}

a_person_gets_a_shell() {
    HOME=$PWD TERM=dumb python3 "$here/terminal.py" "$TIDAL"
}

for name in $(sed -n 's/^\([a-z0-9]*_[a-z0-9_]*\)() {$/\1/p' "$0"); do
    if [ "$name" = a_person_gets_a_shell ] && ! python3 -c 'import pty; pty.openpty()' 2>/dev/null
    then
        skip "$name" "there are no pseudo-terminals here"
    else
        check "$name"
    fi
done
finish
