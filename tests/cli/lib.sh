# What the tests of the shell share: how it is run, and what is said of what it printed.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"
here=$TIDAL_SOURCE_DIR/tests/cli
db=db.tidal

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
