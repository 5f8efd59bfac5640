#!/bin/bash
# demo.sh: what to show to a person who rates films?  Builds the shell, imports 100,000 real ratings
# (demo/movietweetings), and asks.  Every statement is printed before it runs; the first that fails
# ends the demo.
#
#   DEMO_DATABASE   where the database goes, made anew each time (default build/demo)
#   DEMO_RATINGS    how many ratings to import (default all)
#   TIDAL           a shell to use instead of building one
set -euo pipefail
cd "$(dirname "$0")/.."
database=${DEMO_DATABASE:-build/demo}
ratings=${DEMO_RATINGS:-all}

# The data ends on 2013-09-01 at 20:27 UTC; the demo takes place at the end of that day.
now=2013-09-02T00:00:00Z
user=1733     # likes thrillers and action: Fast Five, Die Hard, Mission: Impossible
other=882     # likes dramas and romances
seen=1300854  # Iron Man 3, which user 1733 has rated
capped=770828 # Man of Steel, the most rated film of all

say() { printf '\n== %s\n' "$*"; }

# ask STATEMENT: prints it, runs it.
ask() {
    printf '\n%s\n\n' "$1"
    "$tidal" "$database" -c "$1"
}

if [ -n "${TIDAL:-}" ]; then
    tidal=$TIDAL
else
    tidal=build/release/bin/tidal
    mkdir -p build
    say "building $tidal (the first time takes a minute or two; log: build/demo-build.log)"
    scripts/setup.sh build
    scripts/build.sh release tidal >build/demo-build.log 2>&1 || {
        tail -n 40 build/demo-build.log >&2
        echo "demo: the build failed, see build/demo-build.log" >&2
        exit 1
    }
fi
export TIDAL=$tidal

say "a new database in $database: the schema"
# Only what an earlier demo made is removed.
if [ -e "$database" ] && ! [ -e "$database.is-a-demo" ]; then
    echo "demo: '$database' exists and is not a demo's; name another with DEMO_DATABASE" >&2
    exit 1
fi
rm -rf "$database"
mkdir -p "$(dirname "$database")"
touch "$database.is-a-demo"
cat demo/schema.tidal

say "two rankings"
cat demo/profiles.tidal

say "import: 10,506 films, and who rated them when (demo/import.sh)"
time=$SECONDS
demo/import.sh "$database" "$ratings"
echo "imported in $((SECONDS - time)) s"

say "a feed for user $user: thrillers and action, not seen yet, and some of what else is good"
feed="RETRIEVE items FOR user $user USING for_you NOW '$now' LIMIT 10"
ask "$feed
  RETURNING rank, title, year, genres, score, id"

say "the same question for user $other"
ask "RETRIEVE items FOR user $other USING for_you NOW '$now' LIMIT 5
  RETURNING rank, title, year, genres, score, id"

say "why is the first film of user $user the first?  The lines add up to the score"
ask "EXPLAIN RETRIEVE items FOR user $user USING for_you NOW '$now' LIMIT 1"

say "why is Iron Man 3 not in that feed?  And Man of Steel?"
ask "WHY NOT ITEM $seen IN $feed"
ask "WHY NOT ITEM $capped IN $feed"

say "what is everybody beginning to talk about?"
ask "RETRIEVE items USING rising NOW '$now' LIMIT 10
  RETURNING rank, title, year, genres, score"

say "user $user sees the first film of his feed, and rates it; the next feed knows"
first=$("$tidal" "$database" --format csv -c "$feed RETURNING id" | sed -n 2p)
ask "SIGNAL rating ON item $first BY user $user VALUE 9 AT '2013-09-01T23:55:00Z'"
ask "RETRIEVE items FOR user $user USING for_you NOW '$now' LIMIT 5
  RETURNING rank, title, year, genres, score"

say "now you: a shell on this database, and a statement to begin with"
cat <<END

  $tidal $database

  RETRIEVE items FOR user $user USING for_you WHERE year < 2000
    NOW '$now' LIMIT 10 RETURNING title, year, genres, score;
END
