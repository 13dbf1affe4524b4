package flow

import (
	"encoding/binary"

	"firestorm/internal/event"
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// Verdict takes what a firewall's log says of p, a packet of the flow that h names, and reports it the first time.
func (t *Table) Verdict(p *packet.Packet, h Handle, out *[]event.Event) {
	if h.Index == 0 || p.Firewall == packet.FirewallNone {
		return
	}
	r := t.flows.at(h.Index)
	o := t.oddOf(r)
	if o == nil || o.verdicts&(1<<p.Firewall) != 0 {
		return
	}
	o.verdicts |= 1 << p.Firewall
	v := event.NewVerdict(t.head(r, event.KindVerdict, p.Ref(), p.Ordinal, p))
	v.Verdict, v.Dir = p.Firewall, h.Dir
	if p.IPFlags&packet.Reassembled == 0 { // else the header of the log is gone
		switch p.Link {
		case packet.LinkNFLOG:
			nflogSays(v, p.Data)
		case packet.LinkPFLOG:
			pflogSays(v, p.Data)
		}
	}
	*out = append(*out, v)
}

func nflogSays(v *event.Verdict, b []byte) {
	h, ok := header.ParseNFLOG(b)
	for off := 4; ok; {
		typ, a, next, more, _ := h.Next(off)
		if !more || typ == header.NFLOGPayload {
			return
		}
		switch {
		case typ == header.NFLOGPacketHeader && len(a) >= 3:
			v.Hook = header.NFLOGHook(a[2])
		case typ == header.NFLOGPrefix:
			v.Words = words(a)
		case len(a) < 4:
		case typ == header.NFLOGMark:
			v.Mark = binary.BigEndian.Uint32(a)
		case typ == header.NFLOGInDevice:
			v.In = binary.BigEndian.Uint32(a)
		case typ == header.NFLOGOutDevice:
			v.Out = binary.BigEndian.Uint32(a)
		}
		off = next
	}
}

func pflogSays(v *event.Verdict, b []byte) {
	if h, ok := header.ParsePFLOG(b); ok {
		v.Sure = v.Verdict != packet.FirewallOther
		v.Device, v.Rule = h.Interface(), h.Rule()
	}
}

// words returns a copy of text that a NUL ends.
func words(b []byte) string {
	b = b[:min(len(b), event.MaxVerdictWords)]
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	return string(b)
}
