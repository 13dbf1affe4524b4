#!/bin/bash
# Findings by e-mail through a real mail server (exim, STARTTLS and login): a severe finding at once, "blind since" when the
# interface goes down, "sees again" when it is back, and the mail of the day. The password is nowhere but in its file.
#
# usage: mail.sh FIRESTORM
set -euo pipefail
firestorm=$(readlink -f "$1")
. "$(dirname "$0")/../../testbed/lib.sh"
lab_begin mail
need exim4 openssl python3 curl
lab_gw c
secret=Correct-Horse-9
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mail.example -addext "subjectAltName=IP:$OUT4.2" -days 2 -keyout "$LAB/key.pem" -out "$LAB/cert.pem" 2>/dev/null
chmod 711 "$LAB"
chmod 644 "$LAB/key.pem" # exim gives up its rights
mkdir -p "$LAB/exim/spool" "$LAB/maildir"
chmod 777 "$LAB/exim" "$LAB/exim/spool" "$LAB/maildir"
cat >"$LAB/exim/conf" <<-X
	primary_hostname = mail.example
	spool_directory = $LAB/exim/spool
	log_file_path = $LAB/exim/%slog
	local_interfaces = 0.0.0.0
	daemon_smtp_ports = 587
	tls_certificate = $LAB/cert.pem
	tls_privatekey = $LAB/key.pem
	tls_advertise_hosts = *
	acl_smtp_mail = only_known
	acl_smtp_rcpt = accept
	host_lookup =
	rfc1413_query_timeout = 0s
	never_users =
	begin acl
	only_known:
	accept authenticated = *
	deny message = log in first
	begin routers
	all:
	driver = accept
	transport = keep
	begin transports
	keep:
	driver = appendfile
	maildir_format
	directory = $LAB/maildir
	create_directory
	user = Debian-exim
	begin authenticators
	plain:
	driver = plaintext
	public_name = PLAIN
	server_advertise_condition = \${if def:tls_in_cipher}
	server_prompts = :
	server_condition = \${if and{{eq{\$auth2}{sensor}}{eq{\$auth3}{$secret}}}}
	server_set_id = \$auth2
X
chmod 644 "$LAB/exim/conf"
bg s exim4 -bdf -q1h -C "$LAB/exim/conf"
wait_port s 587
echo $secret >"$LAB/secret"
chmod 600 "$LAB/secret"
mkdir "$LAB/state"
cat >"$LAB/f.yaml" <<-C
	findings: {min-confidence: possible}
	mail:
	  server: $OUT4.2:587
	  ca-file: $LAB/cert.pem
	  user: sensor
	  password-file: $LAB/secret
	  from: Sensor <sensor@gw.example>
	  to: [admin@mail.example, second@mail.example]
	  at-once: low
	  digest-hour: $(((10#$(date +%H) + 12) % 24))
C

# mails FROM_WATCH... : runs a watch that ends by itself, in the background; its words go to LAB/said.
ip netns exec "$P-gw" "$firestorm" watch inner --config "$LAB/f.yaml" --ring 4M >"$LAB/said" 2>&1 &
watch=$!
sleep 1.5
for _ in 1 2 3; do ns c curl -sS -m 2 "http://$OUT4.2:81/" >/dev/null 2>&1 || true; done
for _ in $(seq 225); do # the finding is held for half a minute, in case a better explanation comes
	[ -z "$(grep -ls 'Subject: .*refus\|Subject: .*81' "$LAB"/maildir/new/* 2>/dev/null)" ] || break
	sleep 0.2
done
[ -n "$(grep -ls 'Subject: .*81' "$LAB"/maildir/new/* 2>/dev/null)" ] || die "no mail came while the watch ran"
ns gw ip link set inner down
sleep 3
ns gw ip link set inner up
sleep 3
kill -TERM $watch
wait $watch || true

# The same without a folder for state: what waits for the day goes when the watch ends.
sed -i 's/at-once: low/at-once: critical/' "$LAB/f.yaml"
ip netns exec "$P-gw" "$firestorm" watch inner --config "$LAB/f.yaml" --ring 4M >>"$LAB/said" 2>&1 &
watch=$!
sleep 1.5
ns c curl -sS -m 2 "http://$OUT4.2:82/" >/dev/null 2>&1 || true
sleep 4
kill -TERM $watch
wait $watch || true
sleep 1

python3 - "$LAB/maildir/new" <<'P'
import email, email.policy, os, sys
mails = []
for n in os.listdir(sys.argv[1]):
    m = email.message_from_binary_file(open(os.path.join(sys.argv[1], n), "rb"), policy=email.policy.default)
    if m["Envelope-to"] is None or "admin" in m.get("Envelope-to", "admin"):
        mails.append(m)
subjects = sorted(m["Subject"] for m in mails)
for s in subjects: print("    ", s)
def one(part):
    found = [m for m in mails if part in m["Subject"]]
    assert found, "no mail about " + part
    return found[0]
for part, inside in (("refused 3 requests for port 81", "81"), ("BLIND: inner is down", "blind since 20"), ("sees again: inner is back", "was blind from 20"), ("the day: 1 ", "82")):
    m = one(part)
    assert inside in m.get_content(), m.get_content()
    assert m["Auto-Submitted"] == "auto-generated" and m["List-Id"] and m["Message-ID"], m.items()
    assert m.get_content_type() == "text/plain" and not m.defects, m.defects
P
if grep -r "$secret" "$LAB/said" "$LAB/maildir" "$LAB/state"; then die "the password is shown"; fi
grep -q 'A=plain:sensor.*\|X=TLS' "$LAB/exim/mainlog" || die "no protected login: $(cat "$LAB/exim/mainlog")"
grep -c 'X=TLS.*A=plain:sensor' "$LAB/exim/mainlog" | sed 's/$/ mails were taken over TLS with a login/'
echo "mail.sh: ok"
