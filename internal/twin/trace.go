package twin

import (
	"fmt"

	"firestorm/internal/packet"
)

// Near returns the vantage nearer to the clients: 0 or 1.
func (j *Join) Near() int { return j.near }

// Unjoined returns how many packets of capture v came after the limit and were not joined.
func (j *Join) Unjoined(v int) uint64 { return j.ps.sides[v].over }

// Partner returns the first packet of the connection that begins at ref in capture v, as the other capture has it.
func (j *Join) Partner(v int, ref packet.Ref) (packet.Ref, bool) {
	r := j.rec(v, ref)
	if r == nil {
		return packet.Ref{}, false
	}
	s := &j.ps.sides[v].starts[r.flow]
	if s.ref.Frame != ref.Frame || s.twin == 0 {
		return packet.Ref{}, false
	}
	return j.ps.sides[1-v].starts[s.twin-1].ref, true
}

func (j *Join) rec(v int, ref packet.Ref) *rec {
	if v < 0 || v > 1 {
		return nil
	}
	i := j.byFrame[v][frameKey{ref.Source, ref.Frame}]
	if i == 0 {
		return nil
	}
	return &j.ps.sides[v].recs[i-1]
}

// Trace is what became of one packet in the other capture.
type Trace struct {
	Known   bool       // false: its absence would mean nothing, as the other capture could not have seen it
	Seen    bool       // it is there too
	Ref     packet.Ref // where, in the clock of capture 0
	Changed []string   // what the box between changed, in words
	Removed uint16     // TCP options of a SYN that were taken out on the way (packet.Opt bits)
}

// Trace says what became of the packet ref of capture v in the other capture.
func (j *Join) Trace(v int, ref packet.Ref) Trace {
	r := j.rec(v, ref)
	if r == nil {
		return Trace{}
	}
	if r.match != 0 {
		o := &j.ps.sides[1-v].recs[r.match-1]
		t := Trace{Known: true, Seen: true, Ref: packet.Ref{Frame: o.frame, Time: o.time, Source: o.source}}
		if v == 0 {
			t.Ref.Time = o.time.Add(-j.Offset)
		}
		t.Changed, t.Removed = j.changes(v, r, o)
		return t
	}
	at := r.time
	if v == 0 {
		at = at.Add(j.Offset)
	} else {
		at = at.Add(-j.Offset)
	}
	s, there := &j.ps.sides[v].starts[r.flow], &j.ps.sides[1-v]
	if at < there.first || at > there.last || there.over > 0 {
		return Trace{}
	}
	if s.twin == 0 && !(j.pairs[hostPair{v, s.src}] && j.pairs[hostPair{v, s.dst}]) && !j.pairs[hostPair{v, s.dst}] {
		return Trace{}
	}
	return Trace{Known: true}
}

// changes lists, in words, what the box between did to a packet, seen in the direction it travelled.
func (j *Join) changes(v int, r, o *rec) (out []string, removed uint16) {
	from, to := r, o
	fs, ts := &j.ps.sides[v].starts[r.flow], &j.ps.sides[1-v].starts[o.flow]
	if r.ttl < o.ttl {
		from, to, fs, ts = o, r, ts, fs
	}
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if fs.src != ts.src || fs.sport != ts.sport {
		add("source %s:%d became %s:%d", fs.src, fs.sport, ts.src, ts.sport)
	}
	if fs.dst != ts.dst || fs.dport != ts.dport {
		add("destination %s:%d became %s:%d", fs.dst, fs.dport, ts.dst, ts.dport)
	}
	if from.syn {
		for _, x := range []struct {
			bit  uint16
			name string
		}{{packet.OptWScale, "window scale"}, {packet.OptSACKOK, "SACK permitted"}, {packet.OptTS, "timestamps"}, {packet.OptTFO, "fast open"}, {packet.OptMPTCP, "multipath"}} {
			if from.opts&x.bit != 0 && to.opts&x.bit == 0 {
				add("option %s removed", x.name)
				removed |= x.bit
			}
			if from.opts&x.bit == 0 && to.opts&x.bit != 0 {
				add("option %s added", x.name)
			}
		}
		if from.opts&packet.OptMSS != 0 && to.opts&packet.OptMSS != 0 && from.mss != to.mss {
			add("MSS %d became %d", from.mss, to.mss)
		}
		if from.opts&to.opts&packet.OptWScale != 0 && from.wscale != to.wscale {
			add("window scale %d became %d", from.wscale, to.wscale)
		}
	}
	if d := int(from.ttl) - int(to.ttl); d > 1 {
		add("%d hops between", d)
	}
	return out, removed
}
