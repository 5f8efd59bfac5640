#!/bin/bash
# Statements from -c, files and standard input; where errors point; exit codes.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"

define='DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD year ON item INTEGER;
    PUT item 1 {"genre": "jazz", "year": 2011}; PUT item 2 {"genre": "soul", "year": 2020}'
ask="RETRIEVE items SCORE item.year WHERE year > 2000 RETURNING id, year"
answer='id  year
--  ----
 2  2020
 1  2011'

# caret COLUMN: the caret under the printed line stands in that column, from 1, behind the two
# spaces in front of both.
caret() {
    local column
    column=$(grep -E '^[[:space:]]*\^$' err | expand | tr -d '\n' | wc -c)
    [ $((column - 2)) -eq "$1" ] && return
    echo "the caret is in column $((column - 2))"
    shown
    return 1
}

statements_of_the_command_line_run_in_order() {
    must sql "$define" && sql "$ask" && prints "$answer"
}

statements_of_a_file_run() {
    must sql "$define" && printf '%s;\n' "$ask" >ask.tidal || return
    run $db -f ask.tidal
    prints "$answer"
}

standard_input_is_read_without_options_and_for_a_hyphen() {
    must sql "$define" && printf '%s' "$ask" >ask.tidal || return
    "$TIDAL" $db <ask.tidal >out 2>err
    code=$?
    prints "$answer" || return
    "$TIDAL" $db -f - <ask.tidal >out 2>err
    code=$?
    prints "$answer"
}

a_last_statement_needs_no_semicolon_and_comments_are_none() {
    must sql "$define" || return
    sql "-- 'first
        ;; $ask -- ; the end"
    prints "$answer"
}

nothing_to_run_is_no_error() {
    : >empty
    for text in '' ';' '-- a comment' ' ;; '; do
        sql "$text"
        [ $code -eq 0 ] && [ ! -s out ] && [ ! -s err ] || { shown; return 1; }
    done
    run $db -f empty
    [ $code -eq 0 ] && [ ! -s out ] && [ ! -s err ] || { shown; return 1; }
}

the_first_error_ends_the_run_and_what_was_before_stays() {
    must sql "$define" || return
    sql "PUT item 3 {\"year\": 2030}; PUT item 4 {\"colour\": 1}; PUT item 5 {\"year\": 2040}"
    [ $code -eq 1 ] && has err "colour" || return
    sql "$ask"
    prints 'id  year
--  ----
 3  2030
 2  2020
 1  2011'
}

an_error_names_file_line_and_column() {
    must sql "$define" || return
    printf -- '-- comment\n%s;\n\n  RETRIEVE items\n  WHERE colour = 1;\n' "$ask" >ask.tidal
    run $db -f ask.tidal
    [ $code -eq 1 ] && has err "ask.tidal:5:9: item has no field 'colour'" &&
        has err '    WHERE colour = 1;' && has err 'hint: ' && caret 9
}

an_error_behind_other_statements_is_placed_in_the_whole_text() {
    must sql "$define" || return
    sql "SHOW PROFILES; FOO"
    # The line is shown from where the statement before it ended.
    [ $code -eq 1 ] && has err "-c:1:16: expected a statement" && has err '   FOO' && caret 2
}

a_caret_stands_right_behind_wide_and_accented_characters() {
    must sql "$define" || return
    sql "RETRIEVE items WHERE genre = 'été' AND colour = 1"
    [ $code -eq 1 ] && has err '-c:1:40:' && caret 40 || return
    # Three characters, six columns of a terminal.
    sql "RETRIEVE items WHERE genre = '日本語' AND colour = 1"
    has err '-c:1:40:' || return
    python3 - err <<'END'
import sys, unicodedata
lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
at = next(i for i, line in enumerate(lines) if line.strip() == "^")
width = lambda text: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
wanted = width(lines[at - 1][: lines[at - 1].index("colour")])
print("wanted", wanted, "got", len(lines[at]) - 1)
sys.exit(wanted != len(lines[at]) - 1)
END
}

a_caret_stands_right_behind_tabs() {
    must sql "$define" || return
    sql $'RETRIEVE items\n\tWHERE\tcolour = 1'
    # The tabs are repeated under the line, so that they are as wide there.
    has err '-c:2:8:' && has err $'  \tWHERE\tcolour = 1' && grep -q $'^  \t     \t\\^$' err ||
        { shown; return 1; }
}

a_long_line_is_cut_around_the_caret() {
    must sql "$define" || return
    local text
    text="RETRIEVE items WHERE $(printf 'year = 1 OR %.0s' $(seq 100))colour = 1"
    sql "$text"
    has err '-c:1:1222:' || return
    awk 'length > 170 {bad = 1} END {exit bad}' err || { shown; return 1; }
    python3 - err <<'END'
import sys
lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
at = next(i for i, line in enumerate(lines) if line.strip() == "^")
sys.exit(lines[at - 1][lines[at].index("^"):][:6] != "colour")
END
}

a_statement_over_several_lines_and_pieces_runs_once() {
    must sql "$define" || return
    { sleep 0.1; printf 'RETRIEVE items SCORE item.year\nWHERE '; sleep 0.1
        printf 'year > 2000 RETURNING'
        sleep 0.1; printf ' id, year;'; } | "$TIDAL" $db >out 2>err
    code=$?
    prints "$answer"
}

a_quotation_without_end_is_told_at_its_beginning() {
    must sql "$define" || return
    sql "RETRIEVE items WHERE genre = 'jazz; SHOW PROFILES;"
    [ $code -eq 1 ] && has err '-c:1:30: ' && caret 30
}

a_long_script_of_short_statements_runs_to_its_end() {
    # Several of the pieces that are read at once, which end within statements and characters.
    { printf '%s;\n' "$define"
        seq 10 5009 | sed 's/.*/PUT item & {"genre": "日本語", "year": &}; -- comment/'
        printf 'RETRIEVE items SCORE item.year WHERE genre = $g LIMIT 1 RETURNING id;'
    } >script.tidal
    run :memory: -f script.tidal --format csv --param g=日本語
    prints 'id
5009'
}

wrong_use_has_exit_code_2() {
    local wrong
    for wrong in "" "$db --bogus" "$db other" "$db -c x -f y" "$db --format xml" "$db -c" \
        "$db --param novalue" "$db --param =1" "$db --param UPPER=1" "help nothing" "import" \
        "status" "status a b" "status --bogus a" "check" "check --format csv a" "import $db" \
        "import $db file" "import $db file --into item --bogus"; do
        # shellcheck disable=SC2086
        run $wrong
        [ $code -eq 2 ] && [ ! -s out ] && [ -s err ] || { echo "'$wrong'"; shown; return 1; }
        [ -z "$wrong" ] || ! grep -q "$TIDAL" err || { echo "'$wrong' names its path"; return 1; }
        [ ! -e $db ] || { echo "'$wrong' made a database"; return 1; }
    done
}

an_unknown_option_is_named() {
    run $db --bogus
    fails 2 "tidal: there is no option '--bogus'
  hint: tidal --help lists what it takes" || return
    run $db -x
    fails 2 "tidal: there is no option '-x'
  hint: tidal --help lists what it takes" || return
    run $db --format
    fails 2 "tidal: option '--format' takes a value
  hint: tidal --help lists what it takes" || return
    run status --bogus $db
    fails 2 "tidal: there is no option '--bogus'
  hint: tidal status --help lists what it takes"
}

help_and_version_are_answers() {
    local asked
    run --help
    mv out wanted
    [ $code -eq 0 ] && grep -q '^usage: tidal DIR' wanted || return
    for asked in -h help "$db --help" "--help $db"; do
        # shellcheck disable=SC2086
        run $asked
        [ $code -eq 0 ] && cmp -s out wanted || { echo "'$asked'"; shown; return 1; }
    done
    for asked in import check status; do
        run $asked --help
        [ $code -eq 0 ] && grep -q "^usage: tidal $asked DIR" out && mv out wanted || return
        run help $asked
        cmp -s out wanted || return
    done
    for asked in --version "$db --version"; do
        # shellcheck disable=SC2086
        run $asked
        prints "tidal $(sed -n 's/^#define TIDAL_VERSION "\(.*\)"/\1/p' \
            "$TIDAL_SOURCE_DIR/include/tidal/tidal.h")" || return
    done
    [ ! -e $db ]
}

a_file_that_cannot_be_read_is_named() {
    run $db -f nothing.tidal
    fails 1 "tidal: 'nothing.tidal' cannot be read: No such file or directory" || return
    mkdir folder
    run $db -f folder
    fails 1 "tidal: 'folder' cannot be read: Is a directory"
}

a_reader_that_goes_away_ends_the_run() {
    { printf '%s;' "$define"; printf 'TRANSACTION {'
        seq 10 1000 | sed 's/.*/PUT item & {"genre": "a genre with a long name"};/'; printf '};'
    } >put.tidal
    must run $db -f put.tidal || return
    # Far more than a pipe holds.
    for _ in $(seq 30); do echo "RETRIEVE items LIMIT 1000 RETURNING id, genre;"; done >ask.tidal
    timeout 120 "$TIDAL" $db -f ask.tidal 2>err | head -n 1 >out
    code=${PIPESTATUS[0]}
    # The signal of a broken pipe, or a fault told; not a crash, not a hang.
    [ "$code" -eq 141 ] || [ "$code" -eq 1 ] || { shown; return 1; }
    has out 'id  genre' && run check $db && [ $code -eq 0 ]
}

an_output_that_takes_nothing_is_a_fault() {
    must sql "$define" || return
    "$TIDAL" $db -c "$ask" >/dev/full 2>err
    code=$?
    : >out
    fails 1 "tidal: standard output cannot be written"
}

nothing_is_written_read_only() {
    must sql "$define" || return
    run $db --read-only -c "PUT item 3 {}"
    [ $code -eq 1 ] && has err 'read-only' || return
    run $db --read-only -c "$ask"
    prints "$answer"
}

the_log_is_kept_as_long_as_the_database_was_told() {
    must sql "$define" || return
    run $db --retain-log 7d -c "PUT item 3 {}"
    [ $code -eq 0 ] && must sql "DELETE item 3" && sql "CHECKPOINT" || return
    sql "RETRIEVE items SCORE item.year AS OF LSN 5 RETURNING id"
    prints "id
--
 2
 1
 3" || return
    run $db --retain-log week -c ";"
    fails 2 "tidal: '--retain-log' takes a duration, as 7d or 12h, not 'week'
  hint: tidal --help lists what it takes" || return
    run $db --retain-log 30d -c ";"
    [ $code -eq 1 ] && has err 'cannot be kept for 30d' && has err 'ask for at most 630h'
}

a_command_that_does_not_exist_is_no_second_directory() {
    run impor $db songs.csv
    fails 2 "tidal: there is no command 'impor', and as a database '$db' is too much
  hint: tidal --help lists what it takes"
}

signals_take_no_more_memory_than_they_may() {
    must sql "DEFINE SIGNAL view ON item WINDOWS 24h; PUT item 1 {}; PUT item 2 {};
        SIGNAL view ON item 1; SIGNAL view ON item 1; SIGNAL view ON item 2" || return
    run $db --signal-memory 1 --format csv -c "SHOW SIZE"
    [ $code -eq 0 ] && has out 'signal,view,0,' && has out 'cold,view,2,' || return
    run $db --signal-memory 1 --format csv -c "RETRIEVE items SCORE count(view) RETURNING id, score"
    prints 'id,score
1,2
2,1' || return
    run $db --signal-memory 1GiB --format csv -c "SHOW SIZE"
    [ $code -eq 0 ] && has out 'signal,view,2,' && ! grep -q cold out || return
    run $db --signal-memory lots -c ";"
    fails 2 "tidal: '--signal-memory' takes a size, as 256MiB, not 'lots'
  hint: tidal --help lists what it takes"
}

check_all "$0"
finish
