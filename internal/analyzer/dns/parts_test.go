package dns

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func TestParts(t *testing.T) {
	mx := record{1, "www.example", TypeMX, 1, 60, "\x00\x0a\x04mail\xc0\x10"}
	ns := record{2, "example", TypeNS, 1, 60, "\x02ns\xc0\x10"}
	glue := record{3, "ns.example", TypeA, 1, 60, "\xc0\x00\x02\x01"}
	defs := []analyzer.Def{Def}
	for name, got := range map[string][]analyzertest.Shown{
		"UDP": analyzertest.Show(t, defs, ask(query(7)), tell(message(7, FlagResponse|NXDomain, "www.example", TypeA, alias, mx, ns, glue, edns))),
		"TCP": analyzertest.Show(t, defs, analyzertest.Frames(3, client, resolver, true, analyzertest.Turn{Dir: packet.ToServer, Data: string(framed(query(7)))},
			analyzertest.Turn{Dir: packet.ToClient, Data: string(framed(message(7, FlagResponse|NXDomain, "www.example", TypeA, alias, mx, ns, glue, edns)))})...)} {
		if len(got) != 2 {
			t.Fatalf("%s: shown %d times", name, len(got))
		}
		for i, want := range []map[string][]string{
			{"dns.query": {"www.example"}, "dns.queries.rrname": {"www.example"}, "dns.response.rrname": nil, "dns.opcode": {"\x00"}, "dns.rcode": {"\x00\x00"}, "dns.rrtype": {"\x00\x01"}},
			{"dns.query": nil, "dns.queries.rrname": {"www.example"}, "dns.answers.rrname": {"www.example", "www.example"}, "dns.authorities.rrname": {"example"},
				"dns.additionals.rrname": {"ns.example"}, "dns.rcode": {"\x00\x03"},
				"dns.response.rrname": {"www.example", "www.example", "host.example", "www.example", "mail.example", "example", "ns.example", "ns.example"}}} {
			for part, v := range want {
				if !slices.Equal(got[i].Parts[part], v) {
					t.Errorf("%s: %s of %d is %q, want %q", name, part, i, got[i].Parts[part], v)
				}
			}
			if got[i].Tx != uint64(i) || len(got[i].Events) != 0 {
				t.Errorf("%s: %+v", name, got[i])
			}
		}
	}
}

func TestOddities(t *testing.T) {
	cut := func(b []byte, n int) []byte { return b[:len(b)-n] }
	ns := record{2, "example", TypeNS, 1, 60, "\x02ns\xc0\x10"}
	glue := record{3, "ns.example", TypeA, 1, 60, "\xc0\x00\x02\x01"}
	for _, c := range []struct {
		name  string
		frame []byte
		want  []string
	}{
		{"nothing", tell(answer(7)), nil},
		{"answer cut", tell(cut(message(7, FlagResponse, "www.example", TypeA, alias, a4), 2)), []string{"malformed_data"}},
		{"authority cut", tell(cut(message(7, FlagResponse, "www.example", TypeA, alias, ns), 2)), []string{"invalid_authorities"}},
		{"additional cut", tell(cut(message(7, FlagResponse, "www.example", TypeA, alias, ns, glue), 2)), []string{"invalid_additionals"}},
		{"name too long", tell(slices.Concat(query(7)[:12], []byte(strings.Repeat("\x3f"+strings.Repeat("x", 63), 17)+"\x00\x00\x01\x00\x01"))), []string{"name_too_long", "not_a_response"}},
		{"circle", ask(slices.Concat(query(7)[:12], []byte("\xc0\x0c\x00\x01\x00\x01"))), []string{"infinite_loop"}},
		{"Z", tell(message(7, FlagResponse|FlagZ, "www.example", TypeA)), []string{"z_flag_set"}},
		{"opcode 9", ask(message(7, 9<<11, "www.example", TypeA)), []string{"invalid_opcode"}},
		{"answer to a server", ask(message(7, FlagResponse, "www.example", TypeA)), []string{"not_a_request"}},
		{"query to a client", tell(message(7, 0, "www.example", TypeA)), []string{"not_a_response"}},
	} {
		got := analyzertest.Show(t, []analyzer.Def{Def}, ask(query(7)), slices.Clone(c.frame))
		if len(got) != 2 || !slices.Equal(got[1].Events, c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
		var told []string
		for _, e := range analyzertest.Of[*event.AppLayer](run(t, nil, ask(query(7)), c.frame)) {
			told = append(told, e.Name)
			analyzertest.ValidEVE(t, e)
		}
		if !slices.Equal(told, c.want) {
			t.Errorf("%s: %s", c.name, strings.Join(told, ", "))
		}
	}
}
