package sensor

import (
	"sync/atomic"

	"firestorm/internal/capture"
	"firestorm/internal/count"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Status is how a live run goes, as Options.OnStatus gets it about each second.
type Status struct {
	Begin packet.Time // of the first packet; 0: none came yet
	Now   packet.Time // of the sensor: the newest packet, or what has passed since
	Last  packet.Time // of the newest packet; 0: none came yet

	Packets, Bytes uint64       // that the sensor took, bytes as on the wire
	Undecoded      uint64       // packets that it could not read; their share is Undecoded/Packets
	NotUsed        []count.Item // packets that were not used, by reason
	Lost           uint64       // packets that the kernel dropped, on all interfaces
	HandedOver     uint64       // packets that came through the ring of another shard
	Links          []capture.Link
	Behind         int    // rounds that were read and are not done
	Rounds         int    // as many may be on their way; that many behind: the source is not read
	Done           uint64 // rounds that went all the way: it grows while the sensor is alive, with packets or without
	Events         uint64 // that detectors saw
	// Findings counts those decided so far and shown, by severity.
	Findings [finding.Critical + 1]uint64
	Muted    uint64
	// Sides says, by vantage, how many of the TCP connections that ended showed one direction only: the first few vantages.
	Sides    []detect.Sides
	Jumps    uint64    // steps of the clock, by a second or more, between packets
	Busy     []Busy    // the busiest hosts first, at most 8
	Troubles []Trouble // none: it sees and keeps all that it should

	// Passed are TCP packets with data that went by unread, PassedBytes their data: see analyzer.Stats.
	Passed, PassedBytes uint64

	// Tracked tells that a connection tracker is listened to; of its events, those that came, and those lost or more.
	Tracked                    bool
	TrackedEvents, TrackedLost uint64
}

// maxSides is for how many vantages Sides are told.
const maxSides = 64

// liveCounts is what the border knows of a Status: another goroutine asks.
type liveCounts struct {
	events   atomic.Uint64
	muted    atomic.Uint64
	findings [finding.Critical + 1]atomic.Uint64
	done     atomic.Int64 // rounds
	sides    atomic.Pointer[[]detect.Sides]
	troubles atomic.Pointer[[]Trouble]
}

// decided counts findings that are told for the first time.
func (c *liveCounts) decided(fs []*finding.Finding) {
	for _, f := range fs {
		switch {
		case f.Revision > 1:
		case f.MutedBy != "":
			c.muted.Add(1)
		default:
			c.findings[f.Severity].Add(1)
		}
	}
}

// statusEvery is how often Options.OnStatus is called, in the sensor's time.
const statusEvery = packet.Time(1e9)

// status calls Options.OnStatus when it is time to.
func (s *run) status(r *round, n int) {
	if s.o.OnStatus == nil {
		return
	}
	now := max(r.now, capture.Now(s.o.Source))
	if d := now - s.said; s.said != 0 && d >= 0 && d < statusEvery {
		return
	}
	s.said = now
	st := Status{Begin: r.begin, Now: now, Last: s.in.newest, Packets: s.counts.Packets, Bytes: s.counts.Bytes, Undecoded: s.counts.Undecoded, NotUsed: s.counts.NotUsed(),
		Lost: s.o.Source.Stats().KernelLost, HandedOver: s.counts.HandedOver, Links: capture.LinksOf(s.o.Source), Behind: n - int(s.live.done.Load()), Rounds: s.inFlight(),
		Done: uint64(s.live.done.Load()), Events: s.live.events.Load(), Muted: s.live.muted.Load(), Jumps: s.counts.ClockJumps, Troubles: s.troubles(now)}
	if p := s.live.sides.Load(); p != nil {
		st.Sides = *p
	}
	for _, w := range s.workers {
		st.Passed += w.passed.Load()
		st.PassedBytes += w.passedBytes.Load()
	}
	if c, ok := s.o.Witness.(interface{ Told() (events, lost uint64) }); ok {
		st.Tracked = true
		st.TrackedEvents, st.TrackedLost = c.Told()
	}
	for i := range st.Findings {
		st.Findings[i] = s.live.findings[i].Load()
	}
	if s.in.busy != nil {
		st.Busy = s.in.busy.top(now)
	}
	s.o.OnStatus(&st)
}
