package lang

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = `alert tcp any any -> any any `

func TestHeader(t *testing.T) {
	for _, c := range []struct {
		text string
		want Rule // header only
	}{
		{`alert tcp any any -> any any (sid:1;)`, Rule{Action: Alert, Protocol: "tcp", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{`ALERT TCP any any -> any any(sid:1;)`, Rule{Action: Alert, Protocol: "tcp", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{"  drop\thttp1:request_started $HOME_NET [80, 81]\t<> [1.1.1.1, ![2.2.2.2, 3.3.3.3]]  ![1:2] ( sid : 1 ; ) ",
			Rule{Action: Drop, Protocol: "http1", Hook: "request_started", Src: "$HOME_NET", SrcPort: "[80, 81]", Both: true,
				Dst: "[1.1.1.1, ![2.2.2.2, 3.3.3.3]]", DstPort: "![1:2]"}},
		{`alert http2:global:request_started any any -> any any (sid:1;)`, Rule{Action: Alert, Protocol: "http2", Hook: "global:request_started", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{`config dns any any -> any any (sid:1;)`, Rule{Action: Alert, Config: true, Protocol: "dns", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{`pass:flow tls any any => any any (sid:1;)`, Rule{Action: Pass, Scope: "flow", Protocol: "tls", Src: "any", SrcPort: "any", Transaction: true, Dst: "any", DstPort: "any"}},
		{`reject tcp-pkt any any -> any any (sid:1;)`, Rule{Action: Reject, Protocol: "tcp-pkt", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{`rejectsrc ip any any -> any any (sid:1;) # why`, Rule{Action: Reject, Protocol: "ip", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{`rejectdst ip any any -> any any (sid:1;)`, Rule{Action: RejectDst, Protocol: "ip", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
		{`rejectboth ip any any -> any any (sid:1;)`, Rule{Action: RejectBoth, Protocol: "ip", Src: "any", SrcPort: "any", Dst: "any", DstPort: "any"}},
	} {
		r, bad := ParseRule(c.text, Place{"x", 7})
		if bad != nil {
			t.Errorf("%s: %v", c.text, bad)
			continue
		}
		if r.SID != 1 || r.GID != 1 || r.Text != c.text || r.Line != 7 || len(r.Options) != 1 {
			t.Errorf("%s: %+v", c.text, r)
		}
		got := *r
		got.Place, got.Text, got.GID, got.SID, got.Options = Place{}, "", 0, 0, nil
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.text, d)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Option
	}{
		{`nocase;`, []Option{{Name: "nocase"}}},
		{` NoCase ;`, []Option{{Name: "nocase"}}},
		{`flow: established , to_server ;`, []Option{{Name: "flow", Value: "established , to_server", Given: true}}},
		{`x:;`, []Option{{Name: "x", Given: true}}},
		{`content:"a;b\;c\"d\\e\:f";`, []Option{{Name: "content", Value: `a;b;c"d\e:f`, Quoted: true, Given: true}}},
		{`content : ! "a|3b 22|" ; dsize:!5;`, []Option{{Name: "content", Value: "a|3b 22|", Negated: true, Quoted: true, Given: true},
			{Name: "dsize", Value: "5", Negated: true, Given: true}}},
		{`content:"\\";nocase;`, []Option{{Name: "content", Value: `\`, Quoted: true, Given: true}, {Name: "nocase"}}},
		{`pcre:"/a\;\"b\\c"d\x22/i";`, []Option{{Name: "pcre", Value: `/a\;\"b\\c"d\x22/i`, Quoted: true, Given: true}}},
		{`pcre:!"/a;b"/";`, []Option{{Name: "pcre", Value: `/a;b"/`, Negated: true, Quoted: true, Given: true}}},
		{`reference:url,a.b/c\;d;`, []Option{{Name: "reference", Value: `url,a.b/c;d`, Given: true}}},
		{`lua:a\b.lua;`, []Option{{Name: "lua", Value: `a\b.lua`, Given: true}}},
		{`content:"";`, []Option{{Name: "content", Quoted: true, Given: true}}},
		{"http.uri;content:\"\xff\x00\";", []Option{{Name: "http.uri"}, {Name: "content", Value: "\xff\x00", Quoted: true, Given: true}}},
		{`bsize:!=5;`, []Option{{Name: "bsize", Value: "=5", Negated: true, Given: true}}},
	} {
		r, bad := ParseRule(head+"("+c.text+" sid:1;)", Place{})
		if bad != nil {
			t.Errorf("%s: %v", c.text, bad)
			continue
		}
		if d := cmp.Diff(c.want, r.Options[:len(r.Options)-1]); d != "" {
			t.Errorf("%s: %s", c.text, d)
		}
	}
}

func TestLifted(t *testing.T) {
	r, bad := ParseRule(head+`(msg:"a\;b"; gid:3; sid: 4294967295 ; rev:"9"; content:"x";)`, Place{"f", 2})
	if bad != nil {
		t.Fatal(bad)
	}
	if r.Msg != "a;b" || r.GID != 3 || r.SID != 1<<32-1 || r.Rev != 9 {
		t.Errorf("%+v", r)
	}
	if v, ok := r.Get("content"); v != "x" || !ok {
		t.Error(v, ok)
	}
	if _, ok := r.Get("nocase"); ok {
		t.Error("nocase is there")
	}
}

func TestBrokenRules(t *testing.T) {
	for _, c := range []struct{ text, sid, option, reason string }{
		{`log tcp any any -> any any (sid:5;)`, "5", "", "Snort"},
		{`alarm tcp any any -> any any (sid:5;)`, "5", "", `unknown action "alarm"`},
		{`alert:all tcp any any -> any any (sid:5;)`, "5", "", "scope"},
		{`alert`, "0", "", "protocol is missing"},
		{`alert tcp any`, "0", "", "source port is missing"},
		{`alert t/p any any -> any any (sid:5;)`, "5", "", `"t/p" is no protocol`},
		{`alert tcp any any <- any any (sid:5;)`, "5", "", "<- does not exist"},
		{`alert tcp any any any any (sid:5;)`, "5", "", `"any" stands where the direction`},
		{`alert tcp [any any -> any any (sid:5;)`, "5", "", "source address is not closed"},
		{`alert tcp any] any -> any any (sid:5;)`, "5", "", "source address is not closed"},
		{`alert tcp any any -> any any`, "0", "", "options in parentheses are missing"},
		{`alert http (sid:5;)`, "5", "", "source address is missing"},
		{head + `(sid:5;`, "5", "", "closing ) is missing"},
		{head + `(sid:5)`, "5", "sid", "; after the option is missing"},
		{head + `(nocase)`, "0", "nocase", "; after the option is missing"},
		{head + `(sid:5; nocase`, "5", "nocase", "ends within the option"},
		{head + `(sid:5; ;)`, "5", "", "; too much"},
		{head + `(sid:5; "x";)`, "5", "", "stands where the name"},
		{head + `(sid:5; content "x";)`, "5", "content", "stands where the name"},
		{head + `(sid:5; content:"x;)`, "5", "content", "closing quote is missing"},
		{head + `(sid:5; content:"x")`, "5", "content", "; after the option is missing"},
		{head + `(sid:5; content:"x",nocase; msg:"y";)`, "5", "content", "after the closing quote"},
		{head + `(sid:5; msg:"a"b\";c";)`, "5", "msg", "after the closing quote"},
		{head + `(sid:5; content:"a"b";)`, "5", "content", `written \" or |22|`},
		{head + `(sid:5; content:"a\nb";)`, "5", "content", "|xx|"},
		{head + `(sid:5;) alert`, "5", "", "text after the closing )"},
		{head + `(msg:"x";)`, "0", "sid", "no sid"},
		{head + `(sid:0;)`, "0", "sid", "reserved"},
		{head + `(sid:x;)`, "0", "sid", "must be a number"},
		{head + `(sid:!1;)`, "0", "sid", "must be a number"},
		{head + `(sid:4294967296;)`, "0", "sid", "must be a number"},
		{head + `(sid:5; sid:6;)`, "5", "sid", "twice"},
		{head + `(sid:5; msg:""; msg:"x";)`, "5", "msg", "twice"},
		{head + `(sid:5; rev:;)`, "5", "rev", "must be a number"},
		{head + `(` + strings.Repeat(" ", MaxRule) + `sid:5;)`, "0", "", "longer than 65536 bytes"},
	} {
		r, bad := ParseRule(c.text, Place{"f", 3})
		if bad == nil {
			t.Errorf("%.80s: parses: %+v", c.text, r)
			continue
		}
		if r != nil || fmt.Sprint(bad.SID) != c.sid || bad.Option != c.option || !strings.Contains(bad.Reason, c.reason) || bad.Line != 3 {
			t.Errorf("%.80s: %+v", c.text, bad)
		}
	}
}

func TestProblemString(t *testing.T) {
	p := Problem{Place: Place{"a.rules", 4}, SID: 9, Option: "content", Reason: "is empty"}
	if got := p.String(); got != "a.rules:4: sid 9: content: is empty" {
		t.Error(got)
	}
}

func TestParseFile(t *testing.T) {
	const rule = head + "(sid:%d;)"
	text := "\ufeff# a comment\r\n" +
		"\r\n" +
		fmt.Sprintf(rule, 1) + " \r\n" +
		"#" + fmt.Sprintf(rule, 2) + "\n" +
		"; also a comment\n" +
		"alert tcp any any -> any any ( \\ \r\n" +
		"  content:\"a\\\r\n" +
		"b\"; \\\n" +
		"\tsid:3;)\n" +
		"nonsense\n" +
		"  " + fmt.Sprintf(rule, 4) + "\n" +
		"# a path C:\\\n" +
		fmt.Sprintf(rule, 5) + "\n" +
		"#" + head + "(\\\n" +
		"  content:\"x\"; \\\n" +
		"  sid:6;)\n" +
		fmt.Sprintf(rule, 7) + "\n" +
		head + "(" + strings.Repeat("content:\"0123456789\"; \\\n", 4000) + "sid:8;)\n" +
		strings.Repeat("x", MaxRule+1) + "\n" +
		fmt.Sprintf(rule, 9) + "\n" +
		head + "(sid:10;) \\"
	rules, problems, err := Parse("f", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules {
		got = append(got, fmt.Sprintf("%d@%d", r.SID, r.Line))
	}
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{"1@3", "3@6", "4@11", "5@13", "7@17", "9@4020", "10@4021",
		`f:10: unknown action "nonsense"`, "f:18: the rule is longer than 65536 bytes", "f:4019: the rule is longer than 65536 bytes"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if v, _ := rules[1].Get("content"); v != "ab" {
		t.Errorf("joined to %q", v)
	}
}

// failing gives its text and then an error.
type failing struct{ r *strings.Reader }

func (f failing) Read(b []byte) (int, error) {
	if f.r.Len() > 0 {
		return f.r.Read(b)
	}
	return 0, fmt.Errorf("disk on fire")
}

func TestParseKeepsWhatWasRead(t *testing.T) {
	rules, _, err := Parse("f", failing{strings.NewReader(head + "(sid:1;)\n")})
	if len(rules) != 1 || err == nil || err.Error() != "f: disk on fire" {
		t.Error(rules, err)
	}
}

func TestUnique(t *testing.T) {
	text := ""
	for _, x := range []string{"sid:1; rev:2;", "sid:2;", "sid:1; rev:1;", "sid:1; rev:3;", "gid:7; sid:1;", "sid:2;"} {
		text += head + "(" + x + ")\n"
	}
	rules, _, _ := Parse("f", strings.NewReader(text))
	rules, problems := Unique(rules)
	var got []string
	for _, r := range rules {
		got = append(got, fmt.Sprintf("%d:%d:%d@%d", r.GID, r.SID, r.Rev, r.Line))
	}
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{"1:2:0@2", "1:1:3@4", "7:1:0@5",
		"f:1: sid 1: sid: 1:1 is replaced by rev 3 of the rule at f:4",
		"f:3: sid 1: sid: 1:1 is replaced by rev 3 of the rule at f:4",
		"f:6: sid 2: sid: 1:2 is already taken by the rule at f:2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + `(msg:"a\;b"; content:!"x|22|"; pcre:"/a"b/"; sid:1; rev:2;)`))
	f.Add([]byte("# x\\\n y\nalert ip [1.1.1.1, !$A] any <> any any ( \\\n sid:1;)"))
	f.Add([]byte(head + `(content:"\\"; nocase; sid:2;) # x`))
	f.Add([]byte("\xff\x00\\\n\"((;"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rules, problems, err := Parse("f", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.Reason == "" || p.Line == 0 {
				t.Fatalf("%+v", p)
			}
		}
		for _, r := range rules {
			again, bad := ParseRule(r.Text, r.Place)
			if bad != nil || !cmp.Equal(r, again) {
				t.Fatalf("read from the file and alone: %s %v", cmp.Diff(r, again), bad)
			}
			Addrs(r.Src, nil)
			Ports(r.DstPort, nil)
		}
	})
}
