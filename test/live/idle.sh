#!/bin/bash
# idle.sh [-d SECONDS] [-m MEMORY] [-r RULES]: "firestorm watch" with store, state and status file on an interface where nothing
# happens but a ping each ten seconds. Prints its memory beside the ring, processor time, and what it writes to the disk, as it would
# be an hour: of the worker, which does it all, and the memory of its parent. Needs root.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
span=300 memory='' rules=''
while getopts d:m:r: f; do
	case $f in d) span=$OPTARG ;; m) memory=$OPTARG ;; r) rules=$OPTARG ;; *) exit 2 ;; esac
done
[ "$(id -u)" = 0 ] || { echo "idle.sh: needs root: network namespaces" >&2; exit 1; }
dir=$(mktemp -d "${FST_DISK:-/var/tmp}/fst-idle.XXXXXX") # a file system on a disk: what is in memory is not written
net=fst-idle-$$
clean() {
	for p in $(ip netns pids "$net" 2>/dev/null); do kill "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
	ip netns del "$net" 2>/dev/null || true
	rm -rf "$dir"
}
trap clean EXIT
cd "$top"
CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm
ip netns add "$net"
ip -n "$net" link set dev lo up
extra=()
[ -z "$memory" ] || extra+=(--max-memory "$memory")
[ -z "$rules" ] || extra+=(--rules "$rules")
ip netns exec "$net" "$dir/firestorm" watch lo --json "${extra[@]}" --store "$dir/store" --state "$dir/state" --status "$dir/status" --eve "$dir/eve" >"$dir/out" 2>"$dir/err" &
sensor=$!
ip netns exec "$net" ping -q -i 10 127.0.0.1 >/dev/null 2>&1 &
for _ in $(seq 300); do
	[ -s "$dir/status" ] && break
	kill -0 "$sensor" 2>/dev/null || { cat "$dir/err" >&2; exit 1; }
	sleep 0.2
done
sleep 30
parent=$sensor
sensor=$(pgrep -P "$parent" | head -n 1)
sensor=${sensor:-$parent}
written() { awk '/^write_bytes/ { print $2 }' "/proc/$sensor/io"; }
called() { awk '/^wchar/ { print $2 }' "/proc/$sensor/io"; }
ticks() { awk '{ print $14 + $15 }' "/proc/$sensor/stat"; }
w=$(written) c=$(called) t=$(ticks)
sleep "$span"
w=$(($(written) - w)) c=$(($(called) - c)) t=$(($(ticks) - t))
awk '/VmRSS|RssAnon|RssFile|RssShmem|VmHWM/ { print $1, int($2 / 1024), "MB" }' "/proc/$sensor/status"
[ "$sensor" = "$parent" ] || awk '/VmRSS|RssAnon|RssFile/ { print "parent", $1, int($2 / 1024), "MB" }' "/proc/$parent/status"
echo "in $span s: $t hundredths of a second of processor time, $w bytes written to the disk ($((w * 3600 / span)) an hour), $c bytes handed to the kernel ($((c * 3600 / span)) an hour)"
echo "file system: $(stat -f -c %T "$dir")"
du -sb "$dir/store" "$dir/state" "$dir/eve" "$dir/status" 2>/dev/null || true
