package http

import "bytes"

// oddRequest names what is odd in the head of a request to a port.
func oddRequest(a *aspect, m *Message, port int) {
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
			a.note("request_header_host_invalid")
		}
	}
	if in := authority(m); bytes.Contains(m.Target, []byte("://")) && !validHost(in) {
		a.note("request_uri_host_invalid")
	}
	if p := portOf(m); p >= 0 && p != port {
		a.note("request_server_port_tcp_port_mismatch")
	}
	if len(m.Version) == 0 {
		a.note("request_line_missing_protocol")
	}
	if m.has(fAuthorization) && !knownAuth(m.get(fAuthorization)) {
		a.note("request_auth_unrecognized")
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
		if twice(m, "content-length") {
			a.note("duplicate_content_length_field_in_" + side)
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

// twice reports whether a field of that name, in lower case, is there more than once.
func twice(m *Message, name string) bool {
	n := 0
	for i := range m.Fields {
		if eqFold(m.Fields[i].Name, name) {
			n++
		}
	}
	return n > 1
}

// portOf is the port that a request names, in its target or in Host; -1: it names none.
func portOf(m *Message) int {
	h := authority(m)
	if !bytes.Contains(m.Target, []byte("://")) && !eqFold(m.Method, "connect") {
		h = m.get(fHost)
	}
	p := h[len(hostOnly(h)):]
	if len(p) < 2 || p[0] != ':' || !digits(p[1:]) {
		return -1
	}
	return int(min(number(p[1:]), 1<<16))
}

// knownAuth reports whether the credentials are of a scheme that libhtp knows.
func knownAuth(b []byte) bool {
	scheme, _, _ := bytes.Cut(b, []byte(" "))
	return eqFold(scheme, "basic") || eqFold(scheme, "digest") || eqFold(scheme, "bearer")
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
