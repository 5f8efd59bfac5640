#!/bin/bash
# trending.sh: which films trended on three days of 2013, from the demo's data.  TIDAL names the
# shell; the default is the release build's.
set -euo pipefail
demo=$(cd "$(dirname "$0")" && pwd)
data=$demo/movietweetings
tidal=${TIDAL:-$demo/../build/release/bin/tidal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
database=$work/films.tidal

sed 's/VELOCITY 24h/VELOCITY 24h TRENDING HALF LIFE 24h/' "$demo/schema.tidal" >"$work/schema.tidal"
"$tidal" "$database" -f "$work/schema.tidal"
zstd -qdc "$data/movies.dat.zst" | sed -E 's/ \(([0-9]{4})\)::/::\1::/' |
    "$tidal" import "$database" - --into item --format csv --delimiter '::' --no-quotes \
        --columns id,title,year,genres --split 'genres=|'
after=0
for day in 2013-04-22 2013-06-16 2013-08-12; do
    until=$(date -u -d "$day 23:59:59" +%s)
    zstd -qdc "$data/ratings.dat.zst" |
        awk -F :: -v after="$after" -v until="$until" '$4 > after && $4 <= until' |
        "$tidal" import "$database" - --into signals --format csv --delimiter '::' --no-quotes \
            --columns user,item,value,time --time-unit s --signal rating
    after=$until
    echo "$day"
    "$tidal" "$database" -c "RETRIEVE items FROM trending(rating, 50) NOW '${day}T23:59:59Z' LIMIT 8
        RETURNING rank, title, year, score"
done
