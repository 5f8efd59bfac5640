#!/bin/bash
# coengaged.sh: which films go with three known ones, and how often what people liked next is found,
# from the demo's data.  TIDAL names the shell; the default is the release build's.
set -euo pipefail
demo=$(cd "$(dirname "$0")" && pwd)
data=$demo/movietweetings
tidal=${TIDAL:-$demo/../build/release/bin/tidal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
database=$work/films.tidal

# What is known: the first 85 % of the ratings, by time.  What is to be found: of each person of
# whom a rating of 7 or more is known, the first such rating after that, of a film not rated before.
zstd -qdc "$data/ratings.dat.zst" | sort -t: -k7,7n -s >"$work/ratings"
known=$(($(wc -l <"$work/ratings") * 85 / 100))
until=$(awk -F :: -v known="$known" 'NR == known { print $4 }' "$work/ratings")
now=$(date -u -d "@$((until + 1))" +%FT%TZ)
awk -F :: -v until="$until" '$4 <= until' "$work/ratings" >"$work/known"
awk -F :: -v until="$until" '
    $4 <= until { rated[$1, $2] = 1; if ($3 >= 7) liked[$1] = 1; next }
    $3 >= 7 && $1 in liked && !($1 in next_film) && !(($1, $2) in rated) {
        next_film[$1] = $2 + 0
        print $1, $2 + 0
    }' "$work/ratings" >"$work/next"

"$tidal" "$database" -f "$demo/schema.tidal"
zstd -qdc "$data/movies.dat.zst" | sed -E 's/ \(([0-9]{4})\)::/::\1::/' |
    "$tidal" import "$database" - --into item --format csv --delimiter '::' --no-quotes \
        --columns id,title,year,genres --split 'genres=|'
"$tidal" import "$database" "$work/known" --into signals --format csv --delimiter '::' --no-quotes \
    --columns user,item,value,time --time-unit s --signal rating

while read -r film title; do
    echo "$title"
    "$tidal" "$database" -c "RETRIEVE items FOR item $film FROM coengaged(item, 5) NOW '$now'
        RETURNING rank, title, year, score"
done <<'FILMS'
1345836 The Dark Knight Rises (2012)
1453405 Monsters University (2013)
1288558 Evil Dead (2013)
FILMS

# hits NAME RANKING: of how many people the next film is among 20.
hits() {
    awk -v ranking="$2" -v now="$now" '{
        printf "RETRIEVE items FOR user %d %s ", $1, ranking
        printf "NOW \x27%s\x27 LIMIT 20 RETURNING id;\n", now
    }' "$work/next" >"$work/questions"
    "$tidal" "$database" --format csv -f "$work/questions" |
        awk -v name="$1" 'NR == FNR { wanted[NR] = $2; next }
            /id/ { asked++; next }
            $1 + 0 == wanted[asked] { found++ }
            END { printf "%-44s %5d of %d  %.1f %%\n", name, found, asked, 100 * found / asked }' \
            "$work/next" -
}
seen='EXCLUDE seen(366d)'
hits 'coengaged(user.recent(rating, 20), 400)' "FROM coengaged(user.recent(rating, 20), 400) $seen"
hits 'popular(rating, 30d, 400)' "FROM popular(rating, 30d, 400) $seen"
hits 'popular(rating, 7d, 400)' "FROM popular(rating, 7d, 400) $seen"
hits 'both, score added' "FROM coengaged(user.recent(rating, 20), 400), popular(rating, 7d, 400)
    SCORE saturate(decay(rating, 7d), 100) + 0.3 * coengagement(user.recent(rating, 20)) $seen"
