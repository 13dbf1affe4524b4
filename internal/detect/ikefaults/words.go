package ikefaults

import (
	"fmt"
	"time"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// story is what the words of one finding are made of.
type story struct {
	d        *detector
	b        *finding.Builder
	s        *sa // the first attempt
	v        verdict
	sas      []*sa
	peer     *peer
	init     string // names of the two
	resp     string
	attempts string
}

// Compose writes the finding for the attempts of one gateway at another.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	var sas []*sa
	for i := range g.Kept {
		s := g.Kept[i].Data.(*sa)
		if v := d.judge(s); v.how != none && v.code == g.Code.ID { // what came later may have changed it
			sas = append(sas, s)
		}
	}
	if len(sas) == 0 {
		return false
	}
	s := sas[0]
	st := &story{d: d, b: b, s: s, v: d.judge(s), sas: sas, init: s.initiator.Addr.String(), resp: s.responder.Addr.String(),
		attempts: detect.Plural(len(sas), "attempt", "attempts")}
	st.peer = d.peers[s.pair]
	if st.peer == nil {
		st.peer = &peer{}
	}
	if up, last := st.peer.up, sas[len(sas)-1].last; up.Time > last.Time && up.Time.Sub(last.Time) < fallback {
		return false // one of several tries that a gateway makes by itself
	}
	if st.v.how == silent && d.looking(s.vantage, s.initiator.Addr) {
		return false // it looks for gateways: no peer of its own fails
	}
	b.Subject(finding.Subject{Role: "initiator", Addr: s.initiator.Addr})
	b.Subject(finding.Subject{Role: "responder", Addr: s.responder.Addr, Port: st.v.what.ports[1]})
	switch g.Code.ID {
	case NoAnswer:
		st.noAnswer()
	case ProposalMismatch:
		st.proposal()
	case PSKMismatch:
		st.psk()
	case IDMismatch:
		st.identity()
	case Phase2Refused:
		st.phase2()
	case NATTBlocked:
		st.natt()
	case FragmentLost:
		st.fragments()
	}
	st.later()
	st.evidence()
	return true
}

// worked is when the two had a tunnel before the failure; zero: not in this capture.
func (st *story) worked() packet.Ref {
	if up := st.peer.up; !up.IsZero() && up.Time < st.v.what.refs[0].Time {
		return up
	}
	return packet.Ref{}
}

// later adds a tunnel that came up after the last failure.
func (st *story) later() {
	if up := st.peer.up; up.Time > st.sas[len(st.sas)-1].last.Time {
		st.b.Fact(detect.Refs(up), "a tunnel between the two came up at %s s after all", st.d.scope.Since(up))
	}
}

// sent tells how often and when a message went out.
func (st *story) sent(x *step) string {
	return fmt.Sprintf("%s (%d bytes) sent %s", name(x), x.length, st.times(x))
}

func (st *story) times(x *step) string {
	if x.tries == 1 {
		return "at " + st.d.scope.Since(x.refs[0]) + " s"
	}
	return fmt.Sprintf("%d times, at %s", x.tries, st.d.scope.Times(x.all(), 4))
}

// name is what people call a message.
func name(x *step) string {
	switch {
	case x.major == 2 && x.response:
		return "the answer to " + ike.ExchangeName(x.exchange)
	case x.exchange == ike.MainMode && x.encrypted && x.fromInit:
		return "the fifth message of main mode"
	case x.exchange == ike.QuickMode:
		return "the first message of quick mode"
	case x.exchange == ike.Informational1:
		return "an informational message"
	case x.major == 2:
		return ike.ExchangeName(x.exchange)
	}
	return "a message of " + ike.ExchangeName(x.exchange)
}

// lossRuledOut excludes loss by repeats that all met the same, or by an answer; otherwise it stays open.
func (st *story) lossRuledOut() {
	x := st.v.what
	switch {
	case st.v.reply != nil:
		st.b.RuledOut("loss", detect.Refs(x.refs[0], st.v.reply.refs[0]), "the message was answered")
	case len(st.sas) > 1:
		st.b.RuledOut("loss", x.all(), "%d attempts of several messages each met the same", len(st.sas))
	default:
		st.b.RuledOut("loss", x.all(), "%d messages in a row met the same silence", x.tries)
	}
}

func (st *story) evidence() {
	b := st.b
	for i, x := range st.s.steps {
		dir, who := packet.ToServer, "from the initiator"
		if !x.fromInit {
			dir, who = packet.ToClient, "from the responder"
		}
		label := fmt.Sprintf("%s, %d bytes", ike.ExchangeName(x.exchange), x.length)
		note, lost := who, false
		switch {
		case x == st.v.what && st.v.reply == nil:
			note, lost = "no answer", true
		case x == st.v.what:
			note = "this is refused"
		case x == st.v.reply:
			note = "the refusal"
		case i > 8:
			continue
		}
		for j, r := range x.all() {
			if j > 0 && !lost {
				break
			}
			b.Evidence(r, note)
			b.Ladder(finding.LadderRow{Ref: r, Dir: dir, Label: label, Note: note, Lost: lost})
		}
	}
	if st.s.icmp != nil {
		b.Evidence(st.s.icmp.Head().Seen, "the error")
	}
}

// between is the time that an initiator spent in vain, as far as seen.
func (st *story) between() time.Duration {
	last := st.sas[len(st.sas)-1]
	return last.last.Time.Sub(st.s.first.Time)
}

// suites writes what was offered or chosen, at most three.
func suites(major uint8, ts []ike.Transform) string {
	var out []string
	for _, s := range ike.Suites(major, ts) {
		out = append(out, s.String())
	}
	return detect.List(out, 3)
}

// natText tells what the hashes of addresses say; empty when they say nothing.
func (st *story) natText() string {
	i, r := st.s.nat()
	switch {
	case i && r:
		return "both sides' hashes of addresses differ from those seen here: a NAT on both sides, or gateways that claim one to have ESP in UDP"
	case i:
		return fmt.Sprintf("the hashes of addresses say that %s is behind a NAT", st.init)
	case r:
		return fmt.Sprintf("the hashes of addresses say that %s is behind a NAT", st.resp)
	}
	return ""
}

func (st *story) natFact() {
	if t := st.natText(); t != "" {
		st.b.Fact(st.s.natRefs, "%s", t)
	}
}
