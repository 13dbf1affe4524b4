package maintenance

import (
	"strings"
	"time"
)

// judge says what is wrong with the answers.
func (c *checker) judge() {
	first := &c.v.Answers[0]
	for i := range c.v.Answers {
		a := &c.v.Answers[i]
		if a.Error != "" {
			if !a.aside {
				c.wrong("%s %s: %s", a.Method, a.URL, a.Error)
			}
			continue
		}
		if c.Up {
			c.judgeUp(a)
		} else {
			c.judgeDown(a, first)
		}
	}
	if c.Up || first.Error != "" {
		return
	}
	c.lasting(first)
}

// judgeUp wants no trace of a maintenance.
func (c *checker) judgeUp(a *Answer) {
	switch {
	case a.Status == 503:
		c.wrong("%s %s still answers 503", a.Method, a.URL)
	case a.Status >= 500:
		c.wrong("%s %s answers %d", a.Method, a.URL, a.Status)
	case a.Status == 200 && a.RetryAfter != "":
		c.wrong("%s %s answers 200 with Retry-After: a rest of the maintenance", a.Method, a.URL)
	}
	if a.Status == 200 && SpeaksOfMaintenance(a.body) {
		c.wrong("%s answers 200 with a page that speaks of maintenance", a.URL)
	}
}

// judgeDown wants 503, a time, and nothing that is kept.
func (c *checker) judgeDown(a, first *Answer) {
	robots := strings.HasSuffix(a.URL, "/robots.txt")
	switch {
	case a.Status == 503:
	case robots && a.Status == 200 && !SpeaksOfMaintenance(a.body) && !strings.Contains(strings.ToLower(a.Type), "html"):
		if disallowsAll(a.body) {
			c.wrong("robots.txt forbids everything: crawlers keep that for a day, and drop pages; leave it as it is, or answer 503 for it too")
		}
		return // the true rules, all the time: right as well
	case robots && a.Status == 404:
		c.warn("robots.txt answers 404: crawlers take it that everything is allowed")
		return
	case a.Status >= 300 && a.Status < 400:
		if a.aside && strings.HasPrefix(a.Location, "http") && sameSite(a.Location, first.URL) {
			return // it leads to the name that was asked
		}
		c.wrong("%s %s answers %d and leads to %s: crawlers take a redirect for a move; 503 belongs at the address itself", a.Method, a.URL, a.Status, a.Location)
		return
	case a.Status == 200:
		c.wrong("%s %s answers 200: programs take what they get for the real page", a.Method, a.URL)
		return
	case a.aside:
		c.warn("%s answers %d while the site is in maintenance", a.URL, a.Status)
		return
	default:
		c.wrong("%s %s answers %d, not 503", a.Method, a.URL, a.Status)
		return
	}
	left, ok := ParseRetryAfter(a.RetryAfter, a.at)
	switch {
	case a.RetryAfter == "":
		c.wrong("%s %s: no Retry-After: nobody knows when to come back", a.Method, a.URL)
	case !ok:
		c.wrong("%s %s: Retry-After %q is neither seconds nor a date", a.Method, a.URL, a.RetryAfter)
	case left < 0:
		c.warn("Retry-After names a time that is over: the maintenance is overdue; firestorm maintenance on --for 30m sets a new one")
	case left > LongOutage:
		c.warn("Retry-After is %s away: search engines begin to forget a site that is gone for days", left.Round(time.Hour))
	}
	if low := strings.ToLower(a.Cache); !strings.Contains(low, "no-store") {
		switch {
		case strings.Contains(low, "max-age=0"), strings.Contains(low, "no-cache"), strings.Contains(low, "private"):
			c.warn("%s: Cache-Control is %q; no-store says it plainly", a.URL, a.Cache)
		case low != "":
			c.wrong("%s %s: Cache-Control is %q: a cache may keep the refusal", a.Method, a.URL, a.Cache)
		default:
			c.wrong("%s %s: no Cache-Control: no-store: a cache may keep the refusal", a.Method, a.URL)
		}
	}
	switch {
	case a.Method == "HEAD" && a.Length > 0:
		c.wrong("HEAD %s has a body", a.URL)
	case a.Method == "GET" && a.Length == 0:
		c.warn("GET %s: the refusal is empty; people see a blank page", a.URL)
	}
	if strings.HasPrefix(a.Why, "programs") && !strings.Contains(a.Type, "json") {
		c.warn("%s: who asks for JSON gets %s", a.URL, orNothing(a.Type))
	}
}

// lasting warns of an absence that goes on.
func (c *checker) lasting(first *Answer) {
	if c.Since.IsZero() || first.Status != 503 {
		return
	}
	if away := first.at.Sub(c.Since); away > LongOutage {
		c.warn("it answers 503 for %s now: search engines begin to forget a site that is gone for days; a static copy with 200 is better than this", away.Round(time.Hour))
	}
}

func orNothing(s string) string {
	if s == "" {
		return "no type"
	}
	return s
}

func sameSite(a, b string) bool {
	host := func(s string) string {
		_, rest, _ := strings.Cut(s, "://")
		rest, _, _ = strings.Cut(rest, "/")
		return strings.TrimPrefix(strings.ToLower(rest), "www.")
	}
	return host(a) == host(b)
}

// disallowsAll reports whether rules for crawlers shut everybody out.
func disallowsAll(text string) bool {
	all := false
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		v = strings.TrimSpace(v)
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "user-agent":
			all = v == "*"
		case "disallow":
			if all && v == "/" {
				return true
			}
		}
	}
	return false
}

// phrases say that a site is down, in a page of few words.
var phrases = []string{"maintenance", "temporarily unavailable", "temporarily offline", "be right back", "be back soon", "be back shortly", "down for now", "scheduled downtime", "planned downtime",
	"wartungsarbeiten", "wartungsmodus", "in wartung", "vorübergehend nicht", "temporairement indisponible", "mantenimiento", "manutenção", "manutenzione", "onderhoud", "prace konserwacyjne", "údržba",
	"технические работы", "メンテナンス中", "维护中"}

// smallPage is how large a page is in bytes that says little else.
const smallPage = 16 << 10

// SpeaksOfMaintenance reports whether a page of few words says that the site is down.
func SpeaksOfMaintenance(body string) bool {
	if len(body) > smallPage {
		return false
	}
	low := strings.ToLower(body)
	for _, p := range phrases {
		if strings.Contains(low, p) {
			return true
		}
	}
	return false
}
