#!/bin/bash
# Backups over a real sshd in a network namespace: a run, a second run that copies only changes (bytes are counted where
# they cross), the sshd ended in the middle of a run, the next run that goes on from what had arrived, restoring from it all
# byte for byte; plain and encrypted.
#
# usage: backup.sh FIRESTORM
set -euo pipefail
firestorm=$(readlink -f "$1")
. "$(dirname "$0")/../../testbed/lib.sh"
lab_begin tools-backup
need sshd ssh ssh-keygen rsync
lab_gw c
S=$OUT4.2
FILES=${FILES:-600} ROUNDS=${ROUNDS:-3}

# The server: keys of its own, one user, nothing of the machine's configuration.
mkdir -p "$LAB/ssh" "$LAB/srv" "$LAB/home" /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$LAB/ssh/host"
ssh-keygen -q -t ed25519 -N '' -f "$LAB/ssh/client"
cp "$LAB/ssh/client.pub" "$LAB/ssh/authorized"
cat >"$LAB/ssh/sshd_config" <<-C
	Port 2222
	ListenAddress $S
	HostKey $LAB/ssh/host
	PidFile $LAB/ssh/pid
	AuthorizedKeysFile $LAB/ssh/authorized
	StrictModes no
	UsePAM no
	PasswordAuthentication no
	PermitRootLogin prohibit-password
C
echo "[$S]:2222 $(cat "$LAB/ssh/host.pub")" >"$LAB/ssh/known"
sshd_on() {
	# An empty home, in this mount namespace alone: what the user's shell does when it begins is not our matter.
	bg s sh -c "mount --bind '$LAB/home' '$(getent passwd root | cut -d: -f6)' && exec '$(command -v sshd)' -D -f '$LAB/ssh/sshd_config' -E '$LAB/ssh/log'"
	wait_port s 2222
}
# Ends the sshd of this script with all sessions: what runs in the server's namespace is ours.
sshd_off() {
	local p
	for p in $(ip netns pids "$P-s"); do
		case $(cat "/proc/$p/comm" 2>/dev/null) in sshd* | rsync) kill -KILL "$p" 2>/dev/null || true ;; esac
	done
}
crossed() { ns s cat /sys/class/net/eth0/statistics/rx_bytes; }
shell="ssh -p 2222 -i $LAB/ssh/client -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$LAB/ssh/known -o GlobalKnownHostsFile=/dev/null -F /dev/null"
backup() { # run|verify|restore ... at DEST, which is below the server's folder
	local verb=$1 dest=$2
	shift 2
	ns c "$firestorm" backup "$verb" "root@$S:$LAB/srv/$dest" --ssh "$shell" --state "$LAB/state" "$@"
}
is() { [ "$2" = "$3" ] || die "$1: $2, wanted $3"; }

src=$LAB/src
mkdir -p "$src" "$LAB/state"
python3 - "$src" "$FILES" <<-P
	import os, random, sys
	src, n = sys.argv[1], int(sys.argv[2])
	r = random.Random(5)
	for i in range(n):
	    d = f"{src}/d{i % 37}"
	    os.makedirs(d, exist_ok=True)
	    with open(f"{d}/f{i}", "wb") as f:
	        f.write(r.randbytes(r.randrange(8000)))
P
change() { # N: files get other contents
	python3 - "$src" "$1" "$2" <<-P
		import glob, random, sys
		r = random.Random(sys.argv[3])
		for f in r.sample(sorted(glob.glob(sys.argv[1] + "/d*/f*")), int(sys.argv[2])):
		    open(f, "wb").write(r.randbytes(r.randrange(4000, 8000)))
	P
}
whole() { # DEST SNAPSHOT: the newest generation is the snapshot
	rm -rf "$LAB/back"
	backup restore "$1" --to "$LAB/back" "${id[@]}" >"$LAB/said" || die "restore: $(cat "$LAB/said")"
	diff -r "$LAB/back$src" "$2" >/dev/null || die "$1 restores to something else"
}

sshd_on
# The key pair of the command line's own tests.
sed -n '/^-- keys\/public --$/,/^-- /{/^--/!p}' "$FST_ROOT/test/cli/backup.txtar" >"$LAB/recipient"
sed -n '/^-- keys\/secret --$/,/^-- /{/^--/!p}' "$FST_ROOT/test/cli/backup.txtar" >"$LAB/identity"
for kind in ${KINDS:-plain sealed}; do
	to=() id=()
	[ $kind = plain ] || { to=(--encrypt-to "$LAB/recipient") id=(--identity "$LAB/identity"); }
	run() { backup run $kind --no-state --also "$src" --json "${to[@]}"; }
	run >"$LAB/first.json" || die "the first run: $(cat "$LAB/first.json")"
	is "$kind: files copied" "$(jq .copied "$LAB/first.json")" "$(jq .files "$LAB/first.json")"
	all=$(jq .copied_bytes "$LAB/first.json")

	# A second run copies changes, and no more bytes than those and the lists cross the wire.
	change 40 "$kind 1"
	before=$(crossed)
	run >"$LAB/second.json"
	is "$kind: files copied of 40 changed" "$(jq .copied "$LAB/second.json")" 40
	bytes=$(($(crossed) - before))
	size=$(jq .copied_bytes "$LAB/second.json")
	[ $bytes -lt $((size * 2 + FILES * 400)) ] && [ $bytes -lt $((all / 2)) ] || die "$kind: $bytes bytes crossed for $size changed"
	cp -a "$src" "$LAB/good.$kind"
	whole $kind "$LAB/good.$kind"

	# The server goes away in the middle, several times at other moments.
	broken=0
	for i in $(seq "$ROUNDS"); do
		change $((FILES / 3)) "$kind gone $i"
		run >"$LAB/gone.json" 2>"$LAB/gone.err" &
		job=$!
		was=$(crossed)
		for _ in $(seq 400); do
			[ $(($(crossed) - was)) -lt $((FILES * (200 + 500 * i))) ] || break
			kill -0 $job 2>/dev/null || break
			sleep 0.02
		done
		sshd_off
		if wait $job; then
			rm -rf "$LAB/good.$kind"
			cp -a "$src" "$LAB/good.$kind"
		else
			broken=$((broken + 1))
		fi
		sshd_on
		whole $kind "$LAB/good.$kind"
	done
	[ $broken -gt 0 ] || die "$kind: no run was broken, the trial shows nothing"

	# The next run goes on from what had arrived: less than all that changed since the last good one.
	changed=$({ diff -rq "$src" "$LAB/good.$kind" || true; } | wc -l)
	run >"$LAB/after.json"
	[ "$(jq .copied "$LAB/after.json")" -lt "$changed" ] || [ "$changed" = 0 ] || die "$kind: $(jq .copied "$LAB/after.json") copied of $changed changed: nothing that had arrived was of use"
	whole $kind "$src"
	run >"$LAB/again.json"
	is "$kind: files copied when nothing changed" "$(jq .copied "$LAB/again.json")" 0
	backup verify $kind "${id[@]}" >"$LAB/said" || die "verify: $(cat "$LAB/said")"
	echo "backup over ssh, $kind: $FILES files, $all bytes; 40 changed: $size bytes, $bytes crossed; $broken of $ROUNDS runs broken; then $(jq .copied "$LAB/after.json") of $changed changed were copied"
done
