package dns

import (
	"strings"
	"testing"

	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

// TestRecord: an answer's record has all its sections, data of several parts as objects, and the answers by type.
func TestRecord(t *testing.T) {
	soa := "\x01a\xc0\x10" + "\x01b\xc0\x10" + "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05"
	b := message(9, FlagResponse, "www.example", TypeTXT,
		record{1, "www.example", TypeTXT, 1, 3, "\x02hi\x00\x03\"\x1b\xff"}, record{1, "x", TypeSRV, 1, 3, "\x00\x14\x00\x01\x13\xc4\x03sip\x00"},
		record{1, "x", TypeSSHFP, 1, 3, "\x01\x02\xab\x01"}, record{1, "x", TypeNULL, 1, 3, "V\x03\xc5"}, record{1, "x", TypeSRV, 1, 3, "\x00\x14"},
		record{2, "example", TypeSOA, 1, 3, soa}, record{3, "ns", TypeA, 1, 3, "\xc0\x00\x02\x07"}, edns)
	got := messages(run(t, nil, ask(query(9)), tell(b)))
	if len(got) != 2 {
		t.Fatalf("%d messages", len(got))
	}
	analyzertest.ValidEVE(t, got[0], got[1])
	const rest = `"answers":[{"rrname":"www.example","rrtype":"TXT","ttl":3,"rdata":"hi"},{"rrname":"www.example","rrtype":"TXT","ttl":3,"rdata":""},` +
		`{"rrname":"www.example","rrtype":"TXT","ttl":3,"rdata":"\"\u001b\\xff"},` +
		`{"rrname":"x","rrtype":"SRV","ttl":3,"srv":{"priority":20,"weight":1,"port":5060,"name":"sip"}},` +
		`{"rrname":"x","rrtype":"SSHFP","ttl":3,"sshfp":{"fingerprint":"ab:01","algo":1,"type":2}},` +
		`{"rrname":"x","rrtype":"NULL","ttl":3,"rdata":"V\u0003\\xc5"},{"rrname":"x","rrtype":"SRV","ttl":3}],` +
		`"authorities":[{"rrname":"example","rrtype":"SOA","ttl":3,"soa":{"mname":"a.example","rname":"b.example","serial":1,"refresh":2,"retry":3,"expire":4,"minimum":5}}],` +
		`"additionals":[{"rrname":"ns","rrtype":"A","ttl":3,"rdata":"192.0.2.7"}]`
	const grouped = `,"grouped":{"TXT":["hi","","\"\u001b\\xff"],"SRV":[{"priority":20,"weight":1,"port":5060,"name":"sip"}],` +
		`"SSHFP":[{"fingerprint":"ab:01","algo":1,"type":2}],"NULL":["V\u0003\\xc5"]}`
	const v3 = `"dns":{"version":3,"type":"response","tx_id":1,"id":9,"flags":"8000","qr":true,"opcode":0,"rcode":"NOERROR","queries":[{"rrname":"www.example","rrtype":"TXT"}],`
	const v2 = `"dns":{"version":2,"type":"answer","tx_id":1,"id":9,"flags":"8000","qr":true,"opcode":0,"rrname":"www.example","rrtype":"TXT","rcode":"NOERROR",`
	for _, r := range []struct {
		name string
		c    event.EVE
		want string
	}{
		{"8", event.EVE{Version: 8}, v3 + rest + grouped + `}`},
		{"7", event.EVE{Version: 7}, v2 + rest + grouped + `}`},
		{"8 with records of version 2", event.EVE{Version: 8, DNS: event.DNSParts{Version: 2, NoGrouped: true}}, v2 + rest + `}`},
		{"grouped", event.EVE{DNS: event.DNSParts{NoDetailed: true}}, strings.TrimSuffix(v3, ",") + grouped + `}`},
		{"wanted", event.EVE{DNS: event.DNSParts{Types: []string{"TXT"}, NoDetailed: true, NoGrouped: true}}, strings.TrimSuffix(v3, ",") + `}`},
		{"another type", event.EVE{DNS: event.DNSParts{Types: []string{"A"}}}, ``},
		{"no responses", event.EVE{DNS: event.DNSParts{NoResponses: true}}, ``},
	} {
		line := string(got[1].AppendEVE(nil, &r.c))
		if r.want == "" && line != "" || !strings.Contains(line, r.want) {
			t.Errorf("%s:\n got %s\nwant %s", r.name, line, r.want)
		}
	}
	if s := got[0].AppendEVE(nil, &event.EVE{DNS: event.DNSParts{NoRequests: true}}); len(s) > 0 {
		t.Errorf("a request is recorded: %s", s)
	}
}
