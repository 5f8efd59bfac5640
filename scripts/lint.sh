#!/bin/bash
# lint.sh [--no-format] [FILE...]: clang-format's check of the given C files (default: all) and
# clang-tidy's of those in src, cli and server.  Every warning is an error.  The last line is
# "N passed, N failed" over files.
set -u
cd "$(dirname "$0")/.." || exit 1

format=yes
if [ "${1:-}" = --no-format ]; then
    format=no
    shift
fi
if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(scripts/c-files.sh)
fi
mkdir -p build/clang-dev
if ! cmake --preset clang-dev >build/clang-dev/configure.log 2>&1; then
    cat build/clang-dev/configure.log >&2
    exit 1
fi

# "failed FILE" for each bad file, on stdout; what is wrong with it, on stderr.
check_format() {
    clang-format --dry-run -Werror "$1" >&2 || echo "failed $1"
}
check_tidy() {
    local output checks=
    # Statements are trees, whose depth the parser bounds: there recursion is the plain way.
    case $1 in
    src/schema/* | src/query/* | src/ranking/*) checks=-misc-no-recursion ;;
    esac
    output=$(clang-tidy --quiet --checks="$checks" -p build/clang-dev "$1" 2>&1) && return
    echo "$output" | grep -A 2 -E '(error|warning): ' >&2 # without the analyzer's whole path
    echo "failed $1"
}
export -f check_format check_tidy

tidied=()
for file in "${files[@]}"; do
    case $file in
    src/*.c | cli/*.c | server/*.c) tidied+=("$file") ;;
    esac
done
# shellcheck disable=SC2016  # the inner shell expands $0
failed=$({
    [ $format = no ] || [ ${#files[@]} -eq 0 ] ||
        printf '%s\0' "${files[@]}" | xargs -0 -n 1 bash -c 'check_format "$0"'
    [ ${#tidied[@]} -eq 0 ] ||
        printf '%s\0' "${tidied[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'check_tidy "$0"'
} | sort -u)
bad=$(echo "$failed" | grep -c '^failed ')
[ "$bad" -eq 0 ] || echo "$failed"
echo "$((${#files[@]} - bad)) passed, $bad failed"
[ "$bad" -eq 0 ]
