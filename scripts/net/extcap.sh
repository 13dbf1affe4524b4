#!/bin/bash
# Wireshark's side of extcap: tshark lists our interfaces, captures through one, and shows findings as comments of packets while
# the capture runs. Then the same while dumpcap only writes a file.
#
# usage: extcap.sh FIRESTORM
set -euo pipefail
firestorm=$(readlink -f "$1")
. "$(dirname "$0")/../../testbed/lib.sh"
lab_begin extcap
need tshark ethtool
lab_gw c
# Wireshark looks for sources in the personal folder too; HOME is one of the lab's.
home=$LAB/home
for d in "$home/.local/lib/wireshark/extcap" "$home/.config/wireshark/extcap"; do
	mkdir -p "$d"
	ln -s "$firestorm" "$d/firestorm"
done
# Where this tshark has only one folder, for all, it is told of another.
shark() { ip netns exec "$P-gw" env HOME="$home" WIRESHARK_EXTCAP_DIR="$home/.local/lib/wireshark/extcap" "$@"; }

shark tshark -D 2>/dev/null >"$LAB/list"
grep -q '[0-9]\. firestorm-inner (Firestorm: inner, with findings as comments)' "$LAB/list" || die "not in the list: $(cat "$LAB/list")"
shark tshark -i firestorm-inner -L 2>&1 | grep -q EN10MB || die "no link type"

# A filter that is wrong is refused.
ns gw "$firestorm" --extcap-interface firestorm-inner --extcap-capture-filter 'tcp porty 80' | grep -q . || die "a wrong filter is taken"
[ -z "$(ns gw "$firestorm" --extcap-interface firestorm-inner --extcap-capture-filter 'tcp port 80')" ] || die "a good filter is refused"

ip netns exec "$P-gw" env HOME="$home" WIRESHARK_EXTCAP_DIR="$home/.local/lib/wireshark/extcap" \
	tshark -l -Q -i firestorm-inner -T fields -e frame.number -e frame.comment >"$LAB/seen" 2>"$LAB/err" &
shark=$!
sleep 2
for _ in $(seq 45); do # the finding is held for half a minute, in case a better explanation comes
	ns c bash -c "echo >/dev/udp/$OUT4.1/9" 2>/dev/null || true
	if grep -q 'FS icmp-unreachable' "$LAB/seen"; then break; fi
	sleep 1
done
sed -n '/FS /p' "$LAB/seen" | head -3
grep -q '	FS icmp-unreachable [a-z]* [a-z]*: .* (frames [0-9]' "$LAB/seen" || die "no comment came while the capture ran: $(tail -n 3 "$LAB/seen") $(tail -n 5 "$LAB/err")"
grep -vc 'FS ' "$LAB/seen" | sed 's/$/ packets without a comment/'
kill -TERM $shark 2>/dev/null || true
for _ in $(seq 50); do
	left=
	for p in $(ip netns pids "$P-gw"); do
		if tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q -- '--fifo'; then left=$p; fi
	done
	[ -z "$left" ] && break
	sleep 0.2
done
[ -z "$left" ] || die "the source goes on after tshark has ended: $(tr '\0' ' ' <"/proc/$left/cmdline")"
echo "extcap.sh: ok"
