#!/bin/bash
# import.sh DIR [RATINGS]: makes the database in DIR: schema, profiles, films, ratings (all 100,000,
# or the first RATINGS).  TIDAL names the shell; the default is the release build's.
set -euo pipefail
demo=$(cd "$(dirname "$0")" && pwd)
data=$demo/movietweetings
tidal=${TIDAL:-$demo/../build/release/bin/tidal}
database=$1
ratings=${2:-all}

first_lines() {
    # awk reads to the end, so that zstd is not stopped by a closed pipe.
    if [ "$1" = all ]; then cat; else awk -v count="$1" 'NR <= count'; fi
}

"$tidal" "$database" -f "$demo/schema.tidal"
"$tidal" "$database" -f "$demo/profiles.tidal"

# 0133093::The Matrix (1999)::Action|Sci-Fi: the year becomes a column of its own.
zstd -qdc "$data/movies.dat.zst" | sed -E 's/ \(([0-9]{4})\)::/::\1::/' |
    "$tidal" import "$database" - --into item --format csv --delimiter '::' --no-quotes \
        --columns id,title,year,genres --split 'genres=|'

# user::film::rating::Unix seconds: each becomes a signal at the time when it was given.
zstd -qdc "$data/ratings.dat.zst" | first_lines "$ratings" |
    "$tidal" import "$database" - --into signals --format csv --delimiter '::' --no-quotes \
        --columns user,item,value,time --time-unit s --signal rating
