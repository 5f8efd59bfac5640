#!/bin/bash
# trending_elsewhere.sh [FOLDER]: what trended on three days among articles that a company's people
# read (Deskdrop), and among words in the titles of posts (Reddit).  FOLDER, or TIDAL_DATA, holds
# deskdrop/users_interactions.csv and reddit-top/posts.tsv.xz; what is not there is skipped loudly.
# TIDAL names the shell; the default is the release build's.
set -euo pipefail
demo=$(cd "$(dirname "$0")" && pwd)
data=${1:-${TIDAL_DATA:-$demo/../../shared/data}}
tidal=${TIDAL:-$demo/../build/release/bin/tidal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=0

skip() {
    echo "trending: SKIPPED $1: $2 is not there" >&2
    skipped=$((skipped + 1))
}

# show NAME DAY...: imports the signals of $work/events.csv (item_key,user_key,time) day by day, and
# prints what trended at the end of each.
show() {
    local name=$1 database=$work/$1.tidal after=0 until
    shift
    cut -d , -f 1 "$work/events.csv" | sort -u >"$work/items.csv"
    "$tidal" "$database" -c "DEFINE SIGNAL mention ON item WINDOWS 24h, 30d
        VELOCITY 24h TRENDING HALF LIFE 24h"
    "$tidal" import "$database" "$work/items.csv" --into item --format csv --columns key \
        --key key >/dev/null
    for day; do
        until=$(date -u -d "$day 23:59:59" +%s)
        awk -F , -v after="$after" -v until="$until" '$3 > after && $3 <= until' \
            "$work/events.csv" >"$work/days.csv"
        "$tidal" import "$database" "$work/days.csv" --into signals --format csv \
            --columns item_key,user_key,time --key item_key --user-key user_key \
            --time-unit s --signal mention >/dev/null
        after=$until
        echo "$name $day"
        "$tidal" "$database" -c "RETRIEVE items FROM trending(mention, 50)
            NOW '${day}T23:59:59Z' LIMIT 8 RETURNING rank, key, score"
    done
}

articles=$data/deskdrop/users_interactions.csv
if [ -f "$articles" ]; then
    awk -F , 'NR > 1 && $2 == "VIEW" {print $3 "," $4 "," $1}' "$articles" >"$work/events.csv"
    show articles 2016-06-08 2016-09-14 2016-12-05
else
    skip articles "$articles"
fi

# A post counts as a person of its own: who wrote it is not in the source.
posts=$data/reddit-top/posts.tsv.xz
if [ -f "$posts" ]; then
    xz -dc "$posts" | awk -F '\t' '
        NR > 1 && $10 == 0 && $3 >= 1346457600 && $3 < 1367366400 {
            split("", seen)
            count = split(tolower($11), words, /[^a-z]+/)
            for (i = 1; i <= count; i++)
                if (length(words[i]) >= 5 && length(words[i]) <= 30 && !(words[i] in seen)) {
                    seen[words[i]] = 1
                    print words[i] "," $1 "," $3
                }
        }' >"$work/events.csv"
    show posts 2012-10-29 2012-11-06 2013-04-15
else
    skip posts "$posts"
fi
echo "trending: $skipped of 2 skipped"
