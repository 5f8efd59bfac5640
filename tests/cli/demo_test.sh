#!/bin/bash
# make demo, with the first 12,000 ratings: what it prints has the form and the substance that it
# promises.  No score is written down here: lines are added up and compared with the sum printed.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"
now=2013-09-02T00:00:00Z
export DEMO_DATABASE=$work/demo DEMO_RATINGS=12000 TIDAL

# tell WHAT: to be shown if the case fails.
tell() { echo "$*"; }

# ask STATEMENT: its rows as CSV, without the names of the columns.
ask() { "$TIDAL" "$DEMO_DATABASE" --format csv -c "$1" | tail -n +2; }

# section TEXT: the part of the demo's output whose title holds TEXT.
section() { awk -v text="$1" '/^== /{on = index($0, text) > 0} on' "$work/demo.txt"; }

the_demo_runs_to_its_end() {
    "$TIDAL_SOURCE_DIR/scripts/demo.sh" >"$work/demo.txt" 2>"$work/errors.txt"
    local status=$?
    tell "exit code $status"
    tail -n 20 "$work/demo.txt" "$work/errors.txt"
    [ $status -eq 0 ] && [ ! -s "$work/errors.txt" ] && section 'now you' | grep -q RETRIEVE
}

every_film_is_in_the_database_as_in_the_data() {
    for offset in $(seq 0 1000 10999); do
        "$TIDAL" "$DEMO_DATABASE" --format json -c "RETRIEVE items LIMIT 1000 OFFSET $offset
            RETURNING id, title, year, genres"
    done >"$work/films.json"
    zstd -qdc "$TIDAL_SOURCE_DIR/demo/movietweetings/movies.dat.zst" >"$work/movies.dat"
    python3 - "$work/movies.dat" "$work/films.json" <<'END'
import json, sys
wanted = {}
for line in open(sys.argv[1], encoding="utf-8"):
    number, title, genres = line.rstrip("\n").split("::")
    wanted[int(number)] = (title[:-7], int(title[-5:-1]), genres.split("|") if genres else None)
text = open(sys.argv[2], encoding="utf-8").read().strip()
decoder, at, got = json.JSONDecoder(), 0, {}
while at < len(text):
    rows, at = decoder.raw_decode(text, at)
    at += len(text[at:]) - len(text[at:].lstrip())
    for row in rows:
        genres = row["genres"]
        if isinstance(genres, str):
            genres = json.loads(genres)
        got[row["id"]] = (row["title"], row["year"], genres)
print(len(wanted), "films,", len(got), "in the database")
for number in wanted:
    if got.get(number) != wanted[number]:
        print(number, wanted[number], got.get(number))
sys.exit(len(wanted) != 10506 or got != wanted)
END
}

the_ratings_asked_for_are_imported() {
    # Item 770828 is Man of Steel.
    local wanted
    wanted=$(zstd -qdc "$TIDAL_SOURCE_DIR/demo/movietweetings/ratings.dat.zst" |
        awk -F '::' 'NR <= 12000 && $2 == "0770828"' | wc -l)
    ask "EXPLAIN RETRIEVE items SCORE count(rating) WHERE title = 'Man of Steel' NOW '$now'" |
        tee "$work/counted"
    tell "$wanted ratings"
    [ "$wanted" -gt 100 ] && grep '^score,' "$work/counted" | grep -q ",$wanted\(\.0*\)\?,"
}

the_feed_is_ten_films_with_titles_best_first() {
    section 'a feed for user' | awk '/^ +[0-9]+ /' >"$work/feed"
    cat "$work/feed"
    [ "$(wc -l <"$work/feed")" -eq 10 ] || return
    awk '{print $1}' "$work/feed" | diff - <(seq 10) || return
    # title, year, genres, score, id: titles hold spaces, so scores are taken from the end.
    awk '{print $(NF - 1)}' "$work/feed" | sort -rg | diff - <(awk '{print $(NF - 1)}' "$work/feed")
}

the_feed_holds_no_film_that_the_user_rated() {
    zstd -qdc "$TIDAL_SOURCE_DIR/demo/movietweetings/ratings.dat.zst" | awk 'NR <= 12000' |
        sed -n 's/^1733::0*\([0-9]*\)::.*/\1/p' | sort >"$work/rated"
    awk '{print $NF}' "$work/feed" | sort >"$work/shown"
    tell "$(wc -l <"$work/rated") rated, $(wc -l <"$work/shown") shown"
    [ "$(wc -l <"$work/rated")" -eq 96 ] || return
    [ -z "$(comm -12 "$work/rated" "$work/shown")" ]
}

a_genre_has_at_most_four_films() {
    grep -o '"[A-Za-z-]*"' "$work/feed" | sort | uniq -c | sort -rn | tee "$work/genres"
    [ -s "$work/genres" ] && awk '$1 > 4 {bad = 1} END {exit bad}' "$work/genres"
}

the_lines_of_the_explanation_add_up_to_the_score() {
    ask "EXPLAIN RETRIEVE items FOR user 1733 USING for_you NOW '$now' LIMIT 1" |
        grep '^score,' | tee "$work/lines"
    # The value is the one column that is nothing but a number with decimals.
    python3 - "$work/lines" <<'END'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
sums = [float(row[4]) for row in rows if row[3].startswith("=")]
lines = [float(row[4]) for row in rows if not row[3].startswith("=")]
total = 0.0
for line in lines:
    total += line
print(lines, total, sums)
sys.exit(not (len(sums) == 1 and len(lines) >= 3 and total == sums[0]))
END
}

the_explanation_is_printed_with_its_sum() {
    section 'why is the first film' | tee "$work/explained"
    grep -q 'affinity(user, item.genres)' "$work/explained" &&
        grep -q 'the sum of the lines' "$work/explained"
}

a_film_that_was_seen_says_when() {
    section 'why is Iron Man 3 not' | tee "$work/why"
    grep -q '^seen .*last at 2013-08-16T16:38:10Z' "$work/why"
}

a_film_that_is_not_in_the_feed_says_what_kept_it_out() {
    [ "$(grep -cE '^(seen|diversify|rank|source) ' "$work/why")" -eq 2 ]
}

the_trending_list_is_not_empty_and_in_order() {
    section 'beginning to talk about' | awk '/^ +[0-9]+ /' | tee "$work/rising"
    [ "$(wc -l <"$work/rising")" -eq 10 ] || return
    awk '{print $NF}' "$work/rising" | sort -rg | diff - <(awk '{print $NF}' "$work/rising")
}

a_rating_takes_the_film_out_of_the_next_feed() {
    first=$(awk 'NR == 1 {print $NF}' "$work/feed")
    tell "first was $first"
    ask "WHY NOT ITEM $first IN RETRIEVE items FOR user 1733 USING for_you NOW '$now'" |
        tee "$work/gone"
    grep -q '^seen,.*2013-09-01T23:55:00Z' "$work/gone"
}

# without_times FILE: the demo's output, but for how long imports took.
without_times() { sed -E '/^imported in/d; s/, [0-9,]+ [a-z]+\/s$//' "$1"; }

the_second_demo_replaces_the_first() {
    "$TIDAL_SOURCE_DIR/scripts/demo.sh" >"$work/again.txt" 2>&1 || return
    diff <(without_times "$work/demo.txt") <(without_times "$work/again.txt")
}

a_folder_that_is_not_a_demo_is_left_alone() {
    mkdir "$work/mine" && touch "$work/mine/file"
    ! DEMO_DATABASE=$work/mine "$TIDAL_SOURCE_DIR/scripts/demo.sh" && [ -e "$work/mine/file" ]
}

a_step_that_fails_ends_the_demo() {
    # A shell that can do nothing but answer a RETRIEVE with an error.
    printf '#!/bin/sh\ncase "$*" in *RETRIEVE*) exit 1;; esac\nexec "%s" "$@"\n' "$TIDAL" \
        >"$work/broken" && chmod +x "$work/broken"
    ! TIDAL=$work/broken "$TIDAL_SOURCE_DIR/scripts/demo.sh"
}

check_all "$0"
finish
