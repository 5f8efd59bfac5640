#!/bin/bash
# fresh-test.sh [TARGET...]: makes a bare Debian 12 root, clones HEAD into it and runs make's
# targets there (default demo test).  The root holds git, make and a compiler; all else comes from
# scripts/setup.sh.  Packages come from where this machine gets its own.  Needs root.
# The log is build/fresh-test.log; the last lines are its tail.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- demo test
if [ "$(id -u)" -ne 0 ]; then
    echo "fresh-test: making a Debian root needs root: sudo make fresh-test" >&2
    exit 1
fi
mkdir -p build
log=$PWD/build/fresh-test.log
work=$(mktemp -d "${TMPDIR:-/var/tmp}/fresh-test.XXXXXX")
root=$work/root

# Nothing may stay mounted in the folder when it is removed.
# shellcheck disable=SC2317  # reached by the trap
clean_up() {
    umount "$root/dev/pts" "$root/proc" 2>/dev/null
    if mountpoint -q "$root/proc" || mountpoint -q "$root/dev/pts"; then
        echo "fresh-test: '$root' is still mounted: not removed" >&2
        return
    fi
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# The host's Debian sources, without those of other vendors; its proxy, if any.
debian_sources() {
    local found
    found=$(grep -hE '^deb .*debian\.org' /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
        2>/dev/null)
    [ -n "$found" ] && { echo "$found"; return; }
    found=$(grep -lE '^URIs:.*/debian' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
    [ -n "$found" ] && { cat "$found"; return; }
    echo "deb http://deb.debian.org/debian bookworm main"
}
proxy() {
    apt-config dump --format '%f "%v";%n' Acquire::http::Proxy Acquire::https::Proxy \
        Acquire::Retries 2>/dev/null
}
make_root() {
    debian_sources >"$work/sources"
    proxy >"$work/99host"
    mmdebstrap --mode=root --variant=minbase --aptopt="$work/99host" \
        --include=git,make,gcc,libc6-dev,ca-certificates bookworm "$root" - <"$work/sources" ||
        return
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/hosts "$root/etc/hosts"
    mount -t proc proc "$root/proc"
    mkdir -p "$root/dev/pts"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    rm -f "$root/dev/ptmx"
    ln -s pts/ptmx "$root/dev/ptmx"
}
in_root() {
    chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        sh -c "cd /root/tidaldb && $1"
}
fresh_test() {
    echo "== a bare Debian root"
    make_root || return
    git clone -q --no-hardlinks . "$root/root/tidaldb" || return
    # shellcheck disable=SC2016  # expanded in the root
    in_root 'echo "$(cat /etc/debian_version), $(dpkg-query -W | wc -l) packages, commit \
$(git rev-parse --short HEAD)"'
    local target
    for target in "$@"; do
        echo "== make $target"
        in_root "make $target" || { echo "== make $target failed"; return 1; }
    done
    echo "== done in $SECONDS s"
}

echo "fresh-test: $log"
fresh_test "$@" >"$log" 2>&1
status=$?
tail -n 40 "$log"
exit $status
