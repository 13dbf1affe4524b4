package why

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// trait is something that failures may have in common. Say gets how many failures have it and how many successes.
type trait struct {
	has func(a *detect.Attempt) bool
	say string
}

// reuseWithin is the time in which a server may still remember a closed connection: 2 MSL, RFC 9293 3.4.2.
const reuseWithin = 240 * time.Second

var traits = []trait{
	{func(a *detect.Attempt) bool { return a.ReuseAge > 0 && a.ReuseAge <= reuseWithin }, "reuse a port within 240 s of its last use"},
	{func(a *detect.Attempt) bool { return a.IdleBeforeStall >= 5*time.Second }, "break after a silence of 5 s or more"},
	{func(a *detect.Attempt) bool { return a.MaxStall > 1280 }, "break at packets over 1280 bytes"},
	{func(a *detect.Attempt) bool { return a.ICMPType != 0 }, "are refused by an ICMP message"},
	{func(a *detect.Attempt) bool { return a.OneSided }, "show one direction only"},
	{func(a *detect.Attempt) bool { return !a.Service.Addr.Is4() }, "use IPv6"},
	{func(a *detect.Attempt) bool { return a.Service.Addr.Is4() }, "use IPv4"},
	{func(a *detect.Attempt) bool { return a.TS }, "carry TCP timestamps"},
	{func(a *detect.Attempt) bool { return !a.TS && a.Service.Proto == packet.ProtoTCP }, "carry no TCP timestamps"},
}

// shared lists what all failures have and hardly any success does, the most telling first.
func shared(bad, good []*detect.Attempt) []string {
	if len(bad) == 0 {
		return nil
	}
	var out []string
	count := func(as []*detect.Attempt, has func(*detect.Attempt) bool) (n int) {
		for _, a := range as {
			if has(a) {
				n++
			}
		}
		return n
	}
	tell := func(say string, has func(*detect.Attempt) bool) {
		if count(bad, has) < len(bad) {
			return
		}
		n := count(good, has)
		switch {
		case len(good) == 0:
			return // nothing to compare with
		case n == 0:
			out = append(out, fmt.Sprintf("only failures %s: %d of %d, and 0 of %d that worked", say, len(bad), len(bad), len(good)))
		case n*10 <= len(good):
			out = append(out, fmt.Sprintf("hardly any but failures %s: %d of %d, and %d of %d that worked", say, len(bad), len(bad), n, len(good)))
		}
	}
	for _, t := range traits {
		tell(t.say, t.has)
	}
	byValue(bad, tell)
	byTime(bad, good, &out)
	return out
}

// byValue looks for one value that all failures share: client, TTL, MSS.
func byValue(bad []*detect.Attempt, tell func(string, func(*detect.Attempt) bool)) {
	f := bad[0]
	tell(fmt.Sprintf("come from %s", f.Client.Addr), func(a *detect.Attempt) bool { return a.Client.Addr == f.Client.Addr })
	tell(fmt.Sprintf("go to port %d", f.Service.Port), func(a *detect.Attempt) bool { return a.Service.Port == f.Service.Port })
	tell(fmt.Sprintf("go to %s", f.Service.Addr), func(a *detect.Attempt) bool { return a.Service.Addr == f.Service.Addr })
	if f.TTL != 0 {
		tell(fmt.Sprintf("arrive with TTL %d", f.TTL), func(a *detect.Attempt) bool { return a.TTL == f.TTL })
	}
	if f.MSS != 0 {
		tell(fmt.Sprintf("announce segments of %d bytes", f.MSS), func(a *detect.Attempt) bool { return a.MSS == f.MSS })
	}
}

// byTime says when the failures are a time of their own: nothing worked between the first and the last of them.
func byTime(bad, good []*detect.Attempt, out *[]string) {
	if len(bad) < 2 || len(good) == 0 {
		return
	}
	from, to := bad[0].Start.Time, bad[len(bad)-1].Start.Time
	before, after := 0, 0
	for _, g := range good {
		switch {
		case g.Start.Time < from:
			before++
		case g.Start.Time > to:
			after++
		default:
			return
		}
	}
	*out = append(*out, fmt.Sprintf("all failures began within %s, in which nothing worked (%d worked before, %d after)", detect.Span(to.Sub(from)), before, after))
}
