package analyzer

import "testing"

func TestDER(t *testing.T) {
	for _, c := range []struct {
		in      string
		tag     byte
		content string
		rest    int
		ok      bool
	}{
		{"\x04\x02ab\x05\x00", 4, "ab", 2, true},
		{"\x04\x81\x02ab", 4, "ab", 0, true},
		{"\x04\x84\x00\x00\x00\x01a", 4, "a", 0, true},
		{"\x04\x03ab", 0, "", 4, false},
		{"\x04", 0, "", 1, false},
		{"\x04\x80ab\x00\x00", 0, "", 6, false}, // no definite length
		{"\x04\x85\x00\x00\x00\x00\x01a", 0, "", 8, false},
		{"\x04\x84\xff\xff\xff\xffa", 0, "", 7, false},
		{"\x1f\x01a", 0, "", 3, false}, // a tag of several bytes
	} {
		d := DER(c.in)
		tag, content, ok := d.Next()
		if tag != c.tag || string(content) != c.content || ok != c.ok || len(d) != c.rest {
			t.Errorf("%q: %d %q %v, %d bytes left", c.in, tag, content, ok, len(d))
		}
	}
	if d := DER("\x04\x00"); func() bool { _, ok := d.Of(5); return ok }() || len(d) != 2 {
		t.Error("another tag is taken")
	}
	for _, c := range []struct {
		in string
		n  uint64
		ok bool
	}{{"\x00", 0, true}, {"\x7f", 127, true}, {"\x00\xff", 255, true}, {"\xff", 0, false}, {"", 0, false}, {"\x00\xff\xff\xff\xff\xff\xff\xff\xff", 1<<64 - 1, true}, {"\x01\xff\xff\xff\xff\xff\xff\xff\xff", 0, false}} {
		if n, ok := DER(c.in).Uint(); n != c.n || ok != c.ok {
			t.Errorf("%q: %d %v", c.in, n, ok)
		}
	}
	for in, want := range map[string]string{"\x2b\x06\x01": "1.3.6.1", "\x01": "0.1", "\x88\x37": "2.999", "\x2a\x86\x48": "1.2.840", "": ""} {
		if got := string(DER(in).AppendOID(nil)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
