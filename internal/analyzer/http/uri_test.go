package http

import (
	"strings"
	"testing"
)

func TestURI(t *testing.T) {
	for _, tc := range []struct{ target, want string }{
		{"/", "/"},
		{"/abc%2fdef", "/abc/def"},
		{"/abc/def?ghi%2fjkl", "/abc/def?ghi/jkl"},
		{"/abc/def?ghi%252fjkl+m", "/abc/def?ghi%2fjkl+m"},
		{"/a%252fb", "/a%2fb"},
		{"/a%zz%", "/a%zz%"},
		{"/%u0041%u002f%uff21%u20ac", "/A/A?"},
		{"http://joe:x@shop.example:80/a//b\\c?x=//", "/a/b/c?x=//"},
		{"http://shop.example", ""},
		{"http://shop.example?x", "?x"},
		{"/a/./b/../c/../../d/", "/d/"},
		{"/../../x/..", "/"},
		{"/a/.", "/a/"},
		{"/a/b/%2e%2e/c", "/a/c"},
		{"/.a/..b/c.", "/.a/..b/c."},
		{"*", "*"},
		{"shop.example:443", "shop.example:443"},
		{"/a#b?c%41", "/a#b?c%41"},
		{"/UPPER", "/UPPER"},
	} {
		if got := string(appendURI(nil, []byte(tc.target))); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.target, got, tc.want)
		}
	}
}

// FuzzURI: whatever the target, what comes is no longer, and nothing before it is touched.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"/a/../b?c=%41", "http://h/%u0041", "\\..\\%2e%2e/%", "*"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := appendURI([]byte("before"), b)
		if !strings.HasPrefix(string(got), "before") || len(got) > len(b)+len("before") {
			t.Errorf("%q of %q", got, b)
		}
	})
}
