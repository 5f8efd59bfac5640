# What the tests of the shell share.  A test is a function whose name is a sentence; `check` runs it
# in a folder of its own, and `finish` prints the counts.
#
# Functions return 0 if all is well, and say on standard output what they saw: it is shown if not.
set -u
unset TMPDIR XDG_STATE_HOME
export LC_ALL=C.UTF-8
work=$(mktemp -d)
here=$TIDAL_SOURCE_DIR/tests/cli
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
passed=0
failed=0
skipped=0
db=db.tidal

# check NAME: one case, the function of that name.
check() {
    mkdir "$work/$1"
    if (cd "$work/$1" && "$1") >"$work/output" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1"
        sed 's/^/    /' "$work/output"
    fi
}

# skip NAME WHY: one case that cannot be tried here.
skip() {
    skipped=$((skipped + 1))
    echo "SKIPPED $1: $2"
}

# check_all FILE: every case of that file: its functions with an underscore in their names.
check_all() {
    local name
    for name in $(sed -n 's/^\([a-z0-9]*_[a-z0-9_]*\)() {$/\1/p' "$1"); do check "$name"; done
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

# run ARGUMENT...: the shell.  What it prints is in out and err, its exit code in $code.
run() {
    "$TIDAL" "$@" >out 2>err
    code=$?
}

# sql STATEMENTS [OPTION...]: runs them on $db.
sql() {
    local statements=$1
    shift
    run "$db" -c "$statements" "$@"
}

# must COMMAND...: a step that has to succeed for the case to mean something.
must() {
    "$@"
    [ "$code" -eq 0 ] || { shown; return 1; }
}

# Says what there was; a failure, so that it may be a test's last word.
shown() {
    echo "exit code $code"
    sed 's/^/out: /' out
    sed 's/^/err: /' err
    return 1
}

# prints TEXT: standard output is that text and the exit code 0.
prints() {
    if [ "$code" -eq 0 ] && printf '%s\n' "$1" | cmp -s - out; then return 0; fi
    printf '%s\n' "$1" | diff - out
    shown
    return 1
}

# fails CODE TEXT: nothing is printed but that error, with that exit code.
fails() {
    if [ "$code" -eq "$1" ] && [ ! -s out ] && printf '%s\n' "$2" | cmp -s - err; then return 0; fi
    printf '%s\n' "$2" | diff - err
    shown
    return 1
}

# has FILE TEXT: a line of it holds the text.
has() {
    grep -qF -- "$2" "$1" && return 0
    echo "'$2' is not in $1"
    shown
    return 1
}

# counted TEXT: an import's last line, without its speed.
counted() {
    local line
    line=$(tail -n 1 out | sed 's/, [0-9,]* [a-z]*\/s$//')
    [ "$line" = "$1" ] && return 0
    printf 'wanted: %s\ngot:    %s\n' "$1" "$line"
    shown
    return 1
}
