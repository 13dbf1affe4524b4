package maintenance_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/maintenance"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	both := func(name string) [][]string {
		return [][]string{{name + "/inside.pcap"}, {name + "/outside.pcap"}, {name + "/inside.pcap", name + "/outside.pcap"}}
	}
	for _, files := range both("maintenance-200") {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), maintenance.Code200, finding.Certain)
		detecttest.Says(t, f, "shop.example (10.2.0.2:80) sends its maintenance page as if it were the site: status 200 for 6 addresses", `the page says "We'll be right back"`,
			"9 answers to 2 clients; among those who took the page for the site: Googlebot (by its own word)", "no Retry-After", `"/" showed another page at`, `(title "The shoe shop")`,
			"one and the same page for 6 addresses", `lighty.header["Content-Type"] = "text/html"; lighty.header["Retry-After"] = "3600"; lighty.header["Cache-Control"] = "no-store"; lighty.content = { { filename = (lighty.env["physical.doc-root"] or "/var/www/html") .. "/maintenance-live.html" } }; return 503`,
			"curl -s -o /dev/null -D - -H 'Host: shop.example' http://10.2.0.2:80/")
		detecttest.SaysNot(t, f, "nginx", "RewriteRule")
		detecttest.Says(t, f, "firestorm maintenance config --server lighttpd")
		if f.Severity != finding.High {
			t.Errorf("%s, though a crawler took it", f.Severity)
		}
	}
	for _, files := range both("maintenance-200-standing") {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), maintenance.Code200, finding.Likely)
		detecttest.Says(t, f, "or: a page that always stands there")
	}
	for _, files := range both("maintenance-200-redirect") {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), maintenance.Code200, finding.Certain)
		detecttest.Says(t, f, "status 200 for 7 addresses", "6 addresses led there by a redirect", "caches may keep it (Last-Modified and nothing against it)", "error_page 503 @maintenance")
	}
	for _, files := range both("maintenance-503-bare") {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), maintenance.Code503, finding.Certain)
		detecttest.Says(t, f, "refuses with 503 12 times and does not say when to come back", "the page speaks of maintenance", "asked again after")
	}
	f := detecttest.Only(t, detecttest.Run(t, nil, "overload-503/outside.pcap"), maintenance.Code503, finding.Likely)
	detecttest.Says(t, f, "shop.example ([fd00:2::2]:80) refuses with 503", "or: an overload that nobody knew the end of")
	f = detecttest.Only(t, detecttest.Run(t, nil, "unready-503/outside.pcap"), maintenance.Code503, finding.Certain)
	detecttest.Says(t, f, "shop.example (10.2.0.2:8000) refuses with 503 8 times", "the page speaks of maintenance")
}

func TestSilent(t *testing.T) {
	for _, name := range []string{"maintenance-503", "maintenance-503-nginx", "maintenance-article", "maintenance-spa", "server-slow"} {
		for _, file := range []string{name + "/inside.pcap", name + "/outside.pcap"} {
			t.Run(file, func(t *testing.T) {
				r := detecttest.Run(t, nil, file)
				detecttest.None(t, r, maintenance.Code200, maintenance.Code503)
			})
		}
	}
	detecttest.None(t, detecttest.Run(t, nil, "maintenance-503-bare/inside.pcap"), maintenance.Code200)
}

func TestDamaged(t *testing.T) {
	for _, m := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(m.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{m.Make}, "maintenance-200/inside.pcap")
			switch m.Name {
			case "no packets from the server", "96 bytes of each frame":
				detecttest.None(t, r, maintenance.Code200)
			case "no packets from the client": // the crawler's requests remain
				for _, f := range r.Findings {
					if f.Code.ID == maintenance.Code200 {
						detecttest.Says(t, f, "status 200 for 3 addresses", "1 client")
					}
				}
			case "every 20th frame lost": // what was seen as a whole was seen
				f := detecttest.Only(t, r, maintenance.Code200, finding.Certain)
				detecttest.Says(t, f, "one and the same page for 6 addresses")
			case "every frame twice":
				for _, f := range r.Findings {
					if f.Code.ID == maintenance.Code200 {
						detecttest.Says(t, f, "9 answers to 2 clients")
					}
				}
			default:
				detecttest.Says(t, detecttest.Only(t, r, maintenance.Code200, finding.Certain), "9 answers to 2 clients")
			}
		})
	}
}
