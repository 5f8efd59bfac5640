#!/bin/bash
# tidal import: how cells become values of the declared types, and what a wrong option leaves alone.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# check NAME: one case, the function of that name; its output is shown when it fails.
check() {
    rm -rf "$work/db"
    "$TIDAL" "$work/db" -c "DEFINE FIELD title ON item TEXT; DEFINE FIELD code ON item KEYWORD;
        DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD year ON item INTEGER;
        DEFINE FIELD cost ON item FLOAT; DEFINE FIELD live ON item BOOLEAN;
        DEFINE FIELD maker ON item REFERENCES creator;
        DEFINE EMBEDDING place ON item DIMENSIONS 3 METRIC cosine" || exit 1
    if "$1" >"$work/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1"
        sed 's/^/    /' "$work/output"
    fi
}

# import LINE... [-- OPTION...]: the lines as items.
import() {
    local lines=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        lines+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    printf '%s\n' "${lines[@]}" | "$TIDAL" import "$work/db" - --into item "$@"
}

# fields NAMES: of the only item, as CSV.
fields() {
    "$TIDAL" "$work/db" --format csv -c "RETRIEVE items RETURNING $1" |
        tail -n +2
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
    ! import 'id,cost' '1,nan' >"$work/said" 2>&1 || return
    cat "$work/said"
    grep -q "'cost' takes a number, not a text" "$work/said" &&
        grep -q '^1 read, 0 taken, 1 refused, 0 duplicates' "$work/said"
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
    ! import 'id,title' '1,a|b' -- --split 'title=|' >"$work/said" 2>&1 || return
    cat "$work/said"
    grep -q "'title' takes a text, not a list" "$work/said"
}

an_empty_cell_is_missing() {
    import 'id,title,year' '1,,' && equal "$(fields 'title, year')" ,
}

a_column_without_a_name_is_left_out() {
    import ',id,title' '0,1,a' && equal "$(fields title)" a
}

a_wrong_column_leaves_the_refused_lines_of_before() {
    echo before >"$work/refused.csv"
    ! import 'id,title' '1,a' -- --refused "$work/refused.csv" --id nope || return
    ! import 'id,nope' '1,a' -- --refused "$work/refused.csv" || return
    equal "$(cat "$work/refused.csv")" before
}

refused_lines_are_kept_whole() {
    ! import 'id,title,year' '1,"a' 'b",x' '2,"c"d,3' '3,e,4' -- --refused "$work/refused.csv" ||
        return
    python3 - "$work/refused.csv" <<'END'
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="")))
print(rows)
sys.exit([(row[0], row[2]) for row in rows] != [
    ("line", "text"), ("2", '1,"a\nb",x'), ("4", '2,"c"d,3')])
END
}

for name in a_keyword_of_digits_stays_a_text numbers_may_be_written_as_json_cannot \
    an_id_may_have_all_64_bits what_is_no_number_is_refused_by_the_database \
    truth_is_written_in_words_or_digits a_split_column_is_a_list \
    a_split_vector_is_a_list_of_numbers a_list_for_a_field_that_is_none_is_refused \
    an_empty_cell_is_missing a_column_without_a_name_is_left_out \
    a_wrong_column_leaves_the_refused_lines_of_before refused_lines_are_kept_whole; do
    check "$name"
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
