// Package tcpodd finds segments that do not fit the connection they claim to belong to, and says whose they are: sets of
// flags without meaning, a second SYN/ACK, a SYN inside a connection, data behind a FIN, the same bytes sent twice and
// differently, a reset that the other end did not send.
package tcpodd

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Flags      = "tcp-flags-illegal"
	Forged     = "tcp-handshake-forged"
	Midstream  = "tcp-midstream-syn"
	AfterClose = "tcp-data-after-close"
	Overlap    = "tcp-overlap-inconsistent"
	Injected   = "tcp-rst-injected"
)

// sort is one way not to fit, as far as the flow table and reassembly tell them apart.
type sort uint8

const (
	badFlags sort = iota
	secondAnswer
	innerSYN
	afterFIN
	overlap
	sorts
)

var sortOf = map[packet.Anomaly]sort{
	packet.StreamPktInvalidFlags:                badFlags,
	packet.Stream3WHSSynAckResendWithDiffSeq:    secondAnswer,
	packet.StreamEstSynAckResendWithDiffSeq:     secondAnswer,
	packet.StreamEstSynResendDiffSeq:            innerSYN,
	packet.StreamDataAfterFin:                   afterFIN,
	packet.StreamReassemblyOverlapDifferentData: overlap,
}

var codeOf = [sorts]string{badFlags: Flags, secondAnswer: Forged, innerSYN: Midstream, afterFIN: AfterClose, overlap: Overlap}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "tcpodd",
	Codes: codes,
	Wants: detect.Wants{TCP: []event.What{event.Ended}, Kinds: []event.Kind{event.KindAnomaly}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, open: map[uint64]*oddity{}} },
}

// sight is what was seen of one sort in one flow.
type sight struct {
	first packet.Ref
	dir   packet.Dir
	mac   packet.MAC // sender of the frame
}

// oddity is a flow with segments that do not fit.
type oddity struct {
	seen [sorts]sight
	flow *event.Flow // as it ended
}

type detector struct {
	scope *detect.Scope
	open  map[uint64]*oddity // by flow, until it ends
	// lost counts flows beyond the table's room: their oddities are not told.
	lost uint64
}

// Handle keeps what does not fit until the flow is over: only then it shows what came of it.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Anomaly:
		if s, ok := sortOf[x.Code]; ok {
			d.odd(x, s)
		}
	case *event.Flow:
		if h := x.Head(); x.What == event.Ended && h.Proto == packet.ProtoTCP {
			d.ended(x, h)
		}
	}
}

func (d *detector) odd(x *event.Anomaly, s sort) {
	h := x.Head()
	if h.FlowID == 0 {
		return
	}
	o := d.open[h.FlowID]
	if o == nil {
		if len(d.open) >= max(d.scope.Limits.Entries, 16) {
			d.lost++
			d.scope.Forgot("tcpodd", "connections", h.Client.Addr, h.Server.Addr)
			return
		}
		o = &oddity{}
		d.open[h.FlowID] = o
	}
	if o.seen[s].first.IsZero() {
		o.seen[s] = sight{h.Seen, x.Dir, h.SrcMAC}
	}
}

func (d *detector) ended(f *event.Flow, h *event.Head) {
	if o := d.open[h.FlowID]; o != nil {
		delete(d.open, h.FlowID)
		o.flow = f.Keep()
		for s := range o.seen {
			if x := &o.seen[s]; !x.first.IsZero() {
				d.report(codeOf[s], key(sort(s), x, h), f, x.first, o)
			}
		}
	}
	if dir, ok := injected(f); ok {
		d.report(Injected, h.Client.Addr.Prefix().String()+" "+h.Server.Addr.Prefix().String()+" "+dir.String(), f, f.Refusal.Ref, &oddity{flow: f.Keep()})
	}
}

// key folds what has one cause: by who sends, or whom it is meant for.
func key(s sort, x *sight, h *event.Head) string {
	switch s {
	case badFlags, afterFIN, overlap:
		return sender(h, x.dir).Addr.String()
	case innerSYN:
		return h.Client.Addr.String() + " " + h.Server.Addr.String()
	}
	return detect.EndText(h.Server)
}

func sender(h *event.Head, d packet.Dir) event.End {
	if d == packet.ToServer {
		return h.Client
	}
	return h.Server
}

func (d *detector) report(code, key string, f *event.Flow, at packet.Ref, o *oddity) {
	h := f.Head()
	i := &finding.Instance{Code: code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: at, Last: at, NoBegin: f.Midstream, Data: o}
	if code == Flags && o.seen[badFlags].dir == packet.ToClient { // roles were guessed: the sender is who asks
		i.Client, i.Server, i.Port = i.Server, i.Client, h.Client.Port
	}
	d.scope.Report(i)
}

// Compose writes the finding for a group.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	switch g.Code.ID {
	case Flags:
		return d.flags(g, b)
	case Forged:
		return d.forged(g, b)
	case Midstream:
		return d.midstream(g, b)
	case AfterClose:
		return d.afterClose(g, b)
	case Overlap:
		return d.overlap(g, b)
	}
	return d.rst(g, b)
}

func oddityOf(g *finding.Group, i int) *oddity { return g.Kept[i].Data.(*oddity) }

// refs are the odd segments of a group, at most four.
func refs(g *finding.Group, s sort) []packet.Ref {
	var out []packet.Ref
	for i := range g.Kept {
		if len(out) < 4 {
			out = append(out, oddityOf(g, i).seen[s].first)
		}
	}
	return out
}

// story shows the odd segments of a group.
func story(g *finding.Group, b *finding.Builder, s sort, role string) {
	for i, r := range refs(g, s) {
		b.Evidence(r, role)
		if i == 0 {
			b.Ladder(finding.LadderRow{Ref: r, Dir: oddityOf(g, 0).seen[s].dir, Label: role, Note: "does not fit"})
		}
	}
}

// Tick does nothing: a flow is judged when it is over.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every connection before.
func (d *detector) End(packet.Time) {}

// settle is how long each of the codes waits for a better explanation.
const settle = 30 * time.Second
