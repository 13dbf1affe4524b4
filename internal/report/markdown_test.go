package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func md(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMarkdown(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownGolden(t *testing.T) {
	for name, r := range map[string]*Report{"finding": founding(), "nothing-wrong": healthy(), "cannot-tell": oneSided(), "two-files": two()} {
		golden(t, name+".md", []byte(md(t, r)))
	}
}

var codeSpan = regexp.MustCompile("``* ?[^`]*`*")

func TestHostileMarkdown(t *testing.T) {
	for _, s := range nasty {
		got := md(t, hostile(s))
		checkPrintable(t, "markdown", got)
		for _, l := range strings.Split(got, "\n") {
			if strings.HasPrefix(l, "FORGED") {
				t.Error("a packet forged a line")
			}
			l = codeSpan.ReplaceAllString(strings.ReplaceAll(l, `\`+"`", ""), "")
			for _, live := range []string{"<script", "<img", "<b>", "](java", "![", " @all", "javascript:alert(1))"} {
				if i := strings.Index(l, live); i >= 0 && (i == 0 || l[i-1] != '\\') && !strings.Contains(l[:i], `\[x\]`) {
					t.Errorf("%q is live in: %s", live, l)
				}
			}
		}
	}
	for s, want := range map[string]string{
		"# head": `\# head`, "1. one": `1\. one`, "a_b*c": `a\_b\*c`, "http://x/": `http\://x/`, "<b>": `\<b\>`, "a|b": `a\|b`,
		"- x": `\- x`, "x - y": "x - y", "www.x.y": `www\.x.y`, "10.0.0.1:80": "10.0.0.1:80", "me@x.y": "me&#64;x.y", "&lt;": "&amp;lt;",
	} {
		if got := Markdown(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
	for s, want := range map[string]string{"ls": "`ls`", "a`b": "`` a`b ``", "": "`  `"} {
		if got := markdownCode(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}
