package rpcfw

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"firestorm/internal/analyzer/rpc"
)

const (
	portmapPort = "111"
	// maxReply bounds an answer of the portmapper in bytes.
	maxReply = 1 << 20
	askTime  = 10 * time.Second
)

// Ask asks the portmapper of a host for its list (DUMP of version 2, over TCP: RFC 1833 3.2). host may carry a port of
// its own.
func Ask(ctx context.Context, host string) ([]Service, error) {
	addr := host
	if _, _, err := net.SplitHostPort(host); err != nil {
		addr = net.JoinHostPort(host, portmapPort)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if t, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(t); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	return ask(c)
}

// ask sends the call and reads the answer.
func ask(c io.ReadWriter) ([]Service, error) {
	var xid [4]byte
	if _, err := rand.Read(xid[:]); err != nil {
		return nil, err
	}
	id := binary.BigEndian.Uint32(xid[:])
	if _, err := c.Write(call(id)); err != nil {
		return nil, err
	}
	b, err := record(c)
	if err != nil {
		return nil, err
	}
	return readDump(b, id)
}

// call is DUMP as one record: its length, then the call (RFC 5531 9, 11).
func call(xid uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, 1<<31|40)
	for _, v := range []uint32{xid, 0, 2, rpc.Portmap, 2, 4, 0, 0, 0, 0} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// record reads the fragments of one record (RFC 5531 11).
func record(r io.Reader) ([]byte, error) {
	var out []byte
	for {
		var h [4]byte
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return nil, fmt.Errorf("the portmapper broke off: %w", err)
		}
		n := binary.BigEndian.Uint32(h[:])
		last := n&(1<<31) != 0
		n &^= 1 << 31
		if uint64(len(out))+uint64(n) > maxReply {
			return nil, errors.New("that answer is too long for a portmapper")
		}
		part := make([]byte, n)
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, fmt.Errorf("the portmapper broke off: %w", err)
		}
		out = append(out, part...)
		if last {
			return out, nil
		}
		if n == 0 {
			return nil, errors.New("the portmapper sends empty fragments")
		}
	}
}

// readDump reads the answer to DUMP.
func readDump(b []byte, xid uint32) ([]Service, error) {
	h, body, ok := rpc.Parse(b)
	switch {
	case !ok || !h.Reply || h.XID != xid:
		return nil, errors.New("what answers there is no portmapper")
	case h.Denied, h.Stat != rpc.Success:
		return nil, errors.New("the portmapper refuses to list its services")
	}
	var list []Service
	for {
		if len(body) < 4 {
			return nil, errors.New("the portmapper's list is cut off")
		}
		more := binary.BigEndian.Uint32(body)
		body = body[4:]
		if more == 0 {
			return tidy(list), nil
		}
		if len(body) < 16 || len(list) >= maxServices {
			return nil, errors.New("the portmapper's list is cut off, or endless")
		}
		s := Service{Program: binary.BigEndian.Uint32(body), Version: binary.BigEndian.Uint32(body[4:])}
		proto, port := binary.BigEndian.Uint32(body[8:]), binary.BigEndian.Uint32(body[12:])
		body = body[16:]
		switch proto {
		case 6:
			s.Proto = "tcp"
		case 17:
			s.Proto = "udp"
		}
		if s.Proto != "" && port > 0 && port <= 65535 {
			s.Port = uint16(port)
			list = append(list, s)
		}
	}
}
