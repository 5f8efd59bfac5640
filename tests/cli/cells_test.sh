#!/bin/bash
# tidal import: how cells become values of the declared types, and what a wrong option leaves alone.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"

# import LINE... [-- OPTION...]: the lines as items of a database with a field of each type.
import() {
    local lines=()
    [ -e db ] || "$TIDAL" db -c "DEFINE FIELD title ON item TEXT; DEFINE FIELD code ON item KEYWORD;
        DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD year ON item INTEGER;
        DEFINE FIELD cost ON item FLOAT; DEFINE FIELD live ON item BOOLEAN;
        DEFINE FIELD maker ON item REFERENCES creator;
        DEFINE EMBEDDING place ON item DIMENSIONS 3 METRIC cosine" || return
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        lines+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    printf '%s\n' "${lines[@]}" | "$TIDAL" import db - --into item "$@"
}

# fields NAMES: of the only item, as CSV.
fields() {
    "$TIDAL" db --format csv -c "RETRIEVE items RETURNING $1" | tail -n +2
}

# equal GOT WANTED
equal() { [ "$1" = "$2" ] || { printf 'got    %s\nwanted %s\n' "$1" "$2"; return 1; }; }

a_keyword_of_digits_stays_a_text() {
    import 'id,code' '1,007' && equal "$(fields code)" 007
}

numbers_may_be_written_as_json_cannot() {
    import 'id,year,cost' '1,007,.5' && equal "$(fields 'year, cost')" 7,0.5 || return
    import 'id,year,cost' '1,-07,5.' && equal "$(fields 'year, cost')" -7,5
}

an_id_may_have_all_64_bits() {
    import 'id,maker' '1,18446744073709551615' && equal "$(fields maker)" 18446744073709551615
}

what_is_no_number_is_refused_by_the_database() {
    ! import 'id,cost' '1,nan' >said 2>&1 || return
    cat said
    grep -q "'cost' takes a number, not a text" said &&
        grep -q '^1 read, 0 taken, 1 refused, 0 duplicates' said
}

truth_is_written_in_words_or_digits() {
    import 'id,live' '1,True' && equal "$(fields live)" true &&
        import 'id,live' '1,0' && equal "$(fields live)" false
}

a_split_column_is_a_list() {
    import 'id,tags' '1,a|b' -- --split 'tags=|' && equal "$(fields tags)" '"[""a"",""b""]"'
}

a_split_vector_is_a_list_of_numbers() {
    import 'id,place' '1,1 0 .5' -- --split 'place= ' && equal "$(fields place)" '"[1, 0, 0.5]"'
}

a_list_for_a_field_that_is_none_is_refused() {
    ! import 'id,title' '1,a|b' -- --split 'title=|' >said 2>&1 || return
    cat said
    grep -q "'title' takes a text, not a list" said
}

an_empty_cell_is_missing() {
    import 'id,title,year' '1,,' && equal "$(fields 'title, year')" ,
}

a_column_without_a_name_is_left_out() {
    import ',id,title' '0,1,a' && equal "$(fields title)" a
}

a_wrong_column_leaves_the_refused_lines_of_before() {
    echo before >refused.csv
    ! import 'id,title' '1,a' -- --refused refused.csv --id nope || return
    ! import 'id,nope' '1,a' -- --refused refused.csv || return
    equal "$(cat refused.csv)" before
}

refused_lines_are_kept_whole() {
    ! import 'id,title,year' '1,"a' 'b",x' '2,"c"d,3' '3,e,4' -- --refused refused.csv ||
        return
    python3 - refused.csv <<'END'
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="")))
print(rows)
sys.exit([(row[0], row[2]) for row in rows] != [
    ("line", "text"), ("2", '1,"a\nb",x'), ("4", '2,"c"d,3')])
END
}

check_all "$0"
finish
