#!/bin/bash
# The manual page and the help texts tell the same options, commands and defaults.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"
commands="backfill size import check log salvage follow status backup restore"
page=$TIDAL_SOURCE_DIR/docs/man/tidal.1

# helps: the help texts of all commands.
helps() {
    "$TIDAL" --help || return
    for command in $commands; do "$TIDAL" help "$command" || return; done
}

# help_options: what stands at the beginnings of their lines, or in their first.
help_options() {
    helps | grep -E '^( +-|usage:)' | grep -oE -- '(^|[ [,])--?[a-z][a-z-]*' | tr -d ' [,' | sort -u
}

# page_options: those that have an entry of their own.
page_options() {
    grep '^\.It Fl' "$page" | grep -oE 'Fl -?[a-z][a-z-]*' | sed 's/^Fl /-/' | sort -u
}

the_page_has_every_option_of_the_help_and_no_other() {
    help_options >"$work/help"
    page_options >"$work/page"
    [ "$(wc -l <"$work/help")" -gt 25 ] && diff "$work/help" "$work/page"
}

the_page_has_every_command() {
    helps >"$work/helps" || return
    grep -oE "tidal (${commands// /|}|help) " "$work/helps" | awk '{print $2}' |
        sort -u | while read -r command; do
            [ "$command" = help ] || grep -q "^\.Ss tidal $command$" "$page" || exit 1
            grep -q "^\.Cm $command$" "$page" || exit 1
        done
}

# "(default: a, b)" and "default 1000" of the help: the page has these words with the option.
the_page_has_every_default_column() {
    local count=0 option names name
    while read -r option names; do
        names=$(echo "$names" | grep -oE '\(default: [^)]*\)' |
            sed 's/(default: //; s/)//; s/else//')
        for name in ${names//,/ }; do
            count=$((count + 1))
            awk -v option=".It Fl ${option#-} " -v name="$name" '
                /^\.It / {on = index($0 " ", option) == 1}
                on && /^\.Ql / && $2 == name {found = 1}
                END {exit !found}' "$page" || { echo "$option $name"; return 1; }
        done
    done < <("$TIDAL" help import | grep -E '^ +--(id|event|user|time|value) .*\(default:' |
        grep -v RFC | sed 's/^ *//')
    [ $count -ge 8 ]
}

the_page_is_well_formed() {
    groff -mandoc -ww -z "$page" >"$work/warnings" 2>&1
    cat "$work/warnings"
    [ ! -s "$work/warnings" ]
}

check the_page_has_every_option_of_the_help_and_no_other
check the_page_has_every_command
check the_page_has_every_default_column
if command -v groff >/dev/null && groff -mandoc -z /dev/null 2>/dev/null; then
    check the_page_is_well_formed
else
    skip the_page_is_well_formed "groff with its mdoc macros is not installed"
fi
finish
