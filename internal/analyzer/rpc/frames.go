package rpc

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

const (
	// enoughHead is how much of a record holds all that comes before arguments and results: credential and verifier have at
	// most 400 bytes each (RFC 5531 8.2).
	enoughHead = 900
	beforeCred = 24 // of a call: number, type, version, program and its version, procedure
	xidAndType = 8
	nfs4Head   = 8 // what Suricata takes for the head of a COMPOUND: the length of its tag, and its version where that is empty
)

// mark marks the frames of a message of NFS, of which b is the begin: it has size bytes behind mark bytes of record marking, and
// begins back bytes before the end of what is at hand.
func (r *reader) mark(c *analyzer.Context, d packet.Dir, b []byte, mark, size, back int) {
	h, body, ok := Parse(b)
	if !ok || c.App() != KindNFS {
		return
	}
	at := len(b) - len(body) // of arguments or results
	version := h.Version
	if h.Reply {
		c.Frame(d, "rpc.hdr", back+mark, int64(mark+xidAndType))
		c.Frame(d, "rpc.data", back-xidAndType, int64(size-xidAndType))
		version = 0
		for i := range r.open {
			if o := &r.open[i]; o.h.XID == h.XID && o.dir != d && o.h.Program == NFS {
				version = o.h.Version
			}
		}
	} else {
		if len(b) >= beforeCred+8 {
			c.Frame(d, "rpc.creds", back-beforeCred, 8+int64(binary.BigEndian.Uint32(b[beforeCred+4:])))
		}
		if h.Program != NFS {
			version = 0
		}
	}
	n := int64(size - at)
	if version == 0 || n <= 0 {
		return
	}
	name := "nfs."
	if version == 4 {
		name = "nfs4."
	}
	c.Frame(d, name+"pdu", back-at, n)
	switch {
	case h.Reply && n >= 4:
		c.Frame(d, name+"status", back-at, 4)
	case !h.Reply && version == 4 && n > nfs4Head:
		c.Frame(d, "nfs4.hdr", back-at, nfs4Head)
		c.Frame(d, "nfs4.ops", back-at-nfs4Head, n-nfs4Head)
	}
}
