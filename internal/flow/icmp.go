package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// ICMP types that report an error of another packet: RFC 792 and RFC 4443.
const (
	icmp4Unreachable   = 3
	icmp4SourceQuench  = 4
	icmp4Redirect      = 5
	icmp4TimeExceeded  = 11
	icmp4ParamProblem  = 12
	icmp4FragNeeded    = 4 // code of type 3
	icmp6Unreachable   = 1
	icmp6PacketTooBig  = 2
	icmp6ParamProblem  = 4
	icmp4EchoReply     = 0
	icmp4EchoRequest   = 8
	icmp4Timestamp     = 13
	icmp4MaskReply     = 18
	icmp6EchoRequest   = 128
	icmp6EchoReply     = 129
	icmpFreshSeqWindow = 1 << 20 // with no window seen: how old a quoted number may be
)

func isICMPError(p *packet.Packet) bool {
	if p.Proto == packet.ProtoICMPv6 {
		return p.ICMPType >= icmp6Unreachable && p.ICMPType <= icmp6ParamProblem
	}
	switch p.ICMPType {
	case icmp4Unreachable, icmp4SourceQuench, icmp4Redirect, icmp4TimeExceeded, icmp4ParamProblem:
		return true
	}
	return false
}

// icmpPorts gives ICMP queries and their replies a common key: the identifier stands for both ports. Other messages
// have none.
func icmpPorts(p *packet.Packet) (sport, dport uint16) {
	id := uint16(p.ICMPRest >> 16)
	if p.Proto == packet.ProtoICMPv6 {
		if p.ICMPType == icmp6EchoRequest || p.ICMPType == icmp6EchoReply {
			return id, id
		}
		return 0, 0
	}
	if p.ICMPType == icmp4EchoReply || p.ICMPType == icmp4EchoRequest || p.ICMPType >= icmp4Timestamp && p.ICMPType <= icmp4MaskReply {
		return id, id
	}
	return 0, 0
}

// icmpKnown marks that the first sequence number of a flow of ICMP, which has none, is type and code of its first packet.
const icmpKnown = 1 << 16

// icmpError joins an ICMP error to the flow it quotes and reports it, whether or not that flow is known.
func (t *Table) icmpError(p *packet.Packet) {
	t.stats.ICMPErrors++
	if !p.HasQuoted {
		t.stats.ICMPNoQuote++
		return
	}
	q := &p.Quoted
	sport, dport := q.SrcPort, q.DstPort
	if q.Proto == packet.ProtoICMP || q.Proto == packet.ProtoICMPv6 {
		sport, dport = uint16(q.Seq>>16), uint16(q.Seq>>16)
	}
	var a Ahead
	a.name(t.opt.Seed, &q.Src, &q.Dst, sport, dport, p.Vantage, p.Tunnel, q.Proto)
	i := uint32(0)
	if q.HasPorts || sport != 0 || q.Proto != packet.ProtoTCP && q.Proto != packet.ProtoUDP {
		i = t.lookup(&a.k, a.id, a.hash(t.opt.Seed))
	}
	var x *event.ICMPError
	if i == 0 {
		h := event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Proto: q.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel,
			Client: event.End{Addr: q.Src, Port: q.SrcPort}, Server: event.End{Addr: q.Dst, Port: q.DstPort},
			NVLAN: p.NVLAN, VLANs: p.VLANs, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC}
		x = event.NewICMPError(h)
	} else {
		r := t.flows.at(i)
		d := t.dirFor(r, a.swapped)
		x = event.NewICMPError(t.head(r, event.KindICMPError, p.Ref(), p.Ordinal, p))
		x.QuotedDir = d
		x.Fresh = r.fresh(q, d)
		if o := t.oddOf(r); o != nil {
			if o.marks[oddICMP].isZero() {
				o.marks[oddICMP] = t.mark(r, p)
				o.icmpType, o.icmpCode = p.ICMPType, p.ICMPCode
			}
			if p.Proto == packet.ProtoICMP && p.ICMPType == icmp4Unreachable && p.ICMPCode == icmp4FragNeeded ||
				p.Proto == packet.ProtoICMPv6 && p.ICMPType == icmp6PacketTooBig {
				if o.marks[oddFrag].isZero() {
					o.marks[oddFrag] = t.mark(r, p)
				}
			}
		}
	}
	x.Type, x.Code, x.Version = p.ICMPType, p.ICMPCode, p.IPVersion
	x.Sender, x.To, x.TTL, x.Quoted = p.Src, p.Dst, p.TTL, *q
	switch {
	case p.Proto == packet.ProtoICMPv6 && p.ICMPType == icmp6PacketTooBig:
		x.MTU = p.ICMPRest
	case p.Proto == packet.ProtoICMP && p.ICMPType == icmp4Unreachable && p.ICMPCode == icmp4FragNeeded:
		x.MTU = p.ICMPRest & 0xffff // RFC 1191 4: the low half; 0 from old routers
	}
	*t.out = append(*t.out, x)
}

// fresh says whether a quoted packet may be one that r's side d sent lately (RFC 5927 4.1): TCP data not yet
// acknowledged, or acknowledged within the last window. Other protocols have no number to tell by: the flow is enough.
func (r *rec) fresh(q *packet.Quoted, d packet.Dir) bool {
	if r.id.proto() != packet.ProtoTCP {
		return true
	}
	s := &r.sides[d]
	if !s.bits.has(seqKnown) {
		return false
	}
	if !SeqLess(q.Seq, s.next) {
		return false
	}
	w := r.sides[d.Other()].maxWin
	if w == 0 {
		w = 65535
	}
	low := s.isn
	if s.bits.has(ackKnown) {
		low = s.acked
	}
	return SeqLessEq(low-min(w, icmpFreshSeqWindow), q.Seq)
}
