#!/bin/bash
# Prints the version: VERSION, then "+g" and the commit when this is a git checkout; ".dirty" when tracked files differ.
set -eu
cd "$(dirname "$0")/.."
v=$(cat VERSION)
if c=$(git rev-parse --short=12 HEAD 2>/dev/null); then
	if [ "$(git describe --exact-match --tags HEAD 2>/dev/null)" = "v$v" ]; then :; else v="$v+g$c"; fi
	git diff --quiet HEAD -- 2>/dev/null || v="$v.dirty"
fi
echo "$v"
