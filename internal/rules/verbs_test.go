package rules

import (
	"strings"
	"testing"

	"firestorm/internal/rules/lang"
)

func compiled(t testing.TB, text string) *Set {
	t.Helper()
	list, bad, err := lang.Parse("x.rules", strings.NewReader(text))
	if err != nil || len(bad) > 0 {
		t.Fatal(bad, err)
	}
	s, bad := Compile(list, Options{Keep: true, Vars: DefaultVars(), References: map[string]string{"x": "https://x.example/"}, Thresholds: []lang.Threshold{{Kind: lang.Suppress, GID: 1, SID: 3}}})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	return s
}

// TestExplain: a rule is explained as it was compiled: order, buffers, what is searched for first, state, limits, links.
func TestExplain(t *testing.T) {
	s := compiled(t, `drop http $HOME_NET any -> any 80 (msg:"m"; flow:established,to_server; http.method; content:"GET"; http.uri; content:"/a|00|b"; nocase; startswith; fast_pattern; pcre:"/x+/R"; flowbits:isset,in; flowbits:set,out; threshold:type limit, track by_src, count 1, seconds 60; reference:x,1; metadata:policy a; sid:1; rev:2;)
alert udp any any <> any 53 (dsize:<10; itype:8; content:!"no"; content:"ab"; offset:4; depth:8; content:"c"; distance:1; within:5; isdataat:!3,relative; byte_test:2,>,5,0; noalert; sid:2;)
alert tcp any any -> any any (ttl:5; sid:3;)
`)
	for sid, want := range map[uint32]Explanation{
		1: {Action: "alert; the packet is not dropped or rejected, for nothing here stands in its way",
			Packets: "http from $HOME_NET to any address port 80; it travels to the server, belongs to an established connection",
			Looks:   []string{"http.method of the client", "http.uri of the client"}, First: `"/a|00|b" in http.uri: it says fast_pattern`,
			Steps: []string{"the connection speaks http", "the packet travels to the server, belongs to an established connection", "wants the flowbit in set",
				"addresses and ports are as the header says", `http.method: "GET"`, `http.uri: "/a|00|b" (in any case of letters, at the begin)`,
				"http.uri: the expression /x+/R, behind the match before"},
			State: []string{"wants the flowbit in set", "sets the flowbit out"}, Limits: []string{"at most 1 alerts in 60 s, counted for each source address"},
			References: []string{"https://x.example/1"}, Metadata: []string{"policy: a"}},
		2: {Action: "no alert: it only changes what is remembered of the connection", Packets: "udp from any address to or from any address port 53",
			Looks: []string{"the payload of each packet"}, First: `"ab": its longest content`,
			Steps: []string{"the packet's payload is at most 9 bytes long", "itype:8", "addresses and ports are as the header says", `the payload: not "no"`,
				`the payload: "ab" (in 8 bytes from byte 4 on)`, `the payload: "c" (from 1 bytes behind the match before on, within 5 bytes)`,
				"the payload: fewer than 4 bytes behind the match before", "the payload: byte_test:2,>,5,0"}},
		3: {Action: "alert", Packets: "tcp from any address to any address", Looks: []string{"the headers of each packet"},
			First: "nothing: it is asked about each packet of its protocol and ports", Steps: []string{"ttl:5", "addresses and ports are as the header says"},
			Limits: []string{"threshold.config keeps all its alerts back"}},
	} {
		got := s.Explain(sid)
		if len(got) != 1 {
			t.Fatalf("%d rules of sid %d", len(got), sid)
		}
		g := got[0]
		for _, x := range []struct{ name, got, want string }{{"action", g.Action, want.Action}, {"packets", g.Packets, want.Packets}, {"first", g.First, want.First},
			{"looks", strings.Join(g.Looks, "\n"), strings.Join(want.Looks, "\n")}, {"steps", strings.Join(g.Steps, "\n"), strings.Join(want.Steps, "\n")},
			{"state", strings.Join(g.State, "\n"), strings.Join(want.State, "\n")}, {"limits", strings.Join(g.Limits, "\n"), strings.Join(want.Limits, "\n")},
			{"links", strings.Join(g.References, "\n"), strings.Join(want.References, "\n")}, {"metadata", strings.Join(g.Metadata, "\n"), strings.Join(want.Metadata, "\n")}} {
			if x.got != x.want {
				t.Errorf("sid %d, %s:\n%s\nwant\n%s", sid, x.name, x.got, x.want)
			}
		}
	}
	if len(s.Explain(9)) > 0 {
		t.Error("a rule that is not there is explained")
	}
}

// TestMergeTraces: the furthest counts, of equal ones the first in the input, whatever the order of shards.
func TestMergeTraces(t *testing.T) {
	s := compiled(t, `alert tcp any any -> any any (content:"a"; sid:1;)`)
	row := func(level int, ordinal, times, alerts uint64) *Trace {
		tr := NewTrace(s)
		r := &tr.rows[0]
		r.level, r.ordinal, r.Times, r.Alerts, r.At.Frame = level, ordinal, times, alerts, ordinal
		return tr
	}
	list := []*Trace{row(2, 9, 1, 0), row(5, 7, 2, 1), NewTrace(s), row(5, 3, 4, 2)}
	for range list {
		list = append(list[1:], list[0])
		got := Merge(list)
		if len(got) != 1 || got[0].At.Frame != 3 || got[0].Times != 6 || got[0].Alerts != 3 {
			t.Errorf("%+v", got)
		}
	}
}
