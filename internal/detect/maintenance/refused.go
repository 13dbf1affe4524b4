package maintenance

import (
	"strings"
	"time"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/packet"
)

// refusals are the 503 of one site that name no time.
type refusals struct {
	refs     []packet.Ref // first ones
	requests []packet.Ref
	first    packet.Ref // request of the first one
	last     packet.Ref
	count    int
	said     int    // 503 with Retry-After
	words    string // what their page says of maintenance
	longest  time.Duration
	runFrom  packet.Time // first refusal since something else was answered
	most     int         // most within the window
	recent   []packet.Time
	asked    [2]gaps // between the requests of one client: while it is served, while it is refused
	clients  map[packet.Addr]packet.Time
}

// gaps sums up how long clients waited before they asked again.
type gaps struct {
	n     int
	total time.Duration
}

func (g *gaps) mean() time.Duration {
	if g.n == 0 {
		return 0
	}
	return g.total / time.Duration(g.n)
}

// ask notes a request of a client.
func (r *refusals) ask(t *http.Transaction, refused int) {
	c, at := t.Head().Client.Addr, t.Request.Time
	if r.clients == nil {
		r.clients = map[packet.Addr]packet.Time{}
	}
	if last, ok := r.clients[c]; ok {
		if g := at.Sub(last); g >= 0 && g < window {
			r.asked[refused].n++
			r.asked[refused].total += g
		}
	} else if len(r.clients) >= maxClients {
		return
	}
	r.clients[c] = at
}

// answered takes an answer that is no refusal.
func (r *refusals) answered(t *http.Transaction) {
	r.ask(t, 0)
	r.runFrom = 0
}

// stock reports that a title is that of the page which servers send by themselves with any 503, for overload too: nginx,
// Apache, IIS.
func stock(title string) bool {
	low := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(title)), "503 ")
	return low == "service temporarily unavailable" || low == "service unavailable"
}

// refused takes a 503.
func (d *detector) refused(s *site, t *http.Transaction) {
	r := &s.refusals
	r.ask(t, 1)
	if t.RetryAfter != "" {
		r.said++
		return
	}
	now := t.Head().Seen
	if r.count == 0 {
		r.first = t.Request
	}
	r.count++
	r.last = now
	if r.runFrom == 0 {
		r.runFrom = t.Request.Time
	}
	r.longest = max(r.longest, now.Time.Sub(r.runFrom))
	if len(r.refs) < maxRefs {
		r.refs, r.requests = append(r.refs, now), append(r.requests, t.Request)
	}
	if w, _ := speaksOfMaintenance(t); w != "" && !stock(t.Title) {
		r.words = w
	}
	r.recent = append(r.recent, now.Time)
	for len(r.recent) > 0 && now.Time.Sub(r.recent[0]) > window || len(r.recent) > maxRefs {
		r.recent = r.recent[1:]
	}
	r.most = max(r.most, len(r.recent))
	d.report(Code503, s, t)
}
