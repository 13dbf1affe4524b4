#!/bin/bash
# The console in a real browser: Chromium walks through every page, wide and narrow, light and dark; axe-core must find no
# violation of WCAG A or AA, the policy none, no request may leave; keys; news while a page is open. axe-core comes from npm
# into a folder that is removed again. Needs chromium and npm, no root:  apt-get install -y --no-install-recommends chromium npm
#
# usage: console.sh
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
for p in chromium npm; do
	command -v $p >/dev/null 2>&1 || { echo "console.sh: needs $p; try: apt-get install -y --no-install-recommends chromium npm" >&2; exit 1; }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-console.XXXXXX")
trap 'rm -rf "$dir"' EXIT
(cd "$dir" && npm install --no-audit --no-fund --no-save axe-core@4 >npm.log 2>&1) || { tail -n 3 "$dir/npm.log" >&2; exit 1; }
cd "$top"
FIRESTORM_AXE=$dir/node_modules/axe-core/axe.min.js go test -count=1 -v -tags browser -run '^TestBrowser' ./internal/web
