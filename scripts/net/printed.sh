#!/bin/bash
# Every command that a finding of the captures prints, typed as it stands, once for each code: in a Debian that systemd boots in
# namespaces over a copy of this machine's files that is thrown away, with the real programs and a network that has the
# addresses the commands name. Lines of configuration go through their own program's check. printed/run.py has the table of
# what is expected, and of what cannot be run here and why.
#
# usage: printed.sh FIRESTORM [PATTERN]: with a PATTERN only steps with a line that matches it, and all that is printed
set -eu
firestorm=$(readlink -f "$1")
here=$(cd "$(dirname "$0")" && pwd)
for p in /lib/systemd/systemd unshare python3 nft conntrack named unbound vsftpd ganesha.nfsd nginx haproxy apache2 lighttpd exim4 doveconf chronyd mtr; do
	command -v "$p" >/dev/null 2>&1 || {
		echo "skipped: what findings print: no $p   enable: apt-get install \$(cat testbed/packages.txt)"
		exit 0
	}
done
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"
mkdir "$work/box" "$work/debs"
cp "$firestorm" "$work/firestorm"
cp "$here/printed/run.py" "$work/"
echo "${2:-}" >"$work/only"
# PRINTED_LIST: a list that collect.py made before, for trying one line again and again.
if [ -n "${PRINTED_LIST:-}" ]; then cp "$PRINTED_LIST" "$work/list.json"; else
	python3 "$here/printed/collect.py" "$firestorm" "$here/../../testdata/captures" >"$work/list.json"
fi
# Packages that will not be beside others of the machine: they are installed in the box alone, by force, when their turn comes.
(cd "$work/debs" && apt-get -q download proftpd-core libhiredis0.14 libmemcached11 libmemcachedutil2 pure-ftpd pure-ftpd-common postfix \
	libreswan libldns3 libevent-pthreads-2.1-7 libcurl3-nss libnss3-tools ntpsec python3-ntp sendmail-cf >"$work/apt" 2>&1) ||
	echo "printed: apt-get download failed; the programs that need it are listed as not run: $(tail -n 1 "$work/apt")"

cat >"$work/boot" <<'END'
set -eu
work=$1 root=$1/box/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$work/box"
mkdir "$work/box/up" "$work/box/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/box/up,workdir=$work/box/work" "$root"
mount -t proc proc "$root/proc"
# Of /proc/sys the network's part alone is the box's own; the rest is this machine's and stays as it is.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t proc proc "$root/mnt"
mount --bind "$root/mnt/sys/net" "$root/proc/sys/net"
umount "$root/mnt"
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
	mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
	mkdir "$root/sys/fs/cgroup/systemd"
	mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
for d in run tmp; do mount -t tmpfs tmpfs "$root/$d"; done
chmod 1777 "$root/tmp"
mount --rbind /dev "$root/dev"
mkdir "$root/run/test"
mount --bind "$work" "$root/run/test"
cd "$root/etc/systemd/system"
for u in systemd-udevd systemd-udev-trigger systemd-tmpfiles-setup-dev kmod-static-nodes systemd-modules-load systemd-vconsole-setup; do ln -sf /dev/null $u.service; done
printf '[Unit]\nWants=run-test.service sysinit.target dbus.socket\nAfter=dbus.socket\n' >run-test.target
printf '[Unit]\nDefaultDependencies=no\nAfter=systemd-journald.service dbus.socket\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/usr/bin/python3 -u /run/test/run.py /run/test\nExecStopPost=/bin/kill -s RTMIN+14 1\nStandardOutput=append:/run/test/log\nStandardError=append:/run/test/log\n' >run-test.service
ip link set lo up
cd /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd --unit=run-test.target --show-status=no --log-level=notice --log-target=console
END
timeout -k 5 1500 unshare -m -p -n -u -i -C -f --kill-child bash "$work/boot" "$work" >"$work/console" 2>&1 </dev/null || :
cat "$work/log" 2>/dev/null || :
if [ ! -s "$work/failed" ]; then
	tail -n 20 "$work/console"
	echo "printed: the box did not get through" >&2
	exit 1
fi
exit "$(cat "$work/failed")"
