#!/bin/bash
# What trends, from data as others keep it; and the pictures of the page that explains it.
. "$TIDAL_SOURCE_DIR/tests/cli/lib.sh"
page=$TIDAL_SOURCE_DIR/docs/signals.md
pictures=$TIDAL_SOURCE_DIR/tools/signal_pictures.py
lists=$TIDAL_SOURCE_DIR/demo/trending_elsewhere.sh

the_pictures_of_the_page_are_as_drawn() {
    python3 "$pictures" --check "$page"
}

a_picture_that_was_changed_is_found() {
    sed 's/6666/6665/' "$page" >page.md
    ! python3 "$pictures" --check page.md || return
    python3 "$pictures" page.md && diff page.md "$page"
}

data_that_is_not_there_is_skipped_loudly() {
    "$lists" "$PWD/nowhere" 2>&1 | tee said
    [ "$(grep -c SKIPPED said)" -eq 2 ] && grep -q '2 of 2 skipped' said
}

# Of two articles one is read by one person again and again, the other by six.
what_many_come_to_trends_and_what_one_repeats_does_not() {
    mkdir -p data/deskdrop
    {
        echo timestamp,eventType,contentId,personId,sessionId,userAgent,userRegion,userCountry
        for i in 1 2 3 4 5 6; do
            echo "146540000$i,VIEW,-77,$i,1,\"agent, with a comma\",NY,US"
            echo "146540001$i,VIEW,88,9,1,,,"
            echo "146540002$i,LIKE,99,$i,1,,,"
        done
    } >data/deskdrop/users_interactions.csv
    "$lists" "$PWD/data" 2>&1 | tee said
    [ "$(awk '$1 ~ /^[0-9]+$/ {print $2}' said)" = -77 ]
}

# Where the real data is: TIDAL_DATA.
real_articles_and_posts_are_listed() {
    "$lists" "$TIDAL_DATA" 2>&1 | tee said
    grep -q '0 of 2 skipped' said && grep -Eq '^ +1 +sandy ' said && grep -Eq '^ +1 +boston ' said
}

check the_pictures_of_the_page_are_as_drawn
check a_picture_that_was_changed_is_found
check data_that_is_not_there_is_skipped_loudly
check what_many_come_to_trends_and_what_one_repeats_does_not
if [ -n "${TIDAL_DATA:-}" ]; then
    check real_articles_and_posts_are_listed
else
    skip real_articles_and_posts_are_listed "TIDAL_DATA names no folder with the data"
fi
finish
