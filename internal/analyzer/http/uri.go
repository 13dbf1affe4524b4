package http

// appendURI appends what rules call http.uri of a request's target: its path and query. The path is decoded once, with %XX and
// %uXXXX, backslashes are slashes, runs of slashes are one, and dots are gone (RFC 3986 5.2.4); the query is decoded once. Scheme and
// authority of the absolute form are left out, as Suricata does unless it is told otherwise.
func appendURI(dst, target []byte) []byte {
	target = origin(target)
	path, query, fragment := target, []byte(nil), []byte(nil)
	for i, c := range target {
		if c == '#' {
			path, fragment = target[:i], target[i:]
			break
		}
	}
	for i, c := range path {
		if c == '?' {
			path, query = path[:i], path[i:]
			break
		}
	}
	dst = appendPath(dst, path)
	dst = unescape(dst, query)
	return append(dst, fragment...)
}

// origin returns the target without scheme and authority (RFC 9112 3.2.2).
func origin(target []byte) []byte {
	i := 0
	for i < len(target) && isLetter(target[i]) {
		i++
	}
	if i == 0 || i+3 > len(target) || string(target[i:i+3]) != "://" {
		return target
	}
	for j := i + 3; j < len(target); j++ {
		if c := target[j]; c == '/' || c == '?' || c == '#' || c == '\\' {
			return target[j:]
		}
	}
	return nil
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }

// unescape appends b with each %XX and %uXXXX decoded once; what is no such thing stays.
func unescape(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' {
			if x, n := escaped(b[i:]); n > 0 {
				c = x
				i += n - 1
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// escaped reads the escape at the begin of b, n bytes of it; 0: there is none.
func escaped(b []byte) (c byte, n int) {
	if len(b) >= 3 {
		if hi, lo := hexDigit(b[1]), hexDigit(b[2]); hi < 16 && lo < 16 {
			return hi<<4 | lo, 3
		}
	}
	if len(b) < 6 || b[1]|0x20 != 'u' {
		return 0, 0
	}
	v := 0
	for _, x := range b[2:6] {
		d := hexDigit(x)
		if d > 15 {
			return 0, 0
		}
		v = v<<4 | int(d)
	}
	switch {
	case v < 0x100:
		return byte(v), 6
	case v >= 0xff01 && v <= 0xff5e: // letters of full width
		return byte(v - 0xff01 + '!'), 6
	}
	return '?', 6
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// appendPath appends a path, decoded and without what leads nowhere.
func appendPath(dst, path []byte) []byte {
	from := len(dst)
	dst = unescape(dst, path)
	b := dst[from:]
	w := 0
	for _, c := range b { // in place: it only gets shorter
		if c == '\\' {
			c = '/'
		}
		if c == '/' && w > 0 && b[w-1] == '/' {
			continue
		}
		b[w] = c
		w++
	}
	return dst[:from+undot(b[:w])]
}

// undot removes the dot segments of b in place and returns its new length (RFC 3986 5.2.4).
func undot(b []byte) int {
	if len(b) == 0 || b[0] != '/' {
		return len(b)
	}
	w := 0
	for i := 0; i < len(b); {
		end := i + 1
		for end < len(b) && b[end] != '/' {
			end++
		}
		switch seg := b[i+1 : end]; {
		case string(seg) == ".":
			if end == len(b) {
				b[w] = '/'
				w++
			}
		case string(seg) == "..":
			for w > 0 {
				w--
				if b[w] == '/' {
					break
				}
			}
			if end == len(b) {
				b[w] = '/'
				w++
			}
		default:
			w += copy(b[w:], b[i:end])
		}
		i = end
	}
	return w
}
