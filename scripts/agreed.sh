#!/bin/sh
# agreed.sh PRESET: the state that the last `scripts/test.sh PRESET` came to, how it was built, and
# which forms of the code ran in it.  Fails if it came to none.
set -eu
cd "$(dirname "$0")/.."
sed -n 's/^[0-9]*: \(agreed: \)/\1/p' "build/$1/test.log" | grep .
