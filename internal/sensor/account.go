package sensor

import (
	"fmt"

	"firestorm/internal/count"
	"firestorm/internal/defrag"
)

// Account says where every packet of the input went: it adds up for any input.
type Account struct {
	Read       uint64 // packets that the source gave
	Flows      uint64 // belong to a connection or exchange
	ICMPErrors uint64 // ICMP errors, which speak of another packet
	Link       uint64 // of protocols below IP that are known: ARP, spanning tree, LLDP
	Pieces     uint64 // fragments that went into a whole datagram, which itself counts as the fragment that completed it
	NotUsed    uint64 // each with a reason in count.Ingest
}

// Adds reports whether every packet read is accounted for.
func (a Account) Adds() bool { return a.Read == a.Flows+a.ICMPErrors+a.Link+a.Pieces+a.NotUsed }

// String is the account on one line.
func (a Account) String() string {
	return fmt.Sprintf("%d read = %d in connections + %d ICMP errors + %d below IP + %d pieces of datagrams + %d not used",
		a.Read, a.Flows, a.ICMPErrors, a.Link, a.Pieces, a.NotUsed)
}

// fragmentReasons puts the reasons of defrag into words.
var fragmentReasons = [defrag.NumReasons]string{
	defrag.ReasonTruncated:   "fragments cut short by the capture",
	defrag.ReasonMalformed:   "fragments with a broken IP header",
	defrag.ReasonLowTTL:      "fragments whose TTL was too low to arrive",
	defrag.ReasonZeroLength:  "fragments without data",
	defrag.ReasonBadLength:   "fragments of a length that only the last one may have",
	defrag.ReasonTooLarge:    "fragments that reach past the largest datagram",
	defrag.ReasonEndConflict: "fragments that move the end of their datagram",
	defrag.ReasonOverlap:     "overlapping IPv6 fragments: the receiver drops them too",
	defrag.ReasonTooMany:     "fragments beyond what one datagram may have",
	defrag.ReasonMemory:      "fragments let go for lack of memory before their datagram was whole",
	defrag.ReasonFull:        "fragments let go because too many datagrams were begun",
	defrag.ReasonTimeout:     "fragments of datagrams that never became whole",
	defrag.ReasonInputEnd:    "fragments whose datagram was not whole when the input ended",
}

// account closes the books: it adds to the counters what the stages after ingest know, and sums them up.
func (s *run) account(r *Result) Account {
	c := &r.Counts
	d := s.in.frags.Stats()
	c.Left = nil
	left := func(n uint64, what string) {
		if n > 0 {
			c.Left = append(c.Left, count.Item{What: what, N: n})
		}
	}
	pieces := c.Fragments - d.Duplicates
	left(d.Duplicates, "fragments that came twice")
	for why, n := range d.Discarded {
		left(n, fragmentReasons[why])
		pieces -= n
	}
	for _, n := range d.GivenUp {
		c.FragLost += n
	}
	f := &r.Flow
	left(f.NoPorts, "TCP or UDP header cut short or broken")
	left(f.NoRoom, "no room to follow their connection")
	left(f.Fragments, "fragments inside tunnels, not put together")
	left(f.ICMPNoQuote, "ICMP errors too short to say which packet they speak of")
	a := Account{Read: c.Packets, ICMPErrors: f.ICMPErrors - f.ICMPNoQuote, Link: f.NotIP - c.Undecoded, Pieces: pieces}
	for _, w := range s.workers {
		a.Flows += w.inFlows
	}
	for _, i := range c.NotUsed() {
		a.NotUsed += i.N
	}
	return a
}
