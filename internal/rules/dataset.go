package rules

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

const (
	// datasetMemory bounds a list where memcap says nothing else, bytes.
	datasetMemory = 16 << 20
	// mostDatasetMemory bounds memcap.
	mostDatasetMemory = 1 << 30
)

// dataset is a list of values that rules ask about. It does not change once rules are compiled: what rules do to it is kept
// by the Limiter of each run.
type dataset struct {
	name    string
	kind    setKind
	rep     bool   // its values have a number
	format  string // "json", "ndjson"; empty: a value a line
	memcap  int64
	used    int64
	has     map[string]entry
	changes bool   // a rule changes it
	domains bool   // match subdomain: a value is in it whose domain is
	file    string // where it is written at the end; empty: nowhere
	local   string // the same in the folder of lists
	broken  error  // why it could not be read
}

// entry is what a list says of a value.
type entry struct {
	rep     uint16
	context string // JSON
}

// setKind is the type of a list's values.
type setKind uint8

const (
	setString setKind = iota + 1
	setMD5
	setSHA256
	setIP
	setIPv4
	setIPv6
)

var setKinds = map[string]setKind{"string": setString, "md5": setMD5, "sha256": setSHA256, "ip": setIP, "ipv4": setIPv4, "ipv6": setIPv6}

// value is the value that a buffer holds; false: it cannot be one of the list's.
func (k setKind) value(b []byte) (string, bool) {
	switch k {
	case setString:
		return string(b), len(b) > 0
	case setMD5:
		return string(b), len(b) == 16
	case setSHA256:
		return string(b), len(b) == 32
	case setIPv4:
		return string(b), len(b) == 4
	}
	a, ok := netip.AddrFromSlice(b)
	return string(a.Unmap().AsSlice()), ok
}

// parse reads a value as files have it.
func (k setKind) parse(text string, encoded bool) (string, error) {
	switch k {
	case setString:
		if !encoded {
			return text, nil
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("%q is not in base64", text)
		}
		return string(b), nil
	case setMD5, setSHA256:
		b, err := hex.DecodeString(text)
		if _, ok := k.value(b); err != nil || !ok {
			return "", fmt.Errorf("%q is no such sum in hexadecimal", text)
		}
		return string(b), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || k == setIPv4 && !a.Unmap().Is4() {
		return "", fmt.Errorf("%q is no such address", text)
	}
	return string(a.Unmap().AsSlice()), nil
}

// add adds a value; the first of two stands.
func (d *dataset) add(v string, e entry) error {
	if d.has == nil {
		d.has = map[string]entry{}
	}
	if _, ok := d.has[v]; ok {
		return nil
	}
	if d.used += cost(len(d.has), v, e); d.used > d.memcap {
		return fmt.Errorf("the list %s is larger than its memcap of %d bytes", d.name, d.memcap)
	}
	d.has[v] = e
	return nil
}

// load reads a list from a file. One that is a state may not be there yet.
func (d *dataset) load(file string, state bool, valueKey, arrayKey string, remove bool) error {
	f, err := os.Open(file)
	if state && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	switch d.format {
	case "json":
		err = d.readJSON(io.LimitReader(f, mostDatasetMemory), valueKey, arrayKey, remove)
	case "ndjson":
		err = d.lines(f, func(line string) error {
			return d.object(json.RawMessage(line), valueKey, remove)
		})
	default:
		err = d.lines(f, d.line)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (d *dataset) lines(r io.Reader, read func(line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" {
			continue
		}
		if err := read(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

// line reads a value, and with a datarep its number behind a comma.
func (d *dataset) line(line string) error {
	text, number, ok := strings.Cut(line, ",")
	var e entry
	switch {
	case ok != d.rep:
		return fmt.Errorf("%q: the lines of a datarep have a number behind a comma, those of a dataset have none", line)
	case ok:
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number from 0 to 65535", number)
		}
		e.rep = uint16(n)
	}
	v, err := d.kind.parse(strings.TrimSpace(text), true)
	if err != nil {
		return err
	}
	return d.add(v, e)
}

// readJSON reads a list of objects, at the top or below the names in arrayKey.
func (d *dataset) readJSON(r io.Reader, valueKey, arrayKey string, remove bool) error {
	var doc json.RawMessage
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return err
	}
	if arrayKey != "" {
		var ok bool
		if doc, ok = below(doc, arrayKey); !ok {
			return fmt.Errorf("nothing stands at %q", arrayKey)
		}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(doc, &list); err != nil {
		return errors.New("a list of objects was expected")
	}
	for i, o := range list {
		if err := d.object(o, valueKey, remove); err != nil {
			return fmt.Errorf("object %d: %w", i+1, err)
		}
	}
	if len(d.has) == 0 {
		return fmt.Errorf("no object has %q", valueKey)
	}
	return nil
}

// below finds what stands at names with dots between them.
func below(doc json.RawMessage, path string) (json.RawMessage, bool) {
	for name := range strings.SplitSeq(path, ".") {
		var m map[string]json.RawMessage
		if json.Unmarshal(doc, &m) != nil || m[name] == nil {
			return nil, false
		}
		doc = m[name]
	}
	return doc, true
}

// object reads a value out of an object, all of which is told with an alert.
func (d *dataset) object(o json.RawMessage, valueKey string, remove bool) error {
	if !json.Valid(o) {
		return errors.New("this is no JSON")
	}
	at, ok := below(o, valueKey)
	if !ok {
		return nil // an object without the key says nothing about any value
	}
	var text string
	if err := json.Unmarshal(at, &text); err != nil {
		return fmt.Errorf("%s is no text", at)
	}
	v, err := d.kind.parse(text, false)
	if err != nil {
		return err
	}
	var m map[string]json.RawMessage
	if remove && !strings.Contains(valueKey, ".") && json.Unmarshal(o, &m) == nil {
		delete(m, valueKey)
		if o, err = json.Marshal(m); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := json.Compact(&b, o); err != nil {
		return err
	}
	return d.add(v, entry{context: b.String()})
}

// changedSet is a list as rules of one run have changed it.
type changedSet struct {
	added, removed map[string]bool
	used           int64
}

// late decides about a value, and changes the list.
func (o *setOp) late(l *lates, v string) bool {
	c := l.sets[o.set]
	if c == nil {
		c = &changedSet{added: map[string]bool{}, removed: map[string]bool{}, used: o.set.used}
		l.sets[o.set] = c
	}
	_, in := o.set.has[v]
	in = c.added[v] || in && !c.removed[v]
	n := len(o.set.has) + len(c.added) - len(c.removed)
	switch o.do {
	case setHas:
		return in
	case setHasNot:
		return !in
	case setAdd:
		if in {
			return false
		}
		size := cost(n, v, entry{})
		if c.used+size > o.set.memcap {
			l.full++
			return false
		}
		c.used += size
		if delete(c.removed, v); !hasEntry(o.set, v) {
			c.added[v] = true
		}
		return true
	case setDel:
		if !in {
			return false
		}
		c.used -= cost(n-1, v, entry{})
		if delete(c.added, v); hasEntry(o.set, v) {
			c.removed[v] = true
		}
		return true
	}
	e := o.set.has[v]
	return in && o.rep.has(uint64(e.rep))
}

func hasEntry(d *dataset, v string) bool { _, ok := d.has[v]; return ok }
