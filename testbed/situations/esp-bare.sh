#!/bin/bash
# captures: esp-bare esp-bare-one-way
#
# ESP as protocol 50. The daemons of the testbed have their tunnel in user space
# and always put ESP into UDP; here the UDP header is taken out of the real
# captures ike-v2 and esp-one-way, and nothing else changed: synthetic.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need python3 tshark
case $1 in
esp-bare) from=ike-v2 ;;
*) from=esp-one-way ;;
esac
[ -f "$FST_CAPTURES/$from/inside.pcap" ] || skip "make $from first"
synthetic
truth "Computed from $from: the UDP header of every ESP packet was taken out."
for f in inside.pcap outside.pcap; do
	python3 - "$FST_CAPTURES/$from/$f" "$OUT/$f" <<-'X'
		import struct, sys
		src = open(sys.argv[1], "rb").read()
		out = bytearray(src[:24])
		at = 24
		while at < len(src):
		    head = src[at:at + 16]
		    sec, sub, cap, wire = struct.unpack("<IIII", head)
		    frame = bytearray(src[at + 16:at + 16 + cap])
		    at += 16 + cap
		    if frame[12:14] == b"\x08\x00" and frame[23] == 17 and 4500 in struct.unpack(">HH", frame[34:38]) and frame[42:46] != b"\0\0\0\0" and len(frame) > 50:
		        frame[23] = 50
		        frame[16:18] = struct.pack(">H", struct.unpack(">H", frame[16:18])[0] - 8)
		        del frame[34:42]
		        frame[24:26] = b"\0\0"
		        s = sum(struct.unpack(">10H", frame[14:34]))
		        s = (s & 0xFFFF) + (s >> 16)
		        s = (s & 0xFFFF) + (s >> 16)
		        frame[24:26] = struct.pack(">H", ~s & 0xFFFF)
		    out += struct.pack("<IIII", sec, sub, len(frame), len(frame)) + frame
		open(sys.argv[2], "wb").write(out)
	X
done
vantage inside.pcap "computed from $from/inside.pcap"
vantage outside.pcap "computed from $from/outside.pcap"
case $1 in
esp-bare)
	shows "A tunnel with ESP as protocol 50, both ways, rekeyed twice."
	finding esp-one-way near-miss
	finding ike-phase2-refused near-miss
	check_frames "ESP both ways" inside.pcap "esp && ip.proto == 50" 30
	;;
*)
	shows "ESP (protocol 50) from s to c is dropped by gw, IKE passes: packets travel one way only."
	finding esp-one-way positive
	check_frames "ESP from c" inside.pcap "esp && ip.src == $IN4.11" 20
	check_frames "none from s inside" inside.pcap "esp && ip.src == $OUT4.2" 0 0
	check_frames "some from s outside" outside.pcap "esp && ip.src == $OUT4.2" 20
	;;
esac
lab_finish
