package mime

import (
	"bytes"
	"crypto/md5"
	stdbase64 "encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
)

// notes writes down what a mail consists of.
type notes struct {
	t    testing.TB
	log  []string
	data []byte
	open bool
}

func (n *notes) Field(name, value []byte) { n.log = append(n.log, fmt.Sprintf("%s: %q", name, value)) }
func (n *notes) HeaderEnd()               { n.log = append(n.log, "-") }
func (n *notes) Begin(name []byte) {
	if n.open {
		n.t.Error("attachments overlap")
	}
	n.open, n.data = true, nil
	n.log = append(n.log, fmt.Sprintf("begin %q", name))
}
func (n *notes) Data(b []byte) {
	if !n.open {
		n.t.Error("bytes of no attachment")
	}
	n.data = append(n.data, b...)
}
func (n *notes) End(whole bool) {
	if !n.open {
		n.t.Error("an end of no attachment")
	}
	n.open = false
	n.log = append(n.log, fmt.Sprintf("end %t %q", whole, n.data))
}
func (n *notes) URL(url []byte)  { n.log = append(n.log, "url "+string(url)) }
func (n *notes) Odd(name string) { n.log = append(n.log, "odd "+name) }

// take takes a mail apart, in pieces of cut bytes.
func take(t testing.TB, mail string, cut int, whole bool) string {
	t.Helper()
	n := &notes{t: t}
	var r Reader
	r.Reset(n)
	for b := []byte(mail); len(b) > 0; {
		k := min(cut, len(b))
		part := bytes.Clone(b[:k])
		r.Write(part)
		for i := range part { // lent
			part[i] = 0xdb
		}
		b = b[k:]
	}
	r.Close(whole)
	if n.open {
		t.Error("an attachment has no end")
	}
	return strings.Join(n.log, "\n")
}

// crlf gives lines the ends that they have on the wire.
func crlfs(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

var mails = []struct{ name, mail, want string }{
	{"plain", "From: a <a@b>\nSubject: folded\n  over two\nX: 1\n\nsee http://a.example/x?y=1, <HTTPS://b.example> or mailto:c@d\n", `from: "a <a@b>"
subject: "folded over two"
x: "1"
-
url http://a.example/x?y=1,
url HTTPS://b.example
url mailto:c@d`},
	{"no header end", "From: a", "from: \"a\"\n-"},
	{"mailbox line, no colon", "From a Mon\nSubject : x\nnonsense\n more\n\n", "subject: \"x\"\n-"},
	{"base64", "Content-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: BASE64\n\naGVsbG8g\nd29ybGQ=\n", `content-type: "application/zip; name=a.zip"
content-transfer-encoding: "BASE64"
-
begin "a.zip"
end true "hello world"`},
	{"broken base64", "Content-Disposition: attachment; filename=\"a\"\nContent-Transfer-Encoding: base64\n\naGV*sb G8g\n=d29y\nbGQ\n", `content-disposition: "attachment; filename=\"a\""
content-transfer-encoding: "base64"
-
begin "a"
odd mime_invalid_base64
end true "hello world"`},
	{"padding inside", "Content-Disposition: attachment; filename=a\nContent-Transfer-Encoding: base64\n\naGk=aGk=\n", `content-disposition: "attachment; filename=a"
content-transfer-encoding: "base64"
-
begin "a"
end true "hihi"`},
	{"quoted-printable", "Content-Disposition: attachment; filename=a\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=\nc =\t\nd\n=zz=4\n==41\n", `content-disposition: "attachment; filename=a"
content-transfer-encoding: "quoted-printable"
-
begin "a"
odd mime_invalid_qp
end true "a=bc d\r\n=zz=4\r\n=A"`},
	{"soft ends in addresses", "Content-Transfer-Encoding: quoted-printable\n\n<a href=3D\"http://long=\n.example/=41\">\n", `content-transfer-encoding: "quoted-printable"
-
url http://long.example/A`},
	{"addresses in base64", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n" + "eCBodHRwOi8vYS5leGFt\ncGxlLyB5\n", `content-type: "text/html"
content-transfer-encoding: "base64"
-
url http://a.example/`},
	{"multipart", "Content-Type: multipart/mixed; boundary=\"x y\"\n\npreamble\n--x y\nContent-Type: text/plain; name=a.txt\n\none\n\ntwo\n--x yz\n--x y  \nContent-Disposition: attachment;\n filename*0=lo;\n filename*1=\"ng;\\\".txt\"\n\n\n--x y--\nepilogue http://not.example/\n", `content-type: "multipart/mixed; boundary=\"x y\""
-
begin "a.txt"
end true "one\r\n\r\ntwo\r\n--x yz"
begin "long;\".txt"
end true ""`},
	{"nested", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=aa\n\n--aa\nContent-Disposition: inline; filename=1\n\nx\n--aa\n\nhttp://t.example\n--a\nContent-Disposition: inline; filename=2\n\ny\n--a--\n", `content-type: "multipart/mixed; boundary=a"
-
begin "1"
end true "x"
url http://t.example
begin "2"
end true "y"`},
	{"a mail in a mail", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSubject: inner\nContent-Disposition: attachment; filename=in.bin\n\nraw\n--a--\n", `content-type: "multipart/mixed; boundary=a"
-
begin "in.bin"
end true "raw"`},
	{"a mail in a mail with a name", "Content-Type: message/rfc822; name=x.eml\n\nContent-Disposition: attachment; filename=in.bin\n\nraw\n", `content-type: "message/rfc822; name=x.eml"
-
begin "in.bin"
end true "raw"`},
	{"name of the disposition counts", "Content-Type: text/plain; name=b\nContent-Disposition: attachment; filename=a\n\nx\n", `content-type: "text/plain; name=b"
content-disposition: "attachment; filename=a"
-
begin "a"
end true "x"`},
	{"uuencode in a text", "\nhi\nbegin 644 cat.txt\n#0V%T\n`\nend\nbye http://x.example\n", `-
begin "cat.txt"
end true "Cat"
url http://x.example`},
	{"uuencode as an encoding", "Content-Disposition: attachment; filename=c\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 cat.txt\n#0V%T\n`\nend\n", `content-disposition: "attachment; filename=c"
content-transfer-encoding: "x-uuencode"
-
begin "c"
end true "Cat"`},
	{"uuencode without an end", "\nbegin 644 cat.txt\n#0V%T\n", "-\nbegin \"cat.txt\"\nend false \"Cat\""},
	{"no boundary", "Content-Type: multipart/mixed\n\nhttp://x.example\n", "content-type: \"multipart/mixed\"\n-\nurl http://x.example"},
}

// TestMails: what mails consist of, with either end of lines and however they are cut.
func TestMails(t *testing.T) {
	for _, tc := range mails {
		for _, cut := range []int{1, 2, 3, 7, 100_000} {
			if got := take(t, crlfs(tc.mail), cut, true); got != tc.want {
				t.Errorf("%s, cut %d: got\n%s\nwant\n%s", tc.name, cut, got, tc.want)
			}
			want := strings.ReplaceAll(tc.want, `\r\n`, `\n`)
			if got := take(t, tc.mail, cut, true); got != want {
				t.Errorf("%s, cut %d, LF alone: got\n%s\nwant\n%s", tc.name, cut, got, want)
			}
		}
	}
}

// TestLong: what is longer than it may be is cut, and said; a line of any length comes whole.
func TestLong(t *testing.T) {
	x := strings.Repeat("x", 5000)
	for _, tc := range []struct{ mail, want string }{
		{"Subject: " + x + "\n\n", "odd mime_long_line\nodd mime_long_header_value\nsubject: \"" + x[:maxValue] + "\"\n-"},
		{x[:80] + ": v\n\n", "odd mime_long_header_name\n" + x[:maxName] + ": \"v\"\n-"},
		{"Content-Type: x/y; name=" + x[:300] + "\n\n", "odd mime_long_filename\ncontent-type: \"x/y; name=" + x[:300] + "\"\n-\nbegin \"" + x[:maxFile] + "\"\nend true \"\""},
		{"Content-Type: multipart/x; boundary=" + x[:300] + "\n\n--" + x[:300] + "\nContent-Type: a/b; name=c\n\nd\n", "odd mime_long_boundary\ncontent-type: \"multipart/x; boundary=" +
			x[:300] + "\"\n-\nbegin \"c\"\nend true \"d\""},
		{"Content-Type: x/y; name=a\n\n" + x + "\n", "content-type: \"x/y; name=a\"\n-\nbegin \"a\"\nodd mime_long_line\nend true \"" + x + "\""},
		{"Content-Type: x/y; name=a\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat("QUJD", 1000) + "\n", "content-type: \"x/y; name=a\"\ncontent-transfer-encoding: \"base64\"\n" +
			"-\nbegin \"a\"\nodd mime_long_line\nodd mime_long_enc_line\nend true \"" + strings.Repeat("ABC", 1000) + "\""},
	} {
		for _, cut := range []int{1, 50, 100_000} {
			if got := take(t, crlfs(tc.mail), cut, true); got != tc.want {
				t.Errorf("cut %d: got\n%.300s\nwant\n%.300s", cut, got, tc.want)
			}
		}
	}
}

// TestDeep: multiparts in multiparts end at the limit, and what follows outside of them is read.
func TestDeep(t *testing.T) {
	mail := "Content-Type: multipart/x; boundary=b0\n\n"
	for i := 1; i < 20; i++ {
		mail += fmt.Sprintf("--b%d\nContent-Type: multipart/x; boundary=b%d\n\n", i-1, i)
	}
	mail += "--b19\nContent-Disposition: attachment; filename=deep\n\nx\n--b0\nContent-Disposition: attachment; filename=top\n\ny\n"
	got := take(t, mail, 5, true)
	if !strings.Contains(got, "odd "+TooDeep) || strings.Contains(got, "deep\"") || !strings.HasSuffix(got, "begin \"top\"\nend true \"y\"") {
		t.Error(got)
	}
}

// TestCutOff: a mail that ends in the midst of an attachment says so, and a hole loses its line alone.
func TestCutOff(t *testing.T) {
	if got := take(t, "Content-Type: x/y; name=a\n\npart", 3, false); !strings.HasSuffix(got, "end false \"part\"") {
		t.Error(got)
	}
	n := &notes{t: t}
	var r Reader
	r.Reset(n)
	r.Write([]byte("Content-Type: x/y; name=a\r\n\r\none\r\ntw"))
	r.Gap()
	r.Write([]byte("ree\r\nfour\r\n"))
	r.Close(true)
	if got := n.log[len(n.log)-1]; got != `end true "one\r\nree\r\nfour"` {
		t.Error(got)
	}
}

// TestBodyMD5: of all that follows the header, whatever the cut.
func TestBodyMD5(t *testing.T) {
	body := "--x\r\nA: b\r\n\r\n" + strings.Repeat("y", 5000) + "\nend\r\n"
	for _, cut := range []int{1, 100, 10_000} {
		var r Reader
		r.HashBody(true)
		for range 2 {
			r.Reset(nobody{})
			for b := []byte("Content-Type: multipart/mixed; boundary=x\r\n\r\n" + body); len(b) > 0; b = b[min(cut, len(b)):] {
				r.Write(b[:min(cut, len(b))])
			}
			r.Dot()
			r.Close(true)
			if want := md5.Sum([]byte(body + ".")); !bytes.Equal(r.BodyMD5(), want[:]) {
				t.Errorf("cut %d: %x, want %x", cut, r.BodyMD5(), want)
			}
		}
	}
}

// TestHeld: however much is written, no more than lines is kept, and a reader that is used again is as new.
func TestHeld(t *testing.T) {
	var r Reader
	n := &notes{t: t}
	r.Reset(n)
	for range 1000 {
		r.Write(bytes.Repeat([]byte("x"), 1000))
		r.Write([]byte("\nContent-Type: multipart/x; boundary=" + strings.Repeat("y", 900)))
		n.log = n.log[:0]
	}
	if h := r.Held(); h > 64<<10 {
		t.Errorf("%d bytes held", h)
	}
	for _, tc := range mails {
		n = &notes{t: t}
		r.Reset(n)
		r.Write([]byte(crlfs(tc.mail)))
		r.Close(true)
		if got := strings.Join(n.log, "\n"); got != tc.want {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

// FuzzMail: any bytes, in any pieces, give the same; nothing panics, and attachments begin and end one after the other.
func FuzzMail(f *testing.F) {
	for _, tc := range mails {
		f.Add([]byte(crlfs(tc.mail)), uint8(3))
	}
	f.Add([]byte("Content-Transfer-Encoding: quoted-printable\n\n"+strings.Repeat("=", 4100)), uint8(1))
	f.Add([]byte(strings.Repeat("\r", 2050)+"\n\r\n."), uint8(1))
	f.Fuzz(func(t *testing.T, mail []byte, cut uint8) {
		if a, b := take(t, string(mail), int(cut)+1, true), take(t, string(mail), 1<<30, true); a != b {
			t.Errorf("cut %d:\n%s\nwhole:\n%s", cut+1, a, b)
		}
	})
}

// FuzzBase64: what the standard library accepts is decoded alike, and never more comes out than three bytes for four.
func FuzzBase64(f *testing.F) {
	f.Add([]byte("aGVsbG8="))
	f.Add([]byte("a=b=c=="))
	f.Add([]byte("aGVsbG8=aGVsbG8hab cd\tef*ghAA==BBBB===QUJDR"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d decoder
		d.reset(base64)
		got, _, bad := d.decode(nil, &piece{b: b, last: true})
		single, singleBad := []byte(nil), false
		var one decoder
		one.reset(base64)
		for _, c := range b {
			single, singleBad = one.digit(single, c, singleBad)
		}
		if !bytes.Equal(got, single) || bad != singleBad || !bytes.Equal(d.have[:d.n], one.have[:one.n]) {
			t.Errorf("%q: got %q (%v), digit by digit %q (%v)", b, got, bad, single, singleBad)
		}
		got = d.end(got)
		if len(got) > (len(b)*3+3)/4+1 {
			t.Errorf("%d bytes of %d", len(got), len(b))
		}
		if want, err := stdbase64.StdEncoding.DecodeString(string(b)); err == nil && !bytes.ContainsAny(b, "\r\n") && !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", b, got, want)
		}
	})
}

// FuzzQuoted: what the standard library writes is read back, and nothing grows.
func FuzzQuoted(f *testing.F) {
	f.Add([]byte("a=b c\t"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		if bytes.ContainsAny(b, "\r\n") {
			return
		}
		var text bytes.Buffer
		w := quotedprintable.NewWriter(&text)
		w.Write(b)
		w.Close()
		want, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(text.Bytes())))
		if err != nil {
			t.Fatal(err)
		}
		got := take(t, "Content-Type: x/y; name=a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"+text.String()+"\r\n", int(cut)+1, true)
		if !strings.HasSuffix(got, fmt.Sprintf("end true %q", want)) {
			t.Errorf("%q: got %s", want, got)
		}
	})
}

// FuzzUU: no line gives more than it has.
func FuzzUU(f *testing.F) {
	f.Add([]byte("#0V%T"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(uudecode(nil, b)); n > len(b) {
			t.Errorf("%d bytes of %d", n, len(b))
		}
		uubegin(b)
		parameter(nil, b, "name")
	})
}

func BenchmarkBase64(b *testing.B) {
	line := strings.Repeat("QUJD", 19) + "\r\n"
	mail := []byte("Content-Type: x/y; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat(line, 10_000))
	var r Reader
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(nobody{})
		r.Write(mail)
		r.Close(true)
	}
}

type nobody struct{}

func (nobody) Field(_, _ []byte) {}
func (nobody) HeaderEnd()        {}
func (nobody) Begin([]byte)      {}
func (nobody) Data([]byte)       {}
func (nobody) End(bool)          {}
func (nobody) URL([]byte)        {}
func (nobody) Odd(string)        {}
