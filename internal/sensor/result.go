package sensor

import (
	"fmt"
	"sort"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
)

// Summary counts what the report tells of the whole input.
type Summary struct {
	Flows, TCP, UDP uint64
	Conversations   int      // distinct pairs of addresses
	More            bool     // there were more than could be counted
	Talkers         []Talker // busiest first, at most 32
	Retrans         uint64   // segments repeated though the sensor had seen them
	RetransGap      uint64   // segments lost before the sensor
	ZeroWindow      time.Duration
	Think           time.Duration // servers' time to begin answers, summed
	Connect         time.Duration // time to connect, summed
	Anomalies       []AnomalyCount
	Events          uint64
}

// AnomalyCount is how often an anomaly was reported.
type AnomalyCount struct {
	Code packet.Anomaly
	N    uint64
}

const topTalkers = 32

func (s *run) result(stopped bool) *Result {
	b := s.border
	r := &Result{Layers: s.in.layers, Counts: s.counts, Source: s.o.Source.Stats(), Ledger: b.ledger, Hosts: b.hosts, Names: b.names, Nets: b.gates.Nets(), Files: s.o.Files, Same: b.joined.twins().Same,
		First: s.in.span.first, Last: s.in.span.last,
		Damaged: s.in.damaged, OutputErr: b.summary.outputErr, Interrupted: stopped}
	b.gates.Forgot = s.forgot
	r.Sides = b.gates.Sides(maxSides)
	r.Findings = b.end(s.in.clock.now)
	r.StateErr, r.Unclosed = b.remember(), b.unclosed
	r.Engine, r.Forgotten = b.engine.Counts, b.scope.Forgotten()
	s.shards(r)
	r.RulesMuted = b.muted
	if l := b.limiter; l != nil {
		r.RulesHeld, r.RulesFull = l.Held, l.Full
		r.Rules.Unkept += l.Unkept()
		r.Lists = l.Lists()
	}
	r.Gates = append(b.gates.Failing(), unread(&r.Protocols)...)
	for _, g := range b.detectors {
		if g.broke != "" {
			r.Broken = append(r.Broken, fmt.Sprintf("%s: %s", g.def.Name, g.broke))
		}
	}
	r.Account = s.account(r)
	r.Summary = b.summary.public()
	r.Summary.Events = b.events
	return r
}

// shards sums what the shards counted.
func (s *run) shards(r *Result) {
	var traces []*rules.Trace
	var profiles []*rules.Profile
	for _, w := range s.workers {
		for _, sh := range w.shards {
			if sh != nil {
				r.Flow.Add(sh.flows.Stats())
				r.Protocols.Add(sh.apps.Stats())
				r.Streams.Add(sh.apps.StreamStats())
				if sh.rules != nil {
					r.Rules.Add(sh.rules.Stats())
					if sh.watched.trace != nil {
						traces = append(traces, sh.watched.trace)
					}
					if sh.watched.profile != nil {
						profiles = append(profiles, sh.watched.profile)
					}
				}
				r.FileStats.Add(sh.files.Stats())
				r.Failed = append(r.Failed, sh.failed...)
			}
		}
	}
	r.Reached, r.Costs = rules.Merge(traces), rules.Costs(profiles)
	sort.Slice(r.Failed, func(i, j int) bool { return r.Failed[i].Ordinal < r.Failed[j].Ordinal })
	r.Failed = r.Failed[:min(len(r.Failed), keptFailures)]
}

// unread is the gate that fails when conversations were given up half-read.
func unread(s *analyzer.Stats) []finding.GateResult {
	n := s.GivenUp + s.ProbeFull
	if n == 0 {
		return nil
	}
	return []finding.GateResult{{Gate: finding.GateTable, Caps: finding.CannotTell, How: "a larger --max-memory",
		Text: fmt.Sprintf("%s did not fit into --max-memory and went on unread", detect.Plural(int(n), "conversation", "conversations"))}}
}

// forgot says when the shard of two hosts threw tombstones out before their time, or gave conversations up unread.
func (s *run) forgot(vantage uint16, a, b packet.Addr) (from, to packet.Time, any bool) {
	n := shardOfPair(&a, &b, vantage)
	sh := s.workers[int(n)%len(s.workers)].shards[n]
	st, read := sh.flows.Stats(), sh.apps.Stats()
	from, to, any = st.EvictedFrom, st.EvictedTo, st.TombsEvicted > 0
	if read.GivenUp+read.ProbeFull > 0 {
		if !any || read.GivenFrom < from {
			from = read.GivenFrom
		}
		to, any = max(to, read.GivenTo), true
	}
	return from, to, any
}

func (s *summary) public() Summary {
	p := Summary{Flows: s.flows, TCP: s.tcp, UDP: s.udp, Conversations: s.pairsSeen.len(), More: s.pairsFull, Retrans: s.retrans, RetransGap: s.retransGap,
		ZeroWindow: s.zeroTotal, Think: s.think, Connect: s.connect}
	hosts := s.talkers.hosts
	for _, i := range detect.Leading(topTalkers, len(hosts), func(i, j int) bool {
		a, b := &hosts[i], &hosts[j]
		if a.Bytes != b.Bytes {
			return a.Bytes > b.Bytes
		}
		return a.Addr.Compare(b.Addr) < 0
	}) {
		p.Talkers = append(p.Talkers, hosts[i])
	}
	for c, n := range s.anomalies {
		p.Anomalies = append(p.Anomalies, AnomalyCount{c, n})
	}
	sort.Slice(p.Anomalies, func(i, j int) bool {
		a, b := p.Anomalies[i], p.Anomalies[j]
		if a.N != b.N {
			return a.N > b.N
		}
		return a.Code < b.Code
	})
	return p
}
