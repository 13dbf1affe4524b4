package rules

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// ofFiles are the events that may carry files.
var ofFiles = []string{"ftp-data", "smtp", "http", "http2", "smb"}

// fileBuffers are the parts of a file.
var fileBuffers = buffersOf(ofFiles, named{"file.name", eitherWay}, named{"file.data file_data", eitherWay}, named{"file.magic", eitherWay})

func ofFile(name string) buffer { return buffer{name, ofFiles, eitherWay} }

// fileKeywords ask for files.
var fileKeywords = []keyword{
	nameOf("filename", "", false), nameOf("fileext", ".", true), numberOf("filesize", ofFile("file.size"), 64, nil),
	digestList("filemd5", "file.md5", 16), digestList("filesha1", "file.sha1", 20), digestList("filesha256", "file.sha256", 32),
	{"filestore", filestore},
	{"filemagic", fileMagic},
}

// fileMagic is the older form of file.magic: what the file is has the value somewhere, whatever the case.
func fileMagic(c *compiler, o *lang.Option) error {
	p, err := pattern(o.Value)
	if err != nil {
		return err
	}
	n, err := c.part(ofFile("file.magic"))
	if err != nil {
		return err
	}
	c.s.parts[n].checks = append(c.s.parts[n].checks, check{kind: isContent, neg: o.Negated, nocase: true, pattern: lower(p)})
	return nil
}

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

// filestore asks for a file to be kept: the one that the rule is about, or with a scope all files of the transaction or of the
// connection that come from the match on, in the direction it says.
func filestore(c *compiler, o *lang.Option) error {
	word, scope, _ := strings.Cut(o.Value, ",")
	way := eitherWay
	switch strings.TrimSpace(word) {
	case "", "both":
	case "request", "to_server":
		way = toServer
	case "response", "to_client":
		way = toClient
	default:
		return fmt.Errorf("filestore knows request, response and both, not %q", word)
	}
	c.s.keeps = true
	switch s := strings.TrimSpace(scope); s {
	case "", "file":
		c.s.flow.given = c.s.flow.given || way != eitherWay
		c.s.flow.toServer, c.s.flow.toClient = c.s.flow.toServer || way == toServer, c.s.flow.toClient || way == toClient
		return c.ask(ofFile("file"), false, func([]byte) bool { return true })
	case "tx", "ssn", "flow":
		k := keptFiles{sid: c.s.info.SID, way: way, whole: s != "tx"}
		c.s.scoped = true
		c.s.effects = append(c.s.effects, func(x *inspection) {
			if x.flow != nil {
				k := k
				if k.tx = x.tx; x.tx < 0 { // the rule is about no transaction
					k.whole = true
				}
				x.flow.keep(k)
			}
		})
		return nil
	default:
		return fmt.Errorf("filestore knows the scopes file, tx, ssn and flow, not %q", s)
	}
}

// keptFiles are files of a connection that a match asked for.
type keptFiles struct {
	sid   uint32
	way   way
	whole bool  // of the connection, else of transaction tx
	tx    int64 // -1: none
}

// mostKeptFiles bounds what is remembered of a connection; beyond, the oldest is forgotten.
const mostKeptFiles = 8

func (f *flowState) keep(k keptFiles) {
	if slices.Contains(f.files, k) {
		return
	}
	if len(f.files) == mostKeptFiles {
		f.files = slices.Delete(f.files, 0, 1)
	}
	f.files = append(f.files, k)
}

// keepFile has the file at hand kept if an earlier match, or one of this look, asked for it.
func (f *flowState) keepFile(in *event.Inspection) {
	k, ok := in.Parts.(event.FileKeeper)
	for i := range f.files {
		if x := &f.files[i]; ok && (x.way == eitherWay || (x.way == toClient) == (in.Dir == packet.ToClient)) && (x.whole || x.tx == int64(in.Tx)) {
			k.KeepFile(x.sid)
		}
	}
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
