#!/bin/bash
# captures: odd-flags-ipv6 odd-after-fin-client odd-after-fin-server
#
# More of odd-tcp.sh, with programs that attackers run: nmap over IPv6 with flags of its
# own choice; hping3, which sends data behind the FIN of a connection that it saw end.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need hping3 nmap python3
lab_gw c x
bg s "$(tool peer)" echo -listen :2323
wait_port s 2323
web s 80
capture gw outer outside.pcap tcp
vantage outside.pcap "gw, device outer: between gw and the server"
# behind NS END: waits for a FIN of the side END (client or server) on NS's device, and has hping3 send data behind it.
cat >"$LAB/behind.py" <<'PY'
import socket, struct, subprocess, sys
side = sys.argv[1]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind(("eth0", 0))
n = 0
while n < 3:
    f = raw.recv(2000)
    if f[12:14] != b"\x08\0" or f[23] != 6 or not f[47] & 1:
        continue
    sport, dport, seq, ack = struct.unpack("!HHII", f[34:46])
    if (dport if side == "client" else sport) != 2323:
        continue
    length = struct.unpack("!H", f[16:18])[0] - 20 - (f[46] >> 4) * 4
    subprocess.Popen(["hping3", "-q", "-A", "-P", "-s", str(sport), "-k", "-p", str(dport), "-M", str((seq + length + 1) % 2**32), "-L", str(ack),
                    "-d", "40", "-c", "1", socket.inet_ntoa(f[30:34])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    n += 1
PY
case $1 in
odd-flags-ipv6)
	fetch c "http://[${OUT6}:2]/page-200.txt"
	for f in SYNFIN SYNRST FINRST URGPSHSYNFIN; do
		ns x nmap -6 -n -Pn -sS --scanflags $f --max-retries 0 -p 80,2323 ${OUT6}:2 2>&1 | grep -E "^(Nmap scan|[0-9]+/)" | sed "s/^/$f: /" >>"$LAB/scans" || true
	done
	fetch c "http://[${OUT6}:2]/page-200.txt"
	;;
odd-after-fin-*)
	n=x side=client
	[ "$1" = odd-after-fin-client ] || n=s side=server
	bg $n python3 "$LAB/behind.py" $side
	sleep 1
	for i in 1 2 3; do
		echo "hello $i" | ns x timeout 3 nc -N $OUT4.2 2323 >>"$LAB/lines" || true
		sleep 0.5
	done
	;;
esac
sleep 3.3
capture_stop
[ ! -s "$LAB/answers" ] || answers
[ ! -s "$LAB/scans" ] || truth_block "What the scanner says" <"$LAB/scans"
case $1 in
odd-flags-ipv6)
	shows "Over IPv6, nmap sends sets of flags that no TCP sends: SYN with FIN, with RST, with everything."
	finding tcp-flags-illegal positive
	check_frames "SYN and FIN" outside.pcap "ipv6 && tcp.flags.syn == 1 && tcp.flags.fin == 1" 2
	check_frames "SYN and RST" outside.pcap "ipv6 && tcp.flags.syn == 1 && tcp.flags.reset == 1" 2
	;;
*)
	shows "hping3 sends data behind the FIN of the $side, on three connections."
	finding tcp-data-after-close positive
	check_frames "data behind the FIN" outside.pcap "tcp.len == 40" 3
	;;
esac
lab_finish
