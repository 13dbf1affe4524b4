#!/bin/bash
# demo.sh BINARY: analyses the captures of testdata/ one after the other and shows what is found.
set -u
bin=$1
cd "$(dirname "$0")/.."
shown=0 failed=0
for f in testdata/captures/*/*.pcap testdata/captures/*/*.pcapng; do
	[ -f "$f" ] || continue
	printf '\n$ firestorm read %s\n' "$f"
	"$bin" read "$f" || { failed=$((failed + 1)); echo "exit status $?"; }
	shown=$((shown + 1))
done
printf '\n%d captures read, %d failed. Next: %s explain tcp-timewait-reuse\n' "$shown" "$failed" "$bin"
[ "$failed" = 0 ]
