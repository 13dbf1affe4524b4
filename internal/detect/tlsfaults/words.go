package tlsfaults

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"firestorm/internal/analyzer/tls"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding of one fault.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	f := g.Kept[0].Data.(*fault)
	b.Subject(finding.Subject{Role: "server", Addr: f.server.Addr, Port: f.server.Port})
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	switch g.Code.ID {
	case CodeExpired:
		return d.expired(f, b)
	case CodeName:
		return d.name(f, b)
	case CodeVersion:
		return d.version(f, b)
	case CodeCipher:
		return d.cipher(f, b)
	case CodeClientCert:
		return d.clientCert(f, b)
	case CodeToTLS:
		return d.toTLS(f, b)
	}
	return d.toPlain(f, b)
}

// asked names the server by what it was asked for.
func asked(f *fault) string {
	end := detect.EndText(f.server)
	if sni := f.hs[0].SNI; sni != "" {
		return sni + " (" + end + ")"
	}
	return end
}

// startTLS are the ports where TLS is asked for in clear, with openssl's words for the protocols.
var startTLS = map[uint16]string{21: "ftp", 24: "lmtp", 25: "smtp", 110: "pop3", 119: "nntp", 143: "imap", 389: "ldap", 587: "smtp", 2525: "smtp", 3306: "mysql", 4190: "sieve", 5222: "xmpp", 5269: "xmpp-server", 5432: "postgres", 6667: "irc"}

// connect is an openssl command that asks as the client did; names that may not be pasted are left out.
func connect(f *fault, flags string) string {
	line := "openssl s_client -connect " + detect.EndText(f.server)
	if len(f.hs) > 0 && f.hs[0].Asked {
		if word := startTLS[f.server.Port]; word != "" {
			line += " -starttls " + word
		}
	}
	if len(f.hs) > 0 && plain(f.hs[0].SNI) {
		line += " -servername " + f.hs[0].SNI
	}
	return line + flags + " </dev/null"
}

func plain(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

func impact(f *fault, b *finding.Builder, what string) {
	b.Impact("%s of %s %s", detect.Plural(f.count, "connection", "connections"), detect.Plural(len(f.clients), "client", "clients"), what)
}

// story shows the first handshakes.
func story(f *fault, b *finding.Builder, end string) {
	for i, x := range f.hs {
		if i == 3 {
			break
		}
		show(b, x.Hello, packet.ToServer, "ClientHello", "the client begins")
		show(b, x.Answer, packet.ToClient, "ServerHello", "the server's choice")
		show(b, x.Certificate, packet.ToClient, "Certificate", "the server's certificate")
		show(b, x.ClientCert, packet.ToServer, "Certificate", "the client's answer to the request for a certificate")
		show(b, x.PlainRef, packet.ToClient, "text", end)
		for d, a := range x.Alert {
			if a.Encrypted {
				show(b, a.Ref, packet.Dir(d), "alert", "a protected alert")
			} else {
				show(b, a.Ref, packet.Dir(d), "alert", tls.AlertName(a.Description))
			}
		}
	}
}

func show(b *finding.Builder, r packet.Ref, d packet.Dir, label, note string) {
	b.Evidence(r, note)
	b.Ladder(finding.LadderRow{Ref: r, Dir: d, Label: label, Note: note})
}

func day(t packet.Time) string { return time.Unix(0, int64(t)).UTC().Format("2006-01-02 15:04 MST") }

// ago writes how long something is over.
func ago(d time.Duration) string {
	if n := int(d / (24 * time.Hour)); n > 0 {
		return detect.Plural(n, "day", "days")
	}
	return detect.Span(d)
}

func alertRefs(f *fault, d packet.Dir) []packet.Ref {
	var out []packet.Ref
	for _, x := range f.hs {
		if !x.Alert[d].Ref.IsZero() {
			out = append(out, x.Alert[d].Ref)
		}
	}
	return out[:min(len(out), 4)]
}

func (d *detector) expired(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	var shown, told *tls.Handshake // with a certificate that is over; with the client's alert
	for _, h := range f.hs {
		if !h.Certificate.IsZero() && h.NotAfter != 0 && h.NotAfter < h.Head().Seen.Time {
			shown = h
		}
		if fatal(h.Alert[packet.ToServer], tls.AlertCertificateExpired) {
			told = h
		}
	}
	name := asked(f)
	since := "has expired"
	if shown != nil {
		since = "expired " + ago(shown.Head().Seen.Time.Sub(shown.NotAfter)) + " ago"
	}
	b.Title("the certificate of %s %s", name, since)
	b.Summary("The server still shows a certificate whose time is over. Programs that check it refuse to talk; people see a warning.")
	if shown != nil {
		b.Why("it was good until %s", day(shown.NotAfter))
		b.Fact(detect.Refs(shown.Certificate), "certificate of %q, issued by %q, serial %s, good from %s to %s", shown.Subject, shown.Issuer, shown.Serial, day(shown.NotBefore), day(shown.NotAfter))
	} else if x.Answer.IsZero() {
		b.Why("the client says so; what the server showed did not pass here")
		b.Fact(detect.Refs(x.Hello), "no answer of the server to the client's hello was seen, though the client judged one")
	} else {
		b.Why("the client says so; the certificate itself is protected (%s)", tls.VersionName(x.Version))
		b.Fact(detect.Refs(x.Answer), "%s: the certificate cannot be seen; one of its chain is meant", tls.VersionName(x.Version))
	}
	if told != nil {
		b.Fact(alertRefs(f, packet.ToServer), "the client ends the handshake with the alert %s", tls.AlertName(tls.AlertCertificateExpired))
		b.RuledOut("capture-clock", alertRefs(f, packet.ToServer), "the client judged by its own clock")
	} else {
		f.reactions(b)
		d.captureClock(b)
	}
	switch {
	case shown != nil:
		b.RuledOut("client-clock", detect.Refs(shown.Certificate), "the certificate's end is before the time of the capture")
	case x.Answer.IsZero():
		b.Open("client-clock", "what the server showed was not seen: capture both directions")
		b.Cap(finding.Possible)
	case len(f.clients) > 1:
		b.RuledOut("client-clock", alertRefs(f, packet.ToServer), "%d clients say the same", len(f.clients))
	default:
		b.Open("client-clock", "one client says so; its clock, or another client, decides")
	}
	impact(f, b, "met it")
	if told == nil && f.left == 0 {
		b.Severity(finding.Medium)
	}
	b.Remedy(finding.AtServer, "renew the certificate, have the server read it again, and see why the renewal did not run").
		Run("certbot", "certbot renew").Run("nginx", "nginx -s reload").Run("Apache", "apachectl graceful").Run("systemd", "systemctl list-timers --all")
	b.Check(connect(f, "")+" 2>/dev/null | openssl x509 -noout -subject -dates", "from anywhere; notAfter must lie in the future")
	b.WrongIf("a clock that shows an earlier time than %s", endOf(shown, x))
	story(f, b, "")
	return true
}

// reactions tells what the clients made of the certificate, where none of them gave a reason.
func (f *fault) reactions(b *finding.Builder) {
	all := detect.Plural(f.count, "connection", "connections")
	if f.onward > 0 {
		b.Fact(detect.Refs(f.data), "%d of %s went on all the same, with data", f.onward, all)
	}
	if f.left > 0 {
		b.Fact(leaving(f), "in %d of %s the client left without data", f.left, all)
	}
	if n := f.count - f.onward - f.left; n > 0 {
		b.Fact(nil, "in %d of %s it cannot be seen what the client made of it: neither its data nor its leaving", n, all)
	}
}

func endOf(shown, x *tls.Handshake) string {
	if shown != nil {
		return day(shown.NotAfter)
	}
	return day(x.Head().Seen.Time)
}

// captureClock compares the clock of the capture with that of servers.
func (d *detector) captureClock(b *finding.Builder) {
	switch {
	case d.date.ok && d.date.diff < clockSlack:
		b.RuledOut("capture-clock", detect.Refs(d.date.ref), "the Date of an HTTP answer agrees with the time of the capture")
	case d.date.ok:
		b.Open("capture-clock", "the Date of an HTTP answer (%s) differs from the time of the capture by %s", d.scope.Frame(d.date.ref), detect.Span(d.date.diff))
		b.Cap(finding.Possible)
	default:
		b.Open("capture-clock", "nothing in the capture tells the time; date on the capturing machine decides")
	}
}

func (d *detector) name(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	alert := fatal(x.Alert[packet.ToClient], tls.AlertUnrecognizedName)
	if !alert && d.wentOn(f) { // with the same certificate others were content
		return false
	}
	end := detect.EndText(f.server)
	b.Title("%s does not have the name %s that clients ask it for", end, x.SNI)
	b.Summary("Clients come to this server for the name %q. The server has no certificate for it, so they cannot know whom they talk to and leave.", x.SNI)
	b.Fact(detect.Refs(x.Hello), "the client asks for %q (SNI)", x.SNI)
	if alert {
		b.Why("the server says so: alert %s", tls.AlertName(tls.AlertUnrecognizedName))
		b.Fact(alertRefs(f, packet.ToClient), "the server ends the handshake with the alert %s", tls.AlertName(tls.AlertUnrecognizedName))
		b.RuledOut("other-reason", alertRefs(f, packet.ToClient), "the alert is about the name")
	} else {
		b.Why("its certificate is for %s", list(x.SANs))
		b.Fact(detect.Refs(x.Certificate), "certificate of %q for %s, good until %s", x.Subject, list(x.SANs), day(x.NotAfter))
		b.Fact(leaving(f), "%s of %s left without data", detect.Plural(f.count, "connection", "connections"), detect.Plural(len(f.clients), "client", "clients"))
		if g := d.content(f); g != nil {
			b.RuledOut("other-reason", detect.Refs(g.Certificate, g.Head().Seen), "the same certificate was good enough for the name %q", g.SNI)
		} else {
			b.Open("other-reason", "no client was content with this certificate; the client's own message decides")
		}
	}
	impact(f, b, "came to nothing")
	b.Remedy(finding.AtServer, "get a certificate that names %s, and give the server a virtual host for it; or take the name's address record away from this server", quoted(x.SNI))
	b.Remedy(finding.AtClient, "ask for a name that the server has: %s", list(known(f, x)))
	b.Check(connect(f, "")+" 2>/dev/null | openssl x509 -noout -ext subjectAltName", "from anywhere; the name asked for must be among those")
	b.WrongIf("a certificate for this name from this server")
	story(f, b, "")
	return true
}

// known are names that the server has.
func known(f *fault, x *tls.Handshake) string {
	if x.SANs != "" {
		return x.SANs
	}
	var names []string
	for _, g := range f.service.good {
		if g.SNI != "" && g.SNI != x.SNI {
			names = append(names, g.SNI)
		}
	}
	return strings.Join(names, " ")
}

// content returns a handshake to which the same certificate was good enough.
func (d *detector) content(f *fault) *tls.Handshake {
	for _, g := range f.service.good {
		if g.Fingerprint != "" && g.Fingerprint == f.hs[0].Fingerprint && g.SNI != f.hs[0].SNI {
			if ok, _ := g.Covers(g.SNI); ok {
				return g
			}
		}
	}
	return nil
}

// wentOn reports that the same name was taken by somebody.
func (d *detector) wentOn(f *fault) bool {
	for _, g := range f.service.good {
		if g.SNI == f.hs[0].SNI {
			return true
		}
	}
	return false
}

// leaving are the ends of handshakes that the client ended.
func leaving(f *fault) []packet.Ref {
	var out []packet.Ref
	for _, x := range f.hs {
		if x.ClientLeft() {
			out = append(out, x.Head().Seen)
		}
	}
	return out[:min(len(out), 4)]
}

func list(names string) string {
	parts := strings.Fields(names)
	for i := range parts {
		parts[i] = quoted(parts[i])
	}
	if len(parts) == 0 {
		return "names that were not seen"
	}
	return detect.List(parts, 5)
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func (d *detector) version(f *fault, b *finding.Builder) bool {
	x := f.hs[0]
	by := packet.ToClient
	if fatal(x.Alert[packet.ToServer], tls.AlertProtocolVersion) {
		by = packet.ToServer
	}
	most := tls.VersionName(x.ClientVersion)
	other := d.other(f, func(g *tls.Handshake) bool { return !offers(x, g.Version) })
	newer := other != nil && least(x) > other.Version // it is the client that asks for more
	if newer {
		b.Title("%s and %s have no TLS version in common: the client wants %s at least", detect.EndText(f.server), clientsText(f), tls.VersionName(least(x)))
	} else {
		b.Title("%s and %s have no TLS version in common: the client speaks %s at most", detect.EndText(f.server), clientsText(f), most)
	}
	b.Why("alert %s", tls.AlertName(tls.AlertProtocolVersion))
	b.Summary("Client and server speak TLS, but none of the same versions, so that no connection comes about.")
	b.Fact(detect.Refs(x.Hello), "the client offers %s", versions(x))
	b.Fact(alertRefs(f, by), "the %s ends the handshake with the alert %s", side(by), tls.AlertName(tls.AlertProtocolVersion))
	if by == packet.ToServer && !x.Answer.IsZero() {
		b.Fact(detect.Refs(x.Answer), "the server had chosen %s", tls.VersionName(x.Version))
	}
	same := d.other(f, func(g *tls.Handshake) bool { return offers(x, g.Version) })
	switch {
	case same != nil:
		b.Open("intolerance", "%s got on with %s, which this client offers too (%s)", same.Head().Client.Addr, tls.VersionName(same.Version), d.scope.Frame(same.Answer))
	case other != nil:
		b.RuledOut("intolerance", detect.Refs(other.Hello, other.Answer), "%s got on with %s, which this client does not offer", other.Head().Client.Addr, tls.VersionName(other.Version))
	case by == packet.ToServer:
		b.RuledOut("intolerance", alertRefs(f, by), "the client refuses the server's choice")
	default:
		b.Open("intolerance", "no other client is seen to get on, so that the server's versions are unknown; an openssl s_client with -tls1_2 and with -tls1_3 decides")
	}
	impact(f, b, "came to nothing")
	if newer {
		b.Remedy(finding.AtServer, "update the server, or the library it uses, so that it speaks %s; today it speaks %s", tls.VersionName(least(x)), tls.VersionName(other.Version)).
			Run("nginx", "ssl_protocols TLSv1.2 TLSv1.3;").Run("Apache", "SSLProtocol -all +TLSv1.2 +TLSv1.3")
		if other.Version == tls.VersionTLS12 {
			b.Remedy(finding.AtClient, "or let the client take TLS 1.2 as well, which is still good with ECDHE and AES-GCM or ChaCha20")
		}
		b.Check(connect(f, ""), "its line \"Protocol\" names what the server chooses")
		b.WrongIf("a handshake of this client with this server that comes to data")
		story(f, b, "")
		return true
	}
	want := "a newer version"
	if other != nil {
		want = tls.VersionName(other.Version)
	}
	b.Remedy(finding.AtClient, "update the client, or the library it uses, so that it speaks %s", want)
	b.Remedy(finding.AtServer, "where the client cannot be changed: allow %s there (TLS 1.0 and 1.1 are weak, RFC 8996: only for a while, and only for such clients)", most).
		Run("nginx", "ssl_protocols TLSv1.2 TLSv1.3;").Run("Apache", "SSLProtocol -all +TLSv1.2 +TLSv1.3")
	b.Check(connect(f, ""), "its line \"Protocol\" names what the server chooses")
	b.WrongIf("a handshake of this client with this server that comes to data")
	story(f, b, "")
	return true
}

func side(d packet.Dir) string {
	if d == packet.ToServer {
		return "client"
	}
	return "server"
}

func clientsText(f *fault) string {
	if n := len(f.clients); n > 1 {
		return detect.Plural(n, "client", "clients")
	}
	return f.first().Client.Addr.String()
}

// doing begins a sentence with who does it.
func doing(f *fault, one, several string) string {
	if len(f.clients) > 1 {
		one = several
	}
	return clientsText(f) + " " + one
}

func (f *fault) first() *event.Head {
	if len(f.hs) > 0 {
		return f.hs[0].Head()
	}
	return f.txs[0].Head()
}

// offers reports whether the client offers a version.
func offers(x *tls.Handshake, v uint16) bool {
	if len(x.Versions) == 0 {
		return v <= x.ClientVersion
	}
	for _, o := range x.Versions {
		if o == v {
			return true
		}
	}
	return false
}

// least is the lowest version that the client offers.
func least(x *tls.Handshake) uint16 {
	if len(x.Versions) == 0 {
		return 0
	}
	return slices.Min(x.Versions)
}

func versions(x *tls.Handshake) string {
	if len(x.Versions) == 0 {
		return tls.VersionName(x.ClientVersion) + " and what is below"
	}
	var names []string
	for _, v := range x.Versions {
		names = append(names, tls.VersionName(v))
	}
	return detect.List(names, 6)
}

// other returns a handshake at the same server that came to data and is so.
func (d *detector) other(f *fault, is func(*tls.Handshake) bool) *tls.Handshake {
	for _, g := range f.service.good {
		if is(g) {
			return g
		}
	}
	return nil
}
