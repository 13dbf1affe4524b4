#!/bin/bash
# Installs the deb of this machine's architecture into a fresh Debian 12, uses it, and purges it: nothing may stay.
# Needs root, debootstrap and a Debian mirror (MIRROR, or the first one that apt here uses). Run "make package" first.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
	echo "package-test: needs root and debootstrap; try: sudo apt-get install debootstrap, then sudo make test-net" >&2
	exit 1
fi
arch=$(dpkg --print-architecture)
deb=$(ls -t dist/firestorm_*_"$arch".deb 2>/dev/null | head -n 1)
if [ -z "$deb" ]; then
	echo "package-test: no deb for $arch in dist/; try: make package" >&2
	exit 1
fi
: "${MIRROR:=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
	sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([a-z]*:[^ ]*\).*/\2/p' | head -n 1)}"
root=$(mktemp -d)
chmod 755 "$root" # others than root live in it too
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 || {
	tail -n 5 "$root.log" >&2
	echo "package-test: no Debian 12 from ${MIRROR:-the default mirror}; try: MIRROR=http://... make test-net" >&2
	exit 1
}
rm -f "$root.log"

in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "$root" "$@"; }
files() { (cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./tmp \) -prune -o -print | sort); }
failed=0
check() { # check WORDS COMMAND...: the command must succeed
	local what=$1
	shift
	if "$@" >"$root/tmp/out" 2>&1; then
		echo "ok    $what"
	else
		echo "FAIL  $what"
		tail -n 20 "$root/tmp/out"
		failed=1
	fi
}

files >"$root/tmp/before"
cp "$deb" "$root/tmp/firestorm.deb"
cp testdata/captures/founding-timewait/founding.pcap "$root/tmp/"
check "installs" in_root dpkg -i /tmp/firestorm.deb
check "is whole" in_root dpkg -V firestorm
check "depends on nothing" test -z "$(dpkg-deb -f "$deb" Depends)"
check "version" in_root firestorm version
check "demo" in_root firestorm demo
check "read finds the founding case" in_root sh -c 'firestorm read /tmp/founding.pcap | grep -q tcp-timewait-reuse'
check "why answers" in_root firestorm why any 10.0.0.254:80 /tmp/founding.pcap
check "as nobody" in_root su -s /bin/sh nobody -c 'firestorm read - </tmp/founding.pcap'
for page in firestorm firestorm-read firestorm-why firestorm-explain firestorm-demo; do
	check "man page $page.1" sh -c "gzip -dc '$root/usr/share/man/man1/$page.1.gz' | grep -q '^\.SH'"
done
check "exit status in the man page" sh -c "gzip -dc '$root/usr/share/man/man1/firestorm.1.gz' | grep -q 'EXIT STATUS'"
check "completion of bash" in_root bash -c '. /usr/share/bash-completion/completions/firestorm && complete -p firestorm'
check "completion of zsh and fish" test -s "$root/usr/share/zsh/vendor-completions/_firestorm" -a -s "$root/usr/share/fish/vendor_completions.d/firestorm.fish"
check "purges" in_root dpkg --purge firestorm
files >"$root/tmp/after"
check "leaves nothing" diff "$root/tmp/before" "$root/tmp/after"
if command -v lintian >/dev/null 2>&1; then
	check "lintian finds no error" lintian --fail-on error "$deb"
else
	echo "skipped: lintian   enable: apt-get install lintian"
fi
exit $failed
