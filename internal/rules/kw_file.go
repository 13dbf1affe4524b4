package rules

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"firestorm/internal/rules/lang"
)

// ofFiles are the events that may carry files.
var ofFiles = []string{"ftp-data", "smtp"}

func ofFile(name string) buffer { return buffer{name, ofFiles, eitherWay} }

// fileKeywords ask for files.
var fileKeywords = []keyword{
	{"filename", func(c *compiler, o *lang.Option) error {
		return c.putIn(ofFile("file.name"), check{kind: isContent, neg: o.Negated, nocase: true, pattern: lower([]byte(o.Value))}, o.Value)
	}},
	{"fileext", func(c *compiler, o *lang.Option) error {
		return c.putIn(ofFile("file.name"), check{kind: isContent, neg: o.Negated, nocase: true, ends: true, pattern: lower([]byte("." + o.Value))}, o.Value)
	}},
	{"filesize", func(c *compiler, o *lang.Option) error { return c.number64(ofFile("file.size"), o, 64) }},
	{"filemd5", digestList("file.md5", 16)},
	{"filesha1", digestList("file.sha1", 20)},
	{"filesha256", digestList("file.sha256", 32)},
	{"filestore", func(c *compiler, o *lang.Option) error {
		c.s.keeps = true
		if !o.Given {
			return c.putIn(ofFile("file"), check{kind: isTest, test: func([]byte) bool { return true }}, "any")
		}
		way, scope, _ := strings.Cut(o.Value, ",")
		switch strings.TrimSpace(way) {
		case "request", "to_server":
			c.s.flow.given, c.s.flow.toServer = true, true
		case "response", "to_client":
			c.s.flow.given, c.s.flow.toClient = true, true
		case "both":
		default:
			return fmt.Errorf("filestore knows request, response and both, not %q", way)
		}
		if s := strings.TrimSpace(scope); s != "" && s != "file" {
			return fmt.Errorf("filestore keeps the file that matched: the scope %q is not run", s)
		}
		return c.putIn(ofFile("file"), check{kind: isTest, test: func([]byte) bool { return true }}, "any")
	}},
}

var fileBuffers = map[string]buffer{"file.name": ofFile("file.name"), "file.data": ofFile("file.data"), "file_data": ofFile("file.data")}

// putIn puts a check of a buffer into the rule, without moving where contents lie. value is what the rule gave.
func (c *compiler) putIn(b buffer, k check, value string) error {
	if value == "" {
		return errors.New("it needs a value")
	}
	n, err := c.part(b)
	if err != nil {
		return err
	}
	c.s.parts[n].checks = append(c.s.parts[n].checks, k)
	return nil
}

// number64 compares a buffer that holds a number, big endian.
func (c *compiler) number64(b buffer, o *lang.Option, bits int) error {
	text := o.Value
	if o.Negated {
		text = "!" + text
	}
	r, err := parseRange(text, bits)
	if err != nil {
		return err
	}
	return c.putIn(b, check{kind: isTest, test: func(b []byte) bool {
		return r.has(value(b))
	}}, o.Value)
}

// mostDigests bounds a list of digests.
const mostDigests = 4 << 20

// digestList reads filemd5 and its kin: the file's digest is one of a list, or none of them.
func digestList(name string, size int) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		if c.o.ReadList == nil {
			return errors.New("lists of digests cannot be read here")
		}
		f, err := c.o.ReadList(c.s.rule.File, o.Value)
		if err != nil {
			return err
		}
		defer f.Close()
		list, err := readDigests(f, size)
		if err != nil {
			return fmt.Errorf("%s: %w", o.Value, err)
		}
		return c.putIn(ofFile(name), check{kind: isTest, neg: o.Negated, test: func(b []byte) bool {
			_, ok := list[string(b)]
			return ok
		}}, o.Value)
	}
}

// readDigests reads a line for each digest: hexadecimal, and what follows it is a comment.
func readDigests(r io.Reader, size int) (map[string]struct{}, error) {
	list := map[string]struct{}{}
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) < 2*size {
			return nil, fmt.Errorf("line %d has no digest of %d bytes", n, size)
		}
		b, err := hex.DecodeString(line[:2*size])
		if err != nil {
			return nil, fmt.Errorf("line %d has no digest of %d bytes", n, size)
		}
		if len(list) == mostDigests {
			return nil, fmt.Errorf("more than %d digests", mostDigests)
		}
		list[string(b)] = struct{}{}
	}
	if len(list) == 0 && s.Err() == nil {
		return nil, errors.New("it is empty")
	}
	return list, s.Err()
}
