#!/bin/bash
# Runs the peer test suite over a built firestorm and writes docs/conformance.md. The suite is no part of the repository:
# FIRESTORM_SHARED is the folder that has it, in conformance/.
set -eu -o pipefail
bin=$(realpath "$1")
go=$2
cd "$(dirname "$0")/.."
if [ ! -e "${FIRESTORM_SHARED:-}/conformance/sv_run.py" ]; then
  echo "conformance: the suite is not here: set FIRESTORM_SHARED to the folder that holds conformance/sv_run.py" >&2
  exit 2
fi
if ! python3 -c 'import yaml' 2>/dev/null; then
  echo "conformance: the runner needs PyYAML: apt-get install python3-yaml" >&2
  exit 2
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
call='read --suricata-settings {settings} --eve {eve} [--rules {rules}] [-k {checksum}] --outdir {outdir} --strict {pcap}'
cd "$FIRESTORM_SHARED/conformance"
suite=suricata-verify
./sv_run.py --tests $suite/tests --list $suite/given.txt --etc $suite/etc --version 8.0.7 --jobs "$(nproc)" --json "$out" --cmd "$bin $call" | tail -4 ||
  true # failed tests are what the page is about
cd - >/dev/null
"$go" run ./scripts/genconformance -date "$(date -u +%F)" -command "sv_run.py … --version 8.0.7 --cmd 'firestorm $call'" "$out" >docs/conformance.md
echo "written: docs/conformance.md"
