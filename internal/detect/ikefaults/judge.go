package ikefaults

import (
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/packet"
)

// manyTries is how often a message was sent in vain before silence is called one.
const manyTries = 3

// how is the form in which a fault showed.
type how uint8

const (
	none          how = iota
	silent            // no answer to the first message
	icmpError         // an ICMP error to it
	refused           // NO_PROPOSAL_CHOSEN
	wrongGroup        // INVALID_KE_PAYLOAD, and the initiator did not take the group
	wrongVersion      // INVALID_MAJOR_VERSION
	authShort         // version 2: the answer to IKE_AUTH holds no more than an error
	authInformed      // version 1: an informational message in answer to the proof of identity
	authRepeated      // version 1: the responder repeats its last message instead
	authSilent        // version 1: nothing
	authGivenUp       // version 1, aggressive mode: the initiator does not take the responder's proof
	idRefused         // a clear error to a readable identity
	childShort        // version 2: the answer to IKE_AUTH proves identity and brings no tunnel
	quickInformed     // version 1: quick mode answered by an informational message
	quickSilent
	rekeyShort // version 2: CREATE_CHILD_SA refused
	moveSilent // the move to port 4500 got no answer
	fragments  // a message in IP fragments got no answer
)

// verdict is what became of an IKE SA.
type verdict struct {
	code  string
	how   how
	what  *step // the message that failed
	reply *step // what answered it; nil: nothing
	up    bool  // a tunnel was up before
}

// judge says what went wrong with an SA, as far as was seen; none when nothing did, or nothing can be said.
func (d *detector) judge(s *sa) verdict {
	if !s.begun {
		return verdict{}
	}
	first := s.find(func(x *step) bool { return x.fromInit && x == s.steps[0] })
	if first == nil {
		return verdict{}
	}
	if s.answered.IsZero() {
		return d.unanswered(s, first)
	}
	for _, x := range s.steps {
		if x.fromInit || x.encrypted || x.notify.Type == 0 {
			continue
		}
		if v := d.clearError(s, first, x); v.how != none {
			return v
		}
	}
	if s.major == 1 {
		return d.version1(s)
	}
	return d.version2(s)
}

func (d *detector) unanswered(s *sa, first *step) verdict {
	for _, x := range s.steps {
		if x.fromInit && x.refs[0] != first.refs[0] && (x.exchange != first.exchange || x.encrypted) {
			return verdict{} // it went on: answers exist that this capture does not show
		}
	}
	switch {
	case s.icmp != nil:
		return verdict{NoAnswer, icmpError, first, nil, false}
	case first.tries >= manyTries:
		return verdict{NoAnswer, silent, first, nil, false}
	}
	return verdict{}
}

// clearError judges an error that the responder sent in the clear.
func (d *detector) clearError(s *sa, first, x *step) verdict {
	begun := s.find(func(y *step) bool { return y.fromInit && y.encrypted }) != nil // the proof of identity was sent
	switch n := x.notify.Type; {
	case n == ike.NoProposalChosen && !begun:
		return verdict{ProposalMismatch, refused, first, x, false}
	case n == ike.InvalidMajorVersion && !begun:
		return verdict{ProposalMismatch, wrongVersion, first, x, false}
	case s.major == 2 && n == ike.InvalidKEPayload && x.exchange == ike.SAInit:
		if d.retried(s, x) {
			return verdict{}
		}
		return verdict{ProposalMismatch, wrongGroup, s.find(func(y *step) bool { return y.fromInit }), x, false}
	case s.major != 1:
	case n == ike.InvalidIDInformation, n == ike.AuthenticationFailed && !begun && first.exchange == ike.AggressiveMode:
		return verdict{IDMismatch, idRefused, first, x, false}
	case begun && (n == ike.PayloadMalformed || n == ike.InvalidHashInformation || n == ike.AuthenticationFailed):
		return verdict{PSKMismatch, authInformed, s.find(func(y *step) bool { return y.fromInit && y.encrypted && y.exchange == first.exchange }), x, false}
	}
	return verdict{}
}

// retried reports that the initiator took the group that x asks for, in this SA or in another one soon after.
func (d *detector) retried(s *sa, x *step) bool {
	took := func(y *step) bool { // a group that the capture cut off may be the wanted one
		return y.fromInit && y.exchange == ike.SAInit && (y.keGroup == x.notify.Value || y.keLen == 0) && y.refs[0].Time >= x.refs[0].Time
	}
	if s.find(took) != nil || s.find(func(y *step) bool { return y.encrypted }) != nil {
		return true
	}
	if p := d.peers[s.pair]; p != nil {
		for _, o := range p.recent {
			if o != nil && o != s && o.initiator.Addr == s.initiator.Addr && o.find(took) != nil {
				return true
			}
		}
	}
	return false
}

func (d *detector) version1(s *sa) verdict {
	mode := s.steps[0].exchange
	var proof, accepted *step // of identity: by the initiator, and what took it
	switch mode {
	case ike.MainMode:
		proof = s.find(func(x *step) bool { return x.fromInit && x.exchange == mode && x.encrypted })
		accepted = s.find(func(x *step) bool { return !x.fromInit && x.exchange == mode && x.encrypted })
	case ike.AggressiveMode:
		second := s.find(func(x *step) bool { return !x.fromInit && x.exchange == mode })
		if second == nil {
			return verdict{}
		}
		proof = s.after(second, func(x *step) bool { return x.fromInit && x.exchange == mode })
		quick := s.find(func(x *step) bool { return x.exchange == ike.QuickMode && !x.fromInit })
		told := s.after(second, func(x *step) bool { return x.fromInit && x.exchange == ike.Informational1 })
		switch {
		case proof == nil && (told != nil || second.tries >= manyTries):
			return verdict{PSKMismatch, authGivenUp, second, told, false}
		case proof != nil && quick == nil && second.tries > 1 && second.last.Time > proof.refs[0].Time:
			return verdict{PSKMismatch, authRepeated, proof, second, false}
		}
		accepted = proof
	}
	if proof == nil {
		return verdict{}
	}
	if accepted == nil {
		if told := s.after(proof, func(x *step) bool { return !x.fromInit && x.exchange == ike.Informational1 }); told != nil {
			return verdict{PSKMismatch, authInformed, proof, told, false}
		}
		again := s.find(func(x *step) bool { return !x.fromInit && x.exchange == mode && x.last.Time > proof.refs[0].Time })
		switch {
		case again != nil:
			return verdict{PSKMismatch, authRepeated, proof, again, false}
		case proof.tries >= manyTries && proof.fragmented:
			return verdict{FragmentLost, fragments, proof, nil, false}
		case proof.tries >= manyTries && moved(s, proof):
			return verdict{NATTBlocked, moveSilent, proof, nil, false}
		case proof.tries >= manyTries:
			return verdict{PSKMismatch, authSilent, proof, nil, false}
		}
		return verdict{}
	}
	return quickMode(s, accepted)
}

// quickMode judges the last quick mode after phase 1 was done.
func quickMode(s *sa, since *step) verdict {
	q := s.find(func(x *step) bool { return x.exchange == ike.QuickMode })
	if q == nil {
		return verdict{}
	}
	begin := q
	for _, x := range s.steps {
		if x.exchange == ike.QuickMode && x.id == q.id {
			begin = x
			break
		}
	}
	if s.find(func(x *step) bool {
		return x.exchange == ike.QuickMode && x.id == begin.id && x.fromInit != begin.fromInit
	}) != nil {
		return verdict{} // it was taken
	}
	up := s.find(func(x *step) bool { return x.exchange == ike.QuickMode && x.id != begin.id }) != nil
	if told := s.after(begin, func(x *step) bool { return x.fromInit != begin.fromInit && x.exchange == ike.Informational1 }); told != nil {
		return verdict{Phase2Refused, quickInformed, begin, told, up}
	}
	if begin.tries >= manyTries && since.last.Time < begin.refs[0].Time {
		return verdict{Phase2Refused, quickSilent, begin, nil, up}
	}
	return verdict{}
}

// moved reports that x went to port 4500 and nothing came back from there.
func moved(s *sa, x *step) bool {
	if x.ports[1] != ike.PortNATT || !x.marked {
		return false
	}
	return s.find(func(y *step) bool { return y.fromInit != x.fromInit && y.ports[0] == ike.PortNATT }) == nil
}

func (d *detector) version2(s *sa) verdict {
	ask := s.find(func(x *step) bool { return x.fromInit && x.exchange == ike.Auth && !x.response })
	if ask == nil {
		return verdict{}
	}
	reply := s.find(func(x *step) bool { return !x.fromInit && x.exchange == ike.Auth && x.response })
	if reply == nil {
		switch {
		case ask.tries < manyTries:
		case ask.fragmented:
			return verdict{FragmentLost, fragments, ask, nil, false}
		case moved(s, ask):
			return verdict{NATTBlocked, moveSilent, ask, nil, false}
		}
		return verdict{}
	}
	later := s.after(reply, func(x *step) bool { return x.exchange == ike.CreateChildSA })
	if reply.id == 1 && reply.fragments == 0 && later == nil && !d.carried(s, reply.refs[0]) {
		_, most := s.inside(reply.length)
		switch {
		case most < minAuthenticated:
			return verdict{PSKMismatch, authShort, ask, reply, false}
		case most < minTunnel:
			return verdict{Phase2Refused, childShort, ask, reply, false}
		}
	}
	return d.rekey(s)
}

// rekey judges the CREATE_CHILD_SA exchanges: one that was refused, with none after it that was taken.
func (d *detector) rekey(s *sa) verdict {
	for i := len(s.steps) - 1; i >= 0; i-- {
		reply := s.steps[i]
		if reply.exchange != ike.CreateChildSA || !reply.response {
			continue
		}
		if _, most := s.inside(reply.length); most >= minRekeyed {
			return verdict{}
		}
		ask := s.find(func(x *step) bool {
			return x.exchange == ike.CreateChildSA && !x.response && x.id == reply.id && x.fromInit != reply.fromInit
		})
		if ask == nil {
			return verdict{}
		}
		return verdict{Phase2Refused, rekeyShort, ask, reply, true}
	}
	return verdict{}
}

// carried reports that a new association of ESP between the two began after at.
func (d *detector) carried(s *sa, at packet.Ref) bool {
	p := d.peers[s.pair]
	return p != nil && p.esp.Time > at.Time
}
