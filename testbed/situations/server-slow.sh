#!/bin/bash
# captures: server-slow server-slow-path server-slow-remedied server-slow-script server-slow-ipv6
#
# A server that thinks for 1 to 3 s before each answer, a fast server behind a
# long path, and the server made fast. Variations: a script of a real web server
# that waits, among pages that do not; IPv6, another port, half a second.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
peer=$(tool peer)
delay=1s step=300ms count=8
case $1 in
server-slow-path) WIRE_OUT="-delay 100ms" delay=0s step=0s count=10 ;;
server-slow-remedied) delay=3ms step=0s count=10 ;;
server-slow-ipv6) delay=600ms step=50ms port=8080 to="[${OUT6}:2]:8080" ;;
esac
lab_gw c c2
port=${port:-80}
to=${to:-$OUT4.2:80}
if [ "$1" = server-slow-script ]; then
	need lighttpd
	mkdir "$LAB/reports"
	echo "a page, of no meaning" >"$LAB/reports/page.txt"
	printf '#!/bin/sh\nsleep 1.6\nprintf "Content-Type: text/plain\\r\\n\\r\\nthe report\\n"\n' >"$LAB/reports/report.sh"
	cat >"$LAB/reports.conf" <<-W
		server.document-root = "$LAB/reports"
		server.port = 80
		server.modules = ( "mod_cgi" )
		cgi.assign = ( ".sh" => "/bin/sh" )
	W
	chmod -R a+rX "$LAB"
	bg s lighttpd -D -f "$LAB/reports.conf"
else
	bg s "$peer" serve -listen :$port -close client -delay $delay -step $step -size 2000
fi
wait_port s $port
capture_both tcp
pids=
[ "$1" != server-slow-script ] || for i in 1 2 3 4 5 6; do
	for n in c c2; do
		fetch $n http://$OUT4.2/page.txt
		fetch $n http://$OUT4.2/report.sh
	done
done
[ "$1" = server-slow-script ] || for n in c c2; do
	(ns $n "$peer" get -to "$to" -close client -count $count -gap 100ms | sed "s/^/$n /" >>"$LAB/answers") &
	pids+=" $!"
done
[ -z "$pids" ] || wait $pids
capture_stop
answers
check "every request was answered" every_ok
check_frames "no retransmission of data" outside.pcap "tcp.analysis.retransmission && tcp.len > 0" 0 0
case $1 in
server-slow-script)
	shows "A script of the web server takes 1.6 s for each report; other pages come at once."
	finding tcp-server-slow positive
	check_frames "answers after more than 1.5 s" outside.pcap "http.time > 1.5" 12
	check_frames "answers at once" outside.pcap "http.time < 0.1" 12
	;;
server-slow-ipv6)
	shows "Over IPv6, the server answers each request on port 8080 after half a second or more."
	finding tcp-server-slow positive
	check_frames "answers after more than 0.5 s" outside.pcap "ipv6 && http.time > 0.5" 12
	;;
server-slow)
	shows "The server acknowledges each request at once and answers it after 1 to 3 s; nothing is lost."
	finding tcp-server-slow positive
	check_frames "answers after more than 0.9 s" outside.pcap "http.time > 0.9" 12
	;;
server-slow-path)
	shows "A path of 200 ms; the server itself answers at once."
	finding tcp-server-slow near-miss
	check_frames "answers after 200 ms" outside.pcap "http.time > 0.2 && http.time < 0.4" 15
	;;
*)
	shows "The server answers within a few milliseconds."
	finding tcp-server-slow remedied
	check_frames "fast answers" outside.pcap "http.time < 0.1" 15
	;;
esac
lab_finish
