#!/bin/bash
# Builds the release of HEAD twice, in folders of other names and depths, with other umask, time zone, language, home, dates of
# the sources and an empty build cache, and compares every file byte for byte. Takes two whole builds: some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf --one-file-system "$work"' EXIT
git diff --quiet HEAD -- || echo "reproducible: what is not committed is not built" >&2
modules=$(go env GOMODCACHE)
build() { # build DIR UMASK VARIABLE...: a release from a clone in DIR
	local dir=$1 mask=$2
	shift 2
	(
		umask "$mask" # the sources get other modes too
		git clone -q --no-hardlinks . "$dir"
		mkdir -p "$dir/dist"
		[ ! -d dist/tool ] || cp -R dist/tool "$dir/dist/" # nfpm is a tool and no part of what is compared
		cd "$dir"
		export GOMODCACHE="$modules" GOTOOLCHAIN=local "$@"
		make --no-print-directory package
	) >"$work/log" 2>&1 || {
		tail -n 20 "$work/log" >&2
		echo "reproducible: no build in $dir" >&2
		exit 1
	}
}
build "$work/a" 022 TZ=UTC LC_ALL=C
mkdir -p "$work/another/folder/of a long name" "$work/home"
sleep 2 # the clock shows another second
build "$work/another/folder/of a long name/b" 077 TZ=Pacific/Auckland LC_ALL=C.UTF-8 HOME="$work/home" GOCACHE="$work/cache" GOFLAGS=-p=2
list() { (cd "$1/dist" && sha256sum firestorm[_-]*.* SHA256SUMS); }
a=$(list "$work/a")
b=$(list "$work/another/folder/of a long name/b")
if [ "$a" != "$b" ]; then
	echo "reproducible: two builds of one commit differ:" >&2
	diff <(echo "$a") <(echo "$b") >&2 || :
	exit 1
fi
echo "$a"
echo "reproducible: $(echo "$a" | wc -l) files of $(git rev-parse --short=12 HEAD) are byte-identical in two builds"
