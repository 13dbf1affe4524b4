package tftp

import (
	"bytes"
	"strings"
)

// Request asks to read or write a file (RFC 1350 5). Its texts are as they came.
type Request struct {
	Write      bool
	File, Mode string
}

// maxFile bounds the name of a file, in bytes.
const maxFile = 512

// Parse reads b. False: it is no request.
func Parse(b []byte) (r Request, ok bool) {
	if len(b) < 2 || b[0] != 0 || b[1] != 1 && b[1] != 2 {
		return r, false
	}
	file, rest, ok := bytes.Cut(b[2:], []byte{0})
	mode, _, ok2 := bytes.Cut(rest, []byte{0})
	if !ok || !ok2 || len(file) == 0 || len(file) > maxFile || len(mode) > len("netascii") {
		return r, false
	}
	switch strings.ToLower(string(mode)) {
	case "netascii", "octet", "mail":
	default:
		return r, false
	}
	return Request{b[1] == 2, string(file), string(mode)}, true
}
