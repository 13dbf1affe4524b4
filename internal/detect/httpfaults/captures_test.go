package httpfaults_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/httpfaults"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "redirect-loop/outside.pcap"), httpfaults.CodeLoop, finding.Certain)
	detecttest.Says(t, f, "shop.example (10.2.0.2:8080) sends its clients round in a circle", "a device in front takes TLS off", `"shop.example/" (301) to "https://shop.example/"`, "no X-Forwarded-Proto in the requests",
		"proxy_set_header X-Forwarded-Proto $scheme;", "from it alone (a client could forge it)")
	f = detecttest.Only(t, detecttest.Run(t, nil, "bad-gateway/inside.pcap"), httpfaults.CodeBurst, finding.Certain)
	detecttest.Says(t, f, "10.1.0.13:80 fails in a row: 12 times 502", "10.2.0.2:8080 behind it refuses its connections", "12 failures of 12 answers", "before, 0 of 12 answers", "8 refused", "2 clients got it")
	if len(f.Explains) != 1 || f.Explains[0].Code != "tcp-closed-port" {
		t.Errorf("explains %v", f.Explains)
	}
	f = detecttest.Only(t, detecttest.Run(t, nil, "bad-gateway-timeout/inside.pcap"), httpfaults.CodeBurst, finding.Certain)
	detecttest.Says(t, f, "12 times 504", "10.2.0.2:8080 behind it takes the connection")
}

// The same between other programs: from name to name, a slash, an application without a proxy.
func TestOthers(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "redirect-loop-hosts/outside.pcap"), httpfaults.CodeLoop, finding.Certain)
	detecttest.Says(t, f, "shop.example ([fd00:2::2]:80) sends its clients round in a circle", `"www.shop.example/" (301) to "http://shop.example/"`, "2 clients saw no page", "once more with each Location")
	f = detecttest.Only(t, detecttest.Run(t, nil, "redirect-loop-slash/outside.pcap"), httpfaults.CodeLoop, finding.Certain)
	detecttest.Says(t, f, "shop.example (10.2.0.2:8080)", `"shop.example/stock/" (302) to "/stock"`, "2 clients saw no page", "curl -s -o /dev/null -D - -H 'Host: shop.example' http://10.2.0.2:8080/stock")
	f = detecttest.Only(t, detecttest.Run(t, nil, "http2-redirect-loop/outside.pcap"), httpfaults.CodeLoop, finding.Certain)
	detecttest.Says(t, f, "10.2.0.2:8080 sends its clients round in a circle", "curl --http2-prior-knowledge -s -o /dev/null -D - http://10.2.0.2:8080/stock")
	f = detecttest.Only(t, detecttest.Run(t, nil, "failing-500/outside.pcap"), httpfaults.CodeBurst, finding.Certain)
	detecttest.Says(t, f, "10.2.0.2:8000 fails in a row: 14 times 500", "2 clients got it")
}

func TestSilent(t *testing.T) {
	for _, file := range []string{"redirect-loop-remedied/outside.pcap", "redirect-login/outside.pcap", "bad-gateway-remedied/inside.pcap", "maintenance-503/inside.pcap", "maintenance-503-bare/inside.pcap",
		"maintenance-200-redirect/inside.pcap"} {
		t.Run(file, func(t *testing.T) {
			detecttest.None(t, detecttest.Run(t, nil, file), httpfaults.CodeLoop, httpfaults.CodeBurst)
		})
	}
}

func TestDamaged(t *testing.T) {
	for _, c := range []struct{ file, code, client, server string }{
		{"redirect-loop/outside.pcap", httpfaults.CodeLoop, "10.2.0.1", "10.2.0.2"},
		{"bad-gateway/inside.pcap", httpfaults.CodeBurst, "10.1.0.11", "10.1.0.13"},
	} {
		for _, m := range detecttest.Damages(c.client, c.server) {
			t.Run(c.file+", "+m.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{m.Make}, c.file)
				switch m.Name {
				case "no packets from the server", "96 bytes of each frame":
					detecttest.Weak(t, r, c.code)
				case "no packets from the client":
					if c.code == httpfaults.CodeLoop {
						detecttest.None(t, r, c.code)
					}
				case "no SYN":
					found := false
					for _, f := range r.Findings {
						found = found || f.Code.ID == c.code
					}
					if !found {
						t.Errorf("what was said was seen: %v", detecttest.Codes(r, 0))
					}
				}
			})
		}
	}
}
