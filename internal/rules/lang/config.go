package lang

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Classification is a line of classification.config: what a classtype means.
type Classification struct {
	Name        string // as written; the map's key is in lower case
	Description string
	Priority    int // 1 is the most serious; at most 255
}

// Classifications reads classification.config. Keys are in lower case; the first of two lines of one name stands.
func Classifications(name string, r io.Reader) (map[string]Classification, []Problem, error) {
	out := map[string]Classification{}
	problems, err := configLines(name, r, func(text string, _ Place) *fault {
		value, f := configValue(text, "classification")
		if f != nil {
			return f
		}
		short, rest, _ := strings.Cut(value, ",")
		comma := strings.LastIndexByte(rest, ',')
		if comma < 0 {
			return faultf("", "a classification has three parts: name, description, priority")
		}
		c := Classification{Name: strings.TrimSpace(short), Description: strings.TrimSpace(rest[:comma])}
		var ok bool
		if c.Priority, ok = digits(strings.TrimSpace(rest[comma+1:]), 3); !ok || c.Priority < 1 || c.Priority > 255 {
			return faultf("", "%s is no priority from 1 to 255", quote(strings.TrimSpace(rest[comma+1:])))
		}
		if !isWord(c.Name) {
			return faultf("", "%s is no name of a classification", quote(c.Name))
		}
		key := lower(c.Name)
		if was, taken := out[key]; taken {
			if was != c {
				return faultf("", "the classification %s has been given with another meaning", quote(c.Name))
			}
			return nil
		}
		out[key] = c
		return nil
	})
	return out, problems, err
}

// References reads reference.config: what stands before the id of a reference, by the name of its system in lower case.
// The first of two lines of one name stands; the file as it is commonly shipped names one system twice.
func References(name string, r io.Reader) (map[string]string, []Problem, error) {
	out := map[string]string{}
	problems, err := configLines(name, r, func(text string, _ Place) *fault {
		value, f := configValue(text, "reference")
		if f != nil {
			return f
		}
		i := strings.IndexAny(value, " \t")
		if i < 0 {
			return faultf("", "a reference has two parts: the name of its system and a URL")
		}
		key := lower(value[:i])
		if !isWord(key) {
			return faultf("", "%s is no name of a reference", quote(key))
		}
		if _, taken := out[key]; !taken {
			out[key] = strings.TrimSpace(value[i:])
		}
		return nil
	})
	return out, problems, err
}

// configValue returns what follows "config <what>:".
func configValue(text, what string) (string, *fault) {
	left, value, ok := strings.Cut(text, ":")
	if words := strings.Fields(left); !ok || len(words) != 2 || words[0] != "config" || words[1] != what {
		return "", faultf("", "the line is not of the form config %s: …", what)
	}
	return strings.TrimSpace(value), nil
}

// configLines calls read for each line that is neither blank nor a comment, and collects what it refuses.
func configLines(name string, r io.Reader, read func(text string, at Place) *fault) ([]Problem, error) {
	text, err := readText(name, r)
	var problems []Problem
	lines := newLines(text)
	for lines.next() {
		at := Place{File: name, Line: lines.first}
		if lines.tooLong {
			problems = append(problems, Problem{Place: at, Reason: fmt.Sprintf("the line is longer than %d bytes", MaxRule)})
			continue
		}
		if f := read(trimRight(lines.text), at); f != nil {
			problems = append(problems, Problem{Place: at, Option: f.option, Reason: f.reason})
		}
	}
	return problems, err
}

// readText reads all of r at once, into a string that is copied no more.
func readText(name string, r io.Reader) (string, error) {
	var b strings.Builder
	switch f := r.(type) {
	case interface{ Len() int }:
		b.Grow(f.Len())
	case interface{ Stat() (fs.FileInfo, error) }:
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			b.Grow(int(min(info.Size(), 1<<30)))
		}
	}
	_, err := io.Copy(&b, r)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimPrefix(b.String(), "\ufeff"), err
}
