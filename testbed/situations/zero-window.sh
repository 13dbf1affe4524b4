#!/bin/bash
# captures: zero-window zero-window-short zero-window-slow-read zero-window-download zero-window-remedied
#
# A reader that sleeps: its buffer fills and it closes the window. Variations: an
# attacker who reads a page slowly on purpose (slowhttptest), a client that takes a
# download in sips, over IPv6. Remedied: a reader that reads.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need slowhttptest curl
peer=$(tool peer)
lab_gw c c2
pause=4s times=1 before=20000
case $1 in
zero-window-short) pause=90ms times=4 before=10000 ;;
zero-window-remedied) pause=0s ;;
esac
case $1 in
zero-window-slow-read | zero-window-download)
	web s 80
	head -c 45000 < <(yes "a longer page, to fill the window") >"$LAB/www-s-80/long.txt"
	chmod a+r "$LAB/www-s-80/long.txt"
	;;
*)
	bg s "$peer" sink -listen :9000 -before $before -pause $pause -times $times -buffer 8192
	wait_port s 9000
	;;
esac
case $1 in
zero-window | zero-window-short) capture_both tcp ;;
*)
	capture gw inner inside.pcap tcp
	vantage inside.pcap "gw, device inner: between the clients and gw"
	;;
esac
case $1 in
zero-window-slow-read)
	fetch c2 http://$OUT4.2/page-3000.txt
	ns c slowhttptest -X -c 1 -r 1 -w 512 -y 1024 -n 4 -z 256 -k 1 -l 14 -p 3 -u http://$OUT4.2/page-20000.txt </dev/null >"$LAB/slow" 2>&1 || true
	fetch c2 http://$OUT4.2/page-3000.txt
	sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$LAB/slow" | grep -aE 'connections|closed|seconds|test type|buffer|window|rate' | tail -n 20 | truth_block "What slowhttptest says"
	;;
zero-window-download)
	ns c sysctl -qw net.ipv4.tcp_rmem="2048 4096 4096"
	cat >"$LAB/sip.py" <<-'PY'
	import socket, sys, time
	c = socket.create_connection((sys.argv[1], 80))
	c.sendall(b"GET /long.txt HTTP/1.1\r\nHost: files.example\r\nConnection: close\r\n\r\n")
	n = 0
	while True:
	    b = c.recv(8192)
	    if not b:
	        break
	    n += len(b)
	    if n < 30000:
	        time.sleep(2.5)  # the disk it writes to is busy
	print("c took %d bytes" % n)
	PY
	ns c python3 "$LAB/sip.py" "${OUT6}:2" >>"$LAB/answers"
	fetch c2 "http://[${OUT6}:2]/page-3000.txt"
	;;
zero-window-remedied) ns c "$peer" push -to $OUT4.2:9000 -bytes 50000 -chunk 4096 | sed "s/^/c /" >>"$LAB/answers" ;;
*) for n in c c2; do ns $n "$peer" push -to $OUT4.2:9000 -bytes 50000 -chunk 4096 | sed "s/^/$n /" >>"$LAB/answers"; done ;;
esac
capture_stop
answers
zero="tcp.window_size == 0 && tcp.flags.reset == 0"
probe="tcp.analysis.keep_alive || tcp.analysis.zero_window_probe"
reader() { truth "The reader on $OUT4.2:9000 takes $before bytes, then sleeps $pause, $times time(s)."; }
case $1 in
zero-window)
	reader
	check_frames "zero windows" inside.pcap "$zero && ip.src == $OUT4.2" 1
	shows "The receiving program does not read for 4 s: the window stays at zero and the sender probes."
	finding tcp-zero-window-stall positive
	check_frames "probes" inside.pcap "$probe" 3
	;;
zero-window-short)
	reader
	check_frames "zero windows" inside.pcap "$zero && ip.src == $OUT4.2" 1
	shows "The receiving program pauses for 90 ms at a time: the window closes and opens again before any probe."
	finding tcp-zero-window-stall near-miss
	check_frames "no probe" inside.pcap "$probe" 0 0
	;;
zero-window-remedied)
	reader
	shows "The receiving program reads without a pause: the window never closes for long."
	finding tcp-zero-window-stall remedied
	check_frames "no probe" inside.pcap "$probe" 0 0
	;;
zero-window-slow-read)
	shows "c asks for a page and reads it slowly on purpose (slowhttptest), to keep a connection of the server busy; its window stays at zero."
	finding tcp-zero-window-stall positive
	check_frames "zero windows of c" inside.pcap "$zero && ip.src == $IN4.11" 2
	check_frames "probes" inside.pcap "$probe" 2
	check "c2 is served" bash -c "! grep -q '^c2.* 000 ' '$LAB/answers'"
	;;
zero-window-download)
	shows "Over IPv6, a client takes a download in sips, with 2.5 s between them: its window closes, the server probes."
	finding tcp-zero-window-stall positive
	check_frames "zero windows of c" inside.pcap "$zero && ipv6.src == ${IN6}:11" 2
	check_frames "probes" inside.pcap "$probe" 2
	;;
esac
lab_finish
