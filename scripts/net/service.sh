#!/bin/bash
# The service as systemd runs it: a systemd of its own boots in namespaces, over a copy of this machine's files that is thrown
# away. The deb is installed, switched on, upgraded, killed, backed up, removed and purged there. Needs root, a Debian with
# systemd, overlayfs and the deb in dist/ ("make package"). Nothing of this machine is changed: /proc/sys and /sys are
# read-only in there, and it has a network and devices of its own.
set -eu
cd "$(dirname "$0")/../.."
for p in /lib/systemd/systemd unshare dpkg-deb rsync; do
	command -v "$p" >/dev/null 2>&1 || {
		echo "skipped: the service under systemd: no $p   enable: make deps"
		exit 0
	}
done
deb=$(find dist -maxdepth 1 -name "firestorm_*_$(dpkg --print-architecture).deb" -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2)
[ -n "$deb" ] || {
	echo "service: no deb in dist/; try: make package" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir "$work/box" "$work/deb"
cp "$deb" "$work/firestorm.deb"
# The next version is the same with another number.
dpkg-deb -R "$deb" "$work/deb"
sed -i 's/^Version: .*/Version: 99.0.0/' "$work/deb/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 -b "$work/deb" "$work/newer.deb" >/dev/null
# Whether this build's program tells systemd when it is ready, and reloads on a signal.
notifies=no
grep -q NOTIFY_SOCKET "$work/deb/usr/bin/firestorm" && notifies=yes
echo $notifies >"$work/notifies"
rm -r "$work/deb"

cat >"$work/test" <<'END'
cd /
work=$1
failed=0
check() { # check WORDS COMMAND...: the command must succeed
	local what=$1
	shift
	if "$@" >"$work/said" 2>&1; then echo "ok    service: $what"; else
		echo "FAIL  service: $what"
		tail -n 20 "$work/said"
		failed=1
	fi
}
pid() { systemctl show -p MainPID --value firestorm; }
knock() { (exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null || :; }
sees() { # it sees packets that were sent just now
	local i n
	rm -f /run/firestorm/status.json
	for i in $(seq 150); do
		knock
		sleep 0.2
		n=$(sed -n 's/^  "packets": \([0-9]*\),/\1/p' /run/firestorm/status.json 2>/dev/null)
		[ "${n:-0}" -gt 0 ] && return 0
	done
	systemctl --no-pager -n 20 status firestorm
	return 1
}
gone() { ! "$@"; }
rights() {
	local p=/proc/$(pid)/status uid=$(id -u firestorm)
	grep -E '^(Uid|Cap|NoNewPrivs|Seccomp)' "$p"
	grep -qE "^Uid:.$uid.$uid.$uid.$uid$" "$p" && grep -qx 'CapBnd:.0000000000002000' "$p" && grep -qx 'NoNewPrivs:.1' "$p" && grep -qx 'Seccomp:.2' "$p"
}
another() { # the main process is another than $1
	local i
	for i in $(seq 150); do
		[ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ] && systemctl -q is-active firestorm && return 0
		sleep 0.2
	done
	systemctl --no-pager status firestorm
	return 1
}
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
rm -rf /etc/firestorm /var/lib/firestorm /var/log/firestorm
rm -f /usr/sbin/policy-rc.d # this systemd is the test's own
mkdir -p /etc/systemd/system/firestorm.service.d
echo '[Service]
RestartSec=1' >/etc/systemd/system/firestorm.service.d/test.conf
if [ "$(cat "$work/notifies")" = no ]; then
	echo "skipped: service: readiness, reload and watchdog   this build's program does not speak to systemd; Type=exec instead"
	echo 'Type=exec
WatchdogSec=0' >>/etc/systemd/system/firestorm.service.d/test.conf
fi

check "installs" dpkg -i "$work/firestorm.deb"
check "is neither started nor switched on by that" sh -c '! systemctl -q is-active firestorm && ! systemctl -q is-enabled firestorm && ! systemctl -q is-enabled firestorm-backup.timer'
check "systemd knows its units" systemctl cat firestorm.service firestorm-backup.service firestorm-backup.timer
sed -i 's/^#capture:/capture:/; s/^#  interfaces: .*/  interfaces: [lo]/' /etc/firestorm/firestorm.yaml
check "starts" systemctl enable --now firestorm
check "sees packets" sees
check "has its user's rights and one capability" rights
check "systemd finds it confined (2.0 or less)" sh -c "systemd-analyze security firestorm | tail -n 1 | awk '{ print; exit !(\$(NF-2) <= 2.0) }'"
old=$(pid)
if [ "$(cat "$work/notifies")" = yes ]; then
	check "told that it is ready" sh -c '[ "$(systemctl show -p Type --value firestorm)" != simple ] && systemctl -q is-active firestorm'
	check "reloads" systemctl reload firestorm
	check "is the same process after that" test "$(pid)" = "$old"
	check "sees packets after that" sees
fi
check "upgrades" dpkg -i "$work/newer.deb"
check "runs on as the new program" another "$old"
check "sees packets after the upgrade" sees
old=$(pid)
kill -9 "$old"
check "is restarted when it is killed" another "$old"
check "sees packets after that" sees
check "state is its own" sh -c '[ -z "$(find /var/lib/firestorm ! -user firestorm)" ]'
check "no backup without a destination, and no failure" sh -c 'systemctl start firestorm-backup; ! systemctl -q is-failed firestorm-backup && journalctl --no-pager -u firestorm-backup | grep -q BACKUP_TO'
install -d -o firestorm -g firestorm /srv/backup
echo 'BACKUP_TO=/srv/backup' >>/etc/firestorm/backup
check "backs up" sh -c 'systemctl start firestorm-backup || { journalctl --no-pager -n 20 -u firestorm-backup; exit 1; }'
check "and the backup is good" sh -c 'firestorm backup verify /srv/backup'
check "the timer waits" sh -c 'systemctl enable --now firestorm-backup.timer && systemctl list-timers --no-pager | grep firestorm-backup'
check "stops within 5 s" sh -c 's=$(date +%s); systemctl stop firestorm; [ $(($(date +%s) - s)) -le 6 ] && [ "$(systemctl show -p Result --value firestorm)" = success ]'
check "starts again" systemctl start firestorm
check "is removed" dpkg -r firestorm
check "runs no more" sh -c '! pgrep -x firestorm && ! systemctl -q is-active firestorm firestorm-backup.timer'
check "keeps state and configuration" test -s /etc/firestorm/firestorm.yaml -a -d /var/lib/firestorm
check "is purged" dpkg -P firestorm
check "leaves nothing" sh -c '! getent passwd firestorm && ! getent group firestorm && ! ls -d /etc/firestorm /var/lib/firestorm /var/log/firestorm /run/firestorm /etc/systemd/system/*.wants/firestorm* 2>/dev/null && ! systemctl list-unit-files --no-pager "firestorm*" | grep -q "^firestorm.*enabled"'
echo $failed >"$work/failed"
END

cat >"$work/boot" <<'END'
set -eu
work=$1 root=$1/box/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$work/box"
mkdir "$work/box/up" "$work/box/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/box/up,workdir=$work/box/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
	mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
	mkdir "$root/sys/fs/cgroup/systemd"
	mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
for d in run tmp dev; do mount -t tmpfs tmpfs "$root/$d"; done
for d in null zero full random urandom tty; do cp -a "/dev/$d" "$root/dev/"; done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/run/test"
mount -t tmpfs tmpfs "$root/dev/shm"
# What the test writes is to be seen outside.
mkdir -p "$work/out"
mount --bind "$work" "$root/run/test"
cd "$root/etc/systemd/system"
printf '[Unit]\nWants=run-test.service sysinit.target\n' >run-test.target
printf '[Unit]\nDefaultDependencies=no\nAfter=systemd-journald.service\n[Service]\nType=oneshot\nExecStart=/bin/bash /run/test/test /run/test\nExecStopPost=/bin/kill -s RTMIN+14 1\nStandardOutput=append:/run/test/log\nStandardError=append:/run/test/log\n' >run-test.service
ip link set lo up
cd /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --unit=run-test.target --show-status=no --log-level=notice --log-target=console
END
timeout -k 5 300 unshare -m -p -n -u -i -C -f --kill-child bash "$work/boot" "$work" >"$work/console" 2>&1 </dev/null || :
cat "$work/log" 2>/dev/null || :
if [ ! -s "$work/failed" ]; then
	tail -n 20 "$work/console"
	echo "service: systemd did not get through the test" >&2
	exit 1
fi
exit "$(cat "$work/failed")"
