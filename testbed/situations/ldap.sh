#!/bin/bash
# captures: ldap-clear ldap-protected
#
# People and programs ask a directory (OpenLDAP's slapd): with passwords in
# clear text; and with TLS, with SASL, or as nobody.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../login.sh"
lab_begin "$1"
need slapd ldapsearch ldapwhoami ldapmodify ldapcompare ldapmodrdn ldapdelete ldappasswd openssl
lab_gw c
PASSWORD=Correct-Horse-9
NEW=Other-$PASSWORD
BASE=dc=example,dc=com
ADMIN=cn=admin,$BASE
ALICE=uid=alice,ou=people,$BASE
S=ldap://$OUT4.2
certificate directory.example
mkdir -p "$LAB/db"
cat >"$LAB/slapd.conf" <<-C
	include /etc/ldap/schema/core.schema
	include /etc/ldap/schema/cosine.schema
	include /etc/ldap/schema/inetorgperson.schema
	modulepath /usr/lib/ldap
	moduleload back_mdb
	pidfile $LAB/slapd.pid
	TLSCertificateFile $LAB/cert.pem
	TLSCertificateKeyFile $LAB/key.pem
	authz-regexp "uid=([^,]*),.*" "uid=\$1,ou=people,$BASE"
	password-hash {CLEARTEXT}
	database mdb
	suffix "$BASE"
	rootdn "$ADMIN"
	rootpw $PASSWORD
	directory $LAB/db
	access to attrs=userPassword by self write by anonymous auth by * none
	access to * by * read
C
cat >"$LAB/data" <<-D
	dn: $BASE
	objectClass: domain
	dc: example

	dn: ou=people,$BASE
	objectClass: organizationalUnit
	ou: people

	dn: $ALICE
	objectClass: inetOrgPerson
	uid: alice
	cn: Alice
	sn: Example
	mail: alice@example.com
	userPassword: $PASSWORD
D
ns s slapadd -f "$LAB/slapd.conf" -l "$LAB/data"
bg s slapd -d 0 -h ldap://0.0.0.0:389 -f "$LAB/slapd.conf"
wait_port s 389
export LDAPTLS_REQCERT=never LDAPSASL_NOCANON=on
did() { if ns c "${@:2}" >>"$LAB/clients.log" 2>&1; then echo "c $1: in" >>"$LAB/answers"; else echo "c $1: out" >>"$LAB/answers"; fi; }
as() { printf '%s' "$2" >"$LAB/secret"; echo "-x -H $S -D $1 -y $LAB/secret"; }
capture_both "tcp port 389"
case $1 in
ldap-clear)
	did "search" ldapsearch $(as $ALICE $PASSWORD) -b $BASE "(uid=alice)" cn mail
	did "wrong password" ldapwhoami $(as $ALICE Wrong-$PASSWORD)
	printf 'dn: uid=bob,ou=people,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: B\nuserPassword: %s\n\ndn: uid=bob,ou=people,%s\nchangetype: modify\nreplace: cn\ncn: Robert\n-\nadd: mail\nmail: bob@example.com\n' \
		$BASE $PASSWORD $BASE >"$LAB/changes"
	did "changes" ldapmodify $(as $ADMIN $PASSWORD) -f "$LAB/changes"
	did "comparison" sh -c "ldapcompare $(as $ADMIN $PASSWORD) uid=bob,ou=people,$BASE cn:Robert; [ \$? = 6 ]"
	printf '%s' $NEW >"$LAB/new"
	did "new password" ldappasswd $(as $ADMIN $PASSWORD) -T "$LAB/new" uid=bob,ou=people,$BASE
	did "another name" ldapmodrdn $(as $ADMIN $PASSWORD) -r uid=bob,ou=people,$BASE uid=robert
	did "removal" ldapdelete $(as $ADMIN $PASSWORD) uid=robert,ou=people,$BASE
	did "nobody of that name" ldapsearch $(as $ADMIN $PASSWORD) -b uid=carol,ou=people,$BASE
	;;
ldap-protected)
	did "StartTLS" ldapsearch -ZZ $(as $ALICE $PASSWORD) -b $BASE "(uid=alice)" cn
	did "DIGEST-MD5, protected" ldapsearch -H $S -Y DIGEST-MD5 -U alice -w $PASSWORD -O minssf=56 -Q -b $BASE "(uid=alice)" mail
	did "SCRAM-SHA-256" ldapwhoami -H $S -Y SCRAM-SHA-256 -U alice -w $PASSWORD -Q
	did "as nobody" ldapsearch -x -H $S -b $BASE "(uid=alice)" cn
	did "root DSE" ldapsearch -x -H $S -b "" -s base supportedSASLMechanisms
	;;
esac
capture_stop
answers
! grep -rqF "$PASSWORD" "$OUT/truth.md" || die "the ground truth holds a password"
case $1 in
ldap-clear)
	shows "Directory: searches and changes, each behind a simple bind with a password in clear text."
	finding policy-plaintext-login positive
	check_frames "accepted binds" inside.pcap "ldap.bindResponse_element && ldap.resultCode == 0" 7
	check "one refused" test "$(grep -c '^c wrong password: out' "$LAB/answers")" = 1
	;;
ldap-protected)
	shows "Directory: StartTLS before the password, SASL with and without its own protection, and searches by nobody."
	finding policy-plaintext-login near-miss
	check "all in" test "$(grep -c ': in' "$LAB/answers")" = 5
	check_frames "StartTLS" inside.pcap 'ldap.requestName == "1.3.6.1.4.1.1466.20037"' 1
	;;
esac
lab_finish
