# Shared functions for the testbed scripts: sourced, never run.
#
# A situation script is called with the name of the capture it has to make. It
# sources this file, calls lab_begin, builds a small network from namespaces,
# captures while real programs talk, checks that the symptom really occurred,
# and calls lab_finish, which moves the result to its place in one step.
# A script that fails a check leaves the committed capture untouched.
#
# Exit codes: 0 made, 77 skipped (not root, program missing), other: failed.

set -euo pipefail

FST_TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FST_ROOT=$(dirname "$FST_TESTBED")
FST_CAPTURES=${FST_CAPTURES:-$FST_ROOT/testdata/captures}
# The day printed into origin.json. Fixed per recording campaign, so that a
# second run of an unchanged script changes the packets and nothing else.
FST_DATE=${FST_DATE:-2026-11-23}

# The addresses of the standard network (lab_gw): clients behind gw, server beyond.
IN4=10.1.0 OUT4=10.2.0 IN6=fd00:1: OUT6=fd00:2:

skip() { echo "SKIP ${LAB_NAME:-}: $*" >&2; exit 77; }
die() { echo "FAIL ${LAB_NAME:-}: $*" >&2; exit 1; }
note() { [ -z "${FST_VERBOSE:-}" ] || echo "     $*" >&2; }

# need PROGRAM...: skips unless every program is in the path.
need() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || skip "program '$p' is missing; see testbed/packages.txt"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root: network namespaces and packet capture"
}

# lab_begin NAME: starts the situation NAME. Sets LAB (scratch folder), OUT (the
# files to keep) and P (prefix of the namespaces).
lab_begin() {
	LAB_NAME=$1
	LAB=$(mktemp -d /tmp/fst-lab.XXXXXX)
	OUT=$LAB/out
	mkdir "$OUT"
	P=fst-$$
	LAB_NS=() LAB_CAPS=() LAB_FINDINGS=() LAB_VANTAGES=() LAB_SHOWS= LAB_SYNTHETIC=false
	trap lab_clean EXIT
	trap 'exit 130' INT TERM
	echo "# $LAB_NAME: ground truth" >"$OUT/truth.md"
	echo >>"$OUT/truth.md"
}

# lab_clean ends every process of this lab's namespaces, then the namespaces.
lab_clean() {
	local rc=$? n pids
	trap - EXIT
	set +e
	for n in "${LAB_NS[@]}"; do
		pids=$(ip netns pids "$P-$n" 2>/dev/null)
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	done
	for n in "${LAB_NS[@]}"; do
		ip netns del "$P-$n" 2>/dev/null
		rm -rf "/etc/netns/$P-$n"
	done
	if [ "$rc" = 0 ] || [ "$rc" = 77 ] || [ -z "${FST_KEEP:-}" ]; then
		rm -rf "$LAB"
	else
		echo "     kept: $LAB" >&2
	fi
	exit "$rc"
}

# truth TEXT...: adds one line to the ground truth that is kept with the capture.
truth() { echo "- $*" >>"$OUT/truth.md"; }

# truth_block TITLE: adds standard input, verbatim, to the ground truth.
truth_block() {
	{ printf '\n%s\n\n```\n' "$1"; cat; printf '```\n\n'; } >>"$OUT/truth.md"
}

# shows TEXT: one sentence, what the capture shows.
shows() { LAB_SHOWS=$1; truth "Shows: $1"; }

# synthetic: the frames were computed, no program sent them.
synthetic() { LAB_SYNTHETIC=true; truth "Synthetic: the frames were computed by the script, no host sent them."; }

# finding CODE ROLE: ROLE is positive, near-miss, clean or remedied.
finding() {
	case $2 in positive | near-miss | clean | remedied) ;; *) die "finding: bad role $2" ;; esac
	LAB_FINDINGS+=("$1 $2")
	truth "Role: $2 for $1"
}

# vantage FILE TEXT: where FILE was captured.
vantage() { LAB_VANTAGES+=("$1|$2"); truth "Vantage $1: $2"; }

# check TEXT COMMAND...: the situation failed unless COMMAND succeeds.
check() {
	local what=$1
	shift
	"$@" >/dev/null 2>&1 || die "not seen: $what ($*)"
	truth "Checked: $what"
}

# frames FILE FILTER: how many frames of OUT/FILE match the display filter.
frames() {
	tshark -n -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -r "$OUT/$1" -Y "$2" 2>/dev/null | wc -l
}

# check_frames TEXT FILE FILTER MIN [MAX]: MIN to MAX frames match the filter.
check_frames() {
	local n
	n=$(frames "$2" "$3")
	[ "$n" -ge "$4" ] && [ "$n" -le "${5:-999999999}" ] ||
		die "$1: $n frames match '$3' in $2, wanted $4..${5:-}"
	truth "Checked: $1 ($n frames of $2)"
}

# lab_finish writes origin.json and puts the folder in its place.
lab_finish() {
	local script=${LAB_SCRIPT:-$0} dest=$FST_CAPTURES/$LAB_NAME
	[ -n "$LAB_SHOWS" ] && [ ${#LAB_FINDINGS[@]} -gt 0 ] && [ ${#LAB_VANTAGES[@]} -gt 0 ] ||
		die "lab_finish: shows, finding and vantage are needed"
	python3 "$FST_TESTBED/origin.py" "$OUT" "$LAB_NAME" "$script" "$LAB_SYNTHETIC" "$FST_DATE" \
		"$LAB_SHOWS" "$(printf '%s\n' "${LAB_FINDINGS[@]}")" "$(printf '%s\n' "${LAB_VANTAGES[@]}")"
	mkdir -p "$FST_CAPTURES"
	rm -rf "$dest"
	cp -r "$OUT" "$dest"
	echo "made $LAB_NAME ($(du -sk "$dest" | cut -f1) kB)"
}
