#!/bin/bash
# captures: founding-timewait
#
# The founding case: one port pair used again 67.95 s after the server closed
# first; the server ignores three SYNs. No program sent these frames: only the
# times, the flags and one size are on record, so the bytes are computed here.
. "$(dirname "$0")/../lib.sh"
need python3 tshark
lab_begin "$1"
synthetic
python3 "$FST_TESTBED/founding.py" "$OUT/founding.pcap"
tshark -n -t r -o tcp.desegment_tcp_streams:FALSE -r "$OUT/founding.pcap" -T fields -E header=n -E separator=/t \
	-e frame.number -e _ws.col.Time -e _ws.col.Source -e _ws.col.Destination \
	-e _ws.col.Protocol -e _ws.col.Length -e _ws.col.Info 2>/dev/null >"$LAB/rows"
{
	printf '%4s %10s %-12s %-12s %-8s %6s %s\n' No. Time Source Destination Protocol Length Info
	while IFS=$'\t' read -r no time src dst proto len info; do
		printf '%4s %10s %-12s %-12s %-8s %6s %s\n' "$no" "$time" "$src" "$dst" "$proto" "$len" "$info"
	done <"$LAB/rows"
} | sed 's/ *$//' >"$OUT/founding.txt"
# What people paste into a mail: no addresses, no sequence numbers, times cut to
# hundredths, ports only on the rows that TCP itself labels.
awk -F'\t' '{
	info = $7
	gsub(/→/, ">", info); sub(/\[TCP [^\]]*\] */, "", info); sub(/ Seq=.*/, "", info)
	if (info == "Continuation") info = "Continuation or non-HTTP traffic"
	sub(/ *\(.*\)/, "", info)
	printf "%3d %6.2f %-5s %s\n", $1, $2, $5, info
}' "$LAB/rows" >"$OUT/founding-poor.txt"
shows "Server closes first at 0.31 s; the same port pair is used again 67.95 s later with a serially older sequence number and the server ignores the SYN and both retries."
finding tcp-timewait-reuse positive
vantage founding.pcap "in front of the server, behind the clients' NAT"
vantage founding.txt "the same frames as a listing with all columns"
vantage founding-poor.txt "the same frames as a listing without addresses and sequence numbers"
truth "Client 192.168.0.1:2268 (a NAT's address), server 10.0.0.254:80."
truth "Frame 9 is the first FIN (server), frame 12 acknowledges the client's FIN at 0.31 s."
truth "Client's old end 161519517, new ISN 3172654578: numerically larger, serially older."
truth "Frames 14, 15, 16 (68.26, 71.18, 77.13 s) are one SYN and its retries; nothing answers. Frame 17 is RST+CWR from the client side."
truth "Lower bound of the server's hold: 76.82 s. Frame 6 carries an earlier time (0.23) than frame 5 (0.24)."
check_frames "17 frames" founding.pcap frame 17 17
check_frames "SYNs of the second attempt" founding.pcap "tcp.flags == 0x002 && frame.time_relative > 60" 3 3
check_frames "no answer to them" founding.pcap "ip.src == 10.0.0.254 && frame.time_relative > 60" 0 0
check_frames "RST with CWR" founding.pcap "tcp.flags == 0x084" 1 1
check_frames "no timestamps" founding.pcap "tcp.options.timestamp.tsval" 0 0
check_frames "checksums right" founding.pcap "ip.checksum.status == 0 || tcp.checksum.status == 0" 0 0
lab_finish
