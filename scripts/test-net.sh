#!/bin/bash
# Makes every capture of the testbed again with the real programs, in network namespaces.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ] || [ "$(uname -s)" != Linux ]; then
	echo "test-net: needs root on Linux (network namespaces); try: sudo make test-net" >&2
	exit 1
fi
testbed/check-manifest
# shellcheck disable=SC2046
testbed/run $(testbed/run -l | awk '{ print $1 }')
