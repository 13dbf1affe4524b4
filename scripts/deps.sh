#!/bin/bash
# Installs the Debian packages that the tests use. A policy-rc.d keeps every service from starting; it is taken away
# again unless there was one before.
set -eu
packages="git tcpdump tshark jq pcre2-utils python3 rsync systemd"
missing=
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -z "$missing" ]; then
	echo "deps: all there ($packages)"
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: no apt-get here; install these by your own means:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "deps: needs root; try: sudo make deps   (packages:$missing)" >&2
	exit 1
fi
guard=/usr/sbin/policy-rc.d
if [ ! -e $guard ]; then
	printf '#!/bin/sh\nexit 101\n' >$guard
	chmod 755 $guard
	trap 'rm -f $guard' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# shellcheck disable=SC2086
apt-get -q install -y --no-install-recommends $missing
