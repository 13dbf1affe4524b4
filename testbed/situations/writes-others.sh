#!/bin/bash
# captures: nagle-delack-answers nagle-delack-far
#
# More of writes.sh, over IPv6 and with programs that people run: Python's web server
# writes the head and the body of each answer apart. Near by, and over a path of 60 ms
# with the capture at the end that delays its acknowledgements.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need curl python3
[ "$1" != nagle-delack-far ] || WIRE_OUT="-delay 30ms"
lab_gw c c2
mkdir "$LAB/pages"
echo "a short page" >"$LAB/pages/page.txt"
chmod -R a+rX "$LAB"
bg s python3 -m http.server --protocol HTTP/1.1 --bind :: -d "$LAB/pages" 8080
wait_port s 8080
capture gw outer outside.pcap tcp
vantage outside.pcap "gw, device outer: between gw and the server"
pages=()
for i in $(seq 24); do pages+=(-o /dev/null "http://[${OUT6}:2]:8080/page.txt"); done
ns c curl -g -sS "${pages[@]}" -w 'c %{http_code} after %{time_total} s\n' >>"$LAB/answers"
capture_stop
answers
shows "Python's web server writes the head and the body of each of 24 answers apart: the body waits about 40 ms for the client's acknowledgement of the head$([ "$1" = nagle-delack-answers ] || echo "; the path takes 60 ms").$([ "$1" = nagle-delack-answers ] || echo " The capture stands near the client.")"
finding tcp-nagle-delack positive
check_frames "late acknowledgements of the client" outside.pcap "tcp.dstport == 8080 && tcp.len == 0 && tcp.flags == 0x10 && tcp.time_delta > 0.035 && tcp.time_delta < 0.3" 12
lab_finish
