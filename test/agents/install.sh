#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs a pinned agent CLI from its lock file, once, and prints the folder of its commands:
#   install.sh claude-latest|claude-2.0.45
# The cache is $VM0_CACHE; without it /var/cache/vm0-test for root (other users can read it), else
# ~/.cache/vm0-test.
set -euo pipefail
umask 022
source_dir="$(cd "$(dirname "$0")" && pwd)/$1"
if [ -n "${VM0_CACHE:-}" ]; then cache=$VM0_CACHE
elif [ "$(id -u)" = 0 ]; then cache=/var/cache/vm0-test
else cache=${XDG_CACHE_HOME:-$HOME/.cache}/vm0-test
fi
hash=$(cat "$0" "$source_dir/package.json" "$source_dir/package-lock.json" | sha256sum | cut -c1-16)
target="$cache/agents/$1-$hash"
if [ ! -d "$target" ]; then
  mkdir -p "$cache/agents"
  exec 9>"$cache/agents/.lock-$1"
  flock 9
  if [ ! -d "$target" ]; then
    work=$(mktemp -d "$cache/agents/.new-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cp "$source_dir/package.json" "$source_dir/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    # What the install script of newer versions does: the command is the platform's own binary.
    for native in "$work"/node_modules/@anthropic-ai/claude-code-linux-*/claude; do
      if [ -x "$native" ]; then
        ln -sfn "../${native#"$work"/node_modules/}" "$work/node_modules/.bin/claude"
      fi
    done
    chmod 755 "$work"
    mv -T "$work" "$target"
    trap - EXIT
  fi
fi
echo "$target/node_modules/.bin"
