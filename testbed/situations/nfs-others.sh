#!/bin/bash
# captures: nfs-denied-network nfs-denied-nat
#
# More of nfs.sh, with the same programs (rpcbind, nfs-ganesha, libnfs): an export for
# another network, and one for the clients' network while gw translates their addresses.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need nft rpcbind ganesha.nfsd nfs-ls rpcinfo mount
lab_gw c c2
S=$OUT4.2 EXP=$LAB/exp
mkdir -p "$EXP"
echo hello >"$EXP/hello.txt"
chmod -R a+rX "$LAB"
CLIENTS=192.168.7.0/24
[ "$1" != nfs-denied-nat ] || CLIENTS=10.1.0.0/24
cat >"$LAB/ganesha.conf" <<-C
	NFS_CORE_PARAM { Protocols = 3; Bind_addr = $S; NFS_Port = 2049; MNT_Port = 892; Enable_NLM = false; Enable_RQUOTA = false; mount_path_pseudo = false; }
	EXPORT { Export_Id = 7; Path = $EXP; Pseudo = /exp; Access_Type = NONE; Squash = No_root_squash; SecType = sys; Transports = TCP, UDP;
	 Protocols = 3; FSAL { Name = VFS; } CLIENT { Clients = $CLIENTS; Access_Type = RW; } }
	LOG { Default_Log_Level = EVENT; }
C
bg s sh -c "mount -t tmpfs t /run; mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/ganesha /var/lib/nfs/ganesha; rpcbind -f -w & sleep 1; \
	exec ganesha.nfsd -F -f $LAB/ganesha.conf -L $LAB/ganesha.log -p /run/g.pid"
wait_port s 2049
for i in $(seq 100); do
	! ns s rpcinfo -p $S 2>/dev/null | grep -q " nfs$" || break
	sleep 0.1
done
sleep 1
[ "$1" != nfs-denied-nat ] || printf 'table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat\n  oifname "outer" masquerade\n }\n}\n' | ns gw nft -f -
capture_both tcp
for n in c c2 c; do
	ns $n timeout 12 nfs-ls "nfs://$S$EXP?version=3" >>"$LAB/seen" 2>&1 || echo "$n: nfs-ls over version 3 failed ($?)" >>"$LAB/seen"
done
capture_stop
truth_block "What the clients saw" <"$LAB/seen"
check "all three failed" test "$(grep -c 'failed (' "$LAB/seen")" = 3
check_frames "MNT3ERR_ACCES" outside.pcap "mount.status == 13" 3
case $1 in
nfs-denied-network) shows "The export names another network (192.168.7.0/24): mountd refuses both clients with MNT3ERR_ACCES." ;;
*) shows "The export names the clients' network, but gw translates their addresses: mountd sees $OUT4.1 and refuses it with MNT3ERR_ACCES." ;;
esac
finding nfs-mount-denied positive
lab_finish
