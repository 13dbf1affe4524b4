package pcapfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// attachPrefix marks a comment that carries a part of an attachment.
const attachPrefix = "firestorm:"

// Limits of attachments, against hostile files.
const (
	maxParts   = 1024
	partSize   = 60_000 // leaves room for the mark within one option
	maxCollect = 64 << 20
)

// Attachment is a text of ours that travels in a pcapng, in comments: "firestorm:KIND I/N:TEXT", with the parts
// I = 1 to N in order, each in an opt_comment of its own. KIND is a word, e.g. "finding"; TEXT is JSON.
type Attachment struct {
	Kind string
	Text string
}

// Comments cuts the attachment into comments, for WriterOptions.Comments or Statistics.Comments.
func (a Attachment) Comments() ([]string, error) {
	if a.Kind == "" || strings.ContainsAny(a.Kind, " :/\x00") {
		return nil, fmt.Errorf("attachment kind %q must be one word", a.Kind)
	}
	if !utf8.ValidString(a.Text) || strings.Contains(a.Text, "\x00") {
		return nil, errors.New("attachment text must be UTF-8 without zero characters")
	}
	var parts []string
	for s := a.Text; s != "" || len(parts) == 0; {
		p := utf8Cut(s, partSize)
		parts = append(parts, p)
		s = s[len(p):]
	}
	if len(parts) > maxParts {
		return nil, fmt.Errorf("attachment of %d bytes is too long", len(a.Text))
	}
	for i, p := range parts {
		parts[i] = fmt.Sprintf("%s%s %d/%d:%s", attachPrefix, a.Kind, i+1, len(parts), p)
	}
	return parts, nil
}

// Collector puts attachments together from the comments of a file. The zero value is ready.
type Collector struct {
	done   []Attachment
	kind   string
	parts  []string
	want   int
	bytes  int
	broken int
}

// Add takes a comment and reports whether it was a part of an attachment; other comments are for people.
func (c *Collector) Add(text string) bool {
	rest, ok := strings.CutPrefix(text, attachPrefix)
	if !ok {
		return false
	}
	kind, rest, ok1 := strings.Cut(rest, " ")
	num, body, ok2 := strings.Cut(rest, ":")
	i, n, ok3 := cutNumbers(num)
	if !ok1 || !ok2 || !ok3 || kind == "" {
		return false
	}
	switch {
	case i == 1:
		c.giveUp()
		c.kind, c.want = kind, n
	case kind != c.kind || n != c.want || i != len(c.parts)+1:
		c.giveUp()
		c.broken++
		return true
	}
	c.bytes += len(body)
	if c.bytes > maxCollect {
		c.giveUp()
		c.broken++
		return true
	}
	c.parts = append(c.parts, body)
	if len(c.parts) == n {
		c.done = append(c.done, Attachment{Kind: c.kind, Text: strings.Join(c.parts, "")})
		c.kind, c.parts, c.want = "", nil, 0
	}
	return true
}

func cutNumbers(s string) (i, n int, ok bool) {
	a, b, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0, false
	}
	i, err1 := strconv.Atoi(a)
	n, err2 := strconv.Atoi(b)
	return i, n, err1 == nil && err2 == nil && i >= 1 && i <= n && n <= maxParts
}

// giveUp drops an attachment of which parts are missing.
func (c *Collector) giveUp() {
	if len(c.parts) > 0 {
		c.broken++
	}
	c.kind, c.parts, c.want = "", nil, 0
}

// Attachments returns the complete ones in file order, and how many were incomplete or too large.
func (c *Collector) Attachments() (done []Attachment, broken int) {
	if len(c.parts) > 0 {
		return c.done, c.broken + 1
	}
	return c.done, c.broken
}
