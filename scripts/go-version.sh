#!/bin/bash
# go-version.sh GO MIN: fails, with the fix, unless GO is at least version MIN.
go=$1 min=$2
fix() {
	cat >&2 <<TXT
firestorm needs Go $min or newer: $1.
  try   install it from https://go.dev/dl/ (unpack to /usr/local, then: export PATH=/usr/local/go/bin:\$PATH),
        or, with Go 1.21 or newer already here, let it fetch the right one: go env -w GOTOOLCHAIN=auto
TXT
	exit 1
}
command -v "$go" >/dev/null 2>&1 || fix "no '$go' in PATH"
have=$("$go" env GOVERSION 2>/dev/null) || fix "'$go env GOVERSION' fails: $("$go" version 2>&1 | head -n 1)"
case $have in devel*) exit 0 ;; esac
have=${have#go}
have=${have%%[-a-z ]*}
[ "$(printf '%s\n%s\n' "$min" "$have" | sort -V | head -n 1)" = "$min" ] || fix "this is Go $have"
