#!/bin/bash
# The rules that "firestorm rpc firewall" and "firestorm lint ftp --rules" print, loaded into a router: an NFS version 3
# client mounts, lists and reads, an FTP client transfers with TLS, and nmap finds from the client's side those ports and
# no other, though the server listens on more. Before it, the same with ports that float: the lint says so.
#
# usage: firewall.sh FIRESTORM
set -euo pipefail
firestorm=$(readlink -f "$1")
. "$(dirname "$0")/../../testbed/lib.sh"
. "$(dirname "$0")/../../testbed/login.sh"
lab_begin tools-firewall
need nft rpcbind ganesha.nfsd nfs-ls nfs-cat rpcinfo nmap mount nc vsftpd lftp
lab_gw c stranger
S=$OUT4.2
C=$IN4.11
PASSWORD=Correct-Horse-9
EXP=$LAB/exp PUB=/srv/nfs
mkdir -p "$EXP"
head -c 300000 /dev/urandom >"$EXP/big"
chmod -R a+rwX "$LAB"

nfsd() { # PORTS...: settings of ganesha's NFS_CORE_PARAM
	cat >"$LAB/ganesha.conf" <<-C
		NFS_CORE_PARAM { Protocols = 3,4; Bind_addr = $S; NFS_Port = 2049; Enable_NLM = true; Enable_RQUOTA = false; mount_path_pseudo = false; $* }
		NFSV4 { Graceless = true; RecoveryBackend = fs; }
		EXPORT { Export_Id = 7; Path = $PUB; Pseudo = /exp; Access_Type = RW; Squash = No_root_squash; SecType = sys; Transports = TCP, UDP; Protocols = 3,4; FSAL { Name = VFS; } }
		LOG { Default_Log_Level = EVENT; }
	C
	bg s sh -c "mount -t tmpfs t /run; mount -t tmpfs t /srv; mkdir $PUB; mount --bind $EXP $PUB; mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/ganesha /var/lib/nfs/ganesha; rpcbind -f -w & sleep 1; \
		exec ganesha.nfsd -F -f $LAB/ganesha.conf -L $LAB/ganesha.log -p /run/g.pid"
	wait_port s 2049
	local i
	for i in $(seq 100); do
		! ns s rpcinfo -p $S 2>/dev/null | grep -q " nlockmgr$" || break
		sleep 0.1
	done
	sleep 1
}
stop_server() {
	local p
	for p in $(ip netns pids "$P-s"); do kill -KILL "$p" 2>/dev/null || true; done
	sleep 0.3
}
mounts() { ns c timeout 15 nfs-cat "nfs://$S$PUB/big?version=3" >"$LAB/copy" 2>"$LAB/nfs.err" && cmp -s "$LAB/copy" "$EXP/big"; }
is() { [ "$2" = "$3" ] || die "$1: $2, wanted $3"; }
# open_ports NS: what nmap finds open at the server, one line.
open_ports() {
	ns "$1" nmap -n -Pn -sS -p- --min-rate 4000 --max-retries 1 -oG - $S 2>/dev/null | grep -o '[0-9]*/open/tcp' | cut -d/ -f1 | sort -n | tr '\n' ' '
}

# 1. Ports that float.
nfsd
ns s rpcinfo -p $S >"$LAB/rpcinfo"
rc=0
"$firestorm" lint nfs "$LAB/rpcinfo" >"$LAB/lint" || rc=$?
is "lint of floating ports" $rc 1
grep -q '^warning  mountd .*the port is chance' "$LAB/lint" || die "the lint does not see that mountd floats: $(cat "$LAB/lint")"
ns c "$firestorm" lint nfs --ask $S >"$LAB/lint.asked" || true
cmp -s "$LAB/lint" "$LAB/lint.asked" || die "the portmapper's own answer is judged otherwise: $(diff "$LAB/lint" "$LAB/lint.asked")"
"$firestorm" rpc firewall "$LAB/rpcinfo" --server $S --client $C >"$LAB/pinned.nft"
grep -q '^# pin first: mountd' "$LAB/pinned.nft" || die "the rules do not say that mountd is to be pinned"
ns gw nft -f "$LAB/pinned.nft"
! mounts || die "a mount passes though mountd floats"
"$firestorm" rpc firewall "$LAB/rpcinfo" --now --server $S --client $C >"$LAB/now.nft"
ns gw nft -f "$LAB/now.nft"
mounts || die "the rules for the ports of the moment do not let a mount through: $(cat "$LAB/nfs.err")"
stop_server
echo "ok   rpc firewall: floating ports: the lint says so, the rules for pinned ports keep the mount out, those of --now let it in"

# 2. Pinned as the lint says, beside services that nobody is to reach.
nfsd "$(grep -o 'MNT_Port = 892;' "$LAB/lint" | head -n 1) $(grep -o 'NLM_Port = 32803;' "$LAB/lint" | head -n 1)"
account s alice $PASSWORD
certificate ftp.example
for p in 22 80 8080 20049 33000; do bg s nc -lk -s $S -p $p; done
ns s rpcinfo -p $S >"$LAB/rpcinfo"
"$firestorm" lint nfs "$LAB/rpcinfo" >"$LAB/lint" || die "pinned as the lint says, and it complains still: $(cat "$LAB/lint")"
"$firestorm" rpc firewall "$LAB/rpcinfo" --server $S --client $C >"$LAB/pinned.nft"
ns gw nft flush ruleset
before=$(open_ports c)
case " $before" in *" 22 80 "*" 8080 "*" 33000 "*) ;; *) die "the server does not listen as it should: $before" ;; esac
ns gw nft -f "$LAB/pinned.nft"
mounts || die "the rules do not let a mount through: $(cat "$LAB/nfs.err")"
ns c timeout 10 nfs-ls "nfs://$S$PUB?version=3" >/dev/null || die "no listing"
ns c timeout 10 rpcinfo -T tcp $S 100021 4 >/dev/null || die "the lock manager is not reached"
ns c timeout 10 rpcinfo -T udp $S 100005 3 >/dev/null || die "mountd over UDP is not reached"
is "ports that nmap finds from the client" "$(open_ports c)" "111 892 2049 32803 "
is "ports that nmap finds from another machine" "$(open_ports stranger)" ""
udp=$(ns c nmap -n -Pn -sU -p 53,111,123,161,892,2049,5353,32769,32803,40000 --max-retries 1 -oG - $S 2>/dev/null | grep -o '[0-9]*/open/udp' | cut -d/ -f1 | sort -n | tr '\n' ' ')
for p in $udp; do case $p in 111 | 892 | 2049 | 32803) ;; *) die "UDP port $p is open" ;; esac; done
# Into the chain of a firewall that drops everything: the bare lines.
ns gw nft flush ruleset
{
	printf 'table inet own {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop\n\t\tct state established,related accept\n'
	"$firestorm" rpc firewall "$LAB/rpcinfo" --bare --server $S --client $C
	printf '\t}\n}\n'
} >"$LAB/own.nft"
ns gw nft -f "$LAB/own.nft"
mounts || die "the bare lines do not let a mount through: $(cat "$LAB/nfs.err")"
is "ports through a chain of one's own" "$(open_ports c)" "111 892 2049 32803 "
ns gw nft flush ruleset
echo "ok   rpc firewall: pinned: NFS version 3 lists, reads 300 kB and reaches the lock manager; nmap: 111 892 2049 32803 of $(echo $before | wc -w) open ports, nothing from another machine"

# 3. FTP with TLS.
ftpd s ssl_enable=YES pasv_min_port=61000 pasv_max_port=61020
conf=$(ls "$LAB"/*vsftpd*.conf | head -n 1)
"$firestorm" lint ftp "$conf" --rules --server $S --client $C >"$LAB/ftp.nft"
head -c 200000 /dev/urandom >"$LAB/upload"
transfer() {
	rm -f "$LAB/download"
	ns c timeout 20 lftp -u "alice,$PASSWORD" -e "set ssl:verify-certificate no; set ftp:ssl-force true; set ftp:ssl-protect-data true; set net:timeout 5; set net:max-retries 1; set cmd:fail-exit true; put $LAB/upload -o up; get up -o $LAB/download; bye" "ftp://$S" >"$LAB/lftp.out" 2>&1 &&
		cmp -s "$LAB/upload" "$LAB/download"
}
# Without the range: the classic failure.
ns gw nft "table inet own { chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; tcp dport 21 accept; }; }"
! transfer || die "a transfer passes though nothing lets its data through"
ns gw nft flush ruleset
ns gw nft -f "$LAB/ftp.nft"
# vsftpd and lftp break an upload with TLS off now and then, with no firewall between them as well: three tries, and nothing
# that the rules dropped.
transfer || transfer || transfer || die "the rules do not let a transfer with TLS through: $(cat "$LAB/lftp.out")"
ns gw nft list ruleset | grep -q 'counter packets 0 bytes 0 drop' || die "the rules drop packets of the transfer: $(ns gw nft list ruleset)"
is "ports that nmap finds from the client" "$(open_ports c)" "21 "
is "ports that nmap finds from another machine" "$(open_ports stranger)" ""
for p in 61001 61021 60999; do bg s nc -lk -s $S -p $p; done
sleep 0.3
is "listeners within and beside the range" "$(open_ports c)" "21 61001 "
echo "ok   lint ftp --rules: FTP with TLS puts and gets 200 kB; nmap: port 21 and the passive range, nothing else"
