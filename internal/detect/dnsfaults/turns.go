package dnsfaults

import (
	"cmp"
	"slices"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// fewTurns is how often a server must have answered between silences before the names make the difference: a server that
// stops and is started again does so once.
const fewTurns = 2

// turns are answers that a server gave between look-ups that it did not answer. A client that asks for one name after
// the other leaves nothing to answer while it waits, so that such a server seems to answer nobody.
type turns struct {
	n     int
	refs  []packet.Ref // of the first answers
	names []string     // answered, the first ones
	alike bool         // each time the same clients were answered, for names that are never silent here
}

// turned looks for answers between the look-ups of a group.
func (q *quiet) turned(s *server) {
	ls := slices.Clone(q.ls)
	slices.SortStableFunc(ls, func(a, b *lookup) int { return cmp.Compare(a.first().Time, b.first().Time) })
	t := turns{alike: true}
	for i, l := range ls {
		a := &l.before
		if i == 0 || a.ref.IsZero() || a.ref.Time <= ls[i-1].last.Time.Add(patience) {
			continue
		}
		t.n++
		if len(t.refs) < 4 {
			t.refs = append(t.refs, a.ref)
		}
		if len(t.names) < 3 && !slices.Contains(t.names, a.name) {
			t.names = append(t.names, a.name)
		}
		if !slices.Contains(q.clients, a.client.String()) || slices.Contains(q.names, a.name) {
			t.alike = false
		}
	}
	for _, name := range q.names {
		if s == nil {
			t.alike = false
		} else if answered, known := s.silent[name]; answered || !known {
			t.alike = false
		}
	}
	q.turns = t
}

func (q *quiet) sameNames(b *finding.Builder, server, who, what string) {
	t := &q.turns
	b.Title("the name server %s does not answer for %s", server, what)
	b.Why("between these look-ups it answered the same clients for other names (%s), and never for these", detect.List(t.names, 3))
	b.Summary("%s asked %s for %s again and again and got no answer; between these look-ups other names were answered. A resolver that has to ask further, and gets no answer there, is silent towards its clients; "+
		"so are some small routers for kinds of records that they do not know.", who, server, what)
	b.Fact(t.refs, "answers to the same clients came between, each time for another name")
	b.Open("filter", "nothing else was asked while these look-ups waited: ask for another name while one of them waits; an answer shows that no filter is in the way")
	b.Remedy(finding.AtServer, "see whom it asks for these names, and whether that server answers").
		Run("any", "dig +trace %s", askable(q.ls[0].name)).
		Run("Unbound", "unbound-control lookup %s", askable(q.ls[0].name)).
		Run("dnsmasq", "grep -rn 'server=' /etc/dnsmasq.conf /etc/dnsmasq.d")
	b.Remedy(finding.AtClient, "if the name server is a small router that lacks this kind of record, name another resolver")
}

func (q *quiet) atTimes(b *finding.Builder, server, who string) {
	t := &q.turns
	b.Title("the name server %s does not answer at times", server)
	b.Why("%s went unanswered, and between them it answered", detect.Plural(q.tries, "query", "queries"))
	b.Summary("%s asked %s for names and got no answer, more than once; between these silences the name server answered. It stops and is started again, it is overloaded, or the way to it is cut at times.", who, server)
	b.Fact(t.refs, "between the silences it answered (%s)", detect.List(t.names, 3))
	b.Open("filter", "whether the queries arrive decides: tcpdump -ni any udp port 53 on %s while it is silent", server)
	b.Remedy(finding.AtServer, "see in its log whether it restarts, or waits for others").
		Run("BIND", "journalctl -u named").
		Run("Unbound", "journalctl -u unbound; unbound-control dump_requestlist").
		Run("dnsmasq", "journalctl -u dnsmasq")
	b.Remedy(finding.AtClient, "name a second resolver, so that one alone is no outage")
}
