package detect

import (
	"fmt"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Gates keeps, per vantage and time, what the capture could not show, and judges findings by it. Facts are kept in
// buckets of ten seconds of packet time, so that the verdict over [first - 60 s, decision] is the same offline and live.
type Gates struct {
	vantages []vantageLog
	nets     *Nets
	pairs    *Column[pairLog] // by the prefixes of client and server
	spill    pairLog          // of pairs for which there was no room: nobody reads it

	Files Files // names of the inputs, for texts

	// Forgot says from when to when closed connections of two hosts, and of others in their shard, were forgotten
	// before their time for lack of room. The sensor sets it when the input is over; nil knows of none.
	Forgot func(vantage uint16, a, b packet.Addr) (from, to packet.Time, any bool)
}

const (
	bucketSize  = 10 * time.Second
	maxBuckets  = 8192 // per vantage: over 22 hours; older ones are folded into the oldest
	wellKept    = 8    // vantages that may have as many; each of the others a sixty-fourth
	gateLead    = 60 * time.Second
	oneSidedMin = 0.9
	// manyCopies is the share of copies above which a mirror makes them, not chance.
	manyCopies = 0.05
	// openedMin is the share of connections that were open before the capture from which on the report says so.
	openedMin = 0.5
	// historyKept is how long a closed connection may matter to the next one on its ports: twice the maximum segment
	// lifetime (RFC 9293 3.4.2).
	historyKept = 240 * time.Second
)

type bucket struct {
	at                                       packet.Time
	packets, truncated, dups, routed, supers uint64
	lost, badSums, offload, evicted, listed  uint64
	acks, gaps                               uint64 // from flows that ended in it
	untracked                                uint64 // events of the connection tracker that were lost
	jumpFrom, jumpTo                         packet.Ref
}

type vantageLog struct {
	most          int // buckets
	buckets       []bucket
	tcp, oneSided uint64
	ended, begun  uint64    // TCP flows, and those of them whose begin was seen
	missing       [2]uint64 // one-sided flows by the direction that was seen
	evictFirst    packet.Time
	evictLast     packet.Time
}

type pairLog struct {
	tcp, oneSided uint64
	missing       [2]uint64
	super         uint64
	evicted       uint64
	evictFirst    packet.Time
	evictLast     packet.Time
}

// NewGates returns gates that remember at most maxPairs pairs of prefixes.
func NewGates(maxPairs int) *Gates {
	n := NewNets(netsFor * maxPairs)
	return &Gates{nets: n, pairs: NewColumn[pairLog](n, maxPairs)}
}

// Nets returns the numbers of the pairs of networks, for the detectors to share.
func (g *Gates) Nets() *Nets { return g.nets }

// pair returns what is known of the networks of two hosts, nil for nothing.
func (g *Gates) pair(vantage uint16, client, server packet.Addr) *pairLog {
	return g.pairs.Get(g.nets.Find(vantage, client, server))
}

func (g *Gates) vantage(v uint16) *vantageLog {
	for len(g.vantages) <= int(v) {
		l := vantageLog{most: maxBuckets}
		if len(g.vantages) >= wellKept {
			l.most = maxBuckets / 64
		}
		g.vantages = append(g.vantages, l)
	}
	return &g.vantages[v]
}

func (l *vantageLog) bucket(t packet.Time) *bucket {
	at := t - t%packet.Time(bucketSize)
	for i := len(l.buckets) - 1; i >= 0; i-- {
		if l.buckets[i].at == at {
			return &l.buckets[i]
		}
		if l.buckets[i].at < at || i == 0 && len(l.buckets) >= l.most {
			if len(l.buckets) >= l.most {
				l.buckets[1].add(&l.buckets[0])
				l.buckets = append(l.buckets[:0], l.buckets[1:]...)
				i--
			}
			l.buckets = append(l.buckets, bucket{})
			copy(l.buckets[i+2:], l.buckets[i+1:])
			l.buckets[i+1] = bucket{at: at}
			return &l.buckets[i+1]
		}
	}
	l.buckets = append([]bucket{{at: at}}, l.buckets...)
	return &l.buckets[0]
}

func (b *bucket) add(o *bucket) {
	b.packets += o.packets
	b.truncated += o.truncated
	b.dups += o.dups
	b.routed += o.routed
	b.supers += o.supers
	b.lost += o.lost
	b.badSums += o.badSums
	b.offload += o.offload
	b.evicted += o.evicted
	b.listed += o.listed
	b.acks += o.acks
	b.gaps += o.gaps
	b.untracked += o.untracked
	if b.jumpTo.IsZero() {
		b.jumpFrom, b.jumpTo = o.jumpFrom, o.jumpTo
	}
}

// Handle learns from an event; the border calls it before the detectors see the event.
func (g *Gates) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Capture:
		h := x.Head()
		b := g.vantage(h.Vantage).bucket(x.To)
		b.add(&bucket{packets: x.Packets, truncated: x.Truncated, dups: x.Duplicates, routed: x.Routed, supers: x.Super, lost: x.KernelLost,
			badSums: x.BadSums, offload: x.Offload, evicted: x.Evicted, listed: x.Listed, jumpFrom: x.JumpFrom, jumpTo: x.JumpTo})
	case *event.Tracked:
		if x.What == event.TrackerLost { // of the machine: no place of capture is another one's
			g.vantage(0).bucket(x.Head().Seen.Time).untracked += x.Lost
		}
	case *event.Flow:
		if x.What == event.Ended {
			g.flow(x)
		}
	}
}

func (g *Gates) flow(f *event.Flow) {
	h := f.Head()
	v := g.vantage(h.Vantage)
	if f.End == event.EndEvicted {
		if v.evictFirst == 0 {
			v.evictFirst = f.Start.Time
		}
		v.evictFirst = min(v.evictFirst, f.Start.Time)
		v.evictLast = max(v.evictLast, f.Last.Time)
		v.bucket(f.Last.Time).evicted++
	}
	if h.Proto != packet.ProtoTCP {
		return
	}
	v.ended++
	if !f.Midstream {
		v.begun++
	}
	p, _ := g.pairs.Own(g.nets.Of(h))
	if p == nil {
		p = &g.spill
	}
	s := &f.Sides
	if f.End == event.EndEvicted {
		if p.evicted == 0 {
			p.evictFirst = f.Start.Time
		}
		p.evicted++
		p.evictLast = max(p.evictLast, f.Last.Time)
	}
	both := s[0].Packets > 0 && s[1].Packets > 0
	if f.OneSided || both { // a flow that shows only unanswered tries says nothing of the vantage
		v.tcp++
		p.tcp++
		if f.OneSided {
			v.oneSided++
			p.oneSided++
			d := 0
			if s[1].Packets > s[0].Packets {
				d = 1
			}
			v.missing[d]++
			p.missing[d]++
		}
	}
	if n := s[0].Super + s[1].Super; n > 0 {
		p.super += uint64(n)
	}
	b := v.bucket(f.Last.Time)
	b.acks += s[0].Packets + s[1].Packets
	if !f.OneSided && !f.Midstream {
		b.gaps += uint64(s[0].Gaps + s[1].Gaps)
	}
}

// Sides is how many TCP connections that could show both directions a vantage had, and how many of them showed one only.
type Sides struct{ TCP, OneSided uint64 }

// Sides returns them for the first most vantages.
func (g *Gates) Sides(most int) []Sides {
	out := make([]Sides, 0, min(len(g.vantages), most))
	for i := range g.vantages[:min(len(g.vantages), most)] {
		out = append(out, Sides{g.vantages[i].tcp, g.vantages[i].oneSided})
	}
	return out
}

// window sums the buckets of a vantage that overlap [from, to].
func (g *Gates) window(v uint16, from, to packet.Time) bucket {
	var sum bucket
	if int(v) >= len(g.vantages) {
		return sum
	}
	for i := range g.vantages[v].buckets {
		b := &g.vantages[v].buckets[i]
		if b.at.Add(bucketSize) > from && b.at <= to {
			sum.add(b)
		}
	}
	return sum
}

// Judge returns the gates that did not pass for a group, of those its code needs.
func (g *Gates) Judge(gr *finding.Group) []finding.GateResult {
	var out []finding.GateResult
	for _, gate := range gr.Code.Needs {
		if r, failed := g.judge(gate, gr); failed {
			out = append(out, r)
		}
	}
	return out
}

func (g *Gates) judge(gate finding.Gate, gr *finding.Group) (finding.GateResult, bool) {
	from, to := gr.First.Time.Add(-gateLead), max(gr.Decided, gr.Last.Time)
	i := &gr.Kept[0]
	w := g.window(i.Vantage, from, to)
	r := finding.GateResult{Gate: gate, Caps: finding.CannotTell}
	switch gate {
	case finding.GateHandshake:
		for k := range gr.Kept {
			if !gr.Kept[k].NoBegin {
				return r, false
			}
		}
		r.Text = "the connection was already open when the capture began: its sequence numbers, window scale and segment size are unknown"
		r.How = "start the capture before the connection begins, and let it fail again"
		return r, true
	case finding.GateTwoWay:
		return g.twoWay(r, gr, i)
	case finding.GateLoss:
		total := float64(w.packets + w.lost)
		if total == 0 {
			return r, false
		}
		share := float64(w.lost) / total
		if w.acks > 0 && w.gaps >= 2 {
			share = max(share, float64(w.gaps)/float64(w.acks))
		}
		if share <= 0.01 {
			return r, false
		}
		r.Caps = finding.Possible
		if share > 0.10 {
			r.Caps = finding.CannotTell
		}
		r.Text = fmt.Sprintf("about %.1f %% of the packets were lost by the capture, not by the network (%d counted by it, %d holes that the receivers never had): the two look alike", 100*share, w.lost, w.gaps)
		r.How = "tcpdump -B 65536 -s 128 -i IFACE -w again.pcap (a larger buffer, fewer bytes), or capture on a faster machine"
		return r, true
	case finding.GateSnap:
		if w.listed > 0 {
			r.Text = "the input is a listing: it shows who talked, not what was said"
			r.How = "read the capture itself: tcpdump -s 0 -i IFACE -w again.pcap"
			return r, true
		}
		if w.truncated == 0 {
			return r, false
		}
		r.Text = fmt.Sprintf("%d of %d packets were cut short by the capture: I can see who talked, not what was said", w.truncated, w.packets)
		r.How = "tcpdump -s 0 -i IFACE -w again.pcap"
		return r, true
	case finding.GateOffload:
		p := g.pair(i.Vantage, i.Client, i.Server)
		if p == nil || p.super == 0 {
			return r, false
		}
		r.Text = fmt.Sprintf("%d packets between these hosts are longer than the path can carry: the capturing machine joins packets before they are recorded, so sizes are not those on the wire", p.super)
		r.How = "ethtool -K IFACE gro off gso off tso off, then capture again (or capture on a mirror port)"
		return r, true
	case finding.GateDup:
		p := g.pair(i.Vantage, i.Client, i.Server)
		if p == nil || p.super == 0 || float64(w.dups+w.routed) <= manyCopies*float64(w.packets) {
			return r, false
		}
		r.Text = fmt.Sprintf("%d of %d packets are copies of others, and packets were joined before they were recorded: a copy that was joined with its neighbours is not known as one, and looks like data sent again", w.dups+w.routed, w.packets)
		r.How = "mirror each packet once, and on the capturing machine: ethtool -K IFACE gro off lro off"
		return r, true
	case finding.GateNAT:
		n := g.window(0, from, to).untracked
		if n == 0 {
			return r, false
		}
		r.Caps, r.Text = finding.Certain, lostTracked(n)
		r.How = "sysctl -w net.core.rmem_max=33554432 (more room for events), or fewer new connections"
		return r, true
	case finding.GateClock:
		if w.jumpTo.IsZero() {
			return r, false
		}
		r.Caps = finding.Possible
		r.Text = fmt.Sprintf("the clock of the capture jumped by %s at %s: times across it cannot be compared", w.jumpTo.Time.Sub(w.jumpFrom.Time).Round(time.Millisecond), g.Files.Frame(w.jumpTo))
		r.How = "capture again on a machine whose clock is steady (chronyc tracking)"
		return r, true
	case finding.GateTable:
		p := g.pair(i.Vantage, i.Client, i.Server)
		v := g.vantage(i.Vantage)
		hit := p != nil && p.evicted > 0 && p.evictFirst <= to && p.evictLast >= from
		hit = hit || w.evicted > 0 && v.evictFirst <= to && v.evictLast >= from && p == nil
		if !hit && g.Forgot != nil {
			forgotFrom, forgotTo, any := g.Forgot(i.Vantage, i.Client, i.Server)
			hit = any && forgotFrom <= to && forgotTo >= from.Add(-historyKept)
		}
		if !hit {
			return r, false
		}
		r.Caps = finding.Possible
		r.Text = "there were more connections than --max-memory lets me remember: part of these hosts' history is gone"
		r.How = "run again with a larger --max-memory, or with -f 'host ADDRESS' for these hosts alone"
		return r, true
	}
	return r, false
}

// twoWay fails when nearly all TCP flows that could show both directions, of this pair of networks or (when it has
// none) of the whole vantage, show one.
func (g *Gates) twoWay(r finding.GateResult, gr *finding.Group, i *finding.Instance) (finding.GateResult, bool) {
	var tcp, one uint64
	var missing [2]uint64
	what := "between these networks"
	if p := g.pair(i.Vantage, i.Client, i.Server); p != nil {
		tcp, one, missing = p.tcp, p.oneSided, p.missing
	}
	if i.Client.Prefix() != i.Server.Prefix() {
		if p := g.pair(i.Vantage, i.Server, i.Client); p != nil { // connections the other way round: what their client sends, our server does
			tcp, one = tcp+p.tcp, one+p.oneSided
			missing[0], missing[1] = missing[0]+p.missing[1], missing[1]+p.missing[0]
		}
	}
	among := tcp > 0
	if tcp == 0 {
		v := g.vantage(i.Vantage)
		tcp, one, missing = v.tcp, v.oneSided, v.missing
		what = "in this capture"
	}
	if tcp == 0 || float64(one) <= oneSidedMin*float64(tcp) {
		return r, false
	}
	r.Text = fmt.Sprintf("I see one direction only %s (%d of %d connections): silence from the other side proves nothing here", what, one, tcp)
	if among && i.Client != (packet.Addr{}) && i.Server != (packet.Addr{}) {
		from, to := i.Client, i.Server
		if missing[1] > missing[0] {
			from, to = to, from
		}
		r.Text = fmt.Sprintf("I see only what goes from %s to %s (%d of %d connections): silence from the other side proves nothing here", from, to, one, tcp)
	}
	r.How = "capture both directions: mirror rx and tx, or on the gateway tcpdump -i any -w again.pcap"
	return r, true
}

// OneSided counts the connections over TCP that were seen in one direction only, and all that could be judged.
func (g *Gates) OneSided() (one, all uint64) {
	for v := range g.vantages {
		one += uint64(g.vantages[v].oneSided)
		all += uint64(g.vantages[v].tcp)
	}
	return one, all
}

// Failing lists the gates that fail for a whole vantage over its whole time, for the report's account of the capture.
func (g *Gates) Failing() []finding.GateResult {
	var out []finding.GateResult
	for v := range g.vantages {
		w := g.window(uint16(v), -1<<63, 1<<63-1)
		l := &g.vantages[v]
		add := func(gate finding.Gate, text, how string) {
			out = append(out, finding.GateResult{Gate: gate, Text: text, How: how, Caps: finding.CannotTell})
		}
		if l.tcp > 0 && float64(l.oneSided) > oneSidedMin*float64(l.tcp) {
			add(finding.GateTwoWay, fmt.Sprintf("%d of %d connections were seen in one direction only: silence proves nothing here", l.oneSided, l.tcp),
				"capture both directions: mirror rx and tx, or on the gateway tcpdump -i any -w again.pcap")
		}
		if was := l.ended - l.begun; float64(was) > openedMin*float64(l.ended) {
			add(finding.GateHandshake, fmt.Sprintf("%d of %d connections were open before the capture began: their window scale, and who began them, are guesses", was, l.ended),
				"start the capture before the connections begin, and let it fail again")
		}
		if w.truncated > 0 {
			add(finding.GateSnap, fmt.Sprintf("%d of %d packets were cut short: I can see who talked, not what was said", w.truncated, w.packets),
				"tcpdump -s 0 -i IFACE -w again.pcap")
		}
		if w.supers > 0 {
			add(finding.GateOffload, fmt.Sprintf("%d packets are longer than the link carries: sizes are not those on the wire", w.supers),
				"ethtool -K IFACE gro off gso off tso off, then capture again")
		}
		if w.untracked > 0 {
			add(finding.GateNAT, lostTracked(w.untracked), "sysctl -w net.core.rmem_max=33554432, then watch again")
			out[len(out)-1].Caps = finding.Certain
		}
		share := 0.0
		if n := w.packets + w.lost; n > 0 {
			share = float64(w.lost) / float64(n)
		}
		if w.acks > 0 && w.gaps >= 2 {
			share = max(share, float64(w.gaps)/float64(w.acks))
		}
		if share > 0.001 {
			add(finding.GateLoss, fmt.Sprintf("the capture itself lost about %.1f %% of the packets", 100*share),
				"tcpdump -B 65536 -s 128 -i IFACE -w again.pcap")
		}
		if !w.jumpTo.IsZero() {
			add(finding.GateClock, fmt.Sprintf("the clock jumped by %s at %s", w.jumpTo.Time.Sub(w.jumpFrom.Time).Round(time.Millisecond), g.Files.Frame(w.jumpTo)),
				"capture on a machine whose clock is steady (chronyc tracking)")
		}
		if w.evicted > 0 {
			add(finding.GateTable, fmt.Sprintf("%d connections did not fit into --max-memory and were forgotten early", w.evicted), "a larger --max-memory")
		}
	}
	return out
}
