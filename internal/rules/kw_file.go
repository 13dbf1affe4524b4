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
var ofFiles = []string{"ftp-data", "smtp", "http", "http2", "smb"}

// fileBuffers are the parts of a file.
var fileBuffers = buffersOf(ofFiles, named{"file.name", eitherWay}, named{"file.data file_data", eitherWay})

func ofFile(name string) buffer { return buffer{name, ofFiles, eitherWay} }

// fileKeywords ask for files.
var fileKeywords = []keyword{
	nameOf("filename", "", false), nameOf("fileext", ".", true), numberOf("filesize", ofFile("file.size"), 64, nil),
	digestList("filemd5", "file.md5", 16), digestList("filesha1", "file.sha1", 20), digestList("filesha256", "file.sha256", 32),
	{"filestore", filestore},
	{"filemagic", func(*compiler, *lang.Option) error { return errNoMagic }}, {"file.magic", func(*compiler, *lang.Option) error { return errNoMagic }},
}

// errNoMagic says why rules about kinds of files are not run: their texts are those of one library and its data.
var errNoMagic = errors.New("the kind of a file is not told: the texts that rules ask for are libmagic's")

// nameOf is a keyword of the older form: the file's name has the value somewhere, or ends with it, whatever the case.
func nameOf(name, before string, ends bool) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
		if o.Value == "" {
			return errors.New("it needs a value")
		}
		n, err := c.part(ofFile("file.name"))
		if err != nil {
			return err
		}
		p := &c.s.parts[n]
		p.checks = append(p.checks, check{kind: isContent, neg: o.Negated, nocase: true, ends: ends, pattern: lower([]byte(before + o.Value))})
		return nil
	}}
}

// filestore asks for a file, and for it to be kept.
func filestore(c *compiler, o *lang.Option) error {
	way, scope, _ := strings.Cut(o.Value, ",")
	switch strings.TrimSpace(way) {
	case "", "both":
	case "request", "to_server":
		c.s.flow.given, c.s.flow.toServer = true, true
	case "response", "to_client":
		c.s.flow.given, c.s.flow.toClient = true, true
	default:
		return fmt.Errorf("filestore knows request, response and both, not %q", way)
	}
	if s := strings.TrimSpace(scope); s != "" && s != "file" {
		return fmt.Errorf("filestore keeps the file that matched: the scope %q is not run", s)
	}
	c.s.keeps = true
	return c.ask(ofFile("file"), false, func([]byte) bool { return true })
}

// mostDigests bounds a list of digests.
const mostDigests = 4 << 20

// digestList reads filemd5 and its kin: the file's digest is one of a list, or none of them.
func digestList(name, part string, size int) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
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
		return c.ask(ofFile(part), o.Negated, func(b []byte) bool {
			_, ok := list[string(b)]
			return ok
		})
	}}
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
