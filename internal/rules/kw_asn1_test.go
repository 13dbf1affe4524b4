package rules

import (
	"strings"
	"testing"
)

// TestASN1 asks for each fault in elements that have it, lie deeper, lie elsewhere, or miss it by one.
func TestASN1(t *testing.T) {
	digits := func(n string) string { return "\x09\x82" + n + "\x03" + strings.Repeat("1", 300) }
	for _, c := range []struct {
		rule, bytes string
		want        bool
	}{
		{`asn1:bitstring_overflow;`, "\x03\x02\x09\x00", true},
		{`asn1:bitstring_overflow;`, "\x03\x02\x08\x00", false},
		{`asn1:bitstring_overflow;`, "\x30\x06\x02\x01\x05\x03\x01\x01", true}, // within a sequence, behind a number
		{`asn1:bitstring_overflow;`, "\x23\x04\x03\x02\x07\x00", false},        // a string made of parts
		{`asn1:bitstring_overflow;`, "\x30\x80\x03\x01\x01\x00\x00", true},     // a sequence that does not say how long it is
		{`asn1:bitstring_overflow;`, "\x83\x02\x09\x00", false},                // a tag of the application's own
		{`asn1:bitstring_overflow;`, "\x1f\x81\x01\x01\x00\x03\x02\x09\x00", true},
		{`asn1:double_overflow;`, digits("\x01\x01"), true},
		{`asn1:double_overflow;`, digits("\x01\x00"), false},
		{`asn1:double_overflow;`, "\x09\x82\x01\x01\x80" + strings.Repeat("1", 300), false}, // a binary one
		{`asn1:oversize_length 2048;`, "\x04\x82\x08\x01", true},
		{`asn1:oversize_length 2048;`, "\x04\x82\x08\x00", false},
		{`asn1:oversize_length 2048;`, "\x30\x06\x04\x84\xff\xff\xff\xff", true},
		{`asn1:oversize_length 2048;`, "\x04\x89\x01\xff\xff\xff\xff\xff\xff\xff\xff", true},
		{`asn1:oversize_length 2048;`, "\x04\x82\x08", false}, // the length is cut off
		{`asn1:double_overflow, bitstring_overflow, oversize_length 9;`, "\x04\x0a", true},
		{`asn1:oversize_length 9, absolute_offset 2;`, "\x04\x0a\x04\x09", false},
		{`asn1:oversize_length 9, absolute_offset 2;`, "xx\x04\x0a", true},
		{`asn1:oversize_length 9, absolute_offset 4;`, "xx\x04\x0a", false},
		{`content:"ab"; asn1:oversize_length 9, relative_offset 1;`, "ab\x00abx\x04\x0a", true}, // behind the second
		{`content:"ab"; asn1:oversize_length 9, relative_offset 1;`, "abxx\x04\x0a", false},
		{`content:"ab"; asn1:oversize_length 9, relative_offset -4;`, "\x04\x0aab", true},
	} {
		if got := matches(t, "http.uri; "+c.rule, "http", 0, "http.uri="+c.bytes); got != c.want {
			t.Errorf("%s with %q: %v", c.rule, c.bytes, got)
		}
	}
	var all []string
	for range mostElements {
		all = append(all, "\x05\x00")
	}
	if b := []byte(strings.Join(all, "") + "\x04\x0a"); (&asn1Op{oversize: 9}).holds(b, 0) || !(&asn1Op{oversize: 9}).holds(b[2:], 0) {
		t.Error("not so many elements are looked at as are to be")
	}
	for _, c := range []struct{ options, want string }{
		{`content:"a"; asn1:overflow;`, `not "overflow"`},
		{`content:"a"; asn1:absolute_offset 1;`, "asks for nothing"},
		{`content:"a"; asn1:oversize_length x;`, "oversize_length"},
		{`content:"a"; asn1:oversize_length -1;`, "not negative"},
		{`content:"a"; asn1:double_overflow, absolute_offset 1, relative_offset 1;`, "one offset"},
		{`content:"a"; asn1:double_overflow, absolute_offset -1;`, "before the buffer"},
	} {
		_, bad := tryLoad(t, "alert tcp any any -> any any ("+c.options+" sid:1;)")
		if len(bad) != 1 || !strings.Contains(bad[0].String(), c.want) {
			t.Errorf("%s: %v, want %q", c.options, bad, c.want)
		}
	}
}
