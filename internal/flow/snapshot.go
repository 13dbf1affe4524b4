package flow

import (
	"encoding/binary"
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
	f := t.spare.NewSnapshot()
	h := f.Head()
	t.fillHead(r, h, p)
	h.Seen, h.Ordinal = seen, ord
	f.What, f.End, f.Alerted = w, why, t.alerted
	if t.app != "" {
		f.AppProto = t.app
	}
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
func (t *Table) head(r *rec, kind event.Kind, seen packet.Ref, ord uint64, p *packet.Packet) (h event.Head) {
	h.Kind, h.Ordinal, h.Seen = kind, ord, seen
	t.fillHead(r, &h, p)
	return h
}

// fillHead writes what the common part h of an event has of r and p, into one that is empty but for kind, packet and ordinal.
// It is written where it is to be: to hand it over took as long as to fill it (2026-11-30).
func (t *Table) fillHead(r *rec, h *event.Head, p *packet.Packet) {
	client, server := &h.Client, &h.Server
	if r.bits.has(clientIsB) {
		client, server = server, client
	}
	if r.id.whole() {
		k := &t.extras.at(r.extra).k
		client.Addr, client.Port, server.Addr, server.Port = k.a, k.aport, k.b, k.bport
		h.Tunnel, h.FlowID = k.tunnel, k.id(r.start())
	} else {
		a, b := mappedLow(r.id.ends>>32), mappedLow(r.id.ends&(1<<32-1))
		binary.LittleEndian.PutUint64(client.Addr[8:], a)
		binary.LittleEndian.PutUint64(server.Addr[8:], b)
		client.Port, server.Port = uint16(r.id.rest>>48), uint16(r.id.rest>>32)
		h.FlowID = r.id.incarnation(a, b, r.start())
	}
	h.Proto, h.Vantage = r.id.proto(), r.id.vantage()
	if h.Proto == packet.ProtoICMP || h.Proto == packet.ProtoICMPv6 {
		n := r.sides[packet.ToServer].isn
		h.ICMPType, h.ICMPCode, h.ICMPKnown = uint8(n>>8), uint8(n), n&icmpKnown != 0
	}
	if p != nil {
		h.NVLAN, h.VLANs, h.SrcMAC, h.DstMAC, h.Via = p.NVLAN, p.VLANs, p.SrcMAC, p.DstMAC, p.Via()
	} else if r.extra != 0 {
		x := t.extras.at(r.extra)
		h.NVLAN, h.VLANs = x.nvlan, x.vlans
	}
}

// fill writes the whole state of r into f, which is empty. What every flow has comes first and is worked out once; what lies
// in parts is asked for where there are any (2026-11-30: two fifths of the instructions of a snapshot).
func (t *Table) fill(r *rec, f *event.Flow) {
	b, start := r.bits, r.start()
	f.State, f.Start, f.Last = r.state, start, r.last()
	f.Missing = t.missing(r)
	f.ECN = b.has(ecnOK)
	f.Midstream, f.ServerGuess = b.has(midstream), b.has(serverGuess)
	f.OneSided = r.oneSided()
	if b.has(tried) {
		f.Marks[event.MarkSYN], f.Marks[event.MarkSYNLast], f.SYNTries = start, start, 1
	}
	if r.synack != 0 {
		f.Marks[event.MarkSYNACK], f.SYNACKTries = t.nearRef(r, r.synack, oddSYNACK), 1
	}
	if r.handshake != 0 {
		f.Marks[event.MarkHandshake] = t.nearRef(r, r.handshake, oddHandshake)
	}
	tcp := r.id.proto() == packet.ProtoTCP
	for d := range r.sides {
		s, v := &r.sides[d], &f.Sides[d]
		v.Packets, v.Bytes = uint64(s.packets), uint64(s.bytes)
		v.Flags, v.TTLFirst, v.TTLMin, v.TTLMax = s.flags, s.ttlFirst, s.ttlMin, s.ttlMax
		if tcp {
			v.ISN, v.Next, v.Acked = s.isn, s.next, s.acked
		} else {
			v.Payload = uint64(s.next)
		}
		x := s.bits
		v.SeqKnown, v.SYNSeen, v.SACKOK, v.TSSeen = x.has(seqKnown), x.has(synSeen), x.has(sackOK), x.has(tsSeen)
		v.MSS, v.WScale, v.TSLast = s.mss, s.wscale, s.tsLast
		v.MaxIPLen, v.MaxWindow = uint32(s.maxIPLen), s.maxWin
	}
	f.Sides[packet.ToServer].TSFirst, f.Sides[packet.ToServer].SYNPrint = r.tsFirst, r.synPrint
	if r.talk != 0 {
		t.fillTalk(r, t.talks.at(r.talk), f)
	}
	if r.more != 0 {
		t.fillMore(r, t.mores.at(r.more), f)
	}
	// The sensor's view of the handshake, of the last SYN: see rtts.
	if syn, sa := &f.Marks[event.MarkSYNLast], &f.Marks[event.MarkSYNACK]; b.has(tried) && !syn.IsZero() && !sa.IsZero() {
		f.RTTServer = max(sa.Time.Sub(syn.Time), 0)
		if hs := &f.Marks[event.MarkHandshake]; !hs.IsZero() {
			f.RTT = max(hs.Time.Sub(syn.Time), 0)
		}
	}
	if f.Head().Proto == packet.ProtoICMP || f.Head().Proto == packet.ProtoICMPv6 {
		if n := r.sides[packet.ToClient].isn; n&icmpKnown != 0 {
			f.OwnRare()
			f.AnswerKnown, f.AnswerType, f.AnswerCode = true, uint8(n>>8), uint8(n)
		}
	}
}

func (t *Table) fillTalk(r *rec, x *talkPart, f *event.Flow) {
	t.spare.OwnTalk(f)
	f.Marks[event.MarkClientData], f.Marks[event.MarkServerData] = r.ref(x.first[0]), r.ref(x.first[1])
	for d := range x.way {
		v, y := &f.Sides[d], &x.way[d]
		v.Payload = uint64(y.payload)
		v.MaxFlight, v.MaxDelivered = y.maxFlight, uint32(y.delivered)
		v.RTTs, v.RTTLeast, v.RTTMost = y.rtt.n, time.Duration(y.rtt.least)*time.Microsecond, time.Duration(y.rtt.most)*time.Microsecond
	}
	f.Exchanges, f.ThinkTotal, f.ThinkMax = x.count, time.Duration(x.thinkTotal), time.Duration(x.thinkMax)
	f.Unasked = time.Duration(x.unasked) * time.Millisecond
}

// fillMore writes what lies in the rare parts of r.
func (t *Table) fillMore(r *rec, m *morePart, f *event.Flow) {
	for d := range f.Sides {
		v := &f.Sides[d]
		v.Super, v.Truncated = m.super[d], m.truncated[d]
		if n := m.loss[d]; n != 0 {
			t.fillLoss(r, t.losses.at(n), &r.sides[d], v)
		}
	}
	if m.odd != 0 {
		t.fillOdd(r, t.odds.at(m.odd), f)
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
	if m.prior != 0 {
		f.Prev = t.previous(r)
	}
	if v := m.anomalies(); v != nil {
		f.OwnRare()
		f.Anomalies = v
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
	if r.bits.has(tried) {
		f.SYNTries += o.synTries
	}
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
