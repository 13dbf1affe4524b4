package plainlogin

import (
	"fmt"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the logins of one service.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := g.Kept[0].Data.(*logins)
	k := &g.Kept[0]
	server := event.End{Addr: k.Server, Port: k.Port}
	f := &s.first[0]
	for i := range s.first {
		if s.first[i].Outcome == event.LoginAccepted {
			f = &s.first[i]
			break
		}
	}
	names := s.names()
	who := "the password of " + names + " crosses"
	switch n := s.users(); {
	case names == "":
		who = "a password crosses"
	case n > 1:
		who = "the passwords of " + names + " cross"
	}
	b.Subject(finding.Subject{Role: "server", Addr: server.Addr, Port: server.Port})
	b.Subject(finding.Subject{Role: "client", Addr: f.client.Addr})
	b.Title("%s the network in clear text on the way to %s (%s)", who, detect.EndText(server), f.Method)
	b.Why("%s sent it in %s without encryption; anybody between can read it there", f.client.Addr, d.scope.Frame(f.Secret))
	b.Summary("Somebody at %s logged in to %s and sent the password unencrypted. Everybody on the way, and everybody who gets this capture, can read it; it is not shown here. The service works; the way of logging in should change, and so should the password.",
		f.client.Addr, detect.EndText(server))
	b.Impact("%s, %d of them accepted; from %s", detect.Plural(s.count, "login", "logins"), s.accepted, detect.Plural(s.clients(), "address", "addresses"))
	for i := range s.first {
		if i == 4 {
			b.Fact(nil, "%d more pairs of user and address", len(s.first)-i)
			break
		}
		x := &s.first[i]
		b.Fact(detect.Refs(x.Secret, x.ref), "%s from %s by %s at %s s: %s", called(x.User), x.client.Addr, x.Method, d.scope.Since(x.Secret), outcome(x.Outcome))
		b.Evidence(x.Secret, "carries the password: handle this capture as a secret")
		b.Ladder(finding.LadderRow{Ref: x.Secret, Dir: packet.ToServer, Label: x.Method, Note: "the password, readable"})
	}
	b.Fact(detect.Refs(f.Secret), "the frame with the secret is readable, so its text is not repeated in this report")
	d.alternatives(b, s, f, k)
	d.remedy(b, f, server)
	b.WrongIf("the bytes between client and server are protected by something that this place of capture is inside of")
	return true
}

func called(user string) string {
	if user == "" {
		return "a user whose name is not in clear"
	}
	return fmt.Sprintf("user %q", user)
}

func outcome(o event.LoginOutcome) string {
	return map[event.LoginOutcome]string{event.LoginAccepted: "let in", event.LoginRefused: "refused", event.LoginUnknown: "no answer seen"}[o]
}

// names lists the users, the first three by name.
func (s *logins) names() string {
	var out []string
	for i := range s.first {
		if n := fmt.Sprintf("%q", s.first[i].User); s.first[i].User != "" && !contains(out, n) {
			out = append(out, n)
		}
	}
	if len(out) > 3 {
		return strings.Join(out[:3], ", ") + fmt.Sprintf(" and %d more", len(out)-3)
	}
	return strings.Join(out, ", ")
}

func (s *logins) users() int {
	seen := map[string]bool{}
	for i := range s.first {
		seen[s.first[i].User] = true
	}
	return len(seen)
}

func (s *logins) clients() int {
	seen := map[packet.Addr]bool{}
	for i := range s.first {
		seen[s.first[i].client.Addr] = true
	}
	return len(seen)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (d *detector) alternatives(b *finding.Builder, s *logins, f *login, k *finding.Instance) {
	host := d.scope.Hosts.Get(k.Vantage, f.client.Addr)
	if host != nil && initial(host.TTLs[0]) {
		b.RuledOut("protected", detect.Refs(host.TTLRefs[0]), "the client is on this wire (its packets have TTL %d): nothing between it and here could have removed a protection", host.TTLs[0])
	} else {
		b.Open("protected", "a capture beside %s shows whether it is in clear there too", f.client.Addr)
	}
	open := true
	for i := range s.first {
		open = open && (common(s.first[i].User) || s.first[i].User == "")
	}
	if open {
		b.Open("public", "ask who may use the account %s", s.names())
	} else {
		b.RuledOut("public", detect.Refs(f.Secret), "%s is no name for everybody", s.names())
	}
}

// initial reports a TTL that no router has lowered.
func initial(ttl uint8) bool { return ttl == 64 || ttl == 128 || ttl == 255 }

// common are names of accounts that are often meant for everybody.
func common(user string) bool {
	switch strings.ToLower(user) {
	case "guest", "test", "demo", "public", "ftpuser":
		return true
	}
	return false
}

func (d *detector) remedy(b *finding.Builder, f *login, server event.End) {
	switch {
	case f.Method == "simple bind":
		b.Remedy(finding.AtServer, "once StartTLS works (see the check), refuse passwords without TLS").
			Run("OpenLDAP", `printf 'dn: cn=config\nchangetype: modify\nreplace: olcSecurity\nolcSecurity: simple_bind=128\n' | ldapmodify -Q -Y EXTERNAL -H ldapi:///`)
		b.Remedy(finding.AtClient, "ask by StartTLS, or by port 636, which is encrypted from the first byte")
		b.Check(fmt.Sprintf("ldapwhoami -x -ZZ -H ldap://%s", detect.EndText(server)), "it says anonymous where StartTLS works")
	case f.Method == "cleartext password":
		b.Remedy(finding.AtServer, "have passwords proved instead of sent: the method md5 of pg_hba.conf is SCRAM for each password that is stored so, and never sends one; scram-sha-256 wants all to be stored so").
			Run("PostgreSQL, Debian", `sed -i.before -E 's/^(host[a-z]*[[:space:]].*[[:space:]])password[[:space:]]*$/\1md5/' /etc/postgresql/*/*/pg_hba.conf && systemctl reload postgresql`)
		b.Remedy(finding.AtClient, "ask for TLS: sslmode=require, or verify-full where the server's certificate can be checked")
		b.Check(fmt.Sprintf("PGSSLMODE=require psql -h %s -p %d -l", server.Addr, server.Port), "it lists databases where TLS works")
	case f.Method == "PASS" && server.Port == 110, strings.HasPrefix(f.Method, "LOGIN"), strings.HasPrefix(f.Method, "AUTHENTICATE"), server.Port == 143, server.Port == 110:
		b.Remedy(finding.AtServer, "refuse passwords without TLS").
			Run("Dovecot", "doveconf -n | grep -e disable_plaintext_auth -e '^ssl =' ; printf 'disable_plaintext_auth = yes\\nssl = required\\n' >/etc/dovecot/conf.d/99-tls.conf && systemctl reload dovecot")
		b.Remedy(finding.AtClient, "use the ports that are encrypted from the first byte: 993 for IMAP, 995 for POP3 (RFC 8314)")
		port := uint16(993)
		if server.Port == 110 {
			port = 995
		}
		b.Check(fmt.Sprintf("openssl s_client -connect %s </dev/null", detect.EndText(event.End{Addr: server.Addr, Port: port})), "it shows a certificate when the encrypted port is there")
	case strings.HasPrefix(f.Method, "AUTH"):
		b.Remedy(finding.AtServer, "offer AUTH only after STARTTLS").
			Run("Postfix", "postconf -e smtpd_tls_auth_only=yes smtpd_tls_security_level=may && systemctl reload postfix").
			Run("Exim", "auth_advertise_hosts = ${if eq {$tls_in_cipher}{}{}{*}}")
		b.Remedy(finding.AtClient, "submit by port 465, encrypted from the first byte (RFC 8314)")
		b.Check(fmt.Sprintf("openssl s_client -starttls smtp -connect %s </dev/null", detect.EndText(server)), "it shows a certificate when STARTTLS works")
	case f.Method == "PASS":
		b.Remedy(finding.AtServer, "refuse logins without TLS, with a fixed passive range that the firewall lets through").
			Run("vsftpd", `printf 'ssl_enable=YES\nforce_local_logins_ssl=YES\nforce_local_data_ssl=YES\npasv_min_port=50000\npasv_max_port=50100\n' >>/etc/vsftpd.conf && systemctl restart vsftpd`)
		b.Remedy(finding.AtServer, "or offer SFTP (part of SSH) instead")
		b.Check(fmt.Sprintf("openssl s_client -starttls ftp -connect %s </dev/null", detect.EndText(server)), "it shows a certificate when AUTH TLS works")
	case f.Method == "password":
		b.Remedy(finding.AtServer, "replace Telnet by SSH, and switch it off")
		b.Check(fmt.Sprintf("nc -vz -w 5 %s 22", server.Addr), "on the client: SSH answers; then switch Telnet off")
	default:
		b.Remedy(finding.AtServer, "let people log in over TLS only")
		b.Check(fmt.Sprintf("openssl s_client -connect %s </dev/null", detect.EndText(server)), "it shows a certificate when TLS is there")
	}
	b.Remedy(finding.AtClient, "change the password: it has been readable, and it is in this capture")
}
