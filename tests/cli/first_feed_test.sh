#!/bin/bash
# docs/quickstart.md, as a newcomer types it: each command prints what the page says, and README.md
# quotes the same commands.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"
page=$TIDAL_SOURCE_DIR/docs/quickstart.md
readme=$TIDAL_SOURCE_DIR/README.md
typed=$work/typed # where the commands are typed: its docs are the sources'
mkdir "$typed"
ln -s "$TIDAL_SOURCE_DIR/docs" "$typed/docs"
PATH=$(dirname "$TIDAL"):$PATH

without_speed() { sed -E 's@[0-9,]+ ([a-z]+)/s$@N \1/s@'; }

the_page_has_at_most_six_commands_each_one_call() {
    "$here/quickstart.py" commands "$page" "$typed"
}

each_command_prints_what_the_page_says() {
    local number status
    for number in 1 2 3 4 5 6; do
        [ -e "$typed/$number.sh" ] || continue
        (cd "$typed" && bash "$number.sh") >got 2>&1
        status=$?
        diff <(without_speed <"$typed/$number.txt") <(without_speed <got) && [ $status -eq 0 ] ||
            { echo "command $number, exit code $status"; return 1; }
    done
}

the_feed_is_what_the_events_say() {
    # Without the ranking: no song of the feed is among those that user 1 played, liked or skipped.
    "$TIDAL" "$typed/music.tidal" --format csv -c "RETRIEVE items FOR user 1 USING discover
        NOW '2026-11-02T00:00:00Z' LIMIT 100 RETURNING id" | tail -n +2 | sort >feed
    awk -F, '$1 == 1 {print $2}' "$typed/docs/quickstart/events.csv" | sort -u >known
    cat feed known
    [ -s feed ] && [ -s known ] && [ -z "$(comm -12 feed known)" ]
}

the_lines_of_the_explanation_add_up() {
    "$TIDAL" "$typed/music.tidal" --format csv -c "EXPLAIN RETRIEVE items FOR user 1
        USING discover NOW '2026-11-02T00:00:00Z' LIMIT 1" | grep '^score,' >lines
    cat lines
    python3 - lines <<'END'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
total = 0.0
for row in rows[:-1]:
    total += float(row[4])
sys.exit(not (len(rows) > 3 and rows[-1][3] == "= score" and total == float(rows[-1][4])))
END
}

the_page_shows_the_head_of_the_events() {
    head -n 4 "$TIDAL_SOURCE_DIR/docs/quickstart/events.csv" >head
    grep -c '' "$TIDAL_SOURCE_DIR/docs/quickstart/songs.csv"
    sed -n '/^user,item/,/^```$/p' "$page" | head -n 4 | diff - head
}

readme_quotes_the_same_commands() {
    "$here/quickstart.py" readme "$page" "$readme"
}

check the_page_has_at_most_six_commands_each_one_call
check each_command_prints_what_the_page_says
check the_feed_is_what_the_events_say
check the_lines_of_the_explanation_add_up
check the_page_shows_the_head_of_the_events
"$here/quickstart.py" readme "$page" "$readme" >/dev/null
if [ $? -eq 3 ]; then
    skip readme_quotes_the_same_commands "README.md quotes no commands yet"
else
    check readme_quotes_the_same_commands
fi
finish
