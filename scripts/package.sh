#!/bin/bash
# Builds a release into dist/ (or OUT): static binaries for ARCHES, of each a tarball, a deb and an rpm (FORMATS; armv7: only
# the tarball), the bill of materials, and SHA256SUMS of all. The same commit gives the same bytes wherever and whenever it
# is built: scripts/reproducible.sh checks that. "make man" has to run first.
# nfpm is a tool of this step only, never a dependency of the program. v2.43.0 is the newest that needs no module outside
# the public Go proxy's reach.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C TZ=UTC
nfpm=v2.43.0
: "${GO:=go}" "${VERSION:=$(scripts/version.sh)}" "${LDFLAGS:=-s -w -buildid= -X main.version=$VERSION}"
: "${OUT:=dist}" "${ARCHES:=amd64 arm64 armv7}" "${FORMATS:=deb rpm tar}"
# The date of the commit: nothing of the hour goes into a file.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH VERSION

mkdir -p "$OUT/tool/$nfpm"
rm -rf "$OUT/tree" "$OUT"/firestorm[_-]*.{deb,rpm,tar.gz,cdx.json} "$OUT/SHA256SUMS"
if [ ! -x "$OUT/tool/$nfpm/nfpm" ] && [[ "$FORMATS" =~ deb|rpm ]]; then
	GOBIN="$(realpath "$OUT")/tool/$nfpm" GOFLAGS='' "$GO" install "github.com/goreleaser/nfpm/v2/cmd/nfpm@$nfpm"
fi

programs=()
for arch in $ARCHES; do
	mkdir -p "$OUT/linux-$arch"
	program=$OUT/linux-$arch/firestorm
	case $arch in
	armv7) target="GOARCH=arm GOARM=7" ;;
	*) target="GOARCH=$arch" ;;
	esac
	# shellcheck disable=SC2086
	env GOOS=linux $target CGO_ENABLED=0 "$GO" build -trimpath -buildvcs=false -ldflags "$LDFLAGS" -o "$program" ./cmd/firestorm
	if file "$program" 2>/dev/null | grep -q 'dynamically linked'; then
		echo "package: $program is not static" >&2
		exit 1
	fi
	programs+=("$program")
done
"$GO" run ./scripts/sbom -version "$VERSION" -time "$SOURCE_DATE_EPOCH" -out "$OUT/firestorm-$VERSION.cdx.json" \
	-licenses "$OUT/third-party.txt" "${programs[@]}"

# tree ARCH FORMAT DIR: every file where it goes. All three formats are made of it.
tree() {
	local program=$OUT/linux-$1/firestorm format=$2 t=$3
	put() { install -D -m "$1" "$2" "$t/$3"; }
	put 755 "$program" usr/bin/firestorm
	for unit in packaging/systemd/*.{service,timer}; do put 644 "$unit" "usr/lib/systemd/system/${unit##*/}"; done
	put 644 packaging/systemd/sysusers.conf usr/lib/sysusers.d/firestorm.conf
	put 755 packaging/run/run usr/share/firestorm/run/run
	put 755 packaging/run/log/run usr/share/firestorm/run/log/run
	put 644 packaging/firestorm.yaml etc/firestorm/firestorm.yaml
	put 644 packaging/backup.env etc/firestorm/backup
	local page section
	for page in "$OUT"/man/*.[0-9]; do
		section=${page##*.}
		put 644 "$page" "usr/share/man/man$section/${page##*/}"
	done
	put 644 "$OUT/completion/firestorm.bash" usr/share/bash-completion/completions/firestorm
	put 644 "$OUT/completion/firestorm.fish" usr/share/fish/vendor_completions.d/firestorm.fish
	if [ "$format" = rpm ]; then
		put 644 "$OUT/completion/_firestorm" usr/share/zsh/site-functions/_firestorm
		put 644 LICENSE usr/share/licenses/firestorm/LICENSE
		put 644 "$OUT/third-party.txt" usr/share/licenses/firestorm/third-party.txt
	else
		put 644 "$OUT/completion/_firestorm" usr/share/zsh/vendor-completions/_firestorm
		put 644 packaging/copyright usr/share/doc/firestorm/copyright
		put 644 "$OUT/third-party.txt" usr/share/doc/firestorm/third-party.txt
	fi
	if [ "$format" = deb ]; then
		put 644 packaging/lintian-overrides usr/share/lintian/overrides/firestorm
		printf 'firestorm (%s) unstable; urgency=medium\n\n  * See the history of the sources.\n\n -- Firestorm maintainers <maintainers@firestorm.invalid>  %s\n' \
			"$VERSION" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" >"$t/usr/share/doc/firestorm/changelog"
		gzip -n9 "$t"/usr/share/doc/firestorm/{changelog,third-party.txt}
	fi
	if [ "$format" = tar ]; then
		put 644 LICENSE usr/share/doc/firestorm/LICENSE
	else
		gzip -n9 "$t"/usr/share/man/man?/*
	fi
	find "$t" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

for arch in $ARCHES; do
	for format in $FORMATS; do
		t=$OUT/tree/$format-$arch/firestorm-$VERSION-linux-$arch
		case $format-$arch in
		tar-*)
			tree "$arch" tar "$t"
			tar -C "${t%/*}" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
				-cf - "${t##*/}" | gzip -n9 >"$OUT/${t##*/}.tar.gz"
			;;
		*-armv7) ;;
		*)
			tree "$arch" "$format" "$t"
			ARCH=$arch TREE=$t "$OUT/tool/$nfpm/nfpm" package -f packaging/nfpm.yaml -p "$format" -t "$OUT/"
			;;
		esac
	done
done
rm -rf "$OUT/tree"
cd "$OUT"
sha256sum firestorm[_-]*.* | tee SHA256SUMS
