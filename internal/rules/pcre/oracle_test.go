package pcre

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// trial is a pattern with the subjects to try it on.
type trial struct {
	pattern  string
	flags    Flags
	subjects []subject
	// exact keeps PCRE2 from making repeats possessive by itself: 10.42 does so wrongly before \R, where a dot may take what
	// \R needs.
	exact bool
}

type subject struct {
	text string
	from int
}

// verdict is what PCRE2 says of a pattern: why it refuses it, or what it finds in each subject.
type verdict struct {
	refused string
	found   []string // one rendering for each subject
}

const (
	noMatch = "No match"
	gaveUp  = "gave up"
)

// askPCRE2 runs pcre2test once over all trials.
func askPCRE2(t *testing.T, trials []trial) []verdict {
	t.Helper()
	path, err := exec.LookPath("pcre2test")
	if err != nil {
		t.Skip("pcre2test is not there to compare with: make deps (Debian package pcre2-utils)")
	}
	var in bytes.Buffer
	for _, tr := range trials {
		fmt.Fprintln(&in, patternLine(tr))
		for _, s := range tr.subjects {
			fmt.Fprintln(&in, subjectLine(s))
		}
		fmt.Fprintln(&in)
	}
	cmd := exec.Command(path, "-q")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pcre2test: %v", err)
	}
	return readVerdicts(t, trials, strings.Split(string(out), "\n"))
}

var resultLine = regexp.MustCompile(`^( ?\d+[:+] |No match|Failed: )`)

func readVerdicts(t *testing.T, trials []trial, lines []string) []verdict {
	at := 0
	until := func(echo string) (skipped []string) {
		for start := at; at < len(lines); at++ {
			if lines[at] == echo {
				at++
				return lines[start : at-1]
			}
		}
		t.Fatalf("pcre2test did not come to %q", echo)
		return nil
	}
	verdicts := make([]verdict, len(trials))
	for i, tr := range trials {
		v := &verdicts[i]
		until(patternLine(tr))
		if strings.HasPrefix(lines[at], "Failed: ") {
			v.refused = lines[at]
		}
		for range tr.subjects {
			v.found = append(v.found, "")
		}
		for k, s := range tr.subjects {
			until(subjectLine(s))
			start := at
			for at < len(lines) && resultLine.MatchString(lines[at]) {
				at++
			}
			v.found[k] = strings.Join(lines[start:at], "\n")
			if strings.HasPrefix(v.found[k], "Failed: ") {
				v.found[k] = gaveUp
			}
		}
	}
	return verdicts
}

func patternLine(tr trial) string {
	mods := "hex,allcaptures,allaftertext"
	if tr.exact {
		mods += ",no_auto_possess"
	}
	for _, m := range []struct {
		f    Flags
		name string
	}{{NoCase, "caseless"}, {MultiLine, "multiline"}, {DotAll, "dotall"}, {Extended, "extended"}, {Anchored, "anchored"},
		{DollarEndOnly, "dollar_endonly"}, {Ungreedy, "ungreedy"}} {
		if tr.flags&m.f != 0 {
			mods += "," + m.name
		}
	}
	return fmt.Sprintf("/%x/%s", tr.pattern, mods)
}

func subjectLine(s subject) string {
	var b strings.Builder
	b.WriteString("\t")
	for i := range len(s.text) {
		if c := s.text[i]; isLetter(c) || isDigit(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteString(`\=match_limit=100000,ovector=200`)
	if s.from > 0 {
		fmt.Fprintf(&b, ",offset=%d", s.from)
	}
	return b.String()
}

// rendered writes a match as pcre2test does.
func rendered(text string, slots []int) string {
	var b strings.Builder
	for g := 0; 2*g < len(slots); g++ {
		lo, hi := slots[2*g], slots[2*g+1]
		if g > 0 {
			b.WriteByte('\n')
		}
		if lo < 0 {
			fmt.Fprintf(&b, "%2d: <unset>", g)
			continue
		}
		fmt.Fprintf(&b, "%2d: %s\n%2d+ %s", g, printable(text[lo:hi]), g, printable(text[hi:]))
	}
	return b.String()
}

func printable(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] >= 32 && s[i] < 127 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		}
	}
	return b.String()
}

// ours is what this package finds.
func ours(r *Regexp, s *Scratch, sub subject) string {
	slots, res := r.Submatch(s, []byte(sub.text), sub.from, nil)
	switch res {
	case NoMatch:
		return noMatch
	case Exceeded:
		return gaveUp
	}
	return rendered(sub.text, slots)
}
