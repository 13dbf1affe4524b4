// Package maintenance finds maintenance pages that are sent with the wrong status, and refusals that do not say for how
// long.
package maintenance

import (
	"math/bits"
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
	Code200 = "http-maintenance-200"
	Code503 = "http-503-no-retry-after"
)

// Tunables.
const (
	// window is how close together the addresses must lie that show one page.
	window = 10 * time.Minute
	// samePaths is how many addresses with one page mean that it stands in place of the site.
	samePaths = 3
	// alike is how many bits of the simhash may differ for the same page: a time of day, a request number.
	alike = 3
	// burst is how many refusals without a time are more than a hiccup.
	burst = 3
	// lasting is how long refusals go on that whoever made them could have given a time for.
	lasting = time.Minute
	// Bounds of what is kept of one site.
	maxPaths    = 512
	maxVariants = 8
	maxClients  = 64
	maxRefs     = 12
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "maintenance",
	Codes: []*finding.Code{{
		ID:       Code200,
		Title:    "a maintenance page is sent as if it were the site (status 200)",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "article", Name: "a page about maintenance among the pages of a working site"},
			{ID: "standing", Name: "a page that always stands there (a site that is not open yet, a parked name)"},
		},
		References: []string{"RFC 9110 15.6.4 (503)", "RFC 9110 10.2.3 (Retry-After)", "RFC 9111 4.2.2 (caches may keep a 200 that names no age)"},
		Settle:     time.Minute,
		About: "A maintenance page with status 200 tells every program that all is well: search engines take it for the content of each page they ask for, caches keep it after the work is done. " +
			"Looked for: pages of at most 64 KiB whose title, heading or few words say maintenance in one of several languages, and either the same page for three addresses of a site or more within " +
			"ten minutes, or in the place of another page that stood there before. Both make it certain, one likely. A page at one address while other addresses of the site show " +
			"other pages is an article: nothing is said. Pages coded with br or zstd, and all within TLS, cannot be read.",
		Reproduce: "testbed: maintenance-200, maintenance-200-standing, maintenance-200-redirect, maintenance-article, maintenance-spa, maintenance-503",
	}, {
		ID:       Code503,
		Title:    "a server refuses with 503 and does not say when to come back",
		Kind:     finding.Diagnosis,
		Severity: finding.Info,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "overload", Name: "an overload that nobody knew the end of"},
		},
		References: []string{"RFC 9110 10.2.3 (Retry-After)", "RFC 9110 15.6.4 (503)"},
		Settle:     time.Minute,
		About: "503 with Retry-After tells programs when to ask again; without it each asks as often as it likes, and the server is asked most when it can least answer. Looked for: three 503 or more " +
			"within ten minutes, none with Retry-After. A server that is overloaded cannot know; a page that says maintenance, or a refusal of a minute or longer without an answer in between, could.",
		Reproduce: "testbed: maintenance-503-bare, overload-503, unready-503, maintenance-503",
	}},
	Wants: detect.Wants{Named: []string{"http"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, sites: map[siteKey]*site{}}
	},
}

// siteKey is one name at one server.
type siteKey struct {
	vantage uint16
	server  event.End
	host    string // in lower case, without port
}

// site is what is known of one site.
type site struct {
	key       siteKey
	pages     map[string]seen // what each path showed when it was no maintenance page
	variants  []*variant
	redirects map[string][]string // by the path they lead to: the paths that were asked for
	normal    int                 // pages that were none, so far
	normalRef packet.Ref
	software  string // Server field
	curl      string // what asks it as its clients do
	refusals  refusals
}

// seen is a page as it was.
type seen struct {
	title string
	ref   packet.Ref
}

// variant is one maintenance page: answers that are the same but for a few words.
type variant struct {
	digest     [32]byte
	simhash    uint64
	title      string
	words      string // what says maintenance
	strong     bool   // a phrase of the title or heading
	paths      map[string]packet.Time
	order      []string
	most       int // most paths within the window
	changed    []change
	refs       []packet.Ref
	requests   []packet.Ref
	first      packet.Ref
	last       packet.Ref
	count      int
	redirected int // paths that led here by a redirect
	earlier    int // pages of the site before the first sight
	mixed      int // other pages of the site between two sights of this one
	pending    int // other pages since the last sight
	mixedRef   packet.Ref
	pendingRef packet.Ref
	clients    map[packet.Addr]bool
	victims    []string // crawlers, caches
	cacheable  string   // why caches may keep it; empty: they may not
	retryAfter string
	age        string
	server     string
}

// change is a path that showed something else before.
type change struct {
	path   string
	before seen
	after  packet.Ref
	root   bool
}

type detector struct {
	scope *detect.Scope
	sites map[siteKey]*site
	order []siteKey // by first sight: the oldest gives way
}

// Handle looks at one answer.
func (d *detector) Handle(e event.Event) {
	t, ok := e.(*http.Transaction)
	if !ok || t.Method == "" || t.Status == 0 || t.Method == "CONNECT" {
		return
	}
	host := t.Hostname()
	if len(host) > 253 {
		return
	}
	s := d.site(siteKey{t.Head().Vantage, t.Head().Server, host})
	s.curl = t.Curl()
	if t.Server != "" {
		s.software = t.Server
	}
	path := pathOf(t.Path())
	switch {
	case t.Status == 503:
		d.refused(s, t)
	case t.Status >= 301 && t.Status <= 308 && t.Status != 304 && t.Location != "":
		s.redirected(path, t)
	case t.Status == 200 && isPage(t):
		s.refusals.answered(t)
		if v := s.classify(t); v != nil {
			s.sight(v, path, t)
			d.report(Code200, s, t)
		} else {
			s.other(path, t)
		}
	case t.Status < 500:
		s.refusals.answered(t)
	}
}

// isPage reports whether the answer is a page that was read as a whole.
func isPage(t *http.Transaction) bool {
	return t.Body == http.BodyWhole && (t.ContentType == "" || strings.Contains(t.ContentType, "html")) && (t.Method == "GET" || t.Method == "POST")
}

func (d *detector) site(k siteKey) *site {
	s := d.sites[k]
	if s == nil {
		if len(d.sites) >= d.scope.Limits.Entries && len(d.order) > 0 {
			d.scope.Forgot("maintenance", "sites", d.order[0].server.Addr)
			delete(d.sites, d.order[0])
			d.order = d.order[1:]
		}
		s = &site{key: k, pages: map[string]seen{}, redirects: map[string][]string{}}
		d.sites[k] = s
		d.order = append(d.order, k)
	}
	return s
}

func (d *detector) report(code string, s *site, t *http.Transaction) {
	h := t.Head()
	d.scope.Report(&finding.Instance{Code: code, Key: detect.EndText(s.key.server) + " " + s.key.host, FlowID: h.FlowID, Vantage: h.Vantage,
		Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port, First: t.Request, Last: h.Seen, Data: s})
}

// pathOf cuts a target to its path: a query often only names the session.
func pathOf(target string) string {
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	return target
}

// classify returns the maintenance page that t shows, nil if it shows none.
func (s *site) classify(t *http.Transaction) *variant {
	words, strong := speaksOfMaintenance(t)
	if words == "" {
		return nil
	}
	for _, v := range s.variants {
		if v.digest == t.Digest || v.title == t.Title && bits.OnesCount64(v.simhash^t.Simhash) <= alike {
			return v
		}
	}
	if len(s.variants) >= maxVariants { // each time another page: not one that stands in place of all
		copy(s.variants, s.variants[1:])
		s.variants = s.variants[:maxVariants-1]
	}
	v := &variant{digest: t.Digest, simhash: t.Simhash, title: t.Title, words: words, strong: strong, paths: map[string]packet.Time{}, clients: map[packet.Addr]bool{}, earlier: s.normal}
	s.variants = append(s.variants, v)
	return v
}

// sight takes one more answer that shows v.
func (s *site) sight(v *variant, path string, t *http.Transaction) {
	now := t.Head().Seen
	if v.count == 0 {
		v.first = t.Request
	}
	v.count++
	v.last = now
	if v.pending > 0 {
		v.mixed, v.mixedRef = v.mixed+v.pending, v.pendingRef
		v.pending = 0
	}
	v.see(path, now.Time)
	for _, from := range s.redirects[path] {
		if _, known := v.paths[from]; !known {
			v.redirected++
		}
		v.see(from, now.Time)
		s.compare(v, from, t)
	}
	delete(s.redirects, path)
	s.compare(v, path, t)
	if len(v.refs) < maxRefs {
		v.refs, v.requests = append(v.refs, now), append(v.requests, t.Request)
	}
	if len(v.clients) < maxClients {
		v.clients[t.Head().Client.Addr] = true
	}
	v.victim(crawler(t.UserAgent))
	v.victim(cache(t))
	if c := cacheable(t); c != "" {
		v.cacheable = c
	}
	if t.RetryAfter != "" {
		v.retryAfter = t.RetryAfter
	}
	if t.Age != "" && t.Age != "0" {
		v.age = t.Age
	}
	v.server = t.Server
}

// see counts the paths that showed v within the window.
func (v *variant) see(path string, now packet.Time) {
	if _, ok := v.paths[path]; !ok {
		if len(v.paths) >= maxPaths {
			return
		}
		v.order = append(v.order, path)
	}
	v.paths[path] = now
	n := 0
	for _, at := range v.paths {
		if now.Sub(at) <= window {
			n++
		}
	}
	v.most = max(v.most, n)
}

// compare notes that path showed something else before.
func (s *site) compare(v *variant, path string, t *http.Transaction) {
	before, ok := s.pages[path]
	if !ok || len(v.changed) >= maxRefs {
		return
	}
	delete(s.pages, path)
	v.changed = append(v.changed, change{path, before, t.Head().Seen, path == "/" || path == "/index.html" || path == "/index.php"})
}

func (v *variant) victim(name string) {
	if name == "" || len(v.victims) >= maxRefs {
		return
	}
	for _, x := range v.victims {
		if x == name {
			return
		}
	}
	v.victims = append(v.victims, name)
}

// other takes an answer that is no maintenance page.
func (s *site) other(path string, t *http.Transaction) {
	s.normal++
	s.normalRef = t.Head().Seen
	if _, ok := s.pages[path]; ok || len(s.pages) < maxPaths {
		s.pages[path] = seen{t.Title, t.Head().Seen}
	}
	for _, v := range s.variants {
		if _, shown := v.paths[path]; !shown {
			v.pending++
			v.pendingRef = t.Head().Seen
		}
	}
}

// redirected remembers where a redirect within the site leads.
func (s *site) redirected(path string, t *http.Transaction) {
	to := t.Location
	if i := strings.Index(to, "://"); i >= 0 {
		rest := to[i+3:]
		j := strings.IndexByte(rest, '/')
		if j < 0 {
			rest, j = rest+"/", len(rest)
		}
		name, _, _ := strings.Cut(rest[:j], ":")
		if !strings.EqualFold(name, s.key.host) {
			return
		}
		to = rest[j:]
	}
	to = pathOf(to)
	from := s.redirects[to]
	if len(from) == 0 && len(s.redirects) >= maxPaths || len(from) >= maxRefs || to == path {
		return
	}
	for _, f := range from {
		if f == path {
			return
		}
	}
	s.redirects[to] = append(from, path)
}

// Tick does nothing: answers come by themselves.
func (d *detector) Tick(packet.Time) {}

// End does nothing: what was answered was answered.
func (d *detector) End(packet.Time) {}
