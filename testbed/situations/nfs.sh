#!/bin/bash
# captures: nfs-mountd-dropped nfs-mountd-prohibited nfs-mountd-remedied nfs-mountd-unregistered
# captures: nfs-version4 nfs-mount-denied nfs-mount-denied-remedied nfs-moved
#
# NFS behind a filter that knows only ports 111 and 2049. The port directory is
# rpcbind, the server nfs-ganesha, the client libnfs: all in user space.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft rpcbind ganesha.nfsd nfs-ls rpcinfo showmount mount
lab_gw c c2
S=$OUT4.2
EXP=$LAB/exp
mkdir -p "$EXP" "$LAB/run"
echo hello >"$EXP/hello.txt"
chmod -R a+rX "$LAB"
CLIENTS="*"
PORTS="" # floating
case $1 in
nfs-mountd-remedied) PORTS="MNT_Port = 892; NLM_Port = 32803;" ;;
nfs-mount-denied) CLIENTS="10.1.0.12" ;;
nfs-mount-denied-remedied) CLIENTS="10.1.0.0/24" ;;
esac
PROTOCOLS=3,4
[ "$1" != nfs-mountd-unregistered ] || PROTOCOLS=4
conf() {
	cat <<-C
		NFS_CORE_PARAM { Protocols = $PROTOCOLS; Bind_addr = $S; NFS_Port = 2049; $PORTS Enable_NLM = true; Enable_RQUOTA = false; mount_path_pseudo = false; }
		NFSV4 { Graceless = true; RecoveryBackend = fs; }
		EXPORT { Export_Id = 7; Path = $EXP; Pseudo = /exp; Access_Type = NONE; Squash = No_root_squash; SecType = sys; Transports = TCP, UDP;
		 Protocols = $PROTOCOLS; FSAL { Name = VFS; } CLIENT { Clients = $CLIENTS; Access_Type = RW; } }
		LOG { Default_Log_Level = EVENT; }
	C
}
conf >"$LAB/ganesha.conf"
# serve: rpcbind and ganesha with a /run of their own.
serve() {
	bg s sh -c "mount -t tmpfs t /run; mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/ganesha /var/lib/nfs/ganesha; rpcbind -f -w & sleep 1; \
		exec ganesha.nfsd -F -f $LAB/ganesha.conf -L $LAB/ganesha.log -p /run/g.pid"
	wait_port s 2049
	local i
	for i in $(seq 100); do
		! ns s rpcinfo -p $S 2>/dev/null | grep -q " nfs$" || break
		sleep 0.1
	done
	sleep 1
}
serve
# rules LINES: what gw lets through from the clients to the server.
rules() {
	{
		printf 'table inet filter {\n chain forward {\n  type filter hook forward priority filter\n  ct state established,related accept\n  icmp type echo-request accept\n'
		printf '  %s\n' "$@"
		printf ' }\n}\n'
	} | ns gw nft -f -
}
base="ip daddr $S tcp dport { 111, 2049 } accept"
baseu="ip daddr $S udp dport { 111, 2049 } accept"
ns gw sysctl -qw net.ipv4.icmp_ratelimit=0
case $1 in
nfs-mountd-dropped | nfs-version4 | nfs-mountd-unregistered | nfs-moved) rules "$base" "$baseu" "ip daddr $S drop" ;;
nfs-mountd-prohibited) rules "$base" "$baseu" "ip daddr $S reject with icmp type admin-prohibited" ;;
nfs-mountd-remedied)
	rules "$base" "$baseu" "ip daddr $S drop"
	for a in $IN4.11 $IN4.12; do # the lines that the finding prints
		ns gw nft insert rule inet filter forward ip saddr $a ip daddr $S tcp dport "{ 111, 2049, 892, 662, 875, 32803 }" accept
		ns gw nft insert rule inet filter forward ip saddr $a ip daddr $S udp dport "{ 111, 2049, 892, 662, 875, 32769 }" accept
	done
	;;
esac
capture_both
ls3() { ns "$1" timeout "${2:-12}" nfs-ls "nfs://$S$EXP?version=3" >>"$LAB/seen" 2>&1 || echo "$1: nfs-ls over version 3 failed ($?)" >>"$LAB/seen"; }
ls4() { ns "$1" timeout 12 nfs-ls "nfs://$S/exp?version=4" >>"$LAB/seen" 2>&1 || echo "$1: nfs-ls over version 4 failed ($?)" >>"$LAB/seen"; }
case $1 in
nfs-mountd-dropped)
	ls4 c2
	ls3 c 9
	ls4 c2 # so that both captures last as long as the silence
	;;
nfs-mountd-prohibited | nfs-mountd-unregistered)
	ls4 c2
	ls3 c
	;;
nfs-mountd-remedied | nfs-mount-denied | nfs-mount-denied-remedied)
	ls3 c
	ls3 c2
	;;
nfs-version4) ls4 c && ls4 c2 ;;
nfs-moved) # it worked while gw knew the ports of the day; then the server restarted
	p=$(ns s rpcinfo -p $S | awk '$1 == 100005 && $3 == "tcp" { print $4; exit }')
	ns gw nft insert rule inet filter forward ip daddr $S tcp dport "$p" accept
	ls3 c
	pid=$(ip netns pids "$P-s" | xargs -r -n1 sh -c 'tr "\0" " " </proc/$0/cmdline 2>/dev/null | grep -q "^ganesha" && echo $0' || true)
	kill -KILL $pid
	sleep 1
	pid=$(ip netns pids "$P-s" | xargs -r -n1 sh -c 'tr "\0" " " </proc/$0/cmdline 2>/dev/null | grep -q "^rpcbind" && echo $0' || true)
	kill $pid || true
	sleep 0.5
	serve
	ls3 c 9
	;;
esac
capture_stop
ns s rpcinfo -p $S | truth_block "rpcinfo -p on the server at the end"
truth_block "What the clients saw" <"$LAB/seen"
grep -vE 'NIV_DEBUG' "$LAB/ganesha.log" | sed -n 's/^.*main :/main :/p' | tail -n 5 | truth_block "Last lines of the server's log" || true
failed() { grep -q 'failed' "$LAB/seen"; }
listed() { grep -q hello.txt "$LAB/seen"; }
works() { ! failed && listed; }
case $1 in
nfs-mountd-dropped)
	shows "gw passes 111 and 2049 and drops the rest: the directory names mountd's port, requests to it meet silence; NFSv4 works."
	finding rpc-dynamic-port-blocked positive
	check "the mount failed, version 4 worked" eval "failed && listed"
	;;
nfs-mountd-prohibited)
	shows "gw passes 111 and 2049 and refuses the rest with ICMP (forbidden by rule): mountd's floating port is refused."
	finding rpc-dynamic-port-blocked positive
	check "the mount failed" failed
	check_frames "ICMP 3/13" inside.pcap "icmp.type == 3 && icmp.code == 13" 1
	;;
nfs-mountd-remedied)
	shows "mountd and lockd have fixed ports, 892 and 32803, and gw passes them: the mount works."
	finding rpc-dynamic-port-blocked remedied
	check "the mounts worked" works
	;;
nfs-mountd-unregistered)
	shows "The server speaks version 4 only: the directory answers port 0 for mountd, the service does not run; nothing is blocked."
	finding rpc-dynamic-port-blocked near-miss
	finding nfs-mount-denied near-miss
	check "the mount over version 3 failed" failed
	;;
nfs-version4)
	shows "NFS version 4 needs one port, 2049, and works through the filter that knows no other."
	finding rpc-dynamic-port-blocked near-miss
	check "both clients worked" works
	;;
nfs-mount-denied)
	shows "The export names 10.1.0.12 only: mountd refuses 10.1.0.11 with MNT3ERR_ACCES, and serves 10.1.0.12."
	finding nfs-mount-denied positive
	check "one mount failed, one worked" eval "failed && listed"
	check_frames "MNT3ERR_ACCES" inside.pcap "mount.status == 13" 1
	;;
nfs-mount-denied-remedied)
	shows "The export names the clients' network: both mounts work."
	finding nfs-mount-denied remedied
	check "the mounts worked" works
	;;
nfs-moved)
	shows "mountd's port of the day was allowed and the mount worked; after a restart of the server it listens elsewhere, and the new port is dropped."
	finding rpc-dynamic-port-blocked positive
	check "one mount worked, one failed" eval "failed && listed"
	;;
esac
lab_finish
