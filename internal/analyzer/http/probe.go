package http

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// Methods that are HTTP's own or WebDAV's: with a path after them they need no version to be known.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL",
	"COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE"}

// probe knows a request by its method and path or by "HTTP/1." at the end of its first line, a response by its begin.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if d == packet.ToClient {
		return begins(b, "HTTP/1.")
	}
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') { // RFC 9112 2.2
		b = b[1:]
	}
	for i, c := range b {
		if c == ' ' && i > 0 {
			return target(b[:i], b[i+1:])
		}
		if i == maxMethod || !tokenByte(c) || c == '%' { // a method is a token, but none was ever escaped
			return analyzer.No
		}
	}
	return analyzer.More
}

func begins(b []byte, word string) analyzer.Answer {
	switch {
	case !foldPrefix(b, word):
		return analyzer.No
	case len(b) < len(word):
		return analyzer.More
	}
	return analyzer.Yes
}

func target(method, b []byte) analyzer.Answer {
	if len(b) == 0 {
		return analyzer.More
	}
	if b[0] == '/' {
		for _, m := range methods {
			if string(method) == m {
				return analyzer.Yes
			}
		}
	}
	line, ended := b, false
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		line, ended = b[:i], true
	}
	if i := bytes.Index(line, []byte(" HTTP/1.")); i >= 0 {
		return analyzer.Yes
	}
	if ended {
		return analyzer.No
	}
	return analyzer.More
}
