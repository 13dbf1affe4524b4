#!/bin/bash
# captures: ssh-guessing ssh-guessing-success ssh-robot ssh-logins ssh-keys-only ssh-shut-out
#
# Logins by SSH: somebody who guesses passwords, a robot that logs in often with
# its key, people who mistype once. Remedied: a server that takes keys only, and a
# server that shuts the guesser's address out.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need ssh sshpass hydra ssh-keygen nft
lab_gw c c2
PASSWORD=Correct-Horse-9
account s alice $PASSWORD
ssh-keygen -q -t ed25519 -N "" -f "$LAB/host"
ssh-keygen -q -t ed25519 -N "" -f "$LAB/key"
mkdir -p "$LAB/home-alice/.ssh"
cp "$LAB/key.pub" "$LAB/home-alice/.ssh/authorized_keys"
chown -R 4711:4711 "$LAB/home-alice"
cat >"$LAB/sshd_config" <<-C
	Port 22
	HostKey $LAB/host
	PidFile none
	UsePAM no
	PasswordAuthentication yes
	KbdInteractiveAuthentication no
	StrictModes no
	MaxStartups 100
	LogLevel VERBOSE
C
[ "$1" != ssh-keys-only ] || sed -i 's/^PasswordAuthentication yes/PasswordAuthentication no/' "$LAB/sshd_config"
if [ "$1" = ssh-shut-out ]; then # as the finding prints it
	ns s nft add table inet filter
	ns s nft add chain inet filter input '{ type filter hook input priority filter; }'
	ns s nft insert rule inet filter input ip saddr $IN4.11 tcp dport 22 drop
fi
ns s mkdir -p /run/sshd
bg s /usr/sbin/sshd -D -e -f "$LAB/sshd_config"
wait_port s 22
S=$OUT4.2
o="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o GSSAPIAuthentication=no"
bykey() { ns "$1" ssh $o -o PreferredAuthentications=publickey -i "$LAB/key" alice@$S true && echo "$1 key: in" >>"$LAB/answers" || echo "$1 key: out" >>"$LAB/answers"; }
byword() { ns "$1" sshpass -p "$2" ssh $o -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 alice@$S true && echo "$1 password: in" >>"$LAB/answers" || echo "$1 password: out" >>"$LAB/answers"; }
case $1 in
ssh-keys-only | ssh-shut-out)
	capture gw inner inside.pcap tcp
	vantage inside.pcap "gw, device inner: between the clients and gw"
	;;
*) capture_both "tcp" ;;
esac
case $1 in
ssh-keys-only | ssh-shut-out)
	bykey c2
	for i in $(seq 24); do echo "guess-$i"; done >"$LAB/words"
	# a guesser's program of its own accord, then one that does not give up
	ns c timeout 20 hydra -I -t 2 -l alice -P "$LAB/words" ssh://$S 2>&1 | grep -aE 'ERROR|WARNING|valid' | head -n 3 | truth_block "What hydra says" || true
	[ "$1" != ssh-keys-only ] || for i in 1 2 3; do byword c guess-$i 2>/dev/null; done
	bykey c2
	;;
ssh-guessing*)
	bykey c2
	for i in $(seq 24); do echo "guess-$i"; done >"$LAB/words"
	[ "$1" = ssh-guessing ] || echo $PASSWORD >>"$LAB/words"
	ns c hydra -I -t 2 -l alice -P "$LAB/words" -o "$LAB/hydra.out" ssh://$S >"$LAB/hydra.log" 2>&1 || true
	[ "$1" = ssh-guessing ] || byword c $PASSWORD
	;;
ssh-robot)
	for i in $(seq 12); do bykey c; sleep 0.3; done
	;;
ssh-logins)
	bykey c
	byword c $PASSWORD
	byword c wrong-one
	byword c wrong-two
	byword c $PASSWORD
	byword c2 wrong-one
	bykey c2
	;;
esac
capture_stop
answers
grep -aE "Accepted|Failed" "$LAB/s.log" | sed 's/SHA256:.*/(key)/; s/port [0-9]*/port N/' | sort | uniq -c | truth_block "The server's log, summed up"
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
case $1 in
ssh-keys-only)
	shows "The server lets people log in with keys only: hydra finds that there is no password to guess and ends; who asks with passwords all the same is not asked for one."
	finding brute-force-login remedied
	check "no password was looked at" test "$(grep -ac 'Failed password' "$LAB/s.log")" = 0
	check "the key still opens" test "$(grep -c 'c2 key: in' "$LAB/answers")" = 2
	;;
ssh-shut-out)
	shows "The server drops the guesser's requests: hydra does not get as far as a password, and others log in."
	finding brute-force-login remedied
	check "no password was looked at" test "$(grep -ac 'Failed password' "$LAB/s.log")" = 0
	check "the key still opens" test "$(grep -c 'c2 key: in' "$LAB/answers")" = 2
	;;
ssh-guessing)
	shows "hydra tries 24 passwords for one user over SSH, none of them right; another client logs in with its key."
	finding brute-force-login positive
	check "24 refusals logged" test "$(grep -ac 'Failed password' "$LAB/s.log")" -ge 24
	check "none accepted" test "$(grep -ac 'Accepted password' "$LAB/s.log")" = 0
	;;
ssh-guessing-success)
	shows "hydra tries 25 passwords for one user over SSH; the last one is right, and is used to log in."
	finding brute-force-login positive
	check "refusals logged" test "$(grep -ac 'Failed password' "$LAB/s.log")" -ge 20
	check "accepted" test "$(grep -ac 'Accepted password' "$LAB/s.log")" -ge 1
	;;
ssh-robot)
	shows "A program logs in with its key 12 times within seconds: short connections of one size, and every one is let in."
	finding brute-force-login near-miss
	check "12 times in" test "$(grep -c 'key: in' "$LAB/answers")" = 12
	;;
ssh-logins)
	shows "Two people log in, some with a key, some with a password, and mistype it now and then."
	finding brute-force-login near-miss
	check "in and out" test "$(grep -c ': in' "$LAB/answers") $(grep -c ': out' "$LAB/answers")" = "4 3"
	;;
esac
lab_finish
