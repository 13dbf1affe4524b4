package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// headerKeywords ask for fields of the packet's headers.
var headerKeywords = []keyword{
	{"ttl", ranged(8, onIP, func(p *packet.Packet) uint64 { return uint64(p.TTL) })},
	{"id", ranged(16, onIP4, func(p *packet.Packet) uint64 { return uint64(p.IPID) })},
	{"tos", ranged(8, onIP4, func(p *packet.Packet) uint64 { return uint64(p.TOS) })},
	{"dsize", func(c *compiler, o *lang.Option) error {
		c.s.packet = true
		text := o.Value
		if o.Negated {
			text = "!" + text
		}
		r, err := parseRange(text, 16)
		c.s.sizes = append(c.s.sizes, r)
		return err
	}},
	{"seq", equal(32, onTCP, func(p *packet.Packet) uint64 { return uint64(p.Seq) })},
	{"tcp.seq", equal(32, onTCP, func(p *packet.Packet) uint64 { return uint64(p.Seq) })},
	{"ack", equal(32, onTCP, func(p *packet.Packet) uint64 { return uint64(p.Ack) })},
	{"tcp.ack", equal(32, onTCP, func(p *packet.Packet) uint64 { return uint64(p.Ack) })},
	{"window", ranged(16, onTCP, func(p *packet.Packet) uint64 { return uint64(p.Window) })},
	{"tcp.window", ranged(16, onTCP, func(p *packet.Packet) uint64 { return uint64(p.Window) })},
	{"tcp.mss", ranged(16, func(p *packet.Packet) bool { return onTCP(p) && p.TCPOpts&packet.OptMSS != 0 },
		func(p *packet.Packet) uint64 { return uint64(p.MSS) })},
	{"tcp.wscale", ranged(8, func(p *packet.Packet) bool { return onTCP(p) && p.TCPOpts&packet.OptWScale != 0 },
		func(p *packet.Packet) uint64 { return uint64(p.WScale) })},
	{"itype", ranged(8, onICMP, func(p *packet.Packet) uint64 { return uint64(p.ICMPType) })},
	{"icode", ranged(8, onICMP, func(p *packet.Packet) uint64 { return uint64(p.ICMPCode) })},
	{"icmp_id", equal(16, onEcho, func(p *packet.Packet) uint64 { return uint64(p.ICMPRest >> 16) })},
	{"icmp_seq", equal(16, onEcho, func(p *packet.Packet) uint64 { return uint64(p.ICMPRest & 0xffff) })},
	{"icmpv6.mtu", ranged(32, func(p *packet.Packet) bool { return p.Proto == packet.ProtoICMPv6 && p.ICMPType == 2 },
		func(p *packet.Packet) uint64 { return uint64(p.ICMPRest) })},
	{"flags", tcpFlags}, {"tcp.flags", tcpFlags},
	{"fragbits", fragBits},
	{"fragoffset", func(c *compiler, o *lang.Option) error {
		c.s.pieces = true
		return ranged(16, onIP4, func(p *packet.Packet) uint64 { return uint64(p.FragOff) / 8 })(c, o)
	}},
	{"sameip", func(c *compiler, _ *lang.Option) error {
		c.s.conds = append(c.s.conds, func(x *inspection) bool { return onIP(x.p) && x.p.Src == x.p.Dst })
		return nil
	}},
	{"ip_proto", ipProto},
	{"ipopts", ipOptions},
	{"decode-event", happened("decoder.")},
	{"stream-event", happened("stream.")},
}

func onIP(p *packet.Packet) bool  { return p.IPVersion != 0 }
func onIP4(p *packet.Packet) bool { return p.IPVersion == 4 }
func onTCP(p *packet.Packet) bool { return p.Proto == packet.ProtoTCP && p.L4 != 0 }
func onICMP(p *packet.Packet) bool {
	return (p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6) && p.L4 != 0
}

// onEcho: the messages that carry an identifier and a sequence number (RFC 792, RFC 4443 4).
func onEcho(p *packet.Packet) bool {
	if p.Proto == packet.ProtoICMPv6 {
		return p.ICMPType == 128 || p.ICMPType == 129
	}
	if p.Proto != packet.ProtoICMP {
		return false
	}
	switch p.ICMPType {
	case 0, 8, 13, 14, 15, 16, 17, 18:
		return true
	}
	return false
}

// ranged compares a field with a range.
func ranged(bits int, on func(*packet.Packet) bool, get func(*packet.Packet) uint64) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		text := o.Value
		if o.Negated {
			text = "!" + text
		}
		r, err := parseRange(text, bits)
		if err != nil {
			return err
		}
		c.s.conds = append(c.s.conds, func(x *inspection) bool { return on(x.p) && r.has(get(x.p)) })
		return nil
	}
}

// equal compares a field with one number.
func equal(bits int, on func(*packet.Packet) bool, get func(*packet.Packet) uint64) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		n, err := strconv.ParseUint(strings.TrimSpace(o.Value), 0, bits)
		if err != nil {
			return fmt.Errorf("%q is no number of at most %d bits", o.Value, bits)
		}
		neg := o.Negated
		c.s.conds = append(c.s.conds, func(x *inspection) bool { return on(x.p) && (get(x.p) == n) != neg })
		return nil
	}
}

var flagLetters = map[byte]uint16{'F': packet.FIN, 'S': packet.SYN, 'R': packet.RST, 'P': packet.PSH, 'A': packet.ACK, 'U': packet.URG,
	'E': packet.ECE, 'C': packet.CWR, '1': packet.CWR, '2': packet.ECE, '0': 0}

// flagSet reads letters; sign is the modifier that stood before or behind them.
func flagSet(text string) (set uint16, sign byte, err error) {
	for i := range len(text) {
		b := text[i]
		switch b {
		case '+', '*', '!':
			if sign != 0 {
				return 0, 0, errors.New("more than one of + * !")
			}
			sign = b
			continue
		case ' ':
			continue
		}
		f, ok := flagLetters[b&^0x20]
		if b <= '9' {
			f, ok = flagLetters[b]
		}
		if !ok {
			return 0, 0, fmt.Errorf("%q is no TCP flag (F S R P A U E C 0)", string(b))
		}
		set |= f
	}
	return set, sign, nil
}

func tcpFlags(c *compiler, o *lang.Option) error {
	text := o.Value
	if o.Negated {
		text = "!" + text
	}
	want, but, _ := strings.Cut(text, ",")
	set, sign, err := flagSet(want)
	if err != nil {
		return err
	}
	skip, _, err := flagSet(but)
	if err != nil {
		return err
	}
	const all = packet.FIN | packet.SYN | packet.RST | packet.PSH | packet.ACK | packet.URG | packet.ECE | packet.CWR
	mask := uint16(all) &^ skip
	c.s.packet = true
	c.s.flags = append(c.s.flags, flagTest{mask, set, sign})
	return nil
}

func fragBits(c *compiler, o *lang.Option) error {
	var set packet.IPFlags
	var sign byte
	text := o.Value
	if o.Negated {
		sign = '!'
	}
	c.s.pieces = true
	for i := range len(text) {
		switch b := text[i]; b {
		case 'M', 'm':
			set |= packet.MoreFragments
		case 'D', 'd':
			set |= packet.DontFragment
		case 'R', 'r':
			set |= packet.EvilBit
		case '+', '*', '!':
			sign = b
		case ' ', ',':
		default:
			return fmt.Errorf("%q is none of M D R", string(b))
		}
	}
	c.s.conds = append(c.s.conds, func(x *inspection) bool {
		if !onIP4(x.p) {
			return false
		}
		f := x.p.IPFlags & (packet.MoreFragments | packet.DontFragment | packet.EvilBit)
		switch sign {
		case '+':
			return f&set == set
		case '*':
			return f&set != 0
		case '!':
			return f&set == 0
		}
		return f == set
	})
	return nil
}

// ipProto narrows the protocols of the header.
func ipProto(c *compiler, o *lang.Option) error {
	text := strings.TrimSpace(o.Value)
	var sign byte
	if o.Negated {
		sign = '!'
	}
	if text != "" && strings.IndexByte("!<>", text[0]) >= 0 {
		sign, text = text[0], strings.TrimSpace(text[1:])
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		known, ok := protocolNumber(strings.ToLower(text))
		if !ok {
			return fmt.Errorf("%q is no IP protocol", text)
		}
		n = uint64(known)
	}
	for i := range 256 {
		keep := false
		switch sign {
		case '!':
			keep = uint64(i) != n
		case '<':
			keep = uint64(i) < n
		case '>':
			keep = uint64(i) > n
		default:
			keep = uint64(i) == n
		}
		if !keep {
			c.s.proto[i>>6] &^= 1 << (i & 63)
		}
	}
	return nil
}

// protocolNumber knows the names that rules use for IP protocols.
func protocolNumber(name string) (uint8, bool) {
	n, ok := map[string]uint8{"icmp": packet.ProtoICMP, "igmp": 2, "ipip": 4, "ip-in-ip": 4, "tcp": packet.ProtoTCP, "udp": packet.ProtoUDP,
		"ipv6": 41, "gre": 47, "esp": packet.ProtoESP, "ah": packet.ProtoAH, "icmpv6": packet.ProtoICMPv6, "ipv6-icmp": packet.ProtoICMPv6,
		"ospf": 89, "pim": 103, "vrrp": 112, "sctp": packet.ProtoSCTP}[name]
	return n, ok
}

// IPv4 options by the names of the rule language (RFC 791 3.1, RFC 2113, RFC 1108).
var ipOptionNumbers = map[string]byte{"rr": 7, "lsrr": 131, "eol": 0, "nop": 1, "ts": 68, "sec": 130, "esec": 133, "ssrr": 137, "satid": 136,
	"qs": 25, "cipso": 134, "rtralt": 148}

func ipOptions(c *compiler, o *lang.Option) error {
	name := strings.TrimSpace(o.Value)
	n, ok := ipOptionNumbers[name]
	if !ok && name != "any" {
		return fmt.Errorf("%q is no IP option", name)
	}
	c.s.conds = append(c.s.conds, func(x *inspection) bool {
		b := ip4Options(x.p)
		if !ok {
			return len(b) > 0
		}
		for len(b) > 0 {
			if b[0] == n {
				return true
			}
			switch {
			case b[0] == 0:
				return false
			case b[0] == 1:
				b = b[1:]
			case len(b) < 2 || int(b[1]) < 2 || int(b[1]) > len(b):
				return false
			default:
				b = b[b[1]:]
			}
		}
		return false
	})
	return nil
}

// ip4Options are the option bytes of the innermost IPv4 header.
func ip4Options(p *packet.Packet) []byte {
	l3 := int(p.L3)
	if p.IPVersion != 4 || l3 >= len(p.Data) {
		return nil
	}
	end := l3 + int(p.Data[l3]&15)*4
	if end > len(p.Data) || end <= l3+20 {
		return nil
	}
	return p.Data[l3+20 : end]
}

// happened asks for something odd that decoding or reassembly found in the packet, or that its connection's state did.
func happened(family string) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		a, ok := packet.ParseAnomaly(family + strings.TrimSpace(o.Value))
		if !ok {
			return fmt.Errorf("%s knows no event %q", o.Name, o.Value)
		}
		c.s.packet, c.s.odd = true, true
		c.s.pieces = c.s.pieces || family == "decoder."
		c.s.conds = append(c.s.conds, func(x *inspection) bool { return x.p.HasAnomaly(a) || x.found(a) })
		return nil
	}
}

// found reports that something odd is among the events of the packet.
func (x *inspection) found(a packet.Anomaly) bool {
	for _, e := range x.odd {
		if o, ok := e.(*event.Anomaly); ok && o.Code == a {
			return true
		}
	}
	return false
}
