#!/bin/bash
# captures: nagle-delack nagle-delack-remedied
#
# Write, write, read: the second small write waits for the ACK of the first,
# and the receiver delays that ACK.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need python3
lab_gw c c2
nodelay=0
[ "$1" = nagle-delack ] || nodelay=1
cat >"$LAB/server.py" <<'PY'
import socket
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 7000))
l.listen(8)
while True:
    c, _ = l.accept()
    f = c.makefile("rb")
    while f.readline():  # the head of a request
        if not f.readline():  # its body
            break
        c.sendall(b"answer\n")
    c.close()
PY
cat >"$LAB/client.py" <<'PY'
import socket, sys, time
c = socket.create_connection((sys.argv[1], 7000))
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(sys.argv[2]))
f = c.makefile("rb")
times = []
for i in range(40):
    t = time.time()
    c.sendall(b"head %d\n" % i)
    c.sendall(b"body %d\n" % i)
    f.readline()
    times.append(time.time() - t)
times.sort()
print("median %.1f ms, longest %.1f ms" % (times[20] * 1000, times[-1] * 1000))
PY
chmod -R a+rX "$LAB"
bg s python3 "$LAB/server.py"
wait_port s 7000
capture_both tcp
for n in c c2; do ns $n python3 "$LAB/client.py" $OUT4.2 $nodelay | sed "s/^/$n /" >>"$LAB/answers"; done
capture_stop
answers
wait40="tcp.dstport == 7000 && tcp.len > 0 && tcp.time_delta > 0.035 && tcp.time_delta < 0.25"
bursts="tcp.srcport == 7000 && tcp.len == 0 && tcp.time_delta > 0.035"
if [ "$1" = nagle-delack ]; then
	shows "Each request is two small writes; the second waits about 40 ms for the acknowledgement of the first."
	finding tcp-nagle-delack positive
	check_frames "ACKs delayed by 40 ms" outside.pcap "$bursts" 20
else
	shows "The same program with TCP_NODELAY: both writes leave at once."
	finding tcp-nagle-delack remedied
	check_frames "no such wait" outside.pcap "($bursts) || ($wait40)" 0 3
fi
lab_finish
