package tlsfaults

import (
	"strings"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (d *detector) toTLS(f *fault, b *finding.Builder) bool {
	s := f.service
	said, records, closed := refused(f)
	if s.plainN > 0 || said+records == 0 && (s.goodN == 0 || f.count < 2) {
		return false // requests in clear are served here, or nothing says that TLS is spoken
	}
	end := detect.EndText(f.server)
	b.Title("%s plain HTTP to %s, which speaks TLS", doing(f, "speaks", "speak"), end)
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

// speaksFirst reports that text is a line of a server of mail, files or chat, which greets its clients and may offer STARTTLS:
// a greeting, or what it says of a hello that it takes for a command.
func speaksFirst(text string) bool {
	for _, g := range []string{"* ", "+OK", "-ERR", "<?xml"} {
		if strings.HasPrefix(text, g) {
			return true
		}
	}
	return len(text) > 3 && text[0] >= '2' && text[0] <= '5' && isDigit(text[1]) && isDigit(text[2]) && (text[3] == ' ' || text[3] == '-')
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (d *detector) toPlain(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	text := strings.TrimSpace(x.Plain)
	greets, web := speaksFirst(text), strings.HasPrefix(text, "HTTP/")
	if !greets && !web && f.count < 2 {
		return false
	}
	end := detect.EndText(f.server)
	b.Title("%s TLS at %s, which speaks in clear", doing(f, "begins", "begin"), end)
	b.Summary("The client wants encryption, the server does not speak it at this port, so that nothing comes about.")
	b.Fact(detect.Refs(x.Hello), "the client begins with a ClientHello%s", forName(x))
	var said []packet.Ref
	for _, h := range f.hs {
		said = append(said, h.PlainRef)
	}
	b.Fact(said, "the server answers in words: %q", text)
	s := f.service
	switch {
	case s.goodN > 0 && s.goodN == s.askedN:
		g := s.good[0]
		b.Fact(detect.Refs(g.Hello, g.Answer), "%s at this port succeeded, after words in clear", detect.Plural(s.goodN, "handshake", "handshakes"))
		b.RuledOut("both", detect.Refs(g.Hello, g.Answer), "TLS works here for who asks for it in clear first")
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
	switch at, once := atOnce[f.server.Port]; {
	case greets && once:
		b.Why("the server speaks in clear at a port where TLS is to begin with the first byte")
		l := b.Remedy(finding.AtServer, "port %d is where TLS begins at once: switch that on for it", f.server.Port)
		for _, p := range at.programs {
			l.Run(p.name, "%s", p.line)
		}
		b.Remedy(finding.AtClient, "or set the client to the port of STARTTLS (%s), if the server offers it; one that goes on in clear where it does not gives passwords away", at.starttls)
		b.Check("openssl s_client -connect "+end+" </dev/null", "it shows a certificate where TLS begins at once")
	case greets:
		b.Why("the server greets in clear: here TLS is asked for in clear first (STARTTLS), or not at all")
		b.Remedy(finding.AtClient, "set the client to STARTTLS, and to insist on it; or to the port where TLS begins at once (SMTP 465, IMAP 993, POP3 995, FTP 990)")
		b.Check("openssl s_client -connect "+end+" -starttls "+asks(f.server.Port, text)+" </dev/null", "it shows a certificate where the server offers STARTTLS")
	default:
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

// wrapped is a port of mail and file transfer where TLS begins with the first byte.
type wrapped struct {
	starttls string // where it is asked for in clear first
	programs []program
}

type program struct{ name, line string }

// atOnce are those ports (RFC 8314 3, RFC 4217).
var atOnce = map[uint16]wrapped{
	465: {"587", []program{{"Postfix", "postconf -P 'smtps/inet/smtpd_tls_wrappermode=yes' && postfix reload"}, {"Exim", "tls_on_connect_ports = 465"}}},
	990: {"21", []program{{"vsftpd", "ssl_enable=YES"}, {"vsftpd", "implicit_ssl=YES"}}},
	993: {"143", []program{{"Dovecot, inet_listener imaps", "ssl = yes"}}},
	995: {"110", []program{{"Dovecot, inet_listener pop3s", "ssl = yes"}}},
}

// asks is the protocol in which TLS is asked for, as openssl s_client names it.
func asks(port uint16, text string) string {
	switch {
	case strings.HasPrefix(text, "* "):
		return "imap"
	case strings.HasPrefix(text, "+OK"), strings.HasPrefix(text, "-ERR"):
		return "pop3"
	case strings.HasPrefix(text, "<?xml"):
		return "xmpp"
	case port == 21:
		return "ftp"
	}
	return "smtp"
}
