#!/bin/sh
# The C sources and headers of the project, one a line, tracked or new.
cd "$(dirname "$0")/.." || exit 1
git ls-files -co --exclude-standard '*.c' '*.h' '*.cc' | while read -r file; do
    [ -f "$file" ] && echo "$file"
done
