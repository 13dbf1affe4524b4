package rules

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

func packed(w func(b *bytes.Buffer) interface {
	Write([]byte) (int, error)
	Close() error
}, text string) string {
	var b bytes.Buffer
	z := w(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

type closer = interface {
	Write([]byte) (int, error)
	Close() error
}

// TestTransforms: one rule, one part, does it match?
func TestTransforms(t *testing.T) {
	gz := packed(func(b *bytes.Buffer) closer { return gzip.NewWriter(b) }, "packed words")
	zl := packed(func(b *bytes.Buffer) closer { return zlib.NewWriter(b) }, "packed words")
	large := packed(func(b *bytes.Buffer) closer { return gzip.NewWriter(b) }, strings.Repeat("x", 5000))
	for _, c := range []struct {
		rule, uri string
		want      bool
	}{
		{`to_lowercase; content:"abc";`, "xABC", true},
		{`to_lowercase; content:"ABC";`, "xABC", false},
		{`to_uppercase; content:"ABC|e4|";`, "xabc\xe4", true},
		{`to_uppercase; content:"abc";`, "xabc", false},
		{`strip_whitespace; content:"ab"; bsize:2;`, " a\t\r\n\v\fb ", true},
		{`strip_whitespace; content:"a b";`, "a b", false},
		{`compress_whitespace; content:"a b"; bsize:3;`, "a  \t b", true},
		{`compress_whitespace; content:"a  b";`, "a  b", false},
		{`dotprefix; content:".ab";`, "ab", true},
		{`dotprefix; content:".ab";`, "xab", false},
		{`to_lowercase; dotprefix; content:".ab"; startswith;`, "AB", true},
		{`dotprefix; to_md5; content:"|18 7e f4 43 61 22 d1 cc 2f 40 dc 2b 92 f0 eb a0|"; bsize:16;`, "ab", false},
		{`to_md5; content:"|18 7e f4 43 61 22 d1 cc 2f 40 dc 2b 92 f0 eb a0|"; bsize:16;`, "ab", true},
		{`to_sha1; content:"|da 23 61 4e 02 46 9a 0d 7c 7b d1 bd ab 5c 9c 47 4b 19 04 dc|";`, "ab", true},
		{`to_sha1; content:"|da 23 61 4e 02 46 9a 0d 7c 7b d1 bd ab 5c 9c 47 4b 19 04 dc|";`, "AB", false},
		{`to_sha256; content:"|fb 8e 20 fc|"; startswith; bsize:32;`, "ab", true},
		{`to_sha256; content:"|fb 8e 20 fc|"; startswith;`, "abc", false},
		{`url_decode; content:"a b/c%zz";`, "a+b%2Fc%zz", true},
		{`url_decode; content:"%2F";`, "a%2Fb", false},
		{`xor:"0102"; content:"abc";`, "`` `b"[0:1] + "`b", true},
		{`xor:"0102"; content:"abc";`, "abc", false},
		{`pcrexform:"a=([0-9]+)"; content:"12"; bsize:2;`, "x?a=12&b=3", true},
		{`pcrexform:"a=([0-9]+)"; content:"b";`, "x?a=12&b=3", false},
		{`pcrexform:"/A=([0-9]+)/i"; content:"12"; bsize:2;`, "x?a=12", true},
		{`pcrexform:"z=(.)"; content:"x?a"; startswith;`, "x?a=12", true},
		{`domain; content:"example.co.uk"; startswith; endswith;`, "www.shop.Example.co.uk", false},
		{`domain; content:"example.co.uk"; startswith; endswith;`, "www.shop.example.co.uk", true},
		{`domain; content:"co.uk";`, "co.uk", false},
		{`tld; content:"co.uk"; bsize:5;`, "www.example.co.uk", true},
		{`tld; content:"example";`, "www.example.com", false},
		{`header_lowercase; content:"a-b: C:D";`, "A-B: C:D\r\n", true},
		{`header_lowercase; content:"c:d";`, "A-B: C:D\r\n", false},
		{`strip_pseudo_headers; content:"a: b|0d 0a|"; startswith;`, ":path: /\r\na: b\r\n", true},
		{`strip_pseudo_headers; content:"path";`, ":path: /\r\na: b\r\n", false},
		{`from_base64; content:"secret"; bsize:6;`, "c2VjcmV0", true},
		{`from_base64; content:"c2Vj";`, "c2VjcmV0", false},
		{`from_base64:offset 3; content:"secret";`, "/?=c2VjcmV0", true},
		{`from_base64:bytes 4, offset 3; content:"sec"; bsize:3;`, "/?=c2VjcmV0", true},
		{`from_base64; content:"sec"; bsize:3;`, "c2Vj cmV0", true},
		{`from_base64:mode rfc2045; content:"secret"; bsize:6;`, "c2Vj cmV0", true},
		{`from_base64:mode strict; content:"sec";`, "c2Vj cmV0", false},
		{`from_base64:mode strict; content:"se"; bsize:2;`, "c2U=", true},
		{`from_base64:mode strict; content:"se";`, "c2U", true},
		{`gunzip; content:"packed words";`, gz, true},
		{`gunzip; content:"packed words";`, zl, false},
		{`zlib_deflate; content:"packed words";`, zl, true},
		{`zlib_deflate:max-size 4; content:"packed";`, zl, false},
		{`gunzip; content:"xxxx";`, large, false},
		{`gunzip:max-size 8kb; content:"xxxx";`, large, true},
		// what was asked before is asked of the buffer as it is
		{`content:"c2Vj"; from_base64; content:"secret";`, "c2VjcmV0", true},
		{`content:"x2Vj"; from_base64; content:"secret";`, "c2VjcmV0", false},
		{`from_base64; content:"secret"; http.uri; content:"c2Vj";`, "c2VjcmV0", true},
		{`from_base64; content:"secret"; http.uri; content:"secret";`, "c2VjcmV0", false},
		{`content:"u="; base64_decode:offset 0,relative; base64_data; content:"secret"; startswith;`, "x?u=c2VjcmV0", true},
		{`content:"u="; base64_decode:bytes 4,offset 0,relative; base64_data; content:"secret";`, "x?u=c2VjcmV0", false},
		{`base64_decode; base64_data; content:"sec"; content:"ret"; distance:0; within:3;`, "c2VjcmV0", true},
		{`base64_decode; base64_data; content:"cret"; startswith;`, "c2VjcmV0", false},
		{`content:"u="; http_uri; base64_decode:offset 0,relative; base64_data; content:"secret";`, "x?u=c2VjcmV0", true},
		{`content:"u="; http_uri; isdataat:9,relative;`, "x?u=c2VjcmV0", false},
		{`content:"u="; http_uri; isdataat:8,relative;`, "x?u=c2VjcmV0", true},
		{`entropy:>2.9;`, "abcdefgh", true},
		{`entropy:value >3;`, "abcdefgh", false},
		{`entropy:3;`, "abcdefgh", true},
		{`entropy:bytes 2, offset 1, value = 1;`, "abcdefgh", true},
		{`entropy:<0.5;`, "aaaaaaaa", true},
		{`entropy:!=3;`, "abcdefgh", false},
		{`entropy:bytes 9,value >=0;`, "abcdefgh", false},
	} {
		sticky := "http.uri; "
		if strings.Contains(c.rule, "http_uri") {
			sticky = ""
		}
		if got := matches(t, sticky+c.rule, "http", 0, "http.uri="+c.uri); got != c.want {
			t.Errorf("%s with %q: %v", c.rule, c.uri, got)
		}
	}
}

// TestAbsent: what is not there is only known once no more comes.
func TestAbsent(t *testing.T) {
	for _, c := range []struct {
		rule  string
		done  bool
		parts []string
		want  bool
	}{
		{`http.uri; content:"/"; http.referer; absent;`, true, []string{"http.uri=/"}, true},
		{`http.uri; content:"/"; http.referer; absent;`, false, []string{"http.uri=/"}, false},
		{`http.uri; content:"/"; http.referer; absent;`, true, []string{"http.uri=/", "http.referer=x"}, false},
		{`http.referer; absent;`, true, []string{"http.uri=/"}, true},
		{`http.referer; absent;`, true, []string{"http.uri=/", "http.referer=x"}, false},
		{`http.location; absent;`, true, []string{"http.uri=/"}, false}, // of the other way
		{`http.referer; absent:or_else; content:!"example";`, true, []string{"http.uri=/"}, true},
		{`http.referer; absent:or_else; content:!"example";`, true, []string{"http.referer=other"}, true},
		{`http.referer; absent:or_else; content:!"example";`, true, []string{"http.referer=example"}, false},
		{`http.uri; content:"/"; http.referer; content:!"example";`, true, []string{"http.uri=/"}, false},
	} {
		set := load(t, "alert http any any -> any any ("+c.rule+" sid:1;)")
		r := newRig(t, set)
		r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "http", true }, 1<<20)
		r.dial()
		head := r.flows.Last(1, event.KindAlert)
		r.e.Inspect("http", flow.Handle{Index: 1, Dir: packet.ToServer}, &head, nil, event.Inspection{Done: c.done, Parts: givenParts(c.parts)})
		r.e.Flush(&r.out)
		if got := len(r.alerts()[1]) > 0; got != c.want {
			t.Errorf("%s with %q, done %v: %v", c.rule, c.parts, c.done, got)
		}
	}
}

// TestRefusedOptions: what makes no sense is refused, with a reason.
func TestRefusedOptions(t *testing.T) {
	for _, c := range []struct{ options, want string }{
		{`to_md5; content:"a";`, "it needs the name of a buffer before it"},
		{`http.uri; to_md5:1; content:"a";`, "to_md5 takes no value"},
		{`http.uri; xor:"0g"; content:"a";`, "is no key"},
		{`http.uri; pcrexform:"abc"; content:"a";`, "one group, not 0"},
		{`http.uri; gunzip:max-size 99mb; content:"a";`, "knows max-size"},
		{`http.uri; from_base64:mode lax; content:"a";`, "none of rfc4648"},
		{`http.uri; base64_data; content:"a";`, "needs base64_decode before"},
		{`http.uri; content:"a"; base64_decode;`, "needs base64_data"},
		{`http.uri; entropy:9;`, "none of 0 to 8"},
		{`http.uri; entropy:bytes 1;`, "needs a value"},
		{`http.referer; absent; content:"a";`, "without or_else"},
		{`http.referer; absent:or_else;`, "nothing follows or_else"},
		{`http.referer; content:"a"; absent;`, "right behind the name"},
	} {
		_, bad := tryLoad(t, "alert http any any -> any any ("+c.options+" sid:1;)")
		if len(bad) != 1 || !strings.Contains(bad[0].String(), c.want) {
			t.Errorf("%s: %v, want %q", c.options, bad, c.want)
		}
	}
}

// FuzzTransforms: no bytes make a transform fail, and none makes more than it may.
func FuzzTransforms(f *testing.F) {
	f.Add([]byte("a=b%2f+ \r\n:x: y\r\nc2VjcmV0=="))
	f.Add([]byte("www.example.co.uk"))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xffK\x04\x00C\xbe\xb7\xe8\x01\x00\x00\x00"))
	var texts []string
	for _, k := range []string{"dotprefix", "to_lowercase", "to_uppercase", "strip_whitespace", "compress_whitespace", "header_lowercase", "strip_pseudo_headers",
		"url_decode", "to_md5", "domain", "tld", `xor:"01ff"`, `pcrexform:"a(.*)c"`, "from_base64", "from_base64:mode rfc2045", "from_base64:mode strict", "gunzip", "zlib_deflate",
		"entropy:>1", "asn1:double_overflow, bitstring_overflow, oversize_length 100", "url_decode; from_base64; gunzip"} {
		texts = append(texts, `alert http any any -> any any (http.uri; `+k+`; bsize:>0; sid:`+string(rune('1'+len(texts)%9))+string(rune('0'+len(texts)/9))+`;)`)
	}
	set := load(f, texts...)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m matcher
		for _, s := range set.sigs {
			for i := range s.parts {
				p := &s.parts[i]
				before := string(b)
				out, ok := p.turned(&m, b)
				if string(b) != before {
					t.Fatal("the bytes are lent")
				}
				if ok && len(out) > max(2*len(b)+64, unpacked) {
					t.Fatalf("%s: %d bytes of %d", s.info.Text, len(out), len(b))
				}
				m.match(p.checks, out, 0)
			}
		}
	})
}
