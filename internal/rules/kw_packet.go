package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// headerPart is a buffer that is part of each packet: contents behind its name lie there.
type headerPart struct {
	part
	get func(p *packet.Packet) []byte // nil: the packet has none
}

// headerBuffers are the headers of a packet, as they were on the wire, and its addresses.
var headerBuffers = map[string]func(p *packet.Packet) []byte{
	"ipv4.hdr": func(p *packet.Packet) []byte {
		l3 := int(p.L3)
		if p.IPVersion != 4 || l3 >= len(p.Data) {
			return nil
		}
		return cut(p.Data, l3, l3+int(p.Data[l3]&15)*4)
	},
	"ipv6.hdr": func(p *packet.Packet) []byte {
		if p.IPVersion != 6 {
			return nil
		}
		return cut(p.Data, int(p.L3), max(int(p.L4), int(p.L3)+40))
	},
	"tcp.hdr": func(p *packet.Packet) []byte {
		l4 := int(p.L4)
		if !onTCP(p) || l4+12 >= len(p.Data) {
			return nil
		}
		return cut(p.Data, l4, l4+int(p.Data[l4+12]>>4)*4)
	},
	"udp.hdr":    ofTransport(packet.ProtoUDP, 8),
	"icmpv6.hdr": ofTransport(packet.ProtoICMPv6, 8),
	"icmpv4.hdr": func(p *packet.Packet) []byte {
		n := 8
		switch p.ICMPType { // what belongs to the header by its type (RFC 792, RFC 950)
		case 13, 14:
			n = 20
		case 17, 18:
			n = 12
		}
		return ofTransport(packet.ProtoICMP, n)(p)
	},
	"ip.src": func(p *packet.Packet) []byte { return address(p, &p.Src) },
	"ip.dst": func(p *packet.Packet) []byte { return address(p, &p.Dst) },
}

func ofTransport(proto uint8, n int) func(p *packet.Packet) []byte {
	return func(p *packet.Packet) []byte {
		if p.Proto != proto || p.L4 == 0 {
			return nil
		}
		return cut(p.Data, int(p.L4), int(p.L4)+n)
	}
}

// cut is b from one place to another, as far as there is anything; nil where nothing is.
func cut(b []byte, from, to int) []byte {
	if to = min(to, len(b)); from >= to {
		return nil
	}
	return b[from:to]
}

func address(p *packet.Packet, a *packet.Addr) []byte {
	switch p.IPVersion {
	case 4:
		return a[12:]
	case 6:
		return a[:]
	}
	return nil
}

// atHeader is compiler.at of the first header part; those behind it have smaller ones.
const atHeader = -3

// here is the part in which contents lie now; nil: they lie in the payload.
func (c *compiler) here() *part {
	switch {
	case c.at >= 0:
		return &c.s.parts[c.at]
	case c.at <= atHeader:
		return &c.headers[atHeader-c.at].part
	}
	return nil
}

// header opens a part of the packet.
func (c *compiler) header(name string) {
	c.headers = append(c.headers, &headerPart{part: part{buffer: buffer{name: name}}, get: headerBuffers[name]})
	c.at = atHeader - len(c.headers) + 1
}

// endHeaders makes conditions on the packet of what is asked of its headers.
func (c *compiler) endHeaders() (option string, err error) {
	for _, h := range c.headers {
		if len(h.checks) == 0 {
			return h.name, fmt.Errorf("nothing is asked of %s", h.name)
		}
		c.s.wholePacket = true
		c.s.conds = append(c.s.conds, func(x *inspection) bool {
			b := h.get(x.p)
			if b == nil {
				return false
			}
			b, ok := h.turned(&x.m, b)
			return ok && x.m.match(h.checks, b, 0)
		})
	}
	return "", nil
}

// packetKeywords ask for parts and facts of single packets.
var packetKeywords = func() []keyword {
	list := []keyword{
		{"vlan.id", vlanID},
		{"vlan.layers", ranged(8, func(*packet.Packet) bool { return true }, func(p *packet.Packet) uint64 {
			n, _ := vlans(p)
			return uint64(n)
		})},
	}
	for _, s := range []struct {
		name    string
		version uint8
		proto   uint8
	}{{"ipv4-csum", 4, 0}, {"tcpv4-csum", 4, packet.ProtoTCP}, {"udpv4-csum", 4, packet.ProtoUDP}, {"icmpv4-csum", 4, packet.ProtoICMP},
		{"tcpv6-csum", 6, packet.ProtoTCP}, {"udpv6-csum", 6, packet.ProtoUDP}, {"icmpv6-csum", 6, packet.ProtoICMPv6}} {
		list = append(list, keyword{s.name, func(c *compiler, o *lang.Option) error {
			var want packet.Sum
			switch strings.ToLower(strings.TrimSpace(o.Value)) {
			case "valid":
				want = packet.SumGood
			case "invalid":
				want = packet.SumBad
			default:
				return fmt.Errorf("%s knows valid and invalid, not %q", o.Name, o.Value)
			}
			c.s.wholePacket, c.s.sums = true, s.proto != 0
			c.s.conds = append(c.s.conds, func(x *inspection) bool {
				return x.p.IPVersion == s.version && (s.proto == 0 || x.p.Proto == s.proto) && sumOf(x.p, s.proto == 0) == want
			})
			return nil
		}})
	}
	for name := range headerBuffers {
		list = append(list, keyword{name, func(c *compiler, o *lang.Option) error { c.header(o.Name); return nil }})
	}
	return list
}()

// sumOf is what a checksum of a packet is, whether or not others want to know: a rule asks.
func sumOf(p *packet.Packet, ip bool) packet.Sum {
	get := func(p *packet.Packet) packet.Sum {
		s := p.L4Sum
		if ip {
			s = p.IPSum
		}
		if s == packet.SumOffload || s == packet.SumDamaged {
			s = packet.SumBad
		}
		return s
	}
	if s := get(p); s != packet.SumUnchecked || p.IPFlags&packet.Reassembled != 0 || p.Missing != 0 {
		return s
	}
	again := packet.Packet{Data: p.Data, WireLen: p.WireLen, Link: p.Link}
	packet.Decode(&again, &packet.Options{Checksums: packet.ChecksumsAll})
	return get(&again)
}

// vlans are the identifiers of the packet's VLAN tags, outermost first.
func vlans(p *packet.Packet) (n int, ids [packet.MaxLayers]uint16) {
	for _, l := range p.Layers[:p.NLayer] {
		if k := l.Kind; (k == packet.LayerVLAN || k == packet.LayerQinQ) && int(l.Off)+2 <= len(p.Data) {
			ids[n] = binary.BigEndian.Uint16(p.Data[l.Off:]) & 0xfff
			n++
		}
	}
	return n, ids
}

// vlanID compares the identifier of a tag: of one layer, from the outside or (negative) from the inside, of any or of all.
func vlanID(c *compiler, o *lang.Option) error {
	text, layer, _ := strings.Cut(o.Value, ",")
	if o.Negated {
		text = "!" + text
	}
	r, err := parseRange(text, 16)
	if err != nil {
		return err
	}
	if r.hi > 0xfff && r.lo > 0xfff {
		return errors.New("identifiers of VLANs end at 4095")
	}
	at := 0
	switch layer = strings.TrimSpace(layer); layer {
	case "", "any", "all":
	default:
		if at, err = strconv.Atoi(layer); err != nil || at < -3 || at > 2 {
			return fmt.Errorf("%q is no layer: any, all, -3 to 2", layer)
		}
	}
	c.s.conds = append(c.s.conds, func(x *inspection) bool {
		n, ids := vlans(x.p)
		switch layer {
		case "", "any":
			for _, id := range ids[:n] {
				if r.has(uint64(id)) {
					return true
				}
			}
			return false
		case "all":
			for _, id := range ids[:n] {
				if !r.has(uint64(id)) {
					return false
				}
			}
			return n > 0
		}
		i := at
		if i < 0 {
			i += n
		}
		return i >= 0 && i < n && r.has(uint64(ids[i]))
	})
	return nil
}
