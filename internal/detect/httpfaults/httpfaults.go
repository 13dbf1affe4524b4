// Package httpfaults finds redirects that lead in a circle, and servers that fail in a row.
package httpfaults

import (
	"strings"
	"time"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the findings.
const (
	CodeLoop  = "http-redirect-loop"
	CodeBurst = "http-5xx-burst"
)

// Tunables.
const (
	// loopLength is how many redirects in a row that come back to the same addresses are a circle: a login takes two or
	// three.
	loopLength = 5
	// loopTime is how close together they lie: a program follows at once, a person does not.
	loopTime = 10 * time.Second
	// burstLength and burstTime are what a burst of failures is.
	burstLength = 10
	burstTime   = time.Minute
	// burstFactor is how much larger than before the share of failures must be; newShare is the share where nothing is
	// known of before.
	burstFactor = 5
	newShare    = 0.5
	// Bounds of what is kept.
	ring       = 16
	maxKept    = 12
	maxClients = 64
	maxPaths   = 64
	lookedUp   = 8 // failures of a server for which the connection behind it is looked for
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "httpfaults",
	Codes: []*finding.Code{{
		ID:       CodeLoop,
		Title:    "redirects lead in a circle",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "cookie", Name: "a client that does not keep the cookie it is given"},
			{ID: "polling", Name: "a program that asks for the first address again and again, and follows no redirect"},
		},
		References: []string{"RFC 9110 15.4 (a client should detect circles)", "RFC 7239 4 (Forwarded: proto)"},
		Settle:     30 * time.Second,
		About: "One client follows five redirects or more within ten seconds, and they come back to the same addresses. Most often a device takes TLS off in front of the application: the application sees plain " +
			"HTTP, redirects to https, and gets the request back as plain HTTP. A login that sets a cookie and sends back is none: it ends. It is one for a client that drops the cookie.",
		Reproduce: "testbed: redirect-loop, redirect-loop-hosts, redirect-loop-slash, redirect-login, redirect-loop-remedied",
	}, {
		ID:       CodeBurst,
		Title:    "a web server fails in a row",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "client", Name: "odd requests of one client (a scanner, a broken program)"},
			{ID: "page", Name: "one broken page rather than the service"},
		},
		Absorbs:    []string{"http-503-no-retry-after", "tcp-closed-port", "tcp-server-slow", "tcp-syn-silent-drop"},
		References: []string{"RFC 9110 15.6 (server errors)"},
		Settle:     30 * time.Second,
		About: "Ten failures (500, 502, 503 without Retry-After, 504) or more within a minute, and a share of all answers five times what it was before. 502 and 504 are words of a proxy about the server behind it: " +
			"where the capture shows the proxy's own connections, they tell whether that server refuses, is silent, or takes the request and does not answer. 501 and 505 speak of the request and do not count, nor " +
			"does a 503 that names a time.",
		Reproduce: "testbed: bad-gateway, bad-gateway-timeout, failing-500, bad-gateway-remedied",
	}},
	Wants: detect.Wants{Named: []string{"http"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, trails: map[trailKey]*trail{}, servers: map[serverKey]*server{}, loops: map[string]*loop{}}
	},
}

type trailKey struct {
	vantage uint16
	client  packet.Addr
	server  event.End
	host    string // none: redirects from one name to another
}

// trail is the way of one client at one site: its last redirects.
type trail struct {
	hops []hop
}

// hop is one redirect.
type hop struct {
	from, to string // without scheme: what takes TLS off changes it
	raw      string // Location as sent
	status   int
	cookie   bool // the request had one
	set      bool // the response set one
	proto    string
	curl     string // what asks so
	request  packet.Ref
	answer   packet.Ref
}

// loop is a circle at one site.
type loop struct {
	server   event.End
	host     string
	hops     []hop
	clients  map[packet.Addr]bool
	count    int
	distinct int
}

type serverKey struct {
	vantage uint16
	server  event.End
}

// server is what is known of one web server.
type server struct {
	key       serverKey
	all, bad  int
	recent    []failure // the last ones
	burst     *failure  // the first one of the burst; nil: none yet
	statuses  map[int]int
	clients   map[packet.Addr]bool
	paths     map[string]bool
	served    map[string]bool // paths that were answered well before
	kept      []*http.Transaction
	lookups   int
	behind    map[event.End]*behind
	order     []event.End
	software  string
	burstAll  int // answers since the burst began
	lastBad   packet.Ref
	recovered packet.Ref // first good answer after the last failure
}

// failure is one failure with what had been answered before it.
type failure struct {
	at       packet.Time
	ref      packet.Ref
	all, bad int
}

// behind is a service that the proxy asked while its client waited.
type behind struct {
	refused, silent, mute int
	refs                  []packet.Ref
}

type detector struct {
	scope   *detect.Scope
	trails  map[trailKey]*trail
	torder  []trailKey // by first sight: the oldest gives way
	servers map[serverKey]*server
	sorder  []serverKey
	loops   map[string]*loop
	lorder  []string
}

// Handle looks at one answer.
func (d *detector) Handle(e event.Event) {
	t, ok := e.(*http.Transaction)
	if !ok || t.Method == "" || t.Status == 0 || t.Method == "CONNECT" {
		return
	}
	d.redirect(t)
	d.answer(t)
}

// redirect follows a client.
func (d *detector) redirect(t *http.Transaction) {
	h := t.Head()
	k := trailKey{h.Vantage, h.Client.Addr, h.Server, t.Hostname()}
	tr := d.trails[k]
	moved := t.Location != "" && (t.Status == 301 || t.Status == 302 || t.Status == 303 || t.Status == 307 || t.Status == 308)
	across := k
	across.host = ""
	if !moved {
		if tr != nil && t.Status < 400 {
			tr.hops = tr.hops[:0] // it arrived
		}
		if x := d.trails[across]; x != nil && len(x.hops) > 0 && t.Status < 400 && nameOf(x.hops[len(x.hops)-1].to) == k.host {
			x.hops = x.hops[:0]
		}
		return
	}
	from, to := place(k.host, t.Path()), target(k.host, t.Path(), t.Location)
	if nameOf(to) != k.host {
		k, tr = across, d.trails[across]
	}
	if tr == nil {
		if len(d.trails) >= d.scope.Limits.Entries && len(d.torder) > 0 {
			d.scope.Forgot("httpfaults", "visits", d.torder[0].client, d.torder[0].server.Addr)
			delete(d.trails, d.torder[0])
			d.torder = d.torder[1:]
		}
		tr = &trail{}
		d.trails[k] = tr
		d.torder = append(d.torder, k)
	}
	tr.hops = append(tr.hops, hop{from, to, t.Location, t.Status, t.Cookie, t.SetCookie, t.ForwardedProto, t.Curl(), t.Request, h.Seen})
	if len(tr.hops) > ring {
		tr.hops = append(tr.hops[:0], tr.hops[1:]...)
	}
	if c := circle(tr.hops); c != nil {
		if k.host == "" {
			k.host = nameOf(c[0].from)
			for _, x := range c {
				k.host = min(k.host, nameOf(x.from)) // one of the names, whichever the client began with
			}
		}
		d.report(k, c, t)
	}
}

// nameOf is the name of the host in an address that place or target wrote.
func nameOf(address string) string {
	if i := strings.IndexAny(address, "/?"); i >= 0 {
		return address[:i]
	}
	return address
}

// place writes an address without its scheme.
func place(host, path string) string { return host + path }

// target makes the address that a Location means, without scheme, port and fragment.
func target(host, path, location string) string {
	if i := strings.IndexByte(location, '#'); i >= 0 {
		location = location[:i]
	}
	if i := strings.Index(location, "://"); i >= 0 {
		rest := location[i+3:]
		j := strings.IndexAny(rest, "/?")
		if j < 0 {
			rest, j = rest+"/", len(rest)
		}
		name, _, _ := strings.Cut(rest[:j], ":")
		return strings.ToLower(name) + rest[j:]
	}
	if strings.HasPrefix(location, "/") {
		return host + location
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return host + path[:i+1] + location
	}
	return host + "/" + location
}

// circle returns the redirects at the end of hops that lead from one to the next, if they are long and close enough and
// come back to where they were.
func circle(hops []hop) []hop {
	n := len(hops)
	first := n - 1
	for first > 0 && hops[first-1].to == hops[first].from && hops[n-1].answer.Time.Sub(hops[first-1].answer.Time) <= loopTime {
		first--
	}
	chain := hops[first:]
	if len(chain) < loopLength {
		return nil
	}
	if 2*distinct(chain) > len(chain) {
		return nil
	}
	return chain
}

func distinct(chain []hop) int {
	n := 0
	for i := range chain {
		seen := false
		for j := range i {
			seen = seen || chain[j].from == chain[i].from
		}
		if !seen {
			n++
		}
	}
	return n
}

func (d *detector) report(k trailKey, c []hop, t *http.Transaction) {
	key := detect.EndText(k.server) + " " + k.host
	id := key + string(rune('a'+k.vantage&15))
	l := d.loops[id]
	if l == nil {
		if len(d.loops) >= d.scope.Limits.Entries && len(d.lorder) > 0 {
			d.scope.Forgot("httpfaults", "redirect loops", d.loops[d.lorder[0]].server.Addr)
			delete(d.loops, d.lorder[0])
			d.lorder = d.lorder[1:]
		}
		l = &loop{server: k.server, host: k.host, clients: map[packet.Addr]bool{}, hops: append([]hop(nil), c...), distinct: distinct(c)}
		d.loops[id] = l
		d.lorder = append(d.lorder, id)
		l.count = len(c) - 1
	}
	l.count++
	if len(l.clients) < maxClients {
		l.clients[k.client] = true
	}
	h := t.Head()
	d.scope.Report(&finding.Instance{Code: CodeLoop, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: c[0].request, Last: h.Seen, Data: l})
}

// failed reports whether an answer says that the server failed, rather than the request.
func failed(t *http.Transaction) bool {
	switch t.Status {
	case 500, 502, 504:
		return true
	case 503:
		return t.RetryAfter == "" && !strings.Contains(strings.ToLower(t.Title+t.H1), "maintenance")
	}
	return false
}

// answer counts.
func (d *detector) answer(t *http.Transaction) {
	h := t.Head()
	k := serverKey{h.Vantage, h.Server}
	s := d.servers[k]
	if s == nil {
		if len(d.servers) >= d.scope.Limits.Entries && len(d.sorder) > 0 {
			d.scope.Forgot("httpfaults", "servers", d.sorder[0].server.Addr)
			delete(d.servers, d.sorder[0])
			d.sorder = d.sorder[1:]
		}
		s = &server{key: k, statuses: map[int]int{}, clients: map[packet.Addr]bool{}, paths: map[string]bool{}, served: map[string]bool{}, behind: map[event.End]*behind{}}
		d.servers[k] = s
		d.sorder = append(d.sorder, k)
	}
	if t.Server != "" {
		s.software = t.Server
	}
	if s.burst != nil {
		s.burstAll++
	}
	if !failed(t) {
		s.all++
		if t.Status < 400 && len(s.served) < maxPaths {
			s.served[t.Path()] = true
		}
		if t.Status < 500 && s.bad > 0 && s.recovered.IsZero() {
			s.recovered = h.Seen
		}
		return
	}
	s.fail(t)
	var cover finding.Cover
	if t.Status != 500 && s.lookups < lookedUp {
		s.lookups++
		d.behind(s, t)
	}
	if e, b := s.upstream(); b != nil {
		cover = finding.Cover{Server: e.Addr, Port: e.Port}
	}
	d.scope.Report(&finding.Instance{Code: CodeBurst, Key: detect.EndText(k.server), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: t.Request, Last: h.Seen, Covers: cover, Data: s})
}

func (s *server) fail(t *http.Transaction) {
	h := t.Head()
	s.recent = append(s.recent, failure{h.Seen.Time, h.Seen, s.all, s.bad})
	if len(s.recent) > burstLength {
		s.recent = append(s.recent[:0], s.recent[1:]...)
	}
	s.all++
	s.bad++
	s.statuses[t.Status]++
	s.lastBad, s.recovered = h.Seen, packet.Ref{}
	if len(s.clients) < maxClients {
		s.clients[h.Client.Addr] = true
	}
	if len(s.paths) < maxPaths {
		s.paths[t.Path()] = true
	}
	if len(s.kept) < maxKept {
		s.kept = append(s.kept, t)
	}
	if n := len(s.recent); s.burst == nil && n == burstLength && h.Seen.Time.Sub(s.recent[0].at) <= burstTime {
		f := s.recent[0]
		s.burst = &f
		s.burstAll = s.all - f.all
	}
}

// worth reports whether the failures are many beside what is usual.
func (s *server) worth() bool {
	if s.burst == nil {
		return false
	}
	share := float64(s.bad-s.burst.bad) / float64(max(s.burstAll, 1))
	if s.burst.all == 0 {
		return share >= newShare
	}
	return share > burstFactor*float64(s.burst.bad)/float64(s.burst.all)
}

// behind looks for what the proxy tried while its client waited.
func (d *detector) behind(s *server, t *http.Transaction) {
	from, to := t.Request.Time, t.Response.Time
	d.scope.Ledger.Attempts(detect.Service{Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
		if a.Vantage != s.key.vantage || a.FlowID == t.Head().FlowID || a.Start.Time < from || a.Start.Time > to || a.Service.Addr == s.key.server.Addr && a.Service.Port == s.key.server.Port {
			return true
		}
		e := event.End{Addr: a.Service.Addr, Port: a.Service.Port}
		b := s.behind[e]
		if b == nil {
			if len(s.behind) >= lookedUp {
				return true
			}
			b = &behind{}
			s.behind[e] = b
			s.order = append(s.order, e)
		}
		ref := a.Answer
		switch a.Outcome {
		case detect.OutRefused:
			b.refused++
		case detect.OutAnswered:
			b.mute++
		default:
			b.silent++
			ref = a.Start
		}
		if len(b.refs) < 4 {
			b.refs = append(b.refs, ref)
		}
		return true
	})
}

// upstream returns the service that was tried for most of the failures looked up, nil if there is none such.
func (s *server) upstream() (event.End, *behind) {
	for _, e := range s.order {
		if b := s.behind[e]; 2*(b.refused+b.silent+b.mute) > s.lookups {
			return e, b
		}
	}
	return event.End{}, nil
}

// Tick does nothing: answers come by themselves.
func (d *detector) Tick(packet.Time) {}

// End does nothing: what was answered was answered.
func (d *detector) End(packet.Time) {}
