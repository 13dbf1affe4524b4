# cable.sh: to be sourced by the scripts here. "cable NAME" makes $dir, a network namespace $net with a cable from va to vb, builds
# the program and blast into $dir, and cleans up at the end; "run" runs a program in it, "watch" begins "firestorm watch vb" with
# options and waits until it reads: $sensor is the process, $reader the one of it that reads packets.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
busy=() # processes beside it, ended with it

cable() {
	[ "$(id -u)" = 0 ] || { echo "$1.sh: needs root: network namespaces" >&2; exit 1; }
	dir=$(mktemp -d "${TMPDIR:-/tmp}/fst-$1.XXXXXX")
	net=fst-$1-$$
	trap tidy EXIT
	cd "$top"
	CGO_ENABLED=0 go build -trimpath -o "$dir/firestorm" ./cmd/firestorm
	CGO_ENABLED=0 go build -trimpath -o "$dir/blast" ./testbed/blast
	ip netns add "$net"
	run sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	run ip link add name va mtu 9000 type veth peer name vb mtu 9000 # what is tunnelled is longer than 1 500 bytes
	run ip link set dev va up
	run ip link set dev vb up
}

tidy() {
	for p in "${busy[@]}" $(ip netns pids "$net" 2>/dev/null); do kill "$p" 2>/dev/null || true; done
	ip netns del "$net" 2>/dev/null || true
	for _ in $(seq 20); do # who is told to end still writes
		rm -rf "$dir" 2>/dev/null && break
		sleep 0.2
	done
}

run() { ip netns exec "$net" "$@"; }

# traffic BYTES: $dir/mix.pcap.
traffic() { go run ./testbed/mix -o "$dir/mix.pcap" -bytes "$1" -seed 1 2>"$dir/mix.log"; }

watch() {
	ip netns exec "$net" "$dir/firestorm" watch vb --json "$@" >"$dir/out" 2>"$dir/err" &
	sensor=$! # ip becomes the program
	for _ in $(seq 300); do
		run grep -q ' 0003 ' /proc/net/packet && break
		kill -0 "$sensor" 2>/dev/null || { cat "$dir/err" >&2; exit 1; }
		sleep 0.1
	done
	reader=$(pgrep -P "$sensor" | head -n 1 || true) # the worker: the process that opens the sockets reads nothing
	reader=${reader:-$sensor}
	sleep 2
}
