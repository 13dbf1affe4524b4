package maintenance

import (
	"fmt"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one site.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := g.Kept[0].Data.(*site)
	if g.Code.ID == Code503 {
		return d.refusing(g, s, b)
	}
	v := s.worst()
	if v == nil {
		return false
	}
	d.standing(g, s, v, b)
	return true
}

// worst returns the page that stands in for most of the site, nil if none does.
func (s *site) worst() *variant {
	var worst *variant
	for _, v := range s.variants {
		switch {
		case v.most >= samePaths:
		case v.mixed > 0: // other addresses went on showing other pages
			continue
		case len(v.changed) == 0 && (!v.strong || v.earlier+v.pending > 0): // one page of a working site, as far as is known
			continue
		}
		if worst == nil || v.rank() > worst.rank() {
			worst = v
		}
	}
	return worst
}

func (v *variant) rank() int {
	n := 1000 * min(v.most, samePaths)
	if len(v.changed) > 0 {
		n += 2000
	}
	return n + min(v.count, 999)
}

// name is how people call the site.
func (s *site) name() string {
	end := detect.EndText(s.key.server)
	if s.key.host == "" || s.key.host == s.key.server.Addr.String() {
		return end
	}
	return s.key.host + " (" + end + ")"
}

// url returns an address of the site to paste, with what curl needs to reach this server; empty where the names in the
// packets are none that may be pasted.
func (s *site) url(path string) string {
	if !plain(s.key.host) || !plain(path) || s.key.host == "" {
		path = "/"
	}
	end := detect.EndText(s.key.server)
	if !plain(s.key.host) || s.key.host == "" || s.key.host == s.key.server.Addr.String() {
		return "http://" + end + path
	}
	return fmt.Sprintf("-H 'Host: %s' http://%s%s", s.key.host, end, path)
}

// plain reports whether a text from packets is safe within a shell command.
func plain(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._/~:", c)) {
			return false
		}
	}
	return len(s) <= 200
}

func (d *detector) standing(g *finding.Group, s *site, v *variant, b *finding.Builder) {
	name := s.name()
	b.Subject(finding.Subject{Role: "server", Addr: s.key.server.Addr, Port: s.key.server.Port})
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	urls := detect.Plural(len(v.paths), "address", "addresses")
	b.Title("%s sends its maintenance page as if it were the site: status 200 for %s", name, urls)
	b.Why("the page says %q, the status says 200 (OK): programs read the status", v.words)
	b.Summary("The site is showing a maintenance page but tells every program that all is well (200). A person understands the page; search engines and caches take it for the real content of "+
		"each address that is asked for, and keep it after the work is done. Seen for %s so far.", urls)
	impact := fmt.Sprintf("%s of the site, %s to %s", urls, detect.Plural(v.count, "answer", "answers"), detect.Plural(len(v.clients), "client", "clients"))
	if len(v.victims) > 0 {
		impact += "; among those who took the page for the site: " + detect.List(v.victims, 4)
	}
	b.Impact("%s", impact)
	if v.cacheable != "" || len(v.victims) > 0 {
		b.Severity(finding.High)
	}
	d.facts(s, v, b)
	d.alternatives(s, v, b)
	snippets(b, v.server)
	if v.cacheable != "" || len(v.victims) > 0 {
		b.Remedy(finding.AtServer, "afterwards empty the caches in front of the site for the addresses above, and let the search engines fetch them again")
	}
	b.Check(s.curl+" -s -o /dev/null -D - "+s.url(v.order[0]), "while the page is shown; right is: 503, Retry-After, Cache-Control: no-store")
	b.WrongIf("the page is what these addresses are meant to show for good")
	d.story(v, b)
}

func (d *detector) facts(s *site, v *variant, b *finding.Builder) {
	said := fmt.Sprintf("title %q", v.title)
	if v.title == "" {
		said = fmt.Sprintf("text %q", v.words)
	}
	without := "no Retry-After"
	if v.retryAfter != "" {
		without = "Retry-After: " + v.retryAfter + ", which means nothing beside a 200"
	}
	b.Fact(first(v.refs, 3), "200 with the %s, %s", said, without)
	paths := append([]string(nil), v.order...)
	for i := range paths {
		paths[i] = fmt.Sprintf("%q", paths[i])
	}
	b.Fact(first(v.refs, 6), "the same page for %s", detect.List(paths, 5))
	if len(v.changed) > 0 {
		c := v.changed[0]
		b.Fact(detect.Refs(c.before.ref, c.after), "%q showed another page at %s s (title %q), this one at %s s", c.path, d.scope.Since(c.before.ref), c.before.title, d.scope.Since(c.after))
	}
	if v.redirected > 0 {
		b.Fact(nil, "%s led there by a redirect: 302 and then 200 says the same as 200", detect.Plural(v.redirected, "address", "addresses"))
	}
	if v.cacheable != "" {
		b.Fact(first(v.refs, 1), "caches may keep it (%s)", v.cacheable)
	} else {
		b.Fact(first(v.refs, 1), "caches may not keep it, by what the answer says")
	}
	if v.age != "" {
		b.Fact(nil, "it came out of a cache (Age: %s): the server itself may be right again", v.age)
	}
	if v.mixed > 0 {
		b.Fact(detect.Refs(v.mixedRef), "meanwhile %s of the site were other pages: only a part of it is replaced", detect.Plural(v.mixed, "answer", "answers"))
	}
}

func (d *detector) alternatives(s *site, v *variant, b *finding.Builder) {
	if v.most >= samePaths {
		b.RuledOut("article", first(v.refs, 6), "one and the same page for %d addresses within %s", v.most, detect.Span(window))
	} else {
		b.Open("article", "only %s showed it: other addresses of the site, asked now, decide", detect.Plural(len(v.paths), "address", "addresses"))
	}
	if len(v.changed) == 0 {
		b.Open("standing", "no address of these was seen with its own page before: what they show after the work decides")
		return
	}
	c := v.changed[0]
	b.RuledOut("standing", detect.Refs(c.before.ref, c.after), "%q showed another page before", c.path)
	if v.most < samePaths && (!v.rootChanged() || v.pending > 0) {
		b.Cap(finding.Possible) // the page of a status service changes so and means another service; a notice comes and goes
	}
}

// rootChanged reports whether the page of the site itself was replaced.
func (v *variant) rootChanged() bool {
	for _, c := range v.changed {
		if c.root {
			return true
		}
	}
	return len(v.changed) > 1
}

func (d *detector) story(v *variant, b *finding.Builder) {
	add := func(r packet.Ref, dir packet.Dir, label, note string) {
		b.Evidence(r, note)
		b.Ladder(finding.LadderRow{Ref: r, Dir: dir, Label: label, Note: note})
	}
	for i, c := range v.changed {
		if i == 2 {
			break
		}
		add(c.before.ref, packet.ToClient, "200", "the page as it was")
	}
	for i := range v.refs {
		if i == 4 {
			break
		}
		add(v.requests[i], packet.ToServer, "request", "asks for a page of the site")
		add(v.refs[i], packet.ToClient, "200", "the maintenance page, with 200")
	}
}

// snippet is what makes one sort of server say it right.
type snippet struct {
	server, name, text string
	lines              []string
}

var snippetList = []snippet{
	{"lighttpd", "lighttpd", "in the Lua script of mod_magnet, where it returns the page (maintenance-live.html in the document root): give 503 and a time instead of 200; without content of its own lighttpd would drop these headers", []string{
		`lighty.header["Content-Type"] = "text/html"; lighty.header["Retry-After"] = "3600"; lighty.header["Cache-Control"] = "no-store"; lighty.content = { { filename = (lighty.env["physical.doc-root"] or "/var/www/html") .. "/maintenance-live.html" } }; return 503`,
	}},
	{"nginx", "nginx", "in the server block, in place of what sends the page (maintenance-live.html in the document root is the switch)", []string{
		`error_page 503 @maintenance; location @maintenance { rewrite ^ /maintenance-live.html break; add_header Retry-After 3600 always; add_header Cache-Control no-store always; }`,
		`if (-f $document_root/maintenance-live.html) { return 503; }`,
	}},
	{"apache", "Apache", "in the virtual host, in place of what sends the page (mod_rewrite and mod_headers; maintenance-live.html in the document root is the switch)", []string{
		`ErrorDocument 503 /maintenance-live.html`,
		`RewriteEngine On`,
		`RewriteCond %{DOCUMENT_ROOT}/maintenance-live.html -f`,
		`RewriteRule !^/maintenance-live\.html$ - [R=503,L]`,
		`Header always set Retry-After 3600 "expr=%{REQUEST_STATUS} == 503"`,
		`Header always set Cache-Control no-store "expr=%{REQUEST_STATUS} == 503"`,
	}},
	{"haproxy", "HAProxy", "in the frontend, in place of what sends the page (the file /etc/haproxy/maintenance.html is the page)", []string{
		`http-request return status 503 content-type text/html file /etc/haproxy/maintenance.html hdr Retry-After 3600 hdr Cache-Control no-store`,
	}},
}

// snippets adds the remedy for the server that the answers name; where they name none of these, for all.
func snippets(b *finding.Builder, server string) {
	low := strings.ToLower(server)
	known := false
	for _, s := range snippetList {
		known = known || strings.Contains(low, s.server)
	}
	if !known {
		l := b.Remedy(finding.AtServer, "send the page with status 503, Retry-After and Cache-Control: no-store")
		for _, s := range snippetList {
			for _, line := range s.lines {
				l.Run(s.name, "%s", line)
			}
		}
		whole := b.Remedy(finding.AtServer, "or take over a whole configuration with a flag file as its switch, the page, JSON for programs and a list of who goes on seeing the site")
		for _, s := range snippetList {
			whole.Run(s.name, "firestorm maintenance config --server %s", s.server)
		}
		return
	}
	for _, s := range snippetList {
		if strings.Contains(low, s.server) {
			l := b.Remedy(finding.AtServer, "%s", s.text)
			for _, line := range s.lines {
				l.Run(s.name, "%s", line)
			}
			b.Remedy(finding.AtServer, "or take over a whole configuration with a flag file as its switch, the page, JSON for programs and a list of who goes on seeing the site").
				Run(s.name, "firestorm maintenance config --server %s", s.server)
		}
	}
}

// refusing writes the finding about 503 without a time.
func (d *detector) refusing(g *finding.Group, s *site, b *finding.Builder) bool {
	r := &s.refusals
	if r.most < burst {
		return false
	}
	b.Subject(finding.Subject{Role: "server", Addr: s.key.server.Addr, Port: s.key.server.Port})
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	n := detect.Plural(r.count, "time", "times")
	b.Title("%s refuses with 503 %s and does not say when to come back", s.name(), n)
	b.Why("503 (Service Unavailable) without Retry-After: each client guesses when to ask again")
	b.Summary("The server tells its clients that it cannot serve them now, which is right, but not for how long. Programs then ask again as often as they like, search engines lose patience sooner.")
	b.Impact("%s refused to %s", detect.Plural(r.count, "request", "requests"), detect.Plural(len(r.clients), "client", "clients"))
	b.Fact(first(r.refs, 4), "503 without Retry-After at %s", d.scope.Times(r.refs, 4))
	if r.asked[1].n > 0 {
		before := "how often they asked before was not seen"
		if r.asked[0].n > 0 {
			before = "while it was served, after " + detect.Span(r.asked[0].mean())
		}
		b.Fact(first(r.requests, 4), "a refused client asked again after %s on average; %s", detect.Span(r.asked[1].mean()), before)
	} else {
		b.Fact(first(r.requests, 4), "no client asked twice: how patient they are was not seen")
	}
	switch {
	case r.words != "":
		b.RuledOut("overload", first(r.refs, 1), "the page speaks of maintenance: %q", r.words)
	case r.longest >= lasting:
		b.RuledOut("overload", detect.Refs(r.refs[0], r.last), "nothing but refusals for %s", detect.Span(r.longest))
	default:
		b.Open("overload", "refusals for %s only; the server's log tells why", detect.Span(r.longest))
	}
	snippets(b, s.software)
	b.Check(s.curl+" -s -o /dev/null -D - "+s.url("/"), "while it refuses; right is a Retry-After beside the 503")
	b.WrongIf("an answer with Retry-After among these")
	for i := range r.refs {
		if i == 5 {
			break
		}
		b.Evidence(r.requests[i], "a request")
		b.Evidence(r.refs[i], "503 without Retry-After")
	}
	return true
}

func first(refs []packet.Ref, n int) []packet.Ref { return refs[:min(len(refs), n)] }
