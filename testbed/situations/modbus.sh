#!/bin/bash
# captures: modbus
#
# A controller (pymodbus) and who reads and sets it (mbpoll): coils, inputs, registers,
# writes of one and of several, and a place that is not there, which is refused with
# exception 2. Nothing is wrong in the network.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need mbpoll /usr/bin/python3
/usr/bin/python3 -c 'import pymodbus' 2>/dev/null || skip "the module pymodbus is missing; see testbed/packages.txt"
lab_gw c
S=$OUT4.2
cat >"$LAB/controller.py" <<-'X'
	from pymodbus.server import StartTcpServer
	from pymodbus.datastore import ModbusSlaveContext, ModbusServerContext, ModbusSequentialDataBlock as B
	s = ModbusSlaveContext(di=B(0, [1, 0] * 50), co=B(0, [0] * 100), hr=B(0, [7] * 100), ir=B(0, [42] * 100))
	StartTcpServer(context=ModbusServerContext(slaves=s, single=True), address=("0.0.0.0", 502))
X
bg s /usr/bin/python3 "$LAB/controller.py"
wait_port s 502
capture gw inner inside.pcap "not icmp6 and not arp"
vantage inside.pcap "gw, device inner: between the clients and gw"
poll() { # poll WHAT FLAGS...: one request; one line with what was said of it
	local what=$1
	shift
	{ echo "$what: $(ns c mbpoll -m tcp -a 1 -1 "$@" 2>&1 | grep -E '^\[|Written|failed|Illegal' | tr '\n' ' ')"; } >>"$LAB/answers"
}
poll "three holding registers" -t 4 -r 1 -c 3 $S
poll "input registers" -t 3 -r 10 -c 2 $S
poll "coils" -t 0 -r 1 -c 10 $S
poll "discrete inputs" -t 1 -r 1 -c 8 $S
poll "one coil" -t 0 -r 5 $S 1
poll "several coils" -t 0 -r 11 $S 1 0 1
poll "one register" -t 4 -r 5 $S 99
poll "several registers" -t 4 -r 20 $S 1 2 3
poll "registers again" -t 4 -r 5 -c 1 $S
poll "a place that is not there" -t 4 -r 5000 $S
capture_stop
truth_block "What mbpoll said" <"$LAB/answers"
shows "Modbus over TCP: coils, inputs and registers read, one and several written, and one place that is not there, refused with exception 2. Nothing is wrong in the network."
finding all clean
check "what was written is read" grep -qE 'registers again: \[5\]:.*99' "$LAB/answers"
check_frames "requests and answers" inside.pcap 'modbus' 20
check_frames "the exception" inside.pcap 'modbus.exception_code == 2' 1 1
lab_finish
