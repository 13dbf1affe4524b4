#!/bin/bash
# Installs the deb of this machine's architecture into a fresh Debian 12, uses it, upgrades it to a newer one (built here
# from changed sources), tries to go back, removes and purges it: nothing may stay. Then the rpm, as far as Debian's rpm
# goes. Needs root, debootstrap and a Debian mirror (MIRROR, or the first one that apt here uses), or a fresh root to copy
# (DEBIAN_ROOT). Run "make package" first.
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
version=$(dpkg-deb -f "$deb" Version)
sbom=dist/firestorm-$version.cdx.json
: "${MIRROR:=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
	sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([a-z]*:[^ ]*\).*/\2/p' | head -n 1)}"
work=$(mktemp -d)
chmod 755 "$work" # others than root live below it too
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/deb
if [ -n "${DEBIAN_ROOT:-}" ]; then
	cp -a "$DEBIAN_ROOT" "$root"
elif ! debootstrap --variant=minbase bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$work/log" 2>&1; then
	tail -n 5 "$work/log" >&2
	echo "package-test: no Debian 12 from ${MIRROR:-the default mirror}; try: MIRROR=http://... make test-net" >&2
	exit 1
fi
cp -a "$root" "$work/rpm" # for the rpm, later

in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot "$root" "$@" </dev/null; }
# All that could stay: names of files, and what stands in the lists of users. The copies that useradd makes (passwd-) are
# named whether or not they were there.
files() {
	(cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./tmp \) -prune -o -print |
		grep -vE '^\./etc/\.?(passwd|group|shadow|gshadow|subuid|subgid)-$|^\./var/log/(dpkg\.log|alternatives\.log|lastlog|faillog)$' | sort)
	cat "$root"/etc/{passwd,group,shadow,gshadow}
}
failed=0
check() { # check WORDS COMMAND...: the command must succeed
	local what=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok    $what"
	else
		echo "FAIL  $what"
		tail -n 20 "$work/out"
		failed=1
	fi
}
refused() { ! "$@"; }
owner() { [ "$(in_root stat -c '%U:%G %a' "$1")" = "$2" ]; } # owner FILE "USER:GROUP MODE"

files >"$work/before"
cp "$deb" "$root/tmp/firestorm.deb"
cp testdata/captures/founding-timewait/founding.pcap "$root/tmp/"
check "installs" in_root dpkg -i /tmp/firestorm.deb
check "is whole" in_root dpkg -V firestorm
check "depends on nothing" test -z "$(dpkg-deb -f "$deb" Depends)"
check "version" in_root firestorm version
check "demo" in_root firestorm demo
check "read finds the founding case" in_root sh -c 'firestorm read /tmp/founding.pcap | grep -q tcp-timewait-reuse'
check "why answers" in_root firestorm why any 10.0.0.254:80 /tmp/founding.pcap
if in_root firestorm doctor --help 2>&1 | grep -q '^  firestorm doctor'; then
	# The service does not run here: doctor has something to say, and no failure of its own.
	in_root firestorm doctor >"$work/doctor" 2>&1 && code=0 || code=$?
	check "doctor answers (exit status $code)" test -s "$work/doctor" -a "$code" -le 1
else
	echo "skipped: doctor   this build has no such verb"
fi
check "as nobody" in_root su -s /bin/sh nobody -c 'firestorm read - </tmp/founding.pcap'
for page in firestorm firestorm-read firestorm-why firestorm-explain firestorm-demo; do
	check "man page $page.1" sh -c "gzip -dc '$root/usr/share/man/man1/$page.1.gz' | grep -q '^\.SH'"
done
check "man page firestorm.yaml.5" sh -c "gzip -dc '$root/usr/share/man/man5/firestorm.yaml.5.gz' | grep -q 'status.*every'"
check "exit status in the man page" sh -c "gzip -dc '$root/usr/share/man/man1/firestorm.1.gz' | grep -q 'EXIT STATUS'"
check "completion of bash" in_root bash -c '. /usr/share/bash-completion/completions/firestorm && complete -p firestorm'
check "completion of zsh and fish" test -s "$root/usr/share/zsh/vendor-completions/_firestorm" -a -s "$root/usr/share/fish/vendor_completions.d/firestorm.fish"
check "licence texts of all parts" sh -c "gzip -dc '$root/usr/share/doc/firestorm/third-party.txt.gz' | grep -q '^modernc.org/sqlite v'"
modules() { go version -m "$root/usr/bin/firestorm" | awk '$1 == "dep" { print $2, $3 }' | sort; }
check "the bill of materials has every module of the program ($(modules | wc -l))" sh -c "[ -n '$(modules | head -n 1)' ]"
check "and no other" diff <(modules) <(jq -r '.components[] | select(.name != "std") | .name + " " + .version' "$sbom" | sort)
check "checksums" sh -c "cd dist && sha256sum -c --quiet SHA256SUMS && [ \$(wc -l <SHA256SUMS) = \$(ls firestorm[_-]*.* | wc -l) ]"

check "user" in_root sh -c 'getent passwd firestorm | grep -q ":/var/lib/firestorm:/usr/sbin/nologin$" && [ $(id -u firestorm) -lt 1000 ] && passwd -S firestorm | grep -q " L "'
check "folders have their owner" owner /var/lib/firestorm "firestorm:firestorm 750"
check "folders have their owner (logs)" owner /var/log/firestorm "firestorm:firestorm 750"
check "configuration is root's" owner /etc/firestorm/firestorm.yaml "root:root 644"
check "configuration is right" in_root firestorm config check
check "configuration keeps state" in_root sh -c 'firestorm config show | grep -q "^  state: /var/lib/firestorm"'
check "without an interface it says so" sh -c "chroot '$root' firestorm watch --config /etc/firestorm/firestorm.yaml 2>&1 | grep -q 'needs an interface'"
check "is not switched on" sh -c "! find '$root/etc/systemd' '$root/etc/rc2.d' '$root/etc/service' -name '*firestorm*' 2>/dev/null | grep -q ."
check "conffiles" test "$(in_root dpkg-query -W -f '${Conffiles}' firestorm | grep -c /etc/firestorm/)" = 2

# Its run scripts under a supervisor, in a network of its own: the rights that the processes have, packets that are seen,
# state that is written, the end. $1: runit or daemontools.
supervised() {
	cat >"$root/tmp/supervised" <<'END'
set -eu
case $1 in runit) start="runsv" stop="sv -w 15 force-stop" ;; daemontools) start="supervise" stop="svc -dx" ;; esac
mount -t proc proc /proc
cp -R /usr/share/firestorm/run "/tmp/$1"
cd /tmp
if [ "$1" = runit ]; then $start "/tmp/$1" & else
	(cd "/tmp/$1/log" && exec supervise .) <"$2" &
	(cd "/tmp/$1" && exec supervise .) >"$2" &
fi
pid=
for i in $(seq 100); do
	sleep 0.2
	(exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null || :
	pid=$(grep -lzs '^/usr/bin/firestorm' /proc/[0-9]*/cmdline | head -n 1 | cut -d/ -f3)
	[ -n "$pid" ] && [ -s /run/firestorm/status.json ] && grep -q '"packets": [1-9]' /run/firestorm/status.json && break
done
[ -n "$pid" ] || { echo "it does not run"; tail /var/log/firestorm/current; exit 1; }
cat /run/firestorm/status.json
grep -E '^(Uid|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)' "/proc/$pid/status"
uid=$(id -u firestorm)
grep -q "^Uid:.$uid.$uid.$uid.$uid$" "/proc/$pid/status"
[ "$(grep -cE '^Cap(Prm|Eff|Bnd):.0000000000002000$' "/proc/$pid/status")" = 3 ]
grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
grep -q '"packets": [1-9]' /run/firestorm/status.json
for i in 1 2 3; do (exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null || :; done
if [ "$1" = runit ]; then $stop "/tmp/$1"; else svc -dx "/tmp/$1"; sleep 3; svc -x "/tmp/$1/log"; fi
for i in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
[ ! -d "/proc/$pid" ]
ls -l /var/lib/firestorm /var/log/firestorm
[ -z "$(find /var/lib/firestorm /var/log/firestorm ! -user firestorm)" ]
[ -n "$(find /var/lib/firestorm -name '*.state')" ]
[ -s /var/log/firestorm/current ]
END
	mkfifo -m 600 "$root/tmp/pipe-$1"
	unshare -n -m -p -f --kill-child --propagation private sh -c "ip link set lo up && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C chroot '$root' bash /tmp/supervised $1 /tmp/pipe-$1"
}
sed -i 's/^#capture:/capture:/; s/^#  interfaces: .*/  interfaces: [lo]/' "$root/etc/firestorm/firestorm.yaml"
check "configuration with an interface is right" in_root firestorm config check
for s in runit:runsv,sv,svlogd daemontools:supervise,svc,multilog; do
	programs=${s#*:}
	if command -v "${programs%%,*}" >/dev/null 2>&1; then
		for p in ${programs//,/ }; do cp "$(command -v "$p")" "$root/usr/bin/"; done
		check "runs under ${s%%:*}, as its user, with one capability" supervised "${s%%:*}"
		for p in ${programs//,/ }; do rm "$root/usr/bin/$p"; done
		rm -f "$root"/var/log/firestorm/*
	else
		echo "skipped: run scripts under ${s%%:*}   enable: apt-get install ${s%%:*}"
	fi
done

# A newer version: the forms of state and store are one higher, and the packages' configuration has another line.
newer=$work/newer
mkdir -p "$newer/dist"
git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$newer"
cp -R dist/man dist/completion "$newer/dist/"
sed -i 's/^const Version = .*/const Version = 1000/' "$newer/internal/state/state.go" "$newer/internal/store/schema.go"
sed -i 's/^var migrations = \[\]string{/func init() { for len(migrations) < Version { migrations = append(migrations, "SELECT 1") } }\n&/' "$newer/internal/store/schema.go"
sed -i -E 's/^(state|store)=[0-9]+/\1=1000/' "$newer/packaging/scripts/preinstall"
sed -i 's/^# Firestorm.s configuration.*/&\n# This line came with the newer version./' "$newer/packaging/firestorm.yaml"
mkdir -p "$newer/dist/tool" && cp -R dist/tool/. "$newer/dist/tool/"
formats=deb
command -v rpm >/dev/null 2>&1 && formats="deb rpm"
VERSION=99.0.0 ARCHES=$arch FORMATS=$formats "$newer/scripts/package.sh" >"$work/out" 2>&1 || {
	tail -n 20 "$work/out"
	exit 1
}
cp "$newer/dist/firestorm_99.0.0_$arch.deb" "$root/tmp/newer.deb"
in_root firestorm read -q /tmp/founding.pcap --state /var/lib/firestorm --store /var/lib/firestorm >/dev/null || :
states() { (cd "$root/var/lib/firestorm" && find . -type f | sort | xargs sha256sum); }
states >"$work/states"
cp "$root/etc/firestorm/firestorm.yaml" "$work/edited.yaml"
check "upgrades" in_root dpkg --force-confdef --force-confold -i /tmp/newer.deb
check "is the newer one" sh -c "chroot '$root' firestorm version | grep -q 'firestorm 99.0.0'"
check "the edited configuration is kept" cmp "$work/edited.yaml" "$root/etc/firestorm/firestorm.yaml"
check "the new one lies beside it" grep -q "newer version" "$root/etc/firestorm/firestorm.yaml.dpkg-dist"
check "the state is kept" diff "$work/states" <(states)
check "the newer program reads the older state and store" in_root sh -c 'firestorm neighbours --state /var/lib/firestorm | grep -q 192.168.0.1 && firestorm findings list --store /var/lib/firestorm | grep -q timewait'
in_root firestorm read -q /tmp/founding.pcap --state /var/lib/firestorm --store /var/lib/firestorm >/dev/null || :
states >"$work/states"
check "going back is refused" refused in_root dpkg -i /tmp/firestorm.deb
check "and says why and what to do" in_root sh -c 'dpkg -i /tmp/firestorm.deb 2>&1 | grep -A2 "was written by a newer version" | grep -q "mv /var/lib/firestorm /var/lib/firestorm.newer"'
check "dpkg is as it was" test "$(in_root dpkg-query -W -f '${Status} ${Version}' firestorm)" = "install ok installed 99.0.0" -a -z "$(in_root dpkg --audit)"
check "and so are the program and the state" sh -c "chroot '$root' firestorm version | grep -q 'firestorm 99.0.0'"
check "the state is kept" diff "$work/states" <(states)
in_root sh -c 'mv /var/lib/firestorm/findings.db /tmp/'
check "the form of a snapshot alone refuses it" refused in_root dpkg -i /tmp/firestorm.deb
in_root sh -c 'mkdir /tmp/snapshots && mv /var/lib/firestorm/*.state /tmp/snapshots/ && mv /tmp/findings.db /var/lib/firestorm/'
check "the form of the store alone refuses it" refused in_root dpkg -i /tmp/firestorm.deb
in_root mv /var/lib/firestorm /var/lib/firestorm.newer
check "with the state out of the way it goes back" in_root dpkg --force-confdef --force-confold -i /tmp/firestorm.deb
check "is the older one" sh -c "chroot '$root' firestorm version | grep -qF 'firestorm $version'"
in_root sh -c 'mv /tmp/snapshots/*.state /var/lib/firestorm/'
check "the older program refuses newer state itself" sh -c "chroot '$root' firestorm read /tmp/founding.pcap --state /var/lib/firestorm 2>&1 | grep -q 'newer version'"
rm -rf "$root/var/lib/firestorm.newer" "$root"/var/lib/firestorm/*.state
in_root firestorm read -q /tmp/founding.pcap --state /var/lib/firestorm >/dev/null || :
check "is removed" in_root dpkg --remove firestorm
check "the program is gone" test ! -e "$root/usr/bin/firestorm" -a ! -e "$root/usr/lib/systemd/system/firestorm.service"
check "state, configuration and user stay" in_root sh -c 'ls /var/lib/firestorm/*.state && grep -q "interfaces: .lo." /etc/firestorm/firestorm.yaml && getent passwd firestorm'
check "is installed again" in_root dpkg --force-confdef --force-confold -i /tmp/firestorm.deb
in_root sh -c 'mkdir -p /etc/systemd/system/multi-user.target.wants && ln -s /usr/lib/systemd/system/firestorm.service /etc/systemd/system/multi-user.target.wants/; echo x >/etc/firestorm/environment'
check "purges" in_root dpkg --purge firestorm
files >"$work/after"
check "leaves nothing" diff "$work/before" "$work/after"
if command -v lintian >/dev/null 2>&1; then
	check "lintian finds no error" lintian --fail-on error "$deb"
	grep -c '^W:' "$work/out" | sed 's/$/ warnings of lintian/'
else
	echo "skipped: lintian   enable: apt-get install lintian"
fi

# The rpm, in another fresh root: Debian's rpm runs its scripts there.
rpm=$(ls -t dist/firestorm-*."$(uname -m)".rpm 2>/dev/null | head -n 1)
if ! command -v rpm >/dev/null 2>&1 || [ -z "$rpm" ]; then
	echo "skipped: the rpm   enable: apt-get install rpm, make package"
	exit $failed
fi
root=$work/rpm
r() { rpm --root "$root" --nodeps "$@" </dev/null; }
nobody_else() { ! rpm -qlvp "$rpm" | awk '$3 != "root" || $4 != "root"' | grep .; }
cp testdata/captures/founding-timewait/founding.pcap "$root/tmp/"
check "rpm: lists program, units, configuration" sh -c "rpm -qlp '$rpm' | grep -cxE '/usr/bin/firestorm|/usr/lib/systemd/system/firestorm.service|/etc/firestorm/firestorm.yaml|/usr/share/firestorm/run/run' | grep -qx 4"
check "rpm: owns no folder of others" sh -c "! rpm -qlp '$rpm' | grep -xE '/(etc|usr|usr/(bin|lib|share)|usr/lib/systemd(/system)?|usr/share/(man|man/man.|licenses|zsh|fish|bash-completion))'"
check "rpm: all is root's" nobody_else
check "rpm: configurations" test "$(rpm -qcp "$rpm" | wc -l)" = 2
check "rpm: depends on nothing but shell and rpm" test -z "$(rpm -qRp "$rpm" | grep -vE '^(/bin/sh|rpmlib|config\()')"
check "rpm: installs" r -i "$rpm"
check "rpm: is whole" r -V firestorm
check "rpm: runs" in_root sh -c 'firestorm demo >/dev/null && firestorm config check && firestorm read /tmp/founding.pcap | grep -q tcp-timewait-reuse'
check "rpm: user and folders" owner /var/lib/firestorm "firestorm:firestorm 750"
sed -i 's/^#capture:/capture:/; s/^#  interfaces: .*/  interfaces: [lo]/' "$root/etc/firestorm/firestorm.yaml"
in_root firestorm read -q /tmp/founding.pcap --state /var/lib/firestorm --store /var/lib/firestorm >/dev/null || :
newrpm=$(ls "$newer"/dist/firestorm-99.0.0-*.rpm)
check "rpm: upgrades" r -U "$newrpm"
check "rpm: keeps the edited configuration" grep -q 'interfaces: \[lo\]' "$root/etc/firestorm/firestorm.yaml"
check "rpm: the new one lies beside it" grep -q "newer version" "$root/etc/firestorm/firestorm.yaml.rpmnew"
check "rpm: the upgrade left the user and the program" in_root sh -c 'getent passwd firestorm && firestorm version | grep -q 99.0.0'
in_root firestorm read -q /tmp/founding.pcap --state /var/lib/firestorm --store /var/lib/firestorm >/dev/null || :
check "rpm: going back is refused, and says why" sh -c "rpm --root '$root' --nodeps -U --oldpackage '$rpm' 2>&1 | grep -q 'was written by a newer version'"
check "rpm: the newer one is still there" sh -c "rpm --root '$root' -q firestorm | grep -q 99.0.0 && chroot '$root' firestorm version | grep -q 99.0.0"
check "rpm: is erased" r -e firestorm
check "rpm: state and edited configuration stay" in_root sh -c 'ls /var/lib/firestorm/*.state /etc/firestorm/firestorm.yaml.rpmsave && [ ! -e /usr/bin/firestorm ]'
if command -v rpmlint >/dev/null 2>&1; then
	check "rpmlint finds no error" rpmlint -c packaging/rpmlint.toml "$rpm"
else
	echo "skipped: rpmlint   enable: apt-get install rpmlint"
fi
exit $failed
