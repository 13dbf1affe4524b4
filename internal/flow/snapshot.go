package flow

import (
	"math/bits"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// emit appends a flow event that p completes.
func (t *Table) emit(i uint32, w event.What, p *packet.Packet) {
	t.emitAt(i, w, event.EndNone, p.Ref(), p.Ordinal, p)
}

// emitAt appends a flow event. Without a packet (p nil: time alone completed it) seen has frame 0 and the event has no
// link addresses.
func (t *Table) emitAt(i uint32, w event.What, why event.EndReason, seen packet.Ref, ord uint64, p *packet.Packet) {
	if t.opt.Want&Wants(w) == 0 && (w != event.Closed || t.opt.Closed == nil || !t.opt.Closed(i)) {
		t.stats.Unwanted++
		return
	}
	r := t.flows.at(i)
	h := t.head(r, event.KindFlow, seen, ord, p)
	f := t.spare.NewSnapshot(&h)
	f.What, f.End, f.AppProto, f.Alerted = w, why, t.app, t.alerted
	t.fill(r, f)
	if t.first != "" {
		f.OwnRare()
		f.AppBefore = t.first
	}
	if w == event.Ended && t.opt.Dress != nil {
		t.opt.Dress(i, f)
	}
	*t.out = append(*t.out, f)
}

// head returns the common part of an event of flow r.
func (t *Table) head(r *rec, kind event.Kind, seen packet.Ref, ord uint64, p *packet.Packet) event.Head {
	k := t.key(r)
	h := event.Head{Kind: kind, Ordinal: ord, Seen: seen, FlowID: k.id(r.start()), Proto: k.proto,
		Vantage: k.vantage, Tunnel: k.tunnel}
	h.Client, h.Server = event.End{Addr: k.a, Port: k.aport}, event.End{Addr: k.b, Port: k.bport}
	if r.bits.has(clientIsB) {
		h.Client, h.Server = h.Server, h.Client
	}
	if k.proto == packet.ProtoICMP || k.proto == packet.ProtoICMPv6 {
		n := r.sides[packet.ToServer].isn
		h.ICMPType, h.ICMPCode, h.ICMPKnown = uint8(n>>8), uint8(n), n&icmpKnown != 0
	}
	if p != nil {
		h.NVLAN, h.VLANs, h.SrcMAC, h.DstMAC, h.Via = p.NVLAN, p.VLANs, p.SrcMAC, p.DstMAC, p.Via()
	} else if r.extra != 0 {
		x := t.extras.at(r.extra)
		h.NVLAN, h.VLANs = x.nvlan, x.vlans
	}
	return h
}

// fill writes the whole state of r into f.
func (t *Table) fill(r *rec, f *event.Flow) {
	f.State, f.Start, f.Last = r.state, r.start(), r.last()
	f.Missing = t.missing(r)
	f.ECN = r.bits.has(ecnOK)
	f.Midstream, f.ServerGuess = r.bits.has(midstream), r.bits.has(serverGuess)
	f.OneSided = r.oneSided()
	f.Marks[event.MarkSYNACK] = t.synackRef(r)
	f.Marks[event.MarkHandshake] = t.handshakeRef(r)
	m := t.rares(r)
	if n := t.synTries(r); n > 0 {
		f.Marks[event.MarkSYN] = r.start()
		f.SYNTries = n
		f.Marks[event.MarkSYNLast] = r.start()
	}
	if r.synack != 0 {
		f.SYNACKTries = 1
	}
	for d := range r.sides {
		t.fillSide(r, packet.Dir(d), &f.Sides[d])
	}
	if m.odd != 0 {
		t.fillOdd(r, t.odds.at(m.odd), f)
	}
	if r.talk != 0 {
		x := t.talks.at(r.talk)
		f.OwnTalk()
		f.Marks[event.MarkClientData], f.Marks[event.MarkServerData] = r.ref(x.first[0]), r.ref(x.first[1])
		for d := range x.way {
			v, y := &f.Sides[d], &x.way[d]
			v.MaxFlight, v.MaxDelivered = y.maxFlight, uint32(y.delivered)
			v.RTTs, v.RTTLeast, v.RTTMost = y.rtt.n, time.Duration(y.rtt.least)*time.Microsecond, time.Duration(y.rtt.most)*time.Microsecond
		}
		f.Exchanges, f.ThinkTotal, f.ThinkMax = x.count, time.Duration(x.thinkTotal), time.Duration(x.thinkMax)
		f.Unasked = time.Duration(x.unasked) * time.Millisecond
	}
	if m.held != 0 {
		h := t.helds.at(m.held)
		for d, n := range h.n {
			if n != 0 {
				v := &f.Sides[d]
				v.OwnRare()
				v.HeldWaits, v.HeldTotal = uint32(n), time.Duration(h.total[d])*time.Microsecond
			}
		}
	}
	if m.closing != 0 {
		c := t.closes.at(m.closing)
		f.Marks[event.MarkClientFIN], f.Marks[event.MarkServerFIN] = r.ref(c.fin[0]), r.ref(c.fin[1])
		f.Marks[event.MarkClientFINACK], f.Marks[event.MarkServerFINACK] = r.ref(c.finack[0]), r.ref(c.finack[1])
	}
	if m.stall != 0 {
		t.fillStall(r, t.stalls.at(m.stall), f)
	}
	if m.idle != 0 {
		if x := t.idles.at(m.idle); x.best != 0 {
			f.OwnRare()
			f.IdleSurvived, f.IdleFrom, f.IdleTo = time.Duration(x.best), r.ref(x.bestFrom), r.ref(x.bestTo)
		}
	}
	f.RTT, f.RTTServer = t.rtts(r)
	if proto := r.id.proto(); proto == packet.ProtoICMP || proto == packet.ProtoICMPv6 {
		if n := r.sides[packet.ToClient].isn; n&icmpKnown != 0 {
			f.OwnRare()
			f.AnswerKnown, f.AnswerType, f.AnswerCode = true, uint8(n>>8), uint8(n)
		}
	}
	f.Prev = t.previous(r)
	if v := m.anomalies(); v != nil {
		f.OwnRare()
		f.Anomalies = v
	}
}

func (t *Table) fillSide(r *rec, d packet.Dir, v *event.Side) {
	s := &r.sides[d]
	v.Packets, v.Bytes, v.Payload = uint64(s.packets), uint64(s.bytes), uint64(t.payloadOf(r, d))
	v.Flags, v.TTLFirst, v.TTLMin, v.TTLMax = s.flags, s.ttlFirst, s.ttlMin, s.ttlMax
	if r.id.proto() == packet.ProtoTCP {
		v.ISN, v.Next, v.Acked = s.isn, s.next, s.acked
	}
	v.SeqKnown, v.SYNSeen, v.SACKOK, v.TSSeen = s.bits.has(seqKnown), s.bits.has(synSeen), s.bits.has(sackOK), s.bits.has(tsSeen)
	v.MSS, v.WScale, v.TSLast = s.mss, s.wscale, s.tsLast
	if d == packet.ToServer {
		v.TSFirst, v.SYNPrint = r.tsFirst, r.synPrint
	}
	m := t.rares(r)
	v.Super, v.Truncated = m.super[d], m.truncated[d]
	v.MaxIPLen, v.MaxWindow = uint32(s.maxIPLen), s.maxWin
	if n := m.loss[d]; n != 0 {
		t.fillLoss(r, t.losses.at(n), s, v)
	}
}

func (t *Table) fillOdd(r *rec, o *oddPart, f *event.Flow) {
	for d := range f.Sides {
		v := &f.Sides[d]
		v.Packets |= uint64(o.hi[d][0]) << 32
		v.Bytes |= uint64(o.hi[d][1]) << 32
		v.Payload |= uint64(o.hi[d][2]) << 32
	}
	set := func(id event.MarkID, m int) {
		if !o.marks[m].isZero() {
			f.Marks[id] = r.ref(o.marks[m])
		}
	}
	set(event.MarkSYN, oddSYN)
	set(event.MarkSYNLast, oddSYN)
	set(event.MarkSYN2, oddSYN2)
	set(event.MarkSYN3, oddSYN3)
	set(event.MarkSYNLast, oddSYNLast)
	set(event.MarkSYNACKLast, oddSYNACKLast)
	set(event.MarkStaleACK, oddStale)
	set(event.MarkClientRST, oddClientRST)
	set(event.MarkServerRST, oddServerRST)
	set(event.MarkICMP, oddICMP)
	set(event.MarkFragNeeded, oddFrag)
	f.SYNACKTries += o.synackTries
	f.OwnRare()
	f.StaleACKs, f.StaleACKNum = o.staleACKs, o.staleNum
	f.RSTFlags, f.ICMPType, f.ICMPCode = o.rstFlags, o.icmpType, o.icmpCode
	for d, x := range o.rsts {
		f.Resets[d] = event.Resets{Count: x.n, TTLMin: x.ttlMin, TTLMax: x.ttlMax, After: r.ref(x.after)}
	}
	if x := &o.rst; x.set {
		f.Refusal = event.RST{Ref: r.ref(x.ref), Dir: x.dir, Seq: x.seq, Ack: x.ack, HasACK: x.hasACK, TTL: x.ttl, IPID: x.ipid,
			DF: x.df, Window: x.window, Valid: x.valid}
	}
}

// oneSided reports that one side was never seen though the other acknowledges it.
func (r *rec) oneSided() bool {
	if r.sides[0].packets != 0 && r.sides[1].packets != 0 {
		return false
	}
	return r.bits.has(ackMoved | synackFirst)
}

// synLast returns the last SYN before the answer.
func (t *Table) synLast(r *rec) packet.Ref {
	if !r.bits.has(tried) {
		return packet.Ref{}
	}
	if o := t.odd(r); o != nil {
		for _, m := range [...]int{oddSYNLast, oddSYN} {
			if !o.marks[m].isZero() {
				return r.ref(o.marks[m])
			}
		}
	}
	return r.start()
}

// rtts returns the sensor's view of the handshake: whole, and to the server and back. After retries the last SYN
// counts: the true span may be longer, never shorter.
func (t *Table) rtts(r *rec) (whole, server time.Duration) {
	if r.more == 0 && r.bits.has(tried) && r.startFrame() != 0 { // as nearly always: one SYN, and marks that are near (2026-11-30)
		if r.synack == 0 {
			return 0, 0
		}
		return r.handshake.after(), r.synack.after()
	}
	syn, sa, hs := t.synLast(r), t.synackRef(r), t.handshakeRef(r)
	if syn.IsZero() || sa.IsZero() {
		return 0, 0
	}
	server = max(sa.Time.Sub(syn.Time), 0)
	if !hs.IsZero() {
		whole = max(hs.Time.Sub(syn.Time), 0)
	}
	return whole, server
}

func (m *morePart) anomalies() []packet.Anomaly {
	both := m.anom[0] | m.anom[1]
	if both == 0 {
		return nil
	}
	v := make([]packet.Anomaly, 0, bits.OnesCount32(both))
	for ; both != 0; both &= both - 1 {
		v = append(v, streamCodes[bits.TrailingZeros32(both)])
	}
	return v
}
