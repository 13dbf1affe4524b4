#!/bin/bash
# Fails when a Go file is not formatted, and names it.
cd "$(dirname "$0")/.."
list=$(if git rev-parse -q --git-dir >/dev/null 2>&1; then git ls-files -co --exclude-standard '*.go'; else find . -name '*.go'; fi | while read -r f; do [ -f "$f" ] && echo "$f"; done)
bad=$(gofmt -l $list)
[ -z "$bad" ] && exit 0
echo "not formatted (make fmt):" >&2
echo "$bad" >&2
exit 1
