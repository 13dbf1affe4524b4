#!/bin/bash
# Says, at the end of "make test", what this machine could not test and the one command that enables it.
need() { command -v "$1" >/dev/null 2>&1 || echo "skipped: $2   enable: make deps"; }
need tshark "agreement with tshark, annotated captures shown by tshark"
need tcpdump "capture filters compared with tcpdump"
need systemd-analyze "units read by systemd, and what it thinks of their rights"
need pcre2test "regular expressions of rules compared with PCRE2"
shared=${FIRESTORM_SHARED:-../shared}
[ -d "$shared/conformance" ] ||
	echo "skipped: captures of the conformance set   enable: FIRESTORM_SHARED=DIR make test"
echo "skipped: race detector   enable: make test-race"
echo "skipped: captures made again with real programs   enable: make test-net   (root)"
echo "skipped: the console in Chromium with axe-core   enable: scripts/net/console.sh   (chromium, npm)"
echo "skipped: soak and long fuzzing   enable: make test-long"
