#!/bin/bash
# captures: zero-window zero-window-short
#
# A reader that sleeps: its buffer fills and it closes the window.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
peer=$(tool peer)
lab_gw c c2
pause=4s times=1 before=20000
[ "$1" != zero-window-short ] || pause=90ms times=4 before=10000
bg s "$peer" sink -listen :9000 -before $before -pause $pause -times $times -buffer 8192
wait_port s 9000
capture_both tcp
for n in c c2; do ns $n "$peer" push -to $OUT4.2:9000 -bytes 50000 -chunk 4096 | sed "s/^/$n /" >>"$LAB/answers"; done
capture_stop
answers
truth "The reader on $OUT4.2:9000 takes $before bytes, then sleeps $pause, $times time(s)."
zero="tcp.window_size == 0 && tcp.flags.reset == 0 && ip.src == $OUT4.2"
probe="tcp.analysis.keep_alive || tcp.analysis.zero_window_probe"
check_frames "zero windows" inside.pcap "$zero" 1
if [ "$1" = zero-window ]; then
	shows "The receiving program does not read for 4 s: the window stays at zero and the sender probes."
	finding tcp-zero-window-stall positive
	check_frames "probes" inside.pcap "$probe" 3
else
	shows "The receiving program pauses for 90 ms at a time: the window closes and opens again before any probe."
	finding tcp-zero-window-stall near-miss
	check_frames "no probe" inside.pcap "$probe" 0 0
fi
lab_finish
