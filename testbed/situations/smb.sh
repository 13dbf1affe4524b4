#!/bin/bash
# captures: smb-guessing smb-guessing-hit smb-old-password smb-old-password-remedied smb-mistyped smb-version1
#
# Logons at a file server: samba's smbd and smbclient. The accounts are those that
# Debian has anyway; their passwords exist in the scratch folder only.
. "$(dirname "$0")/../lib.sh"
lab_begin "$1"
need smbd smbclient smbpasswd
lab_gw c c2
S=$OUT4.2
mkdir -p "$LAB"/{private,lock,state,cache,pid,ncalrpc,share}
chmod 700 "$LAB/private"
echo hello >"$LAB/share/hello.txt"
chmod -R a+rX "$LAB/share"
chmod a+x "$LAB"
cat >"$LAB/smb.conf" <<-C
	[global]
	 workgroup = WORKGROUP
	 netbios name = FILES
	 server role = standalone server
	 private dir = $LAB/private
	 lock directory = $LAB/lock
	 state directory = $LAB/state
	 cache directory = $LAB/cache
	 pid directory = $LAB/pid
	 ncalrpc dir = $LAB/ncalrpc
	 passdb backend = tdbsam:$LAB/private/passdb.tdb
	 log file = $LAB/smbd.log
	 log level = 1 auth_audit:3
	 smb ports = 445
	 disable netbios = yes
	 disable spoolss = yes
	 load printers = no
	 server min protocol = NT1
	 client min protocol = NT1
	 map to guest = never
	[share]
	 path = $LAB/share
	 read only = yes
C
for u in backup games; do
	printf 'right-%s\nright-%s\n' $u $u | smbpasswd -c "$LAB/smb.conf" -s -a $u >/dev/null
done
bg s smbd -F --no-process-group -s "$LAB/smb.conf"
wait_port s 445
# logon NS USER PASSWORD [FLAGS...]
logon() {
	local n=$1 u=$2 p=$3
	shift 3
	if ns "$n" smbclient -s "$LAB/smb.conf" "//$S/share" -U "$u%$p" "$@" -c ls >"$LAB/one" 2>&1 && grep -q hello.txt "$LAB/one"; then
		echo "$n $u: listed the share" >>"$LAB/seen"
	else
		echo "$n $u: $(grep -o 'NT_STATUS_[A-Z_]*' "$LAB/one" | head -n 1)" >>"$LAB/seen"
	fi
}
capture_both
logon c2 games right-games
case $1 in
smb-guessing | smb-guessing-hit)
	for u in administrator admin guest test user root backup games sql scanner printer info; do logon c $u secret; done
	[ "$1" = smb-guessing ] || logon c games right-games
	;;
smb-old-password) for i in $(seq 12); do
	logon c backup last-years
	sleep 3
done ;;
smb-old-password-remedied) for i in $(seq 4); do
	logon c backup right-backup
	sleep 1
done ;;
smb-mistyped)
	logon c games rihgt-games
	logon c games Right-games
	logon c games right-games
	;;
smb-version1)
	logon c games right-games -m NT1
	logon c games wrong -m NT1
	;;
esac
logon c2 games right-games
capture_stop
truth_block "What the clients saw" <"$LAB/seen"
grep -ho 'status \[[A-Z_]*\]' "$LAB"/smbd.log* 2>/dev/null | sort | uniq -c | truth_block "The server's own account of logons"
failures() { [ "$(grep -c 'NT_STATUS_LOGON_FAILURE' "$LAB/seen")" = "$1" ]; }
case $1 in
smb-guessing)
	shows "One client tries one password with twelve accounts within seconds, all refused; another client works."
	finding smb-logon-failures positive
	check "twelve refused" failures 12
	;;
smb-guessing-hit)
	shows "One client tries one password with twelve accounts, all refused; then it logs on as games."
	finding smb-logon-failures positive
	check "twelve refused" failures 12
	check "then it listed the share" grep -q '^c games: listed' "$LAB/seen"
	;;
smb-old-password)
	shows "A client tries the account backup every three seconds with an old password, twelve times, all refused."
	finding smb-logon-failures positive
	check "twelve refused" failures 12
	;;
smb-old-password-remedied)
	shows "The same client with the account's password of today: every logon succeeds."
	finding smb-logon-failures remedied
	check "none refused" failures 0
	;;
smb-mistyped)
	shows "A person mistypes a password twice and gets it right the third time."
	finding smb-logon-failures near-miss
	check "two refused" failures 2
	;;
smb-version1)
	shows "Logons over version 1 of SMB, one right and one wrong."
	finding smb-logon-failures near-miss
	check "one refused" failures 1
	check_frames "SMB1" inside.pcap "smb.cmd == 0x73" 4
	;;
esac
lab_finish
