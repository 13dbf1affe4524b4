package update

import (
	"path"
	"slices"
	"strings"

	"firestorm/internal/rules/lang"
)

// entry is one rule of a set, on or off.
type entry struct {
	*lang.Rule
	on    bool
	quiet bool // switched on for its flowbits only: noalert is added
}

// group is the file's name without its folder.
func (e *entry) group() string { return path.Base(strings.ReplaceAll(e.File, `\`, "/")) }

// key is what there is one rule of.
func (e *entry) key() uint64 { return uint64(e.GID)<<32 | uint64(e.SID) }

// Commented returns the rules of a rule file that are switched off: comments that are whole rules on one line.
func Commented(name string, text []byte) (out []*lang.Rule) {
	at := lang.Place{File: name}
	for line := range strings.SplitSeq(string(text), "\n") {
		at.Line++
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		rest = strings.TrimSpace(strings.TrimLeft(rest, "# \t"))
		if !ok || !strings.HasSuffix(rest, ")") || !strings.Contains(rest, "sid:") {
			continue
		}
		if r, bad := lang.ParseRule(rest, at); bad == nil {
			out = append(out, r)
		}
	}
	return out
}

// parse reads a rule file: its rules, those that are off too, and what is wrong in it.
func parse(name string, text []byte) (out []*entry, bad []lang.Problem) {
	list, bad, _ := lang.Parse(name, strings.NewReader(string(text))) // reading from memory cannot fail
	for _, r := range list {
		out = append(out, &entry{Rule: r, on: true})
	}
	for _, r := range Commented(name, text) {
		out = append(out, &entry{Rule: r})
	}
	slices.SortStableFunc(out, func(a, b *entry) int { return a.Line - b.Line })
	return out, bad
}

// merge keeps one rule of each gid and sid: that with the highest revision, of equal ones the one that is on, else the first.
func merge(all []*entry) []*entry {
	at := map[uint64]int{}
	var out []*entry
	for _, e := range all {
		i, ok := at[e.key()]
		switch {
		case !ok:
			at[e.key()] = len(out)
			out = append(out, e)
		case e.Rev > out[i].Rev, e.Rev == out[i].Rev && e.on && !out[i].on:
			out[i] = e
		}
	}
	return out
}

// flowbits switches on the rules that set flowbits which rules that are on ask for, and makes them quiet; it returns how many.
func flowbits(all []*entry) (n int) {
	type use struct{ sets, asks []string }
	uses := make([]use, len(all))
	for i, e := range all {
		for k := range e.Options {
			o := &e.Options[k]
			if o.Name != "flowbits" {
				continue
			}
			word, names, _ := strings.Cut(o.Value, ",")
			for name := range strings.SplitSeq(names, "|") {
				name = strings.TrimSpace(name)
				switch strings.TrimSpace(word) {
				case "set", "toggle":
					uses[i].sets = append(uses[i].sets, name)
				case "isset":
					uses[i].asks = append(uses[i].asks, name)
				}
			}
		}
	}
	for again := true; again; {
		again = false
		wanted := map[string]bool{}
		for i, e := range all {
			if e.on {
				for _, b := range uses[i].asks {
					wanted[b] = true
				}
			}
		}
		for i, e := range all {
			if !e.on && slices.ContainsFunc(uses[i].sets, func(b string) bool { return wanted[b] }) {
				e.on, e.quiet, again = true, true, true
				n++
			}
		}
	}
	return n
}

// line is the rule as the set has it.
func (e *entry) line() string {
	text := e.Text
	if e.quiet {
		if _, ok := e.Get("noalert"); !ok {
			if i := strings.LastIndexByte(text, ')'); i >= 0 {
				text = strings.TrimRight(text[:i], " ") + " noalert;)"
			}
		}
	}
	if !e.on {
		text = "# " + text
	}
	return text
}
