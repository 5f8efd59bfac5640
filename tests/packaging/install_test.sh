#!/bin/bash
# What others get: installs into an empty prefix, moves it (nothing may know where it was), and
# builds a program against it with pkg-config and with find_package, shared and static.
. "$TIDAL_SOURCE_DIR/tests/harness/cases.sh"
consumer=$TIDAL_SOURCE_DIR/tests/packaging/consumer

# folder: of the installed libraries.
folder() { dirname "$(find "$prefix" -name libtidal.a)"; }

libraries_and_programs_are_installed() {
    cmake --install "$TIDAL_BUILD_DIR" --prefix "$work/first" || return
    mv "$work/first" "$prefix" || return
    libdir=$(folder)
    "$prefix/bin/tidal" --version || return
    [ -f "$prefix/share/man/man1/tidal.1" ] || return
    [ -f "$prefix/include/tidal/tidal.h" ] && [ -e "$libdir/libtidal.so" ]
}
only_the_public_header_is_installed() {
    [ "$(cd "$prefix/include" && find . -type f)" = ./tidal/tidal.h ]
}
# only_tidal NM-OPTION FILE: each defined global symbol is tidal_*, and there are some.
only_tidal() {
    local symbols
    symbols=$(nm "$1" --defined-only "$2" | awk 'NF == 3 {print $3}')
    [ "$(echo "$symbols" | grep -c '^tidal_')" -gt 0 ] || { echo "no symbols"; return 1; }
    ! echo "$symbols" | grep -v '^tidal_'
}
# The header's functions and the library's are the same set.
every_declared_function_is_exported() {
    grep -oE '\btidal_[a-z0-9_]+\(' "$prefix/include/tidal/tidal.h" | tr -d '(' | sort -u \
        >"$work/named"
    nm -D --defined-only "$libdir/libtidal.so" | awk '{print $3}' | sort -u >"$work/exported"
    # Comments may name functions too, but what is exported must be named ...
    ! comm -13 "$work/named" "$work/exported" | grep . || return
    # ... and what is declared must be exported.
    ! awk '/^TIDAL_API/ {declared = 1} declared {text = text $0}
           declared && /;/ {print text; text = ""; declared = 0}' \
        "$prefix/include/tidal/tidal.h" | grep -oE 'tidal_[a-z0-9_]+\(' | tr -d '(' | sort -u |
        comm -23 - "$work/exported" | grep .
}
shared_library_has_a_soname() {
    readelf -d "$libdir/libtidal.so" | grep -q 'SONAME.*libtidal.so.[0-9]*\]'
}
shared_library_needs_no_other_part_of_ours() {
    ! readelf -d "$libdir/libtidal.so" | grep -E 'NEEDED.*(blake3|tidal_)|R(UN)?PATH'
}
pkg_config_version_is_the_header_s() {
    local version
    version=$(pkg-config --modversion tidal) || return
    grep -q "#define TIDAL_VERSION \"$version\"" "$prefix/include/tidal/tidal.h"
}
# shellcheck disable=SC2046  # pkg-config prints words
pkg_config_shared() {
    cc -std=c11 -Wall -Wextra -pedantic -Werror "$consumer/consumer.c" -o "$work/a" \
        $(pkg-config --cflags --libs tidal) || return
    ldd_names_ours "$work/a" || return
    LD_LIBRARY_PATH=$libdir "$work/a"
}
# shellcheck disable=SC2046
pkg_config_static() {
    cc "$consumer/consumer.c" -o "$work/b" $(pkg-config --cflags tidal) \
        $(pkg-config --static --libs tidal | sed 's/-ltidal/-l:libtidal.a/') || return
    ! ldd_names_ours "$work/b" || return
    "$work/b"
}
# shellcheck disable=SC2046
pkg_config_from_cplusplus() {
    c++ -x c++ -Wall -Wextra -pedantic -Werror "$consumer/consumer.c" -o "$work/c" \
        $(pkg-config --cflags --libs tidal) || return
    LD_LIBRARY_PATH=$libdir "$work/c"
}
find_package_shared_and_static() {
    cmake -G Ninja -S "$consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" || return
    cmake --build "$work/build" || return
    "$work/build/shared" && "$work/build/static" || return
    ldd_names_ours "$work/build/shared" && ! ldd_names_ours "$work/build/static"
}
ldd_names_ours() {
    ldd "$1" | grep -q libtidal
}

prefix=$work/moved
check libraries_and_programs_are_installed
libdir=$(folder)
export PKG_CONFIG_PATH=$libdir/pkgconfig
check only_the_public_header_is_installed
check shared_library_exports_tidal_alone only_tidal -D "$libdir/libtidal.so"
check static_library_exports_tidal_alone only_tidal -g "$libdir/libtidal.a"
for name in every_declared_function_is_exported shared_library_has_a_soname \
    shared_library_needs_no_other_part_of_ours pkg_config_version_is_the_header_s \
    pkg_config_shared pkg_config_static pkg_config_from_cplusplus \
    find_package_shared_and_static; do
    check "$name"
done
finish
