package tlsfaults

import (
	"slices"
	"strings"

	"firestorm/internal/analyzer/http"
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
	what := "cipher suite"
	if x.Retried {
		what = "group"
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
		b.Fact(detect.Refs(other.Hello, other.Answer), "%s got on with %s and %s, which this client does not offer", other.Head().Client.Addr, tls.VersionName(other.Version), tls.CipherName(other.Cipher))
		if other.SNI == x.SNI {
			b.RuledOut("other-reason", detect.Refs(other.Hello, other.Answer), "the same name, asked for with another offer, was served")
		} else {
			b.Open("other-reason", "the other client asked for another name; the same offer with that name decides")
		}
	default:
		b.Open("other-reason", "no other client is seen to get on; the server's log tells what it wanted")
	}
	impact(f, b, "came to nothing")
	l := b.Remedy(finding.AtClient, "update the client, or widen its list of cipher suites")
	if other != nil {
		l.Run("", "openssl ciphers -V | grep %s", numbers(other.Cipher))
	}
	b.Remedy(finding.AtServer, "or let the server take one of those that the client offers and that are still good (ECDHE with AES-GCM or ChaCha20); no old ones for convenience").
		Run("nginx", "ssl_ciphers HIGH:!aNULL:!MD5;").Run("Apache", "SSLCipherSuite HIGH:!aNULL:!MD5")
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

func (d *detector) toTLS(f *fault, b *finding.Builder) bool {
	s := f.service
	said, records, closed := refused(f)
	if s.plainN > 0 || said+records == 0 && (s.goodN == 0 || f.count < 2) {
		return false // requests in clear are served here, or nothing says that TLS is spoken
	}
	end := detect.EndText(f.server)
	b.Title("%s speaks plain HTTP to %s, which speaks TLS", clientsText(f), end)
	b.Why("http:// where https:// belongs")
	b.Summary("The client talks to the right port in the wrong language: in clear, where the server expects encryption. What it sent (names, cookies, passwords) travelled in clear.")
	var reqs, ans []packet.Ref
	for _, t := range f.txs {
		reqs = append(reqs, t.Request)
		if !t.Response.IsZero() {
			ans = append(ans, t.Response)
		} else {
			ans = append(ans, t.Head().Seen)
		}
	}
	t := f.txs[0]
	b.Fact(reqs, "requests in clear: %s %q of host %q", t.Method, t.URI, t.Host)
	switch {
	case said > 0:
		b.Fact(ans, "the server answers %d: %q", t.Status, first(t.Title, t.Text))
	case records > 0:
		b.Fact(ans, "the server answers with a TLS record")
	default:
		b.Fact(ans, "the server closes without an answer, each time")
	}
	if s.goodN > 0 {
		g := s.good[0]
		b.Fact(detect.Refs(g.Hello, g.Answer), "%s of %s at the same port succeeded", detect.Plural(s.goodN, "TLS handshake", "TLS handshakes"), detect.Plural(len(s.clients), "client", "clients"))
	} else {
		b.Fact(nil, "no TLS handshake at this port is in the capture")
	}
	if said+records > 0 {
		b.RuledOut("request", ans, "the answer says that TLS is spoken here")
	} else {
		b.Open("request", "it says nothing, %s; the server's log decides", detect.Plural(closed, "time", "times"))
	}
	b.RuledOut("both", reqs, "no request in clear was served at this port")
	impact(f, b, "came to nothing")
	if n := t.Hostname(); plain(n) {
		b.Remedy(finding.AtClient, "use https in the address").Run("", "curl -s -o /dev/null -w '%%{http_code}\\n' https://%s", hostPort(t))
	} else {
		b.Remedy(finding.AtClient, "use https in the address")
	}
	b.Remedy(finding.AtServer, "look where the wrong address comes from (a link, a proxy's upstream, a health check); port 80 may redirect to https, this port cannot")
	b.Check("openssl s_client -connect "+end+" </dev/null", "it shows a certificate where TLS is spoken")
	b.WrongIf("a request in clear that this port serves")
	for i, t := range f.txs {
		if i == 4 {
			break
		}
		show(b, t.Request, packet.ToServer, t.Method, "a request in clear")
		if !t.Response.IsZero() {
			show(b, t.Response, packet.ToClient, "answer", "the server's answer")
		} else {
			show(b, t.Head().Seen, packet.ToClient, "end", "the connection ends without an answer")
		}
	}
	if s.goodN > 0 {
		show(b, s.good[0].Hello, packet.ToServer, "ClientHello", "another client speaks TLS here")
	}
	return true
}

// refused counts how the server took requests in clear: with words, with TLS, with silence.
func refused(f *fault) (said, records, closed int) {
	for _, t := range f.txs {
		switch {
		case t.TLSAnswer:
			records++
		case t.Status == 400:
			said++
		default:
			closed++
		}
	}
	return said, records, closed
}

func first(a, b string) string {
	if a == "" {
		a = b
	}
	return a[:min(len(a), 80)]
}

func hostPort(t *http.Transaction) string {
	h := t.Hostname()
	if p := t.Head().Server.Port; p != 443 {
		return h + ":" + detect.Ports([]uint16{p}) + "/"
	}
	return h + "/"
}

// greetings are how servers begin that offer STARTTLS.
var greetings = []string{"220", "* OK", "+OK", "<?xml"}

func (d *detector) toPlain(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	text := strings.TrimSpace(x.Plain)
	greets := false
	for _, g := range greetings {
		greets = greets || strings.HasPrefix(text, g)
	}
	web := strings.HasPrefix(text, "HTTP/")
	if !greets && !web && f.count < 2 {
		return false
	}
	end := detect.EndText(f.server)
	b.Title("%s begins TLS at %s, which speaks in clear", clientsText(f), end)
	b.Summary("The client wants encryption, the server does not speak it at this port, so that nothing comes about.")
	b.Fact(detect.Refs(x.Hello), "the client begins with a ClientHello%s", forName(x))
	var said []packet.Ref
	for _, h := range f.hs {
		said = append(said, h.PlainRef)
	}
	b.Fact(said, "the server answers in words: %q", text)
	s := f.service
	switch {
	case s.goodN > 0:
		g := s.good[0]
		b.Open("both", "%s of others at this port succeeded (%s): the server's log decides", detect.Plural(s.goodN, "handshake", "handshakes"), d.scope.Frame(g.Answer))
	case s.plain != nil:
		b.Fact(detect.Refs(s.plain.Request, s.plain.Response), "%s in clear at the same port, the first one with %d", detect.Plural(s.plainN, "request was answered", "requests were answered"), s.plain.Status)
		b.RuledOut("both", detect.Refs(s.plain.Request, s.plain.Response), "requests in clear are served at this port, no handshake succeeded")
	default:
		b.RuledOut("both", said, "a TLS server does not answer in words; no handshake at this port succeeded")
	}
	impact(f, b, "came to nothing")
	if greets && !web {
		b.Why("the server greets in clear: here TLS is asked for in clear first (STARTTLS), or not at all")
		if atOnce[f.server.Port] {
			b.Remedy(finding.AtServer, "port %d is where TLS begins at once: switch that on for it", f.server.Port).
				Run("Postfix", "postconf -P 'smtps/inet/smtpd_tls_wrappermode=yes' && postfix reload").
				Run("Dovecot", "doveconf -n | grep -A4 _listener")
			b.Remedy(finding.AtClient, "or set the client to STARTTLS, if the server offers it")
		} else {
			b.Remedy(finding.AtClient, "set the client to STARTTLS, or to the port where TLS begins at once (SMTP 465, IMAP 993, POP3 995, FTP 990)")
		}
		b.Check("openssl s_client -connect "+end+" -starttls smtp </dev/null", "(or imap, pop3, ftp) shows a certificate where the server offers STARTTLS")
	} else {
		b.Why("https:// where http:// is spoken, or a server whose TLS is not switched on")
		b.Remedy(finding.AtServer, "switch TLS on for this port, if it is meant to have it").
			Run("nginx", "listen %d ssl;", f.server.Port).Run("Apache", "SSLEngine on").Run("lighttpd", `ssl.engine = "enable"`)
		b.Remedy(finding.AtClient, "or use the port where the server speaks TLS; http instead only where nothing secret is sent: it is not encrypted")
		b.Check("openssl s_client -connect "+end+" </dev/null", "it shows a certificate where TLS is spoken, \"wrong version number\" where it is not")
	}
	b.WrongIf("a handshake at this port that comes to data")
	story(f, b, "the server answers in clear")
	return true
}

func forName(x *tls.Handshake) string {
	if x.SNI == "" {
		return ""
	}
	return " for " + quoted(x.SNI)
}

// atOnce are the ports of mail and file transfer where TLS begins with the first byte (RFC 8314 3, RFC 4217).
var atOnce = map[uint16]bool{465: true, 990: true, 993: true, 995: true}
