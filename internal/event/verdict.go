package event

import "firestorm/internal/packet"

// Verdict is what a firewall wrote beside a packet of a flow, from its log (link types NFLOG and PFLOG): once for each flow
// and verdict, at the first packet that has it.
type Verdict struct {
	head    Head
	Verdict packet.Firewall
	// Sure tells that the firewall itself says what became of the packet. Where it is false, Verdict is read out of Words,
	// which are the administrator's.
	Sure    bool
	Words   string     // of the rule that logged the packet; hostile text, at most MaxVerdictWords bytes
	Hook    string     // of netfilter; empty: not said
	In, Out uint32     // numbers of the interfaces by which the packet came and would go on; 0: not said
	Device  string     // name of the interface, where the log has it instead of a number; hostile text
	Mark    uint32     // of the packet; 0: none
	Rule    uint32     // number of pf's rule; valid when Sure
	Dir     packet.Dir // of the packet
}

// MaxVerdictWords bounds the words of a rule: netfilter has room for 127.
const MaxVerdictWords = 128

// Head returns the common part.
func (v *Verdict) Head() *Head { return &v.head }

// NewVerdict returns an event with head h.
func NewVerdict(h Head) *Verdict {
	h.Kind = KindVerdict
	return &Verdict{head: h}
}

// AppendEVE writes nothing: Suricata has no such record.
func (v *Verdict) AppendEVE(dst []byte, _ *EVE) []byte { return dst }
