package mime

import "bytes"

// header acts on a line of a header.
func (r *Reader) header(p *piece) {
	switch {
	case p.at > 0: // of a long line
		r.more(p.b)
	case len(p.b) == 0:
		r.headerEnd()
	case p.b[0] == ' ' || p.b[0] == '\t':
		r.more(bytes.TrimLeft(p.b, " \t"))
	default:
		r.field()
		name, value, ok := bytes.Cut(p.b, []byte(":"))
		name = bytes.TrimRight(name, " \t")
		if !ok || len(name) == 0 {
			return // such as the "From " of a mailbox
		}
		if len(name) > maxName {
			r.strange(LongHeaderName)
			name = name[:maxName]
		}
		for _, c := range name {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			r.name = append(r.name, c)
		}
		r.more(bytes.TrimLeft(value, " \t"))
	}
}

// more adds to the value of the field at hand (RFC 5322 2.2.3).
func (r *Reader) more(b []byte) {
	if len(r.name) == 0 {
		return
	}
	if n := maxValue - len(r.value); len(b) > n {
		b = b[:n]
		r.strange(LongHeaderValue)
	}
	r.value = append(r.value, b...)
}

// field ends the field at hand.
func (r *Reader) field() {
	if len(r.name) == 0 {
		return
	}
	value := bytes.TrimRight(r.value, " \t")
	switch string(r.name) {
	case "content-type":
		r.contentType(value)
	case "content-transfer-encoding":
		r.part.encoding = encodingOf(value)
	case "content-disposition": // its name counts more than that of the type
		r.out = parameter(r.out[:0], value, "filename")
		r.setName(r.out, true)
	}
	if r.own {
		r.sink.Field(r.name, value)
	}
	r.name, r.value = r.name[:0], r.value[:0]
}

func (r *Reader) contentType(value []byte) {
	t, _, _ := bytes.Cut(value, []byte(";"))
	t = bytes.ToLower(bytes.TrimSpace(t))
	switch {
	case bytes.HasPrefix(t, []byte("multipart/")):
		r.part.kind = isMultipart
		r.out = parameter(r.out[:0], value, "boundary")
		if len(r.out) > maxBoundary {
			r.strange(LongBoundary)
		}
		r.part.boundary = append(r.part.boundary[:0], r.out...)
	case string(t) == "message/rfc822", string(t) == "message/global":
		r.part.kind = isMessage
	case bytes.HasPrefix(t, []byte("text/")), len(t) == 0:
		r.part.kind = isText
	default:
		r.part.kind = isOther
	}
	r.out = parameter(r.out[:0], value, "name")
	r.setName(r.out, false)
}

// setName gives the part the name of a file.
func (r *Reader) setName(name []byte, sure bool) {
	if len(name) == 0 || r.part.named {
		return
	}
	if len(name) > maxFile {
		r.strange(LongFileName)
		name = name[:maxFile]
	}
	r.part.file, r.part.named = append(r.part.file[:0], name...), sure
}

// headerEnd begins the content of the part.
func (r *Reader) headerEnd() {
	r.field()
	if r.own {
		r.sink.HeaderEnd()
	}
	r.state = inBody
	r.code.reset(r.part.encoding)
	switch {
	case r.part.kind == isMultipart && len(r.part.boundary) > 0:
		if r.depth == maxDepth {
			r.strange(TooDeep)
			r.state = between
			return
		}
		r.around[r.depth] = append(r.around[r.depth][:0], r.part.boundary...)
		r.depth++
		r.state = between
		return
	case r.part.kind == isMultipart:
		r.part.kind = isText
	case r.part.kind == isMessage: // a mail in a mail: its header follows, and what it carries counts, not itself
		r.newPart()
		r.state = inHeader
		return
	}
	if len(r.part.file) > 0 {
		r.file = true
		r.sink.Begin(r.part.file)
	}
}

// parameter appends the value of a parameter to dst (RFC 2045 5.1). One that is split is put together (RFC 2231 3); how it is
// encoded is left as it is.
func parameter(dst, value []byte, want string) []byte {
	_, value, _ = bytes.Cut(value, []byte(";"))
	for len(value) > 0 {
		value = bytes.TrimLeft(value, " \t;")
		eq := bytes.IndexAny(value, "=;")
		if eq < 0 {
			return dst
		}
		if value[eq] == ';' {
			value = value[eq:]
			continue
		}
		name := bytes.TrimRight(value[:eq], " \t")
		value = bytes.TrimLeft(value[eq+1:], " \t")
		base, section, split := bytes.Cut(name, []byte("*"))
		mine := bytes.EqualFold(base, []byte(want))
		from := len(dst)
		if len(value) > 0 && value[0] == '"' {
			i := 1
			for ; i < len(value) && value[i] != '"'; i++ {
				if value[i] == '\\' && i+1 < len(value) {
					i++
				}
				if mine {
					dst = append(dst, value[i])
				}
			}
			value = value[min(i+1, len(value)):]
		} else {
			end := bytes.IndexByte(value, ';')
			if end < 0 {
				end = len(value)
			}
			if mine {
				dst = append(dst, bytes.TrimRight(value[:end], " \t")...)
			}
			value = value[end:]
		}
		if mine && (!split || len(section) == 0) {
			return append(dst[:0], dst[from:]...) // whole: it counts more than pieces before it
		}
	}
	return dst
}
