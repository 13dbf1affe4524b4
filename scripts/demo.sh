#!/bin/bash
# demo.sh BINARY: tells the well-known cases, then analyses every capture of testdata/ and says what is found in each.
set -u
bin=$1
cd "$(dirname "$0")/.."
"$bin" demo || exit 1
printf '\nEvery capture of testdata/captures:\n'
shown=0 failed=0
for f in testdata/captures/*/*.pcap testdata/captures/*/*.pcapng; do
	[ -f "$f" ] || continue
	line=$(set -o pipefail; "$bin" read --json "$f" |
		sed -n 's/.*"type":"finding".*"code":"\([^"]*\)".*"confidence":"\([^"]*\)","title".*/\1 (\2)/p' | sort -u | paste -sd, - | sed 's/,/, /g')
	status=$?
	printf '  %-50s %s\n' "${f#testdata/captures/}" "${line:-nothing}"
	[ "$status" = 0 ] || failed=$((failed + 1))
	shown=$((shown + 1))
done
printf '\n%d captures read, %d failed.\n' "$shown" "$failed"
[ "$failed" = 0 ]
