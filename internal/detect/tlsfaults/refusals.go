package tlsfaults

import (
	"slices"

	"firestorm/internal/analyzer/tls"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (d *detector) cipher(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	has := func(g *tls.Handshake) bool {
		return slices.Contains(x.Ciphers, g.Cipher) && offers(x, g.Version) && (g.Group == 0 || slices.Contains(x.Groups, g.Group))
	}
	same := d.other(f, func(g *tls.Handshake) bool { return g.SNI == x.SNI && has(g) })
	if same != nil { // this client offers what the server takes: another reason
		return false
	}
	other := d.other(f, func(g *tls.Handshake) bool { return !slices.Contains(x.Ciphers, g.Cipher) })
	what, lacks := "cipher suite", "which this client does not offer"
	if x.Retried {
		what = "group"
	}
	if other == nil && !x.Retried { // the suite would do: then it is the group
		if other = d.other(f, func(g *tls.Handshake) bool {
			return g.Group != 0 && offers(x, g.Version) && !slices.Contains(x.Groups, g.Group)
		}); other != nil {
			what, lacks = "group", "of which this client does not offer the group"
		}
	}
	b.Title("%s and %s have no %s in common", detect.EndText(f.server), clientsText(f), what)
	b.Summary("Client and server speak TLS, but none of the ways of encryption that one offers is one that the other takes.")
	by, a := packet.ToClient, x.Alert[packet.ToClient]
	if a.Ref.IsZero() {
		by, a = packet.ToServer, x.Alert[packet.ToServer]
	}
	b.Why("alert %s in answer to the client's offer", tls.AlertName(a.Description))
	b.Fact(detect.Refs(x.Hello), "the client offers %s; %s", versions(x), suiteList(x.Ciphers))
	b.Fact(alertRefs(f, by), "the %s ends the handshake with the alert %s", side(by), tls.AlertName(a.Description))
	if x.Retried {
		b.Fact(detect.Refs(x.Hello, x.Answer), "the server asks for %s, the client offers %s", tls.GroupName(x.RetryGroup), groupList(x.Groups))
	}
	switch {
	case a.Description == tls.AlertInsufficientSecurity:
		b.RuledOut("other-reason", alertRefs(f, by), "the alert is about the strength of what is offered")
	case x.Retried && !slices.Contains(x.Groups, x.RetryGroup):
		b.RuledOut("other-reason", detect.Refs(x.Answer), "the server asks for a group that the client does not offer")
	case other != nil:
		with := tls.CipherName(other.Cipher)
		if what == "group" {
			with += " over " + tls.GroupName(other.Group)
			b.Fact(detect.Refs(x.Hello), "its groups are %s", groupList(x.Groups))
		}
		b.Fact(detect.Refs(other.Hello, other.Answer), "%s got on with %s and %s, %s", other.Head().Client.Addr, tls.VersionName(other.Version), with, lacks)
		if other.SNI == x.SNI {
			b.RuledOut("other-reason", detect.Refs(other.Hello, other.Answer), "the same name, asked for with another offer, was served")
		} else {
			b.Open("other-reason", "the other client asked for another name; the same offer with that name decides")
		}
	default:
		b.Open("other-reason", "no other client is seen to get on; the server's log tells what it wanted")
	}
	impact(f, b, "came to nothing")
	if what == "group" {
		b.Remedy(finding.AtClient, "update the client, or widen its list of groups (supported_groups, curves)")
		b.Remedy(finding.AtServer, "or let the server take the usual groups as well").
			Run("nginx", "ssl_ecdh_curve X25519:prime256v1:secp384r1;").Run("Apache", "SSLOpenSSLConfCmd Groups X25519:prime256v1:secp384r1")
	} else {
		l := b.Remedy(finding.AtClient, "update the client, or widen its list of cipher suites")
		if other != nil {
			l.Run("", "openssl ciphers -V | grep %s", numbers(other.Cipher))
		}
		b.Remedy(finding.AtServer, "or let the server take one of those that the client offers and that are still good (ECDHE with AES-GCM or ChaCha20); no old ones for convenience").
			Run("nginx", "ssl_ciphers HIGH:!aNULL:!MD5;").Run("Apache", "SSLCipherSuite HIGH:!aNULL:!MD5")
	}
	b.Check(connect(f, ""), "its line \"Cipher\" names what the server chooses")
	b.WrongIf("a handshake with this offer that comes to data")
	story(f, b, "")
	return true
}

// numbers is a cipher suite as openssl ciphers -V prints it: 0xC0,0x30.
func numbers(v uint16) string {
	const hex = "0123456789ABCDEF"
	return string([]byte{'0', 'x', hex[v>>12], hex[v>>8&15], ',', '0', 'x', hex[v>>4&15], hex[v&15]})
}

func suiteList(vs []uint16) string {
	var names []string
	for _, v := range vs {
		if v != 0x00ff && v != 0x5600 { // signals, not suites
			names = append(names, tls.CipherName(v))
		}
	}
	return detect.List(names, 8)
}

func groupList(vs []uint16) string {
	var names []string
	for _, v := range vs {
		names = append(names, tls.GroupName(v))
	}
	return detect.List(names, 8)
}

func (d *detector) clientCert(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	a := x.Alert[packet.ToClient]
	s := f.service
	if a.Encrypted && s.without != nil {
		return false // a client gets on without: the alert ended something else
	}
	b.Title("%s wants a client certificate, and %s has none", detect.EndText(f.server), clientsText(f))
	b.Summary("The server lets in only those who show a certificate. This client showed none and was turned away.")
	alerts := alertRefs(f, packet.ToClient)
	if a.Encrypted {
		b.Why("the server ends the connection with an alert right after the client's part of the handshake")
		b.Fact(detect.Refs(x.Answer), "TLS 1.3: the request itself cannot be seen, but the client's first protected record of %d bytes is as long as an empty answer to one makes it", x.ClientFirst)
		b.Fact(alerts, "the first record of the server after that is 19 bytes long: a protected alert; no data, no ticket")
		b.Open("unseen", "the server's log, or the client's message (certificate required), decides")
	} else {
		b.Why("it asked for one, got an empty answer, and ended the handshake: alert %s", tls.AlertName(a.Description))
		b.Fact(detect.Refs(x.CertRequest, x.ClientCert), "the server asks for a certificate, the client's answer holds none")
		b.Fact(alerts, "the server ends the handshake with the alert %s", tls.AlertName(a.Description))
		b.RuledOut("unseen", alerts, "the alert is in clear")
	}
	switch {
	case s.without != nil:
		b.Open("optional", "another client got on without a certificate (%s): the server's log tells what was different", d.scope.Frame(s.without.ClientCert))
	case s.withCert != nil && !a.Encrypted:
		b.RuledOut("optional", detect.Refs(s.withCert.CertRequest, s.withCert.ClientCert), "%s showed a certificate and got on", s.withCert.Head().Client.Addr)
	case s.withCert != nil:
		b.RuledOut("optional", detect.Refs(s.withCert.Hello, s.withCert.Head().Seen), "%s sent %d bytes there, as long as a certificate makes it, and got on", s.withCert.Head().Client.Addr, s.withCert.ClientFirst)
	default:
		b.Open("optional", "no client is seen to get on with a certificate; the server's configuration decides")
	}
	impact(f, b, "came to nothing")
	b.Remedy(finding.AtClient, "give the client the certificate and key that the server's operator issued for it").
		Run("curl", "curl --cert client.pem --key client.key https://%s/", hostOf(f))
	b.Remedy(finding.AtServer, "or, if it need not be: ask for the certificate without insisting; then whoever has none gets in, so that the application must check").
		Run("nginx", "ssl_verify_client optional;").Run("Apache", "SSLVerifyClient optional")
	b.Check(connect(f, "")+" 2>&1 | grep -A3 'client certificate CA names'", "it lists whose certificates the server takes")
	b.WrongIf("a certificate in the client's Certificate message")
	story(f, b, "")
	return true
}

func hostOf(f *fault) string {
	if len(f.hs) > 0 && plain(f.hs[0].SNI) {
		return f.hs[0].SNI
	}
	return detect.EndText(f.server)
}
