#!/bin/bash
# captures: postgres-clear postgres-protected
#
# Programs ask PostgreSQL: with a password in clear text; and with SCRAM, with
# TLS, or without any, as the server's list of hosts says.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
PG=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
need psql pgbench setpriv openssl
[ -x "$PG/postgres" ] || skip "program 'postgres' is missing; see testbed/packages.txt"
lab_gw c
PASSWORD=Correct-Horse-9
S=$OUT4.2
certificate database.example
D=$LAB/data
mkdir "$D"
chown -R 4711:4711 "$D"
chmod a+rx "$LAB"
own() { ns s setpriv --reuid 4711 --regid 4711 --clear-groups "$@"; }
account s postgres "$PASSWORD"
own "$PG/initdb" -D "$D" -U postgres -A trust --no-locale -E UTF8 >"$LAB/initdb.log"
install -o 4711 -g 4711 -m 600 "$LAB/key.pem" "$D/key.pem"
install -o 4711 -g 4711 -m 600 "$LAB/cert.pem" "$D/cert.pem"
cat >"$D/pg_hba.conf" <<-H
	local all all trust
	hostnossl shop clear $IN4.0/24 password
	hostssl shop sealed $IN4.0/24 scram-sha-256
	host shop scram $IN4.0/24 scram-sha-256
	host shop open $IN4.0/24 trust
H
bg s setpriv --reuid 4711 --regid 4711 --clear-groups "$PG/postgres" -D "$D" -h $S -k "$D" -c ssl=on -c ssl_cert_file=cert.pem -c ssl_key_file=key.pem -c fsync=off
wait_port s 5432
own psql -q -h "$D" -U postgres >"$LAB/setup.log" <<-Q
	CREATE DATABASE shop;
	\c shop
	CREATE TABLE goods (id int, name text);
	INSERT INTO goods VALUES (1, 'cup'), (2, 'plate'), (3, NULL);
	GRANT ALL ON goods TO public;
	CREATE ROLE clear LOGIN PASSWORD '$PASSWORD';
	CREATE ROLE sealed LOGIN PASSWORD '$PASSWORD';
	CREATE ROLE scram LOGIN PASSWORD '$PASSWORD';
	CREATE ROLE open LOGIN;
Q
export PGCONNECT_TIMEOUT=8
ask() { # WORDS USER SSLMODE STATEMENT...: psql's view into LAB/answers
	local words=$1 user=$2 mode=$3 rc=0
	shift 3
	local s=()
	for q in "$@"; do s+=(-c "$q"); done
	PGPASSWORD=${GIVEN:-$PASSWORD} ns c psql -X -A -t -h $S -U "$user" "dbname=shop sslmode=$mode" "${s[@]}" </dev/null >>"$LAB/clients.log" 2>&1 || rc=$?
	echo "c $words: $([ $rc = 2 ] && echo out || echo in)" >>"$LAB/answers"
}
capture_both "tcp port 5432"
case $1 in
postgres-clear)
	ask "password" clear prefer "SELECT * FROM goods" "SELECT 1/0"
	GIVEN=Wrong-$PASSWORD ask "wrong password" clear disable "SELECT 1"
	;;
postgres-protected)
	ask "SCRAM without TLS" scram disable "BEGIN" "DELETE FROM goods WHERE id = 3" "COMMIT" "COPY goods TO STDOUT" "SELECT count(*) FROM nothing"
	GIVEN=Wrong-$PASSWORD ask "SCRAM, wrong password" scram disable "SELECT 1"
	ask "SCRAM within TLS" sealed require "SELECT * FROM goods"
	ask "without password" open disable "SELECT name FROM goods"
	printf '7\tspoon\n8\tfork\n' >"$LAB/rows"
	ask "rows sent" open disable "\\copy goods FROM '$LAB/rows'"
	printf 'SELECT name FROM goods WHERE id = 1;\n' >"$LAB/bench"
	ns c pgbench -n -h $S -U open -M extended -t 3 -f "$LAB/bench" "dbname=shop sslmode=disable" >>"$LAB/clients.log" 2>&1 && echo "c pgbench, extended query: in" >>"$LAB/answers"
	ns c timeout -s INT 0.6 psql -X -q -h $S -U open "dbname=shop sslmode=disable" -c "SELECT pg_sleep(5)" </dev/null >>"$LAB/clients.log" 2>&1 || true
	echo "c a query of five seconds: cancelled" >>"$LAB/answers"
	;;
esac
capture_stop
answers
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
case $1 in
postgres-clear)
	shows "PostgreSQL without TLS: a password in clear text, let in; a wrong one, refused."
	finding policy-plaintext-login positive
	check "one in, one out" test "$(grep -c ': in' "$LAB/answers") $(grep -c ': out' "$LAB/answers")" = "1 1"
	check_frames "questions for a password in clear" inside.pcap "pgsql.authtype == 3" 2
	;;
postgres-protected)
	shows "PostgreSQL: SCRAM without and within TLS, nobody's account, copies, prepared statements, a query that is cancelled."
	finding policy-plaintext-login near-miss
	check "five in, one out" test "$(grep -c ': in' "$LAB/answers") $(grep -c ': out' "$LAB/answers")" = "5 1"
	check_frames "a cancel" inside.pcap 'pgsql.type == "Cancel request"' 1
	;;
esac
lab_finish
