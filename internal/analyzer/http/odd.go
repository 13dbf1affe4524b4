package http

import "bytes"

// oddRequest names what is odd in a request's head.
func oddRequest(a *aspect, m *Message) {
	a.oddFields(m, "request")
	if eqFold(m.Version, "http/1.1") && !m.has(fHost) {
		a.note("missing_host_header")
	}
	if m.has(fHost) {
		in := authority(m)
		if h := m.get(fHost); bytes.Contains(m.Target, []byte("://")) && !bytes.EqualFold(hostOnly(in), hostOnly(h)) {
			a.note("host_header_ambiguous")
		}
		if !validHost(m.get(fHost)) {
			a.note("header_host_invalid")
		}
	}
	line := m.Line
	if i := bytes.IndexByte(line, ' '); i > 0 {
		if line[0] == '\t' {
			a.note("request_line_leading_whitespace")
		}
		if bytes.IndexByte(line[:i], '\t') >= 0 {
			a.note("method_delim_non_compliant")
		}
	}
	if rest := line[min(len(line), len(m.Method)):]; len(m.Version) > 0 && bytes.IndexByte(rest[:max(0, len(rest)-len(m.Version))], '\t') >= 0 {
		a.note("uri_delim_non_compliant")
	}
}

// oddResponse names what is odd in a response's head.
func oddResponse(a *aspect, m *Message) {
	a.oddFields(m, "response")
	if m.folded {
		a.note("invalid_response_field_folding")
	}
	if m.Status == 0 {
		a.note("response_invalid_status")
	}
	if !eqFold(m.Version, "http/1.1") && !eqFold(m.Version, "http/1.0") && !eqFold(m.Version, "http/0.9") {
		a.note("response_invalid_protocol")
	}
	if m.chunked() && (eqFold(m.Version, "http/1.0") || eqFold(m.Version, "http/0.9")) {
		a.note("response_chunked_old_proto")
	}
	if hasFold(m.get(fContentType), "multipart/byteranges") {
		a.note("response_multipart_byteranges")
	}
	if r := m.get(fContentRange); m.has(fContentRange) && m.Status == 206 && !rangeOf(r).ok {
		a.note("range_invalid")
	}
}

// oddFields names what is odd in the fields of either side.
func (a *aspect) oddFields(m *Message, side string) {
	if m.has(fTransferEncoding) {
		if v := m.get(fTransferEncoding); !eqFold(v, "chunked") {
			if m.chunked() && side == "response" {
				a.note("response_abnormal_transfer_encoding")
			} else if !m.chunked() {
				a.note("invalid_transfer_encoding_value_in_" + side)
			}
		}
	}
	if m.has(fContentLength) {
		if v := m.get(fContentLength); number(v) < 0 || !digits(v) {
			a.note("invalid_content_length_field_in_" + side)
		}
	}
	if m.Skipped > 0 {
		a.note(side + "_too_many_headers")
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Value == nil {
			a.note(side + "_field_missing_colon")
		}
		if len(f.Name) == 0 || !fieldName(f.Name) {
			a.note(side + "_header_invalid")
		}
		if seenBefore(m, i) {
			a.note(side + "_header_repetition")
		}
	}
}

func fieldName(b []byte) bool {
	for _, c := range b {
		if !tokenByte(c) {
			return false
		}
	}
	return true
}

// validHost reports whether b is a name or an address, perhaps with a port.
func validHost(b []byte) bool {
	h := hostOnly(b)
	if len(h) == 0 || len(h) > 255 {
		return len(b) == 0
	}
	if h[0] == '[' {
		return h[len(h)-1] == ']'
	}
	for _, c := range h {
		if !isLetter(c) && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}
