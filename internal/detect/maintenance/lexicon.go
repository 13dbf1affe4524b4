package maintenance

import (
	"strings"

	"firestorm/internal/analyzer/http"
)

// phrases say that the site is down, wherever they stand. They are in lower case.
var phrases = []string{
	"down for maintenance", "under maintenance", "maintenance mode", "scheduled maintenance", "planned maintenance", "site maintenance", "undergoing maintenance",
	"offline for maintenance", "closed for maintenance", "performing maintenance", "temporarily unavailable", "temporarily offline", "temporarily down", "be right back", "be back soon",
	"be back shortly", "down for now", "scheduled downtime", "planned downtime", "site is down", "website is down",
	// German
	"wartungsarbeiten", "wartungsmodus", "wegen wartung", "in wartung", "vorübergehend nicht erreichbar", "vorübergehend nicht verfügbar", "gleich wieder da", "bald wieder da",
	// French
	"en maintenance", "maintenance en cours", "maintenance programmée", "temporairement indisponible", "momentanément indisponible",
	// Spanish, Portuguese, Italian
	"en mantenimiento", "mantenimiento programado", "temporalmente fuera de servicio", "em manutenção", "temporariamente indisponível", "in manutenzione", "temporaneamente non disponibile",
	// Dutch, Polish, Czech, Swedish
	"in onderhoud", "wegens onderhoud", "tijdelijk niet beschikbaar", "przerwa techniczna", "prace konserwacyjne", "probíhá údržba", "pågående underhåll",
	// Russian, Japanese, Chinese
	"технические работы", "техническое обслуживание", "временно недоступен", "メンテナンス中", "只今メンテナンス", "维护中", "系统维护", "網站維護",
}

// titles say so as a title or heading of few words; in a sentence they may mean anything.
var titles = []string{"maintenance", "back soon", "coming back", "downtime", "out of service", "site offline", "we'll be back", "wartung", "mantenimiento", "manutenção",
	"manutenzione", "onderhoud", "údržba", "обслуживание", "メンテナンス", "维护"}

const (
	// shortTitle is how many words a title or heading has that is about nothing else.
	shortTitle = 6
	// shortText is how many bytes of words a page has that says little beside its phrase.
	shortText = 800
)

// speaksOfMaintenance returns the words of a page that say maintenance, empty if there are none; strong: a phrase in its
// title or heading.
func speaksOfMaintenance(t *http.Transaction) (words string, strong bool) {
	for _, s := range []string{t.Title, t.H1} {
		low := strings.ToLower(s)
		for _, p := range phrases {
			if strings.Contains(low, p) {
				return s, true
			}
		}
	}
	if len(t.Text) <= shortText {
		low := strings.ToLower(t.Text)
		for _, p := range phrases {
			if i := strings.Index(low, p); i >= 0 {
				return p, false
			}
		}
	}
	for _, s := range []string{t.Title, t.H1} {
		if len(strings.Fields(s)) > shortTitle {
			continue
		}
		low := strings.ToLower(s)
		for _, p := range titles {
			if strings.Contains(low, p) {
				return s, false
			}
		}
	}
	return "", false
}

// crawlers are programs that read for many; each names itself in its user agent.
var crawlers = []string{"Googlebot", "bingbot", "Applebot", "YandexBot", "Baiduspider", "DuckDuckBot", "Yahoo! Slurp", "GPTBot", "ClaudeBot", "Amazonbot", "archive.org_bot",
	"AhrefsBot", "SemrushBot", "facebookexternalhit", "PetalBot", "CCBot"}

func crawler(agent string) string {
	low := strings.ToLower(agent)
	for _, c := range crawlers {
		if strings.Contains(low, strings.ToLower(c)) {
			return c + " (by its own word)"
		}
	}
	return ""
}

// cache names a shared cache on the way.
func cache(t *http.Transaction) string {
	switch {
	case t.Via != "":
		return "a proxy that calls itself " + t.Via
	case t.XCache != "":
		return "a cache (X-Cache: " + t.XCache + ")"
	case t.Age != "":
		return "a cache (Age: " + t.Age + ")"
	}
	return ""
}

// cacheable says why a cache may keep the answer (RFC 9111 3, 4.2.2); empty: it may not.
func cacheable(t *http.Transaction) string {
	c := strings.ToLower(t.CacheControl)
	switch {
	case strings.Contains(c, "no-store"), strings.Contains(c, "no-cache"), strings.Contains(c, "private"), t.Pragma && c == "", t.SetCookie && c == "":
		return ""
	case strings.Contains(c, "max-age=0"), t.Expires == "0", t.Expires == "-1":
		return ""
	case strings.Contains(c, "max-age="), strings.Contains(c, "public"):
		return "Cache-Control: " + t.CacheControl
	case t.Expires != "" && t.Expires != t.Date:
		return "Expires: " + t.Expires
	case t.LastModified != "":
		return "Last-Modified and nothing against it"
	}
	return ""
}
