package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/rules/lang"
)

// shown are the sids of the alerts that a Limiter lets pass, in order.
func (r *rig) shown(l *Limiter) (sids []uint32) {
	for _, e := range r.out {
		if a, ok := e.(*event.Alert); ok && (l == nil || l.Pass(a)) {
			sids = append(sids, a.Rule.SID)
		}
	}
	return sids
}

func udp(src, dst, payload string) []byte {
	return packettest.UDP{Src: src, Dst: dst, Payload: payload}.Frame()
}

// TestState: rules, then datagrams "source>target payload" a millisecond apart; which sids alert, in order?
func TestState(t *testing.T) {
	const a, b, c = "192.168.1.2:1000", "198.51.100.7:53", "198.51.100.8:53"
	for _, x := range []struct {
		name  string
		rules []string
		sent  []string
		want  string
	}{
		{"flowint counts", []string{`content:"x"; flowint:n,+,1; noalert; sid:1;`, `content:"x"; flowint:n,>,2; sid:2;`},
			[]string{a + ">" + b + " x", a + ">" + b + " x", a + ">" + b + " x"}, "2"},
		{"of one connection only", []string{`content:"x"; flowint:n,+,1; noalert; sid:1;`, `content:"x"; flowint:n,>,1; sid:2;`},
			[]string{a + ">" + b + " x", a + ">" + c + " x"}, ""},
		{"the question comes before the change of its rule", []string{`content:"x"; flowint:n,+,1; flowint:n,==,1; sid:1;`},
			[]string{a + ">" + b + " x", a + ">" + b + " x", a + ">" + b + " x"}, ""},
		{"and sees what the last match made", []string{`content:"s"; flowint:n,=,0; noalert; sid:2;`, `content:"x"; flowint:n,+,1; flowint:n,<,2; sid:1;`},
			[]string{a + ">" + b + " s", a + ">" + b + " x", a + ">" + b + " x", a + ">" + b + " x"}, "1 1"},
		{"flowint set and unset", []string{`content:"x"; flowint:n,notset; flowint:n,=,7; sid:1;`, `content:"y"; flowint:n,isset; flowint:m,isnotset; sid:2;`},
			[]string{a + ">" + b + " y", a + ">" + b + " x", a + ">" + b + " x", a + ">" + b + " y"}, "1 2"},
		{"flowint with another", []string{`content:"x"; flowint:n,=,3; noalert; sid:1;`, `content:"y"; flowint:m,+,2; noalert; sid:2;`, `content:"z"; flowint:n,<=,m; sid:3;`},
			[]string{a + ">" + b + " x", a + ">" + b + " y", a + ">" + b + " z", a + ">" + b + " y", a + ">" + b + " z"}, "3"},
		{"taken away", []string{`content:"x"; flowint:n,-,1; noalert; sid:1;`, `content:"y"; flowint:n,=,1; noalert; sid:2;`, `content:"z"; flowint:n,==,0; sid:3;`},
			[]string{a + ">" + b + " x", a + ">" + b + " z", a + ">" + b + " y", a + ">" + b + " x", a + ">" + b + " z"}, "3"},
		{"xbits of a pair, both ways", []string{`content:"x"; xbits:set,p,track ip_pair; noalert; sid:1;`, `content:"y"; xbits:isset,p,track ip_pair; sid:2;`},
			[]string{a + ">" + b + " x", b + ">192.168.1.2:2000 y", a + ">" + c + " y"}, "2"},
		{"xbits of a source, over connections", []string{`content:"x"; xbits:set,p,track ip_src; noalert; sid:1;`, `content:"y"; xbits:isset,p,track ip_src; sid:2;`},
			[]string{a + ">" + b + " y", a + ">" + b + " x", a + ">" + c + " y", "192.168.1.3:1>" + c + " y"}, "2"},
		{"xbits of a target", []string{`content:"x"; xbits:set,p,track ip_dst; sid:1;`, `content:"y"; xbits:isset,p,track ip_src; sid:2;`, `content:"y"; xbits:isnotset,p,track ip_src; sid:3;`},
			[]string{a + ">" + b + " x", b + ">" + "192.168.1.9:1 y", c + ">" + "192.168.1.9:1 y"}, "1 2 3"},
		{"unset and toggled", []string{`content:"x"; xbits:toggle,p,track ip_src; noalert; sid:1;`, `content:"z"; xbits:unset,p,track ip_src; noalert; sid:2;`, `content:"y"; xbits:isset,p,track ip_src; sid:3;`},
			[]string{a + ">" + b + " x", a + ">" + b + " y", a + ">" + b + " x", a + ">" + b + " y", a + ">" + b + " x", a + ">" + b + " z", a + ">" + b + " y"}, "3"},
		{"bits expire", []string{`content:"x"; xbits:set,p,track ip_src,expire 1; noalert; sid:1;`, `content:"x"; xbits:set,q,track ip_pair,expire 1; noalert; sid:4;`,
			`content:"y"; xbits:isset,p,track ip_src; sid:2;`, `content:"y"; xbits:isset,q,track ip_pair; sid:3;`},
			[]string{a + ">" + b + " x", a + ">" + b + " y", "wait", a + ">" + b + " y"}, "2 3"},
		{"hostbits", []string{`content:"x"; hostbits:set,h,dst; noalert; sid:1;`, `content:"y"; hostbits:isset,h,dst; sid:2;`, `content:"y"; hostbits:isset,h; sid:3;`},
			[]string{a + ">" + b + " x", "192.168.1.3:1>" + b + " y", b + ">192.168.1.3:1 y"}, "2 3"},
		{"who sets comes first", []string{`content:"x"; xbits:isset,p,track ip_src; sid:1;`, `content:"x"; xbits:set,p,track ip_src; noalert; sid:2;`},
			[]string{a + ">" + b + " x"}, "1"},
		{"a threshold counts what is left", []string{`content:"x"; xbits:set,p,track ip_src; noalert; sid:1;`,
			`content:"y"; xbits:isset,p,track ip_src; threshold:type threshold, track by_src, count 2, seconds 60; sid:2;`},
			[]string{a + ">" + b + " y", a + ">" + b + " x", a + ">" + b + " y", a + ">" + b + " y"}, "2"},
		{"flow.pkts", []string{`flow.pkts:toserver,2; sid:1;`, `flow.pkts:both,>0; sid:2;`, `flow.pkts_toclient:1; sid:3;`},
			[]string{a + ">" + b + " x", a + ">" + b + " x", b + ">" + a + " y"}, "1 1 2 3"},
		{"flow.bytes", []string{`flow.bytes:toserver,>60; sid:1;`, `flow.bytes:either,>70; sid:2;`}, []string{a + ">" + b + " x", a + ">" + b + " x"}, "1 2"},
		{"flow.age", []string{`flow.age:>=1; sid:1;`}, []string{a + ">" + b + " x", "wait", a + ">" + b + " x"}, "1"},
	} {
		var text []string
		for _, r := range x.rules {
			text = append(text, "alert udp any any -> any any ("+r+")")
		}
		set := load(t, text...)
		r := newRig(t, set)
		for _, s := range x.sent {
			if s == "wait" {
				r.n += 1500
				continue
			}
			ends, payload, _ := strings.Cut(s, " ")
			src, dst, _ := strings.Cut(ends, ">")
			r.give(udp(src, dst, payload))
		}
		var got []string
		for _, sid := range r.shown(set.NewLimiter()) {
			got = append(got, string(rune('0'+sid)))
		}
		if g := strings.Join(got, " "); g != x.want {
			t.Errorf("%s: %q, want %q", x.name, g, x.want)
		}
	}
}

// TestStreamSize: the sequence numbers count the SYN.
func TestStreamSize(t *testing.T) {
	set := load(t, `alert tcp any any -> any any (stream_size:client,=,6; dsize:0; flags:A; sid:1;)`, `alert tcp any any -> any any (stream_size:server,>,1; sid:2;)`,
		`alert tcp any any -> any any (stream_size:either,>,5; flow:to_client; sid:3;)`, `alert tcp any any -> any any (stream_size:both,>,5; sid:4;)`)
	r := newRig(t, set)
	r.dial()
	r.say(packet.ToServer, "hello")
	a := r.alerts()
	if len(a[1]) != 2 || len(a[2]) != 0 || len(a[3]) != 1 || len(a[4]) != 0 {
		t.Error(a)
	}
}

// TestBitsAreBounded: a full table lets go of what expired, then sets no more and counts it.
func TestBitsAreBounded(t *testing.T) {
	var b bitTable
	o := &hostBit{expire: second}
	ask := &hostBit{do: bitIsSet}
	for i := range mostHostBits + 10 {
		a := packet.Addr{byte(i >> 16), byte(i >> 8), byte(i)}
		b.change(o, &a, &a, 1)
	}
	if len(b.until) != mostHostBits || b.full != 10 || (&Limiter{lates: lates{full: 1, bits: b}}).Unkept() != 11 || (&Engine{pairs: b}).Stats().Unkept != 10 {
		t.Fatal(len(b.until), b.full)
	}
	late := packet.Addr{0xff}
	b.change(o, &late, &late, 2*second)
	if len(b.until) != 1 || !b.holds(ask, &late, &late, 2*second) {
		t.Error(len(b.until))
	}
}

// compileIn compiles rules that stand in a folder of their own, beside files.
func compileIn(t *testing.T, files map[string]string, rules ...string) (*Set, []lang.Problem) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, bad, err := lang.Parse(filepath.Join(dir, "x.rules"), strings.NewReader(strings.Join(rules, "\n")))
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	return Compile(list, Options{Vars: DefaultVars()})
}

var lists = map[string]string{
	"words":  "aGVsbG8=\nd29ybGQ=\n",
	"rep":    "aGVsbG8=,250\nd29ybGQ=,10\n",
	"md5":    "5d41402abc4b2a76b9719d911017c592\n",
	"ip":     "::ffff:198.51.100.7\n2001:db8::1\n",
	"json":   `{"list":{"of":[{"w":"hello","year":2005},{"w":"hello","year":2006},{"other":1}]}}`,
	"ndjson": `{"w":"hello","year":2005}` + "\n" + `{"w":"world","x":{"y":"z"}}` + "\n",
	"badrep": "aGVsbG8=,-1\n", "bad64": "aG;VsbG8=\n", "badjson": "[{", "notext": `[{"w":true}]`,
}

// TestDatasets: one rule, one datagram.
func TestDatasets(t *testing.T) {
	for _, c := range []struct {
		options, payload string
		want             bool
	}{
		{`ip.dst; dataset:isset,l,type ip,load ip;`, "x", true},
		{`ip.dst; dataset:isset,l,type ipv4,load ip;`, "x", false},
		{`ip.src; dataset:isset,l,type ip,load ip;`, "x", false},
		{`ip.src; dataset:isnotset,l,type ip,load ip;`, "x", true},
		{`dataset:isset,l,type string,load words;`, "hello", true},
		{`dataset:isset,l,type string,load words;`, "Hello", false},
		{`dataset:isnotset,l,type string,load words;`, "Hello", true},
		{`dataset:isset,l,type string,load words; dataset:isnotset,m,type string,load words;`, "hello", false},
		{`datarep:l,>,200,load rep,type string;`, "hello", true},
		{`datarep:l,>,200,load rep,type string;`, "world", false},
		{`datarep:l,=,10,load rep,type string;`, "world", true},
		{`datarep:l,<,10,load rep,type string;`, "nothing", false},
		{`dataset:isset,l,type string,state none-yet;`, "hello", false},
		{`dataset:isset,l,type string,load json,format json,context_key c,value_key w,array_key list.of;`, "hello", true},
		{`dataset:isset,l,type string,load ndjson,format ndjson,context_key c,value_key w;`, "world", true},
	} {
		if strings.Contains(c.options, "type ipv4") {
			// a list with an address of the other family cannot be one of IPv4
			if _, bad := compileIn(t, lists, "alert udp any any -> any any ("+c.options+" sid:1;)"); len(bad) != 1 {
				t.Errorf("%s: %v", c.options, bad)
			}
			continue
		}
		set, bad := compileIn(t, lists, "alert udp any any -> any any ("+c.options+" sid:1;)")
		if len(bad) > 0 {
			t.Errorf("%s: %v", c.options, bad)
			continue
		}
		r := newRig(t, set)
		r.give(udp("192.168.1.2:1000", "198.51.100.7:53", c.payload))
		if got := len(r.alerts()[1]) > 0; got != c.want {
			t.Errorf("%s with %q: %v", c.options, c.payload, got)
		}
	}
}

// TestDatasetTells: what a list says of a value is in the alert.
func TestDatasetTells(t *testing.T) {
	set, bad := compileIn(t, lists, `alert udp any any -> any any (dataset:isset,l,type string,load json,format json,context_key c,value_key w,array_key list.of,remove_key; sid:1;)`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	r := newRig(t, set)
	r.give(udp("192.168.1.2:1000", "198.51.100.7:53", "hello"))
	for _, e := range r.out {
		if a, ok := e.(*event.Alert); ok {
			if got := string(a.AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(got, `"context":{"c":{"year":2005}}`) {
				t.Error(got)
			}
			return
		}
	}
	t.Error("no alert")
}

// TestDatasetsChange: what rules add to a list is decided behind the border, in order.
func TestDatasetsChange(t *testing.T) {
	set, bad := compileIn(t, lists, `alert udp any any -> any any (dsize:<6; dataset:set,l,type string,load words; sid:1;)`,
		`alert udp any any -> any any (dsize:6; dataset:isset,l; sid:2;)`, `alert udp any any -> any any (content:"-"; dataset:unset,l; sid:3;)`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	r := newRig(t, set)
	for i, p := range []string{"hello", "new", "new", "newnew", "a-"} {
		r.give(udp("192.168.1.2:1000", []string{"198.51.100.7:53", "198.51.100.8:53"}[i&1], p))
	}
	l := set.NewLimiter()
	if got := r.shown(l); len(got) != 3 || got[0] != 1 || got[1] != 1 || got[2] != 3 {
		t.Error(got)
	}
	for range 2 { // a set is shared by runs: each begins with what the file says
		if got := len(newShown(t, set)); got != 1 {
			t.Error(got)
		}
	}
}

func newShown(t *testing.T, set *Set) []uint32 {
	r := newRig(t, set)
	r.give(udp("192.168.1.2:1000", "198.51.100.7:53", "new"))
	return r.shown(set.NewLimiter())
}

// TestDatasetsRefused: lists that make no sense.
func TestDatasetsRefused(t *testing.T) {
	for _, c := range []struct{ options, want string }{
		{`dataset:isset,l,load words;`, "says its type"},
		{`dataset:isset,l,type word;`, "none of string"},
		{`dataset:isset,l,type string,load nowhere;`, "no such file"},
		{`dataset:isset,l,type string,load rep;`, "a number behind a comma"},
		{`datarep:l,>,1,load words,type string;`, "a number behind a comma"},
		{`datarep:l,>,1,load badrep,type string;`, "no number from 0"},
		{`dataset:isset,l,type string,load bad64;`, "not in base64"},
		{`dataset:isset,l,type string,load badjson,format json,context_key c,value_key w;`, "unexpected EOF"},
		{`dataset:isset,l,type string,load notext,format json,context_key c,value_key w;`, "is no text"},
		{`dataset:isset,l,type string,load words,context_key c;`, "belong to a list in JSON"},
		{`dataset:isset,l,type string,load words,key c;`, "not known of a list"},
		{`dataset:isset,l,type string,load words,state x;`, "do not go together"},
		{`dataset:isset,l,type string,state /tmp/x;`, "whole path"},
		{`dataset:isset,l,type string,save ../x;`, "whole path"},
		{`dataset:isset,l,type string,load words,memcap 100;`, "larger than its memcap"},
		{`dataset:put,l,type string;`, "does not know"},
		{`dataset:set,l,type string; flowbits:set,x;`, "cannot decide over bits"},
		{`xbits:isset,x,track ip_src; flowint:n,+,1;`, "cannot decide over bits"},
		{`xbits:isset,x,track ip_here;`, "none of ip_src"},
		{`xbits:set,x,track ip_src,expire 0;`, "number of seconds"},
		{`hostbits:set,x,both;`, "neither src nor dst"},
		{`flowint:n,isset,1;`, "takes no value"},
		{`flowint:n,+;`, "needs a number"},
		{`flowint:n,*,1;`, "does not know"},
		{`stream_size:server,<;`, "3 values"},
		{`flow.pkts:here,1;`, "none of toserver"},
	} {
		_, bad := compileIn(t, lists, "alert udp any any -> any any ("+c.options+" sid:1;)")
		if len(bad) != 1 || !strings.Contains(bad[0].String(), c.want) {
			t.Errorf("%s: %v, want %q", c.options, bad, c.want)
		}
	}
	_, bad := compileIn(t, lists, `pass udp any any -> any any (xbits:isset,x,track ip_src; sid:1;)`)
	if len(bad) != 1 || !strings.Contains(bad[0].String(), "cannot decide what passes") {
		t.Error(bad)
	}
}

// FuzzDataset: no file makes a list fail or grow beyond its bound.
func FuzzDataset(f *testing.F) {
	for _, s := range lists {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range setKinds {
			for _, rep := range []bool{false, true} {
				d := &dataset{kind: k, rep: rep, memcap: 1 << 12}
				_ = d.lines(strings.NewReader(string(b)), d.line)
				j := &dataset{kind: k, memcap: 1 << 12, format: "json"}
				_ = j.readJSON(strings.NewReader(string(b)), "w", "list.of", rep)
				if len(d.has)*perValue > 1<<12 || len(j.has)*perValue > 1<<12 {
					t.Fatal("too large")
				}
			}
		}
	})
}
