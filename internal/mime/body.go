package mime

import "bytes"

var (
	crlf = []byte("\r\n")
	lf   = []byte("\n")
)

// body acts on a line of a part's content.
func (r *Reader) body(p *piece) {
	if r.part.kind != isText && !r.file {
		return // nobody asks for it
	}
	if r.part.encoding != plain && p.at <= longEncoded && p.at+len(p.b) > longEncoded {
		r.strange(LongEncodedLine)
	}
	if r.part.encoding == plain && p.at == 0 && p.last && r.uu(p.b) {
		return
	}
	// The end of a line belongs to the boundary that may follow (RFC 2046 5.1.1): it waits for the next line.
	r.out = r.out[:0]
	if len(r.eol) > 0 && p.at == 0 {
		r.out = append(r.out, r.eol...)
		r.eol = nil
	}
	var soft, bad bool
	r.out, soft, bad = r.code.decode(r.out, p)
	if bad {
		if r.part.encoding == base64 {
			r.strange(InvalidBase64)
		} else {
			r.strange(InvalidQP)
		}
	}
	r.put(r.out)
	if p.last && !soft && r.part.encoding != base64 && r.part.encoding != uuencode {
		if r.eol = lf; p.cr {
			r.eol = crlf
		}
	}
}

// put brings decoded bytes to where they belong.
func (r *Reader) put(b []byte) {
	if len(b) == 0 {
		return
	}
	if r.file {
		r.sink.Data(b)
	}
	if r.part.kind != isText {
		return
	}
	for len(b) > 0 {
		n := min(len(b), maxText-len(r.text))
		if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
			n = i + 1
		}
		r.text = append(r.text, b[:n]...)
		if b = b[n:]; len(r.text) == maxText || r.text[len(r.text)-1] == '\n' {
			r.addresses()
		}
	}
}

// schemes are those of Suricata's extract-urls-schemes.
var schemes = [][]byte{[]byte("http://"), []byte("https://"), []byte("ftp://"), []byte("mailto:")}

// addresses finds the addresses of the web in the line of text at hand.
func (r *Reader) addresses() {
	line := r.text
	for i := 0; i < len(line); i++ {
		if c := line[i] | 0x20; c != 'h' && c != 'f' && c != 'm' {
			continue
		}
		for _, s := range schemes {
			if len(line)-i <= len(s) || !bytes.EqualFold(line[i:i+len(s)], s) {
				continue
			}
			url := line[i:]
			if end := bytes.IndexFunc(url, func(c rune) bool { return c <= ' ' || c == 0x7f || bytes.ContainsRune([]byte("\"'<>]"), c) }); end >= 0 {
				url = url[:end]
			}
			if len(url) > len(s) {
				r.sink.URL(url)
			}
			i += max(len(url)-1, 0)
			break
		}
	}
	r.text = r.text[:0]
}

// uu finds a file that stands uuencoded in a text, and its end.
func (r *Reader) uu(line []byte) bool {
	if r.below {
		if string(bytes.TrimRight(line, " \t")) == "end" {
			r.below, r.file = false, false
			r.sink.End(true)
			return true
		}
		r.out = uudecode(r.out[:0], line)
		if len(r.out) > 0 {
			r.sink.Data(r.out)
		}
		return true
	}
	name, ok := uubegin(line)
	if !ok || r.file || r.part.kind != isText {
		return false
	}
	if len(name) > maxFile {
		r.strange(LongFileName)
		name = name[:maxFile]
	}
	r.below, r.file = true, true
	r.sink.Begin(name)
	return true
}

// uubegin reads "begin 644 name".
func uubegin(line []byte) (name []byte, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok {
		return nil, false
	}
	mode, name, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(mode) < 3 || len(mode) > 4 {
		return nil, false
	}
	for _, c := range mode {
		if c < '0' || c > '7' {
			return nil, false
		}
	}
	name = bytes.TrimSpace(name)
	return name, len(name) > 0
}
