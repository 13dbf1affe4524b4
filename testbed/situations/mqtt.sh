#!/bin/bash
# captures: mqtt
#
# A broker (mosquitto) and its clients in all three versions of MQTT: things publish
# with each quality of service, a panel subscribes and leaves, one stays silent and
# pings, one goes without a word so that its will is published. Nothing is wrong.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need mosquitto mosquitto_pub mosquitto_sub
lab_gw c c2
S=$OUT4.2
printf 'listener 1883\nallow_anonymous true\nuser root\n' >"$LAB/mosquitto.conf"
bg s mosquitto -c "$LAB/mosquitto.conf"
wait_port s 1883
capture gw inner inside.pcap "not icmp6 and not arp"
vantage inside.pcap "gw, device inner: between the clients and gw"
got() { # got WHAT COMMAND...: one line with the outcome
	local what=$1
	shift
	if "$@" >"$LAB/got" 2>&1; then echo "$what: $(tr '\n' ' ' <"$LAB/got")"; else echo "$what: failed ($?) $(tail -n 1 "$LAB/got")"; fi >>"$LAB/answers"
}
for v in mqttv31 mqttv311 mqttv5; do
	ns c2 timeout 20 mosquitto_sub -V $v -i "panel-$v" -h $S -q 2 -t "house/$v/#" -t 'house/all' -U "house/none" -C 4 -v >"$LAB/sub-$v" 2>&1 &
	sub=$!
	sleep 1
	for q in 0 1 2; do got "$v, QoS $q" ns c mosquitto_pub -V $v -i "thing-$v" -h $S -q $q -t "house/$v/lamp" -m "on, $q"; done
	got "$v, to all" ns c mosquitto_pub -V $v -i "thing-$v" -h $S -q 1 -t house/all -m "good night" -r
	wait $sub && got "$v, panel" cat "$LAB/sub-$v" || echo "$v, panel: failed" >>"$LAB/answers"
done
# One that pings: nothing comes for longer than it may be silent.
ns c2 timeout 12 mosquitto_sub -V mqttv5 -i quiet -h $S -k 5 -t 'house/never' >"$LAB/quiet" 2>&1 || true
# A will: the client is stopped without a DISCONNECT.
ns c timeout 20 mosquitto_sub -V mqttv5 -i heir -h $S -q 1 -t house/will -C 1 >"$LAB/heir" 2>&1 &
heir=$!
sleep 0.5
ns c2 mosquitto_sub -V mqttv311 -i testator -h $S -t house/never --will-topic house/will --will-payload gone --will-qos 1 >"$LAB/testator" 2>&1 &
sleep 1
kill -KILL "$(ns c2 pgrep -n -f 'i testator')"
wait $heir && got "the will" cat "$LAB/heir" || echo "the will: failed" >>"$LAB/answers"
capture_stop
truth_block "What the clients said and heard" <"$LAB/answers"
shows "A broker and clients of MQTT 3.1, 3.1.1 and 5.0: published with each quality of service, subscribed, kept alive by pings, a will. Nothing is wrong."
finding all clean
check "every client had what it asked for" sh -c "! grep -q failed $LAB/answers"
check "the will was published" grep -q gone "$LAB/heir"
check_frames "connections of 3.1" inside.pcap 'mqtt.ver == 3' 1
check_frames "connections of 3.1.1" inside.pcap 'mqtt.ver == 4' 1
check_frames "connections of 5.0" inside.pcap 'mqtt.ver == 5' 1
check_frames "the last step of QoS 2" inside.pcap 'mqtt.msgtype == 7' 3
check_frames "pings" inside.pcap 'mqtt.msgtype == 12' 1
lab_finish
