#!/bin/bash
# Builds the packages twice and compares them; installs them into a fresh Debian 12, upgrades and purges them; runs the pairs of IPsec configurations in real
# daemons, and what the small tools and the findings print in the programs it is for; then makes every capture of the testbed again with the
# real programs, in network namespaces.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ] || [ "$(uname -s)" != Linux ]; then
	echo "test-net: needs root on Linux (network namespaces); try: sudo make test-net" >&2
	exit 1
fi
make --no-print-directory package
scripts/package-test.sh
scripts/reproducible.sh
testbed/check-manifest
testbed/ipsec-pairs
make --no-print-directory build
for script in scripts/net/*.sh; do
	"$script" bin/firestorm
done
test/live/faults.sh
test/live/rings.sh
# shellcheck disable=SC2046
testbed/run $(testbed/run -l | awk '{ print $1 }')
