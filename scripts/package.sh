#!/bin/bash
# Builds static binaries and debs into dist/. nfpm is a tool of this step only, never a dependency of the program.
# v2.43.0 is the newest that needs no module outside the public Go proxy's reach.
set -eu
cd "$(dirname "$0")/.."
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
: "${GO:=go}" "${VERSION:=$(scripts/version.sh)}" "${LDFLAGS:=}"
# The date of the commit, so that two builds of one commit are the same file.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
mkdir -p dist/tool
find dist/man -name "*.1" -exec gzip -n9 -k {} +
printf 'firestorm (%s) unstable; urgency=medium\n\n  * See the history of the sources.\n\n -- Firestorm maintainers <maintainers@firestorm.invalid>  %s\n' \
	"$VERSION" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -n9 >dist/changelog.gz
rm -f dist/firestorm_*.deb
GOBIN="$PWD/dist/tool" GOFLAGS='' "$GO" install "$nfpm"
for arch in amd64 arm64; do
	mkdir -p "dist/linux-$arch"
	GOOS=linux GOARCH=$arch CGO_ENABLED=0 "$GO" build -trimpath -buildvcs=false -ldflags "$LDFLAGS" \
		-o "dist/linux-$arch/firestorm" ./cmd/firestorm
	if file "dist/linux-$arch/firestorm" 2>/dev/null | grep -q 'dynamically linked'; then
		echo "package: dist/linux-$arch/firestorm is not static" >&2
		exit 1
	fi
	ARCH=$arch VERSION=$VERSION dist/tool/nfpm package -f packaging/nfpm.yaml -p deb -t dist/
done
(cd dist && sha256sum linux-*/firestorm ./*.deb | tee SHA256SUMS)
