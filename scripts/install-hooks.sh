#!/bin/sh
# Installs a pre-commit hook that runs scripts/pre-commit.  A hook of somebody else's is kept.
set -eu
cd "$(dirname "$0")/.."
folder=$(git rev-parse --git-path hooks)
hook=$folder/pre-commit
# shellcheck disable=SC2016  # the hook expands it, not this script
mark='exec "$(git rev-parse --show-toplevel)/scripts/pre-commit"'
if [ -e "$hook" ] && ! grep -qF "$mark" "$hook"; then
    echo "make hooks: '$hook' exists and is not ours: call scripts/pre-commit from it" >&2
    exit 1
fi
mkdir -p "$folder"
printf '#!/bin/sh\n%s\n' "$mark" >"$hook"
chmod +x "$hook"
echo "make hooks: installed '$hook'"
