# Cases in scripts.  A case is a function whose name is a sentence; `check` runs it in a folder of
# its own, and `finish` prints the counts.
#
# Functions return 0 if all is well, and say on standard output what they saw: it is shown if not.
set -u
unset TMPDIR XDG_STATE_HOME
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
passed=0
failed=0
skipped=0

# check NAME [COMMAND...]: one case, that command or else the function of that name.
check() {
    local name=$1
    [ $# -eq 1 ] || shift
    mkdir "$work/$name"
    if (cd "$work/$name" && "$@") >"$work/output" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
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
