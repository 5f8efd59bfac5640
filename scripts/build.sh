#!/bin/sh
# build.sh PRESET [TARGET...]: configures (quietly) and builds build/PRESET.
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
mkdir -p "build/$preset"
log=build/$preset/configure.log
if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
grep -A4 'Warning' "$log" >&2 || true
[ $# -eq 0 ] || set -- --target "$@"
NINJA_STATUS='[%f/%t] ' cmake --build "build/$preset" "$@"
