#!/bin/sh
# crash-counts.sh PRESET: what the crash tests of the last `scripts/test.sh PRESET` counted.
set -eu
cd "$(dirname "$0")/.."
awk '/^[0-9]+: / {
    sub(/^[0-9]+: */, "")
    if (/[0-9] (seeds|kills|states|entries|flips|changes)/ || /^(mutant|full|broken)/)
        print "crash " substr($0, 1, 230)
}' "build/$1/test.log"
