package ruletraffic

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRead: the words of a rule, its options with quotation marks and escapes, and its text without one of them.
func TestRead(t *testing.T) {
	r, err := Read(`alert tcp [$HOME_NET, 10.0.0.1] any -> any [1:5,!3] (msg:"a\"b\; c"; content:!"x|3b 41|y"; nocase; pcre:"/a\/b;\"/i"; sid:7;)`)
	if err != nil {
		t.Fatal(err)
	}
	if r.Src != "[$HOME_NET, 10.0.0.1]" || r.DstPort != "[1:5,!3]" || r.SID != 7 || len(r.Options) != 5 {
		t.Fatalf("%+v", r)
	}
	if o := r.Options[0]; o.Value != `a"b; c` {
		t.Error(o)
	}
	if o := r.Options[1]; !o.Neg || o.Value != "x|3b 41|y" {
		t.Error(o)
	}
	if b, err := patternOf(r.Options[1].Value); err != nil || string(b) != "x;Ay" {
		t.Error(b, err)
	}
	if o := r.Options[3]; o.Value != `/a\/b;\"/i` {
		t.Error(o)
	}
	if s := r.Without("nocase"); s != `alert tcp [$HOME_NET, 10.0.0.1] any -> any [1:5,!3] (msg:"a\"b\; c"; content:!"x|3b 41|y"; pcre:"/a\/b;\"/i"; sid:7;)` {
		t.Error(s)
	}
	for _, bad := range []string{"", "alert", "alert tcp any any -> any (sid:1;)"} {
		if _, err := Read(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestHolds: what a rule's options mean, told by cases.
func TestHolds(t *testing.T) {
	for _, c := range []struct {
		options, b string
		want       bool
	}{
		{`content:"ab"; content:"cd"; distance:1;`, "abxcd", true}, {`content:"ab"; content:"cd"; distance:1;`, "abcd", false},
		{`content:"ab"; content:"cd"; within:3;`, "abxcd", true}, {`content:"ab"; content:"cd"; within:3;`, "abxxcd", false},
		{`content:"a"; content:"b"; distance:0; within:1;`, "acab", true},
		{`content:"ab"; isdataat:!1,relative;`, "abab", true}, {`content:"ab"; isdataat:!1,relative;`, "aba", false},
		{`content:"ab"; isdataat:2,relative;`, "abcd", true}, {`content:"ab"; isdataat:3,relative;`, "abcd", false},
		{`isdataat:4;`, "abcd", false}, {`isdataat:3;`, "abcd", true},
		{`content:"AB"; nocase; startswith; endswith;`, "aB", true}, {`content:"AB"; endswith;`, "ABAB", true},
		{`content:"b"; offset:2; depth:2;`, "abab", true}, {`content:"b"; offset:2; depth:1;`, "abab", false},
		{`content:!"x"; content:"a";`, "abx", false}, {`byte_test:2,>,257,1,little;`, "x\x02\x01", true},
		{`byte_jump:1,0; content:"c"; within:1;`, "\x02abc", true}, {`byte_extract:1,0,n; content:"c"; offset:n; depth:1;`, "\x03abc", true},
		{`byte_test:3,=,42,1,string,dec;`, "x042", true}, {`bsize:3<>6;`, "abcd", true}, {`bsize:3<>6;`, "abc", false},
	} {
		r, err := Read(`alert udp any any -> any any (` + c.options + ` sid:1;)`)
		if err != nil {
			t.Fatal(err)
		}
		m, err := understand(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := holds(m.parts[0].checks, []byte(c.b)); got != c.want {
			t.Errorf("%s of %q: %v", c.options, c.b, got)
		}
	}
}

// TestExpressions: strings made from an expression match it, and another engine finds the same in them and in what is left
// when a byte is changed.
func TestExpressions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	known := 0
	for _, text := range []string{`^a[0-9]{3}(?:x|yz)+$`, `\x41\x{e4}[^\r\n]*?;`, `(foo|ba[rz])\s?=\s*"[a-f\d]{8}"`, `a(?i)b(?-i)c`, `^(?:[^&]+&){2}id=\d+`, `[\w.-]+@[\w-]+\.example\b`,
		`x{2,}y{,3}z`, `[[:alpha:]][[:^digit:]]`, `(a)(b)\2\1`, `foo(?=bar)bar`, `\/a\/b\?c\=1`, `.{3}\n^b`, `a++b`} {
		e, err := parseExpr(text, "m")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for range 50 {
			b := e.sample(rng, nil, 3)
			if _, _, ok := e.find(b, 0); !ok {
				t.Errorf("/%s/ does not match its own %q", text, b)
				break
			}
			if _, ok := e.second(b); ok {
				known++
			}
			if err := e.agree(b); err != nil {
				t.Error(err)
			}
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(7)
			if err := e.agree(b); err != nil {
				t.Error(err)
			}
		}
	}
	if known < 300 {
		t.Errorf("the other engine read %d only", known)
	}
	for _, bad := range []string{"(", "a)", "[a", `\p{L}`} {
		if _, err := parseExpr(bad, ""); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// TestSameSeed: what is made depends on the seed and the rules alone.
func TestSameSeed(t *testing.T) {
	all := readFile(t, "testdata/own.rules")
	frames := func(seed uint64) (out []byte) {
		g := NewGenerator(Variables(), seed, all)
		for _, r := range all {
			if x, err := g.Make(r); err == nil {
				out = append(out, bytes.Join(x.Frames, nil)...)
			}
			if x, err := g.Twin(r); err == nil {
				out = append(out, bytes.Join(x.Frames, nil)...)
			}
		}
		return out
	}
	if a := frames(3); !slices.Equal(a, frames(3)) {
		t.Error("the same seed made something else")
	} else if slices.Equal(a, frames(4)) {
		t.Error("another seed made the same")
	}
}
