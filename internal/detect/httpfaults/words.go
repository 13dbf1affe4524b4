package httpfaults

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one site or server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code.ID == CodeLoop {
		d.circling(g, g.Kept[0].Data.(*loop), b)
		return true
	}
	s := g.Kept[0].Data.(*server)
	if !s.worth() {
		return false
	}
	d.failing(g, s, b)
	return true
}

// plain reports whether a text from packets is safe within a shell command.
func plain(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._/", c)) {
			return false
		}
	}
	return s != "" && len(s) <= 200
}

func siteName(host string, e event.End) string {
	if host == "" || host == e.Addr.String() {
		return detect.EndText(e)
	}
	return host + " (" + detect.EndText(e) + ")"
}

func (d *detector) circling(g *finding.Group, l *loop, b *finding.Builder) {
	h := l.hops[0]
	name := siteName(l.host, l.server)
	b.Subject(finding.Subject{Role: "server", Addr: l.server.Addr, Port: l.server.Port})
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	offload := l.distinct == 1 && strings.HasPrefix(h.raw, "https://") && l.server.Port != 443
	b.Title("%s sends its clients round in a circle: %s", name, detect.Plural(l.count, "redirect", "redirects"))
	var refs, reqs []packet.Ref
	var way []string
	cookies, sets := false, false
	for i, x := range l.hops {
		refs, reqs = append(refs, x.answer), append(reqs, x.request)
		cookies, sets = cookies || x.cookie, sets || x.set
		if i < l.distinct {
			way = append(way, fmt.Sprintf("%q (%d) to %q", x.from, x.status, x.raw))
		}
	}
	if offload {
		b.Why("the request comes in clear, is redirected to https for the same address, and comes back in clear: a device in front takes TLS off, and the application does not know")
		b.Summary("A proxy or load balancer in front of this server ends the encryption and passes the requests on in clear. The application sees plain HTTP and sends the visitor to https, where it already was. Browsers stop after some " +
			"twenty rounds and say \"too many redirects\".")
	} else {
		b.Why("the addresses redirect to each other: %s", detect.List(way, 3))
		b.Summary("Each page sends the visitor to the next one, and the last one back to the first. Browsers stop after some twenty rounds and say \"too many redirects\".")
	}
	b.Impact("%s saw no page: %s in all", detect.Plural(len(l.clients), "client", "clients"), detect.Plural(l.count, "redirect", "redirects"))
	n := len(l.hops)
	b.Fact(refs[:min(n, 6)], "%s within %s: %s", detect.Plural(n, "redirect", "redirects"), detect.Span(l.hops[n-1].answer.Time.Sub(h.request.Time)), detect.List(way, 3))
	proto := "no X-Forwarded-Proto in the requests"
	if h.proto != "" {
		proto = fmt.Sprintf("X-Forwarded-Proto in the requests: %q", h.proto)
	}
	b.Fact(reqs[:min(n, 3)], "the requests travel in clear here; %s", proto)
	switch {
	case sets && !cookies:
		b.Open("cookie", "the answers set a cookie, and no request brought it back: a browser that keeps cookies decides")
	case sets:
		b.RuledOut("cookie", reqs[:min(n, 3)], "the requests bring their cookies")
	default:
		b.RuledOut("cookie", refs[:min(n, 3)], "the answers set no cookie")
	}
	if l.distinct > 1 {
		b.RuledOut("polling", reqs[:min(n, 4)], "the client goes from each address to the one it is sent to")
	} else if n >= 2*loopLength || l.hops[n-1].answer.Time.Sub(h.request.Time) < loopTime/10 {
		b.RuledOut("polling", reqs[:min(n, 4)], "each request follows the answer before it at once: %d in %s", n, detect.Span(l.hops[n-1].answer.Time.Sub(h.request.Time)))
	} else {
		b.Open("polling", "the requests are %s apart; the client's log decides", detect.Span(l.hops[n-1].answer.Time.Sub(h.request.Time)/time.Duration(n)))
	}
	if offload {
		b.Remedy(finding.AtServer, "at the device that takes TLS off: say so to the application").
			Run("nginx", "proxy_set_header X-Forwarded-Proto $scheme;").Run("HAProxy", "http-request set-header X-Forwarded-Proto https").Run("Apache", `RequestHeader set X-Forwarded-Proto "https"`)
		b.Remedy(finding.AtServer, "at the application: believe that field when it comes from that device, and from it alone (a client could forge it)").
			Run("nginx", `if ($http_x_forwarded_proto != "https") { return 301 https://$host$request_uri; }`).
			Run("Apache", `SetEnvIf X-Forwarded-Proto "^https$" HTTPS=on`).
			Run("Django", `SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")`).
			Run("WordPress", `if ($_SERVER['HTTP_X_FORWARDED_PROTO'] === 'https') { $_SERVER['HTTPS'] = 'on'; }`)
	} else {
		b.Remedy(finding.AtServer, "take away one of the rules that send %s", detect.List(way, 3))
	}
	where := "http://" + detect.EndText(l.server) + "/"
	if i := strings.IndexByte(h.from, '/'); i >= 0 && plain(h.from[i:]) {
		where += h.from[i+1:]
	}
	if plain(l.host) && l.host != l.server.Addr.String() {
		where = "-H 'Host: " + l.host + "' " + where
	}
	if offload {
		b.Check(h.curl+" -s -o /dev/null -D - -H 'X-Forwarded-Proto: https' "+where, "behind the device that takes TLS off; right is an answer without Location")
	} else {
		b.Check(h.curl+" -s -o /dev/null -D - "+where, "and once more with each Location that it names; right is an answer without Location")
	}
	b.WrongIf("a page at the end of these redirects")
	for i, x := range l.hops {
		if i == 5 {
			break
		}
		b.Evidence(x.request, "asks for "+fmt.Sprintf("%q", x.from))
		b.Evidence(x.answer, fmt.Sprintf("is sent to %q", x.raw))
		b.Ladder(finding.LadderRow{Ref: x.request, Dir: packet.ToServer, Label: "request", Note: x.from})
		b.Ladder(finding.LadderRow{Ref: x.answer, Dir: packet.ToClient, Label: fmt.Sprint(x.status), Note: x.raw})
	}
}

func (d *detector) failing(g *finding.Group, s *server, b *finding.Builder) {
	end := detect.EndText(s.key.server)
	b.Subject(finding.Subject{Role: "server", Addr: s.key.server.Addr, Port: s.key.server.Port})
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	up, behind := s.upstream()
	if behind != nil {
		b.Subject(finding.Subject{Role: "upstream", Addr: up.Addr, Port: up.Port})
	}
	gateway := s.statuses[502]+s.statuses[504] > s.statuses[500]+s.statuses[503]
	b.Title("%s fails in a row: %s", end, s.said())
	switch {
	case behind != nil && behind.refused > 0:
		b.Why("it is a proxy, and %s behind it refuses its connections: nothing listens there", detect.EndText(up))
	case behind != nil && behind.silent > 0:
		b.Why("it is a proxy, and %s behind it does not answer its connection requests", detect.EndText(up))
	case behind != nil:
		b.Why("it is a proxy, and %s behind it takes the connection; the proxy says that no good answer came of it", detect.EndText(up))
	case gateway:
		b.Why("it is a proxy, and speaks of a server behind it that is not in this capture")
	default:
		b.Why("the application on it fails by itself")
	}
	if gateway || behind != nil {
		b.Summary("The server that people talk to is well; the one behind it, which makes the pages, is not. Until that one runs again, everybody gets an error.")
	} else {
		b.Summary("The server takes the requests and fails while it works on them.")
	}
	b.Impact("%s failed for %s", detect.Plural(s.bad, "request", "requests"), detect.Plural(len(s.clients), "client", "clients"))
	var refs []packet.Ref
	for _, t := range s.kept {
		refs = append(refs, t.Head().Seen)
	}
	before := "no answer before is in the capture"
	if s.burst.all > 0 {
		before = fmt.Sprintf("before, %d of %s", s.burst.bad, detect.Plural(s.burst.all, "answer", "answers"))
	}
	b.Fact(refs[:min(len(refs), 4)], "%s of %s since %s s; %s", detect.Plural(s.bad-s.burst.bad, "failure", "failures"), detect.Plural(s.burstAll, "answer", "answers"), d.scope.Since(s.burst.ref), before)
	if behind != nil {
		b.Fact(behind.refs, "%s", tried(up, behind, s.lookups))
	} else if gateway {
		b.Fact(nil, "the proxy's own connections are not in this capture, or were open before")
	} else {
		b.Fact(refs[:min(len(refs), 2)], "for %s", detect.Plural(len(s.paths), "address", "addresses"))
	}
	if s.recovered.IsZero() {
		b.Fact(detect.Refs(s.lastBad), "it had not recovered by the last answer, at %s s", d.scope.Since(s.lastBad))
	} else {
		b.Fact(detect.Refs(s.recovered), "good answers again from %s s on", d.scope.Since(s.recovered))
	}
	again := 0
	for p := range s.paths {
		if s.served[p] {
			again++
		}
	}
	switch {
	case len(s.clients) > 1:
		b.RuledOut("client", refs[:min(len(refs), 4)], "%d clients got it", len(s.clients))
	case again > 0 || behind != nil:
		b.RuledOut("client", refs[:min(len(refs), 4)], "the requests were good: the same addresses were served, or the server behind was asked")
	default:
		b.Open("client", "one client only; what it asked for (the server's log) decides")
	}
	if len(s.paths) > 1 {
		b.RuledOut("page", refs[:min(len(refs), 4)], "%d addresses are concerned", len(s.paths))
	} else {
		b.Open("page", "one address only; another one, asked now, decides")
	}
	switch {
	case behind != nil && behind.refused > 0:
		b.Remedy(finding.AtServer, "start the application at %s, and see in its log why it ended", detect.EndText(up)).Run("Linux", "ss -ltn 'sport = :%d'", up.Port).Run("systemd", "systemctl --failed")
	case behind != nil:
		b.Remedy(finding.AtServer, "see what the application at %s waits for; restart it only after that was noted", detect.EndText(up)).Run("Linux", "ss -tn 'sport = :%d'", up.Port)
	case gateway:
		b.Remedy(finding.AtServer, "look in the proxy's error log which server it means, and whether that one runs").Run("nginx", "tail -n 20 /var/log/nginx/error.log").Run("Apache", "tail -n 20 /var/log/apache2/error.log")
	default:
		b.Remedy(finding.AtServer, "look in the application's log at %s s", d.scope.Since(s.burst.ref))
	}
	check, curl := end, s.kept[0].Curl()
	if behind != nil {
		check, curl = detect.EndText(up), "curl"
	}
	b.Check(curl+" -s -o /dev/null -w '%{http_code} %{time_total}\\n' http://"+check+"/", "at the proxy; right is an answer below 500, soon")
	b.WrongIf("answers below 500 to the same requests at the same time")
	for i, t := range s.kept {
		if i == 3 {
			break
		}
		b.Evidence(t.Request, "a request")
		b.Evidence(t.Head().Seen, fmt.Sprintf("is answered %d", t.Status))
		b.Ladder(finding.LadderRow{Ref: t.Request, Dir: packet.ToServer, Label: t.Method, Note: "a request"})
		b.Ladder(finding.LadderRow{Ref: t.Head().Seen, Dir: packet.ToClient, Label: fmt.Sprint(t.Status), Note: t.Reason})
	}
	if behind != nil {
		for _, r := range behind.refs {
			b.Evidence(r, "the proxy's own connection to "+detect.EndText(up))
		}
	}
}

// said lists the statuses with their numbers: "12 times 502".
func (s *server) said() string {
	var codes []int
	for c := range s.statuses {
		codes = append(codes, c)
	}
	sort.Ints(codes)
	var parts []string
	for _, c := range codes {
		parts = append(parts, fmt.Sprintf("%s %d", detect.Plural(s.statuses[c], "time", "times"), c))
	}
	return detect.List(parts, 4)
}

func tried(e event.End, b *behind, of int) string {
	name := detect.EndText(e)
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{b.refused, "refused"}, {b.silent, "not answered"}, {b.mute, "accepted"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return fmt.Sprintf("while its clients waited (%s looked at), it called %s: %s", detect.Plural(of, "failure", "failures"), name, detect.List(parts, 3))
}
