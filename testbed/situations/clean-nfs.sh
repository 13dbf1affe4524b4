#!/bin/bash
# captures: clean-nfs
#
# NFS without fault, for FST_CLEAN_SECONDS (1830): two clients list, read and write
# over version 3 (port directory, mountd, UDP and TCP) and version 4, ask for the
# exports, and the directory is asked over UDP. rpcbind, nfs-ganesha and libnfs, all
# in user space; mountd and lockd have fixed ports, which the firewall passes.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft rpcbind ganesha.nfsd nfs-ls nfs-cat nfs-cp rpcinfo showmount mount
last=${FST_CLEAN_SECONDS:-1830}
lab_gw c c2
S=$OUT4.2
EXP=$LAB/exp PUB=/srv/nfs # the folder, and its name on the server
mkdir -p "$EXP/sub" "$LAB/run"
for i in 60 700 1300; do head -c "$i" < <(yes "a line of a file, of no meaning") >"$EXP/file-$i.txt"; done
chmod -R a+rwX "$LAB"
cat >"$LAB/ganesha.conf" <<C
NFS_CORE_PARAM { Protocols = 3,4; Bind_addr = $S; NFS_Port = 2049; MNT_Port = 892; NLM_Port = 32803; Enable_NLM = true; Enable_RQUOTA = false; mount_path_pseudo = false; }
NFSV4 { Graceless = true; RecoveryBackend = fs; }
EXPORT { Export_Id = 7; Path = $PUB; Pseudo = /exp; Access_Type = NONE; Squash = No_root_squash; SecType = sys; Transports = TCP, UDP;
 Protocols = 3,4; FSAL { Name = VFS; } CLIENT { Clients = $IN4.0/24; Access_Type = RW; } }
LOG { Default_Log_Level = EVENT; }
C
bg s sh -c "mount -t tmpfs t /run; mount -t tmpfs t /srv; mkdir $PUB; mount --bind $EXP $PUB; mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/ganesha /var/lib/nfs/ganesha; rpcbind -f -w & sleep 1; \
	exec ganesha.nfsd -F -f $LAB/ganesha.conf -L $LAB/ganesha.log -p /run/g.pid"
wait_port s 2049
for i in $(seq 100); do
	! ns s rpcinfo -p $S 2>/dev/null | grep -q " nfs$" || break
	sleep 0.1
done
sleep 1
ns gw nft -f - <<-N
	table inet filter {
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state established,related accept
			icmp type echo-request accept
			ip daddr $S tcp dport { 111, 892, 2049, 32803 } accept
			ip daddr $S udp dport { 111, 892, 2049, 32803 } accept
		}
	}
N
truth "gw passes 111, 892 (mountd), 2049 and 32803 (lockd) and drops the rest."
got() { # got NS WORDS COMMAND...: one line with the outcome
	local n=$1 what=$2
	shift 2
	if ns "$n" timeout 20 "$@" >"$LAB/got-$n" 2>&1; then echo "$n $what: good"; else echo "$n $what: failed ($?) $(tail -n 1 "$LAB/got-$n")"; fi >>"$LAB/answers"
}
v3=version=3 v4=version=4
act() { # act NS NUMBER
	local n=$1
	case $2 in
	0) got "$n" "version 3, list" nfs-ls "nfs://$S$PUB?$v3" ;;
	1) got "$n" "version 4, list" nfs-ls "nfs://$S/exp?$v4" ;;
	2) got "$n" "version 3, read" nfs-cat "nfs://$S$PUB/file-1300.txt?$v3" ;;
	3) got "$n" "exports" showmount --no-headers -e $S ;;
	4) got "$n" "version 4, write" nfs-cp "$EXP/file-700.txt" "nfs://$S/exp/sub/$n-$RANDOM.txt?$v4" ;;
	5) got "$n" "directory over UDP" rpcinfo -u $S 100003 3 ;;
	6) got "$n" "version 3, write" nfs-cp "$EXP/file-60.txt" "nfs://$S$PUB/sub/$n-$RANDOM.txt?$v3" ;;
	7) got "$n" "version 4, read" nfs-cat "nfs://$S/exp/file-700.txt?$v4" ;;
	8) got "$n" "directory" rpcinfo -p $S ;;
	esac
}
end=$((SECONDS + last))
client() { # client NS BEGIN PAUSE
	local k=$2
	while [ $((SECONDS + $3)) -lt $end ]; do
		act "$1" $((k % 9))
		k=$((k + 1))
		sleep $(($3 - 5 + RANDOM % 10))
	done
}
capture gw inner inside.pcap
vantage inside.pcap "gw, device inner: between the clients and gw"
client c 0 50 & a=$!
client c2 4 60 & b=$!
wait $a $b
capture_stop
sed 's/^[^ ]* //' "$LAB/answers" | sort | uniq -c | truth_block "What the clients saw"
ns s rpcinfo -p $S | truth_block "rpcinfo -p on the server"
truth "Length: $last s."
shows "NFS versions 3 and 4 without fault: lists, reads, writes, exports, the port directory over UDP and TCP."
finding all clean
check "every request was served" sh -c "! grep -q failed $LAB/answers"
check_frames "mounts" inside.pcap "mount.status == 0 || mount.export.directory" 3
check_frames "version 4" inside.pcap "nfs.nfsstat4 == 0" 3
lab_finish
