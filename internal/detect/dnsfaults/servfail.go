package dnsfaults

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// edeWords are the extended errors that settle what is wrong (RFC 8914 4), by the alternative that they speak for.
var edeWords = map[uint16]struct{ says, fault string }{
	1: {"an unsupported DNSKEY algorithm", "signature"}, 2: {"an unsupported DS digest", "signature"}, 5: {"DNSSEC indeterminate", "signature"},
	6: {"DNSSEC bogus: the signatures do not verify", "signature"}, 7: {"signature expired", "signature"}, 8: {"signature not yet valid", "signature"},
	9: {"the DNSKEY is missing", "signature"}, 10: {"signatures are missing", "signature"}, 11: {"no zone key", "signature"}, 12: {"NSEC is missing", "signature"},
	22: {"no name server of the zone could be reached", "unreachable"}, 23: {"a network error towards the zone's servers", "unreachable"},
}

// trouble is what the answers of one group say together.
type trouble struct {
	fs       []*failure
	zone     string
	names    []string
	clients  []string
	ede      uint16 // the first that settles something
	edeRef   packet.Ref
	verified packet.Ref // an answer with the CD bit for a name that failed without
	others   []packet.Ref
	otherN   int
}

func (d *detector) servfail(g *finding.Group, b *finding.Builder) bool {
	if g.Count < manyFailures {
		return false
	}
	t := trouble{}
	names, clients := map[string]bool{}, map[packet.Addr]bool{}
	type query struct {
		question
		id uint16
	}
	lookups := map[query]bool{} // a resolver answers each try of one and the same query
	for i := range g.Kept {
		f := g.Kept[i].Data.(*failure)
		t.fs = append(t.fs, f)
		lookups[query{f.question, f.id}] = true
		if !names[f.name] {
			names[f.name] = true
			t.names = append(t.names, f.name)
		}
		if !clients[f.client] {
			clients[f.client] = true
			t.clients = append(t.clients, f.client.String())
		}
		if _, known := edeWords[f.ede]; known && f.hasEDE && t.edeRef.IsZero() {
			t.ede, t.edeRef = f.ede, f.ref
		}
	}
	failed := detect.Plural(len(lookups), "look-up", "look-ups")
	switch {
	case g.Count > len(g.Kept):
		failed = "more than " + failed
	case len(lookups) < manyFailures:
		return false
	}
	f := t.fs[0]
	t.zone = zone(f.name)
	if s := d.servers[f.place]; s != nil {
		for i := range s.answers {
			a := &s.answers[(s.next+i)%len(s.answers)]
			near := a.ref.Time >= g.First.Time.Add(-around) && a.ref.Time <= g.Last.Time.Add(around)
			switch {
			case a.fails || !near:
			case names[a.name]:
				t.verified = a.ref
			case zone(a.name) != t.zone:
				t.otherN++
				if len(t.others) < 4 {
					t.others = append(t.others, a.ref)
				}
			}
		}
	}
	server := f.addr.String()
	b.Subject(finding.Subject{Role: "name server", Addr: f.addr, Port: 53})
	b.Subject(finding.Subject{Role: "client", Addr: f.client})
	b.Impact("%s of %s failed", failed, detect.List(t.clients, 3))
	b.Fact(detect.Refs(refsOf(t.fs)...), "%s for %s: %s", detect.Plural(g.Count, "answer \"server failure\"", "answers \"server failure\""), t.zone, detect.List(t.names, 3))
	b.Fact(detect.Refs(g.First, g.Last), "the first at %s s, the last at %s s", d.scope.Since(g.First), d.scope.Since(g.Last))
	if !t.edeRef.IsZero() {
		b.Fact(detect.Refs(t.edeRef), "the answer says why: %s (extended error %d)", edeWords[t.ede].says, t.ede)
	}
	t.say(b, server)
	t.alternatives(b, server)
	b.Check(fmt.Sprintf("dig @%s %s; dig +cd @%s %s", server, askable(f.name), server, askable(f.name)), "if only the second one is answered, the signatures are wrong")
	for i, f := range t.fs {
		if i < 6 {
			b.Evidence(f.ref, "server failure for "+f.name)
		}
	}
	b.Evidence(t.verified, "answered without verification")
	b.WrongIf("the same names answered by another resolver that verifies signatures")
	return true
}

func refsOf(fs []*failure) (out []packet.Ref) {
	for i, f := range fs {
		if i < 4 {
			out = append(out, f.ref)
		}
	}
	return out
}

func (t *trouble) fault() string {
	if !t.edeRef.IsZero() {
		return edeWords[t.ede].fault
	}
	if !t.verified.IsZero() {
		return "signature"
	}
	return ""
}

func (t *trouble) say(b *finding.Builder, server string) {
	who := detect.List(t.clients, 3)
	name := askable(t.fs[0].name)
	switch t.fault() {
	case "signature":
		b.Title("%s refuses the names of %s: their DNSSEC signatures do not verify", server, t.zone)
		b.Why("the resolver cannot verify the zone's signatures, so it must not answer")
		b.Summary("%s asked %s for names of %s and got \"server failure\". The zone is signed, and its signatures are wrong, missing or expired: a resolver that verifies must refuse. That is the zone's fault, not the "+
			"network's; other sites see it too.", who, server, t.zone)
		b.Remedy(finding.AtServer, "at the zone: sign it again, and put the matching DS record into the parent zone").
			Run("BIND", "rndc sign %s", t.zone).Run("any", "delv %s", name)
		b.Remedy(finding.AtClient, "tell the zone's administrator; an exception on the resolver (a negative trust anchor) gives up the protection for that zone until it is taken back").
			Run("BIND", "rndc nta -lifetime 1h %s", t.zone)
	case "unreachable":
		b.Title("%s cannot reach the name servers of %s", server, t.zone)
		b.Why("the resolver asked the zone's servers and got nothing")
		b.Summary("%s asked %s for names of %s and got \"server failure\": the resolver itself cannot reach the zone's own name servers.", who, server, t.zone)
		b.Remedy(finding.AtServer, "see from %s whether the zone's servers answer", server).Run("any", "dig +trace +nodnssec %s", name)
		b.Remedy(finding.AtFirewall, "let %s ask outside over UDP and TCP port 53", server)
	default:
		b.Title("%s answers \"server failure\" for %s", server, t.zone)
		b.Why("the resolver could not get an answer it trusts for that zone")
		b.Summary("%s asked %s for names of %s and got \"server failure\". The answer does not say why.", who, server, t.zone)
		b.Remedy(finding.AtServer, "ask with and without verification, and see what the resolver logs").Run("any", "dig +cd @%s %s", server, name)
	}
}

func (t *trouble) alternatives(b *finding.Builder, server string) {
	fault := t.fault()
	switch {
	case t.otherN > 0:
		b.RuledOut("resolver", t.others, "it answered %s for other zones meanwhile", detect.Plural(t.otherN, "query", "queries"))
	case fault != "":
		b.RuledOut("resolver", detect.Refs(t.edeRef, t.verified), "it says itself what is wrong with the zone")
	default:
		b.Open("resolver", "a query for a name of another zone in the same capture shows whether %s works at all", server)
	}
	if fault != "" {
		b.RuledOut("other", detect.Refs(t.edeRef, t.verified), "the answers name the reason")
	} else {
		b.Open("other", "dig +cd @%s (answered: the signatures are wrong) and dig +trace there (a server of the zone that does not answer)", server)
	}
}
