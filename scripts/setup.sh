#!/bin/sh
# setup.sh [GROUP...]: installs what is missing of the package groups in packages.txt (default
# build).  Silent when nothing is missing.  Not root: prints the command to run, and fails.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- build

packages=$(awk -v groups=" $* " '!/^#/ && NF && index(groups, " " $1 " ") {print $2}' \
    "$folder/packages.txt")
if ! command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2086
    echo "setup: this is not Debian; you need what these packages hold:" $packages >&2
    exit 0
fi

# Splitting a list of packages into words is meant.
# shellcheck disable=SC2086
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $packages 2>/dev/null |
    awk '$1 == "installed" {print $2}')
missing=
for package in $packages; do
    echo "$installed" | grep -qxF "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
    echo "setup: these Debian packages are missing:$missing" >&2
    echo "setup: install them as root, then run this again:" >&2
    echo "    sudo $command" >&2
    exit 1
fi

echo "setup: installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# A server among them is a peer of a benchmark, which starts its own: none is left running, now or
# after the next start of the machine.
policy=/usr/sbin/policy-rc.d
if [ -e $policy ]; then
    trap 'rm -f "$log"' EXIT
else
    trap 'rm -f "$log" "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
fi
if $command >"$log" 2>&1; then
    :
else
    echo "setup: the package lists are old or absent: apt-get update"
    apt-get update -qq
    $command >"$log" 2>&1 || {
        cat "$log" >&2
        echo "setup: apt-get could not install them" >&2
        exit 1
    }
fi
for server in redis-server postgresql; do
    case "$missing " in
    *" $server "*) systemctl disable --quiet $server >/dev/null 2>&1 || true ;;
    esac
done
echo "setup: done"
