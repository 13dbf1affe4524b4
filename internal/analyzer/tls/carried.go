package tls

// Extensions whose values others tell (RFC 8446 4.2).
const (
	ExtServerName = extServerName
	ExtALPN       = extALPN
)

// JA3 is the text of the fingerprint JA3, at most 4096 bytes of it, and its MD5 in hexadecimal: for hellos that another
// protocol carries.
func (h *ClientHello) JA3() (text, hash string) { return fingerprinted(appendJA3(nil, h)) }

// JA3S is the same of a server.
func (h *ServerHello) JA3S() (text, hash string) { return fingerprinted(appendJA3S(nil, h)) }

func fingerprinted(text []byte) (string, string) {
	return string(text[:min(len(text), maxJA3)]), string(appendMD5(nil, text))
}

// JA4 is the fingerprint JA4 of a hello that came over a transport, by that fingerprint's letter for it: 't' is TCP, 'q' QUIC.
func (h *ClientHello) JA4(transport byte) string {
	b, _, _ := appendJA4(nil, h, nil, nil)
	b[0] = transport
	return string(b)
}

// EachProtocol calls f for each protocol that the client offers (RFC 7301 3.1); the name is lent.
func (h *ClientHello) EachProtocol(f func(name []byte)) { protocols(h.ALPN, f) }

// Name is the server's name if it could be one (RFC 6066 3), else nil.
func (h *ClientHello) Name() []byte { return printable(h.ServerName) }

// Forget gives up the bytes that were parsed, and keeps room for the next hello.
func (h *ClientHello) Forget() {
	*h = ClientHello{Extensions: h.Extensions[:0], KeyShares: h.KeyShares[:0]}
}
