package synsilent

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// manyServers is how many servers may leave one client without an answer before that is told as one finding about the
// client: a search for machines that are not there, or a client that is cut off, and not so many broken servers.
const manyServers = 5

// forgetAfter is how long a client's silence may pause before it counts from the start again.
const forgetAfter = 10 * time.Minute

// unheard counts the servers that did not answer one client.
type unheard struct {
	servers map[packet.Addr]struct{}
	first   packet.Time
	last    packet.Time
}

func (u *unheard) many() bool { return u != nil && len(u.servers) > manyServers }

type clientKey struct {
	vantage uint16
	client  packet.Addr
}

// unanswered notes that server did not answer client; nil when there is no room to know the client.
func (d *detector) unanswered(k clientKey, server packet.Addr, at packet.Time) *unheard {
	u := d.clients[k]
	if u == nil || at.Sub(u.last) > forgetAfter {
		if u == nil && len(d.clients) >= d.scope.Limits.Entries {
			d.scope.Forgot("synsilent", "clients", k.client)
			return nil
		}
		u = &unheard{servers: map[packet.Addr]struct{}{}, first: at}
		d.clients[k] = u
	}
	u.last = at
	if len(u.servers) < d.scope.Limits.Entries {
		u.servers[server] = struct{}{}
	}
	return u
}

// age forgets clients that rest.
func (d *detector) age(now packet.Time) {
	for k, u := range d.clients {
		if now.Sub(u.last) > forgetAfter {
			delete(d.clients, k)
		}
	}
}

// ofMany reports that every attempt is one of a client whom many servers did not answer.
func ofMany(silent []*attempt) bool {
	for _, a := range silent {
		if !a.unheard.many() {
			return false
		}
	}
	return true
}

// composeClient writes the finding about a client whom many servers did not answer.
func (d *detector) composeClient(b *finding.Builder, silent []*attempt) bool {
	f := silent[0].flow
	h := f.Head()
	client, n := h.Client.Addr, len(silent[0].unheard.servers)
	var names []string
	var tries []packet.Ref
	seen := map[packet.Addr]bool{}
	for _, a := range silent {
		if s := a.flow.Head().Server.Addr; !seen[s] {
			seen[s] = true
			names = append(names, s.String())
		}
		if len(tries) < 4 {
			tries = append(tries, a.flow.Start)
		}
	}
	heard := 0
	var heardRefs []packet.Ref
	from, to := silent[0].unheard.first, silent[len(silent)-1].flow.Start.Time.Add(around)
	d.scope.Ledger.Attempts(detect.Service{Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
		if a.Vantage == h.Vantage && a.Client.Addr == client && a.Outcome == detect.OutAnswered && a.Answer.Time >= from && a.Answer.Time <= to {
			if heard++; len(heardRefs) < 4 {
				heardRefs = append(heardRefs, a.Answer)
			}
		}
		return true
	})
	b.Subject(finding.Subject{Role: "client", Addr: client})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	b.Severity(finding.Medium)
	b.Title("%d machines did not answer %s", n, client)
	if heard > 0 {
		b.Why("others answered it meanwhile, so it is not cut off: it asks for machines that are not there, or that somebody hides from it")
		b.Fact(heardRefs, "others answered it meanwhile: %s", detect.Plural(heard, "time", "times"))
	} else {
		b.Why("nobody answered it meanwhile: it is cut off, or it asks for machines that are not there")
		b.Fact(nil, "nobody answered it from the first of these requests on")
	}
	b.Summary("%s asked %d machines for connections and heard nothing from any of them. So many servers rarely fail at once: look at the client and what is near it first.", client, n)
	b.Impact("%d machines out of reach of %s, or never there", n, client)
	b.Fact(tries, "among them %s", detect.List(names[:min(6, len(names))], 6))
	b.RuledOut("loss", tries, "each was asked two or more times")
	b.Open("server-down", "ask one of them from another machine")
	b.Open("return-path", "a capture nearer to the servers shows whether the requests come, and answers leave")
	b.RuledOut("busy", tries, "%d machines are not all too busy at once", n)
	b.Check(fmt.Sprintf("nc -vz -w 5 %s %d", h.Server.Addr, h.Server.Port), "from another machine: if it works there, the client or its way out is at fault")
	b.WrongIf("a capture at one of the servers that shows it answering")
	for i, a := range silent {
		if i < finding.MaxEvidence {
			b.Evidence(a.flow.Start, "asks "+a.flow.Head().Server.Addr.String())
		}
	}
	return true
}
