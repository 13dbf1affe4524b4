package http2

import "errors"

// Bounds of header compression. A table that is larger than maxTable is cut to that, and what refers beyond it cannot be read.
const (
	startTable = 4096     // bytes of a table unless its owner says otherwise (RFC 9113 6.5.2)
	maxTable   = 64 << 10 // bytes of a table at most
	entryCost  = 32       // what an entry counts beside its bytes (RFC 7541 4.1)
	maxWalk    = 1 << 20  // bytes that the fields of one block may make, whether they are kept or not; beyond, reading is given up
)

// What may be wrong in a block of fields.
var (
	errIndex   = errors.New("there is no such entry in the table")
	errInteger = errors.New("an integer is too long")
	errHuffman = errors.New("a string is no Huffman code")
	errShort   = errors.New("the block ends within a field")
	errUpdate  = errors.New("the table is made larger than it may be")
	errMuch    = errors.New("the fields of the block are too many")
)

// pair is an entry of a table. Its bytes never change: entries with one name share it.
type pair struct{ name, value []byte }

func (p *pair) size() int { return len(p.name) + len(p.value) + entryCost }

// table is the state of one direction's header compression (RFC 7541 2.3): a queue, oldest first.
type table struct {
	entries []pair
	first   int // of entries: the oldest that is left
	size    int
	most    int // what the sender says it may hold
	scratch [2][]byte
}

func (t *table) reset() {
	*t = table{entries: t.entries[:0], most: startTable, scratch: t.scratch}
	clear(t.entries[:cap(t.entries)])
}

// held is what the table keeps, in bytes.
func (t *table) held() int {
	return t.size + 48*cap(t.entries) + cap(t.scratch[0]) + cap(t.scratch[1])
}

// at returns the entry of an index: the static table's, then the youngest of this one and on to the oldest (RFC 7541 2.3.3).
func (t *table) at(i uint64) (p pair, ok bool) {
	if i == 0 {
		return p, false
	}
	if i <= uint64(len(static)) {
		return static[i-1], true
	}
	if i -= uint64(len(static)); i > uint64(len(t.entries)-t.first) {
		return p, false
	}
	return t.entries[len(t.entries)-int(i)], true
}

// add brings an entry in, and lets the oldest go that have no room beside it (RFC 7541 4.4).
func (t *table) add(p pair) {
	n := p.size()
	t.fit(t.most - n)
	if n > t.most {
		return
	}
	if t.first > 64 && 2*t.first > len(t.entries) {
		k := copy(t.entries, t.entries[t.first:])
		clear(t.entries[k:])
		t.entries, t.first = t.entries[:k], 0
	}
	t.entries = append(t.entries, p)
	t.size += n
}

// fit lets entries go until most bytes are left.
func (t *table) fit(most int) {
	for t.first < len(t.entries) && t.size > most {
		t.size -= t.entries[t.first].size()
		t.entries[t.first] = pair{}
		t.first++
	}
}

// field is one of a header list. Its bytes are lent for the call.
type field struct {
	name, value []byte
	resized     bool // it is no field, but a change of the table to size bytes
	size        uint64
}

// decode reads a block of fields (RFC 7541 6) and gives each to f. After an error the table may not be the sender's any more.
func (t *table) decode(b []byte, f func(x field)) error {
	walked := 0
	for len(b) > 0 {
		var err error
		var x field
		c := b[0]
		switch {
		case c&0x80 != 0: // indexed (6.1)
			var i uint64
			if i, b, err = integer(b, 7); err != nil {
				return err
			}
			p, ok := t.at(i)
			if !ok {
				return errIndex
			}
			x.name, x.value = p.name, p.value
		case c&0xe0 == 0x20: // size update (6.3)
			if x.size, b, err = integer(b, 5); err != nil {
				return err
			}
			x.resized = true
			t.most = int(min(x.size, maxTable))
			t.fit(t.most)
			f(x)
			if x.size > maxTable {
				return errUpdate
			}
			continue
		default: // literal (6.2), with an entry of its own or without
			bits := 4
			if c&0x40 != 0 {
				bits = 6
			}
			if x, b, err = t.literal(b, bits); err != nil {
				return err
			}
		}
		f(x)
		if walked += len(x.name) + len(x.value) + entryCost; walked > maxWalk {
			return errMuch
		}
	}
	return nil
}

// literal reads a field whose value, and perhaps whose name, is written out.
func (t *table) literal(b []byte, bits int) (x field, rest []byte, err error) {
	i, b, err := integer(b, bits)
	if err != nil {
		return x, nil, err
	}
	known := i > 0
	if known {
		p, ok := t.at(i)
		if !ok {
			return x, nil, errIndex
		}
		x.name = p.name
	} else if x.name, b, err = t.text(b, 0); err != nil {
		return x, nil, err
	}
	if x.value, b, err = t.text(b, 1); err != nil {
		return x, nil, err
	}
	if bits == 6 {
		p := pair{x.name, append([]byte(nil), x.value...)}
		if !known {
			p.name = append([]byte(nil), x.name...)
		}
		t.add(p)
	}
	return x, b, nil
}

// text reads a string (RFC 7541 5.2). What was coded is good until the next one into the same scratch.
func (t *table) text(b []byte, scratch int) (s, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errShort
	}
	coded := b[0]&0x80 != 0
	n, b, err := integer(b, 7)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(b)) {
		return nil, nil, errShort
	}
	s, rest = b[:n], b[n:]
	if coded {
		out, ok := unHuffman(t.scratch[scratch][:0], s)
		if t.scratch[scratch] = out; !ok {
			return nil, nil, errHuffman
		}
		s = out
	}
	return s, rest, nil
}

// integer reads a number whose first bits are the last ones of a byte (RFC 7541 5.1).
func integer(b []byte, bits int) (n uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, errShort
	}
	most := uint64(1)<<bits - 1
	n = uint64(b[0]) & most
	if n < most {
		return n, b[1:], nil
	}
	for i, c := range b[1:] {
		if i == 5 {
			return 0, nil, errInteger
		}
		n += uint64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n, b[i+2:], nil
		}
	}
	return 0, nil, errShort
}

// codeLengths are how many bits the code of each byte has (RFC 7541 B). The codes follow from them: they are given out by
// length, and by byte where lengths are equal. That of the end of a string, 30 ones, is never sent.
var codeLengths = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
}

const longestCode = 30

// codes are the bytes by their codes: of each length the first code, and where its bytes begin.
var codes = func() (c struct {
	first, from, n [longestCode + 1]uint32
	bytes          [256]byte
}) {
	code, at := uint32(0), uint32(0)
	for l := 1; l <= longestCode; l++ {
		code <<= 1
		c.first[l], c.from[l] = code, at
		for b, n := range codeLengths {
			if int(n) == l {
				c.bytes[at] = byte(b)
				at++
				code++
			}
		}
		c.n[l] = at - c.from[l]
	}
	return c
}()

// unHuffman appends what b codes. What is left at its end are less than eight ones (RFC 7541 5.2).
func unHuffman(dst, b []byte) ([]byte, bool) {
	var bits uint64
	have := 0
	for {
		for have <= 56 && len(b) > 0 {
			bits |= uint64(b[0]) << (56 - have)
			have += 8
			b = b[1:]
		}
		l := 5 // the shortest
		for ; l <= longestCode; l++ {
			if v := uint32(bits>>(64-l)) - codes.first[l]; v < codes.n[l] {
				if l > have {
					return dst, rest(bits, have)
				}
				dst = append(dst, codes.bytes[codes.from[l]+v])
				bits <<= l
				have -= l
				break
			}
		}
		if l > longestCode {
			return dst, rest(bits, have)
		}
	}
}

// rest reports whether the last have bits are what a string is filled up with.
func rest(bits uint64, have int) bool { return have < 8 && bits>>(64-have) == 1<<have-1 }

// static is the table that all know (RFC 7541 A).
var static = func() (all []pair) {
	for _, s := range [...][2]string{{":authority"}, {":method", "GET"}, {":method", "POST"}, {":path", "/"}, {":path", "/index.html"}, {":scheme", "http"},
		{":scheme", "https"}, {":status", "200"}, {":status", "204"}, {":status", "206"}, {":status", "304"}, {":status", "400"}, {":status", "404"},
		{":status", "500"}, {"accept-charset"}, {"accept-encoding", "gzip, deflate"}, {"accept-language"}, {"accept-ranges"}, {"accept"},
		{"access-control-allow-origin"}, {"age"}, {"allow"}, {"authorization"}, {"cache-control"}, {"content-disposition"}, {"content-encoding"},
		{"content-language"}, {"content-length"}, {"content-location"}, {"content-range"}, {"content-type"}, {"cookie"}, {"date"}, {"etag"}, {"expect"},
		{"expires"}, {"from"}, {"host"}, {"if-match"}, {"if-modified-since"}, {"if-none-match"}, {"if-range"}, {"if-unmodified-since"}, {"last-modified"},
		{"link"}, {"location"}, {"max-forwards"}, {"proxy-authenticate"}, {"proxy-authorization"}, {"range"}, {"referer"}, {"refresh"}, {"retry-after"},
		{"server"}, {"set-cookie"}, {"strict-transport-security"}, {"transfer-encoding"}, {"user-agent"}, {"vary"}, {"via"}, {"www-authenticate"}} {
		all = append(all, pair{[]byte(s[0]), []byte(s[1])})
	}
	return all
}()
