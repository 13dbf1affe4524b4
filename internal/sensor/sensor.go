// Package sensor is the pipeline: ingest, 64 shards on N workers, the border where events get their total order,
// detectors and the finding engine. worker.go shows the packet path on one screen.
//
// The package knows no analyzer, detector or output by name: lists of them arrive as arguments.
package sensor

import (
	"cmp"
	"context"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"firestorm/internal/analyzer"
	"firestorm/internal/capture"
	"firestorm/internal/count"
	"firestorm/internal/defrag"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/finding"
	"firestorm/internal/flow"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
	"firestorm/internal/stream"
	"firestorm/internal/twin"
)

// Options says what to run. Source is required; everything else has a default.
type Options struct {
	Source    capture.Source
	Vantages  []uint16 // vantage of each Packet.Source; missing entries keep what the source said
	Names     []string // of the vantages, for texts
	Workers   int      // 0: one for each processor, at most 8
	Checksums packet.Checksums
	MaxMemory int64 // bytes; 0: DefaultMaxMemory. Limits of all tables follow from it
	Seed      uint64
	Analyzers []analyzer.Def
	Rules     *rules.Set // nil: none
	// FileHashes are the checksums that records of files are to have whether or not rules ask for them.
	FileHashes FileHashes
	FileStore  *file.Store // where files are kept that rules ask to keep; nil: nowhere
	KeepFiles  bool        // keep all files
	// RulesTraced keeps how far each rule came (Result.Reached): slow, for few rules. RulesTimed, when set, tells nanoseconds, and
	// what each rule cost is kept (Result.Costs).
	RulesTraced bool
	RulesTimed  func() int64
	// Alerts is what the records of alerts will show: what they need goes with them.
	Alerts event.AlertParts
	// FrameRecords has each frame that a reader marks become an event.
	FrameRecords bool
	// MACs has the event of a flow's end name the cards that its packets came from and went to.
	MACs bool
	// AnomalyHeaders has records of what is odd in packets show their headers.
	AnomalyHeaders bool
	HomeNet        []netip.Prefix // what is inside; none: detect.DefaultHomeNet
	// NoMidstream leaves TCP connections alone whose SYN was not seen: no protocol is read of them, and to rules they are
	// not established.
	NoMidstream bool
	Defrag      defrag.Options
	Timeouts    flow.Timeouts                       // of connections without traffic
	Overlap     func(dst packet.Addr) stream.Policy // whose bytes count where segments overlap; nil: the default for all
	VXLANPorts  []uint16                            // see packet.Options
	// StreamDepth is how many bytes of each direction of a TCP connection analyzers get; 0: all.
	StreamDepth uint64
	// StreamInline gives analyzers the bytes of a connection before the receiver acknowledged them (stream.Options).
	StreamInline bool
	// Settings are numbers that analyzers ask for by name, such as "http.request-body-limit" (analyzer.Registry.Set).
	Settings  map[string]int64
	Detectors []detect.Def
	Sinks     []EventSink // see every event in total order
	Mutes     *finding.Mutes
	Machine   *detect.Machine   // what the machine that watches says of itself; nil: nothing
	Context   *hostconf.Context // hosts' own configuration files; nil: none were given
	Join      *twin.Join        // of vantages 0 and 1; nil: captures are not joined
	Progress  func(Progress)    // called about every 64 rounds from the ingest goroutine
	WantAll   bool              // decoder anomalies as events too
	// Files are the names of the inputs by Packet.Source, for texts that speak of a frame.
	Files []string
	// Witness tells what the machine's connection tracker says; nil: nobody asks it.
	Witness Witness
	// Devices names interfaces by the numbers in a live log of the firewall; nil: numbers alone.
	Devices func(index uint32) string
	// OnFindings, when set, gets findings as they are decided, for an input that has no end yet: a followed file. It is
	// called in the goroutine that decides, and must not keep them. Nil: all are decided at the end.
	OnFindings func(Decided)
	// Early has detectors tell what takes long to end while it still goes on. What is said at the end does not depend on it.
	Early bool
	// OnStatus, when set, gets how the run goes about each second, in the goroutine that reads the source, and how it went when
	// it ended: it must not wait.
	OnStatus func(*Status)
	// Hurry, when it is closed, makes the end leave out the connections that it has not come to, and findings as they were told: they
	// are counted in Result.Unclosed and Engine.Hurried. Who must be gone within seconds sets it; nil: all are closed.
	Hurry <-chan struct{}
	// LetGo, when set, gets the snapshots that nobody keeps instead of having them filled again: tests make them nonsense, so
	// that whoever remembers one without event.Flow.Keep shows.
	LetGo func(*event.Flow)
	// Control, when set, asks the run for things while it goes on.
	Control *Control
	// State, when set, is where detectors with a memory keep it from run to run; one that is Running, while a run goes on too.
	State State
	// Continues says that the input goes on where that of the last run with this State ended, as the traffic of an interface
	// does. Then more is kept: what was told, the ledger, names, connections that closed, what rules remember.
	Continues bool
	// Told are findings of earlier runs, from wherever they are kept: what they tell of goes on under their names.
	Told []finding.Told
}

// Witness is a source of events beside the packets, in order of time but for small steps back.
type Witness interface {
	// Next returns the next event, nil when there is none now. It is called in the goroutine that reads the source and must
	// not wait.
	Next() *event.Tracked
}

// Decided are the findings that one moment of packet time brought.
type Decided struct {
	Findings []*finding.Finding // new ones, and newer revisions of those that grew
	Closed   []*finding.Finding // told long ago and let go, to have room: the end of the run does not know them any more
	Begin    packet.Time        // of the input's first packet
	Now      packet.Time
}

// FileHashes names checksums of files, and whether it is told what they are (file.Magic).
type FileHashes struct{ MD5, SHA1, SHA256, Magic bool }

// DefaultMaxMemory is the bound on memory when the user sets none.
const DefaultMaxMemory = 400 << 20

// Progress is how far a run is.
type Progress struct {
	Packets    uint64
	InputBytes int64
	InputTotal int64
	Now        packet.Time
}

// Result is what a run found.
type Result struct {
	Findings    []*finding.Finding
	Counts      count.Ingest
	Source      capture.Stats
	Engine      finding.EngineCounts
	Layers      *[256]uint64 // headers decoded by packet.LayerKind; nil without WantAll
	Account     Account      // where every packet went
	Flow        flow.Stats   // summed over the shards
	Protocols   analyzer.Stats
	Streams     stream.Stats
	Rules       rules.Stats           // summed over the shards; zero without rules
	Lists       []rules.List          // that rules have kept in files, as they are at the end
	Reached     []rules.Reached       // how far each rule came; nil where that was not asked
	Costs       []rules.Cost          // what each rule cost, the dearest first; nil where that was not asked
	FileStats   file.Stats            // summed over the shards
	RulesHeld   uint64                // alerts that thresholds and suppressions kept back
	RulesMuted  uint64                // alerts that mutes kept back
	RulesFull   uint64                // alerts let through because no room was left to count them
	Failed      []analyzer.Quarantine // flows on which a reader of a protocol failed, the first few in order
	Ledger      *detect.Ledger
	Hosts       *detect.Hosts
	Names       *detect.Names
	Nets        *detect.Nets
	Files       []string                 // Options.Files
	Same        func(flow uint64) uint64 // the flow that stands for a connection seen at two vantages
	Gates       []finding.GateResult     // that fail for a whole vantage
	Sides       []detect.Sides           // by vantage, the first few: TCP connections that showed one direction
	Forgotten   []detect.Forgotten       // what tables of detectors had no room for
	Summary     Summary
	First, Last packet.Time
	Damaged     error    // *capture.Damaged when the input broke; results up to there are good
	Broken      []string // detectors that failed and were switched off, with the reason
	OutputErr   error
	StateErr    error  // what detectors remember could not be kept
	Unclosed    uint64 // connections that Options.Hurry left out at the end
	Interrupted bool   // ctx was cancelled; results are those up to then
}

// Run reads the source to its end, or until ctx is cancelled, and returns what was found. The error is a failure of
// the engine or the source; damage of the input is in Result.Damaged.
func Run(ctx context.Context, o Options) (*Result, error) {
	s, err := newRun(&o)
	if err != nil {
		return nil, err
	}
	return s.run(ctx)
}

// wanted leaves out flow events that nobody listens to: the snapshot at the end tells the same. Closed is made for the
// protocols that ask for it.
var wanted = ^(flow.Wants(event.HalfClosed) | flow.Wants(event.Closed))

type run struct {
	o       *Options
	in      *ingest
	workers []*worker
	border  *border
	counts  count.Ingest
	live    liveCounts
	said    packet.Time // when OnStatus was called
	copied  since       // packets that came twice
	keptAt  packet.Time // when memories were kept last
}

// span is the time from the first packet to the last.
type span struct {
	first, last packet.Time
	any         bool
}

// add takes the packets of a while.
func (s *span) add(c *event.Capture) {
	if !s.any {
		*s = span{c.From, c.To, true}
		return
	}
	s.first, s.last = min(s.first, c.From), max(s.last, c.To)
}

// Workers is how many workers a run has where n are asked for.
func Workers(n int) int {
	if n <= 0 {
		n = min(runtime.GOMAXPROCS(0), 8)
	}
	return min(n, Shards)
}

// collectLess has the collector run when there is three times of what it found alive, not twice, unless GOGC says otherwise:
// while tables grow it marks the same again and again. The memory limit holds all the same, and calls for it sooner
// (2026-11-30: a twentieth of the instructions of a run over 23 000 connections).
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

func newRun(o *Options) (*run, error) {
	o.Workers = Workers(o.Workers)
	if o.MaxMemory <= 0 {
		o.MaxMemory = DefaultMaxMemory
	}
	lim, heap := bounds(o.MaxMemory, o.Rules.Size(), o.State != nil && o.OnFindings != nil)
	debug.SetMemoryLimit(heap)
	collectLess()
	s := &run{o: o}
	s.in = &ingest{src: o.Source, vantage: o.Vantages, counts: &s.counts, strict: o.Checksums == packet.ChecksumsAll,
		pieces: o.Rules != nil && o.Rules.AsksOfFragments(), sums: o.Rules != nil && o.Rules.AsksOfSums()}
	s.in.ringed, _ = o.Source.(capture.Ringed)
	s.in.decode.Checksums, s.in.decode.VXLANPorts, s.in.own = o.Checksums, o.VXLANPorts, lim.wires
	if o.WantAll {
		s.in.layers = &[256]uint64{}
	}
	o.Defrag.Incomplete = s.in.incomplete
	s.in.frags = defrag.New(o.Defrag)
	if o.OnStatus != nil {
		s.in.busy = newBusy()
	}

	b := &border{gates: detect.NewGates(lim.pairs), ledger: detect.NewLedger(lim.attempts), hosts: detect.NewHosts(lim.hosts), names: detect.NewNames(lim.hosts), outputs: o.Sinks}
	b.summary.maxPairs = lim.talks
	if b.mutes = o.Mutes; o.Rules != nil {
		b.limiter = o.Rules.NewLimiter()
	}
	s.border = b
	if o.Witness != nil {
		s.in.witness, b.tracked = o.Witness, detect.NewTracked(lim.pairs)
	}
	owner := map[string]*guarded{}
	var codes []*finding.Code
	if o.Join != nil {
		b.joined = newJoined(o)
	}
	scope := detect.NewScope(b.ledger, b.hosts, b.joined.twins(), detect.Limits{Entries: lim.entries}, func(i *finding.Instance) { b.engine.Report(i) })
	scope.Early = o.Early
	for i := range o.Detectors {
		g := &guarded{def: &o.Detectors[i]}
		for _, c := range g.def.Codes {
			owner[c.ID] = g
		}
		codes = append(codes, g.def.Codes...)
		b.detectors = append(b.detectors, g)
	}
	scope.Files, scope.Names, scope.Nets, scope.Context, scope.Home = o.Files, b.names, b.gates.Nets(), o.Context, detect.NewHome(o.HomeNet)
	scope.Machine = o.Machine
	b.gates.Files, scope.Devices, scope.Tracked = o.Files, o.Devices, b.tracked
	b.scope, b.ahead, b.onFindings, b.live, b.hurry = scope, detect.NewAhead(scope), o.OnFindings, &s.live, o.Hurry
	var err error
	b.engine, err = finding.NewEngine(finding.Options{
		MaxGroups: lim.groups, MaxInstances: lim.instances, Hurry: b.hurries,
		Codes: codes, Mutes: o.Mutes, Gates: scope.Judge(b.gates.Judge, func(code string) string { return owner[code].def.Name }), Same: b.joined.twins().Same, Enrich: b.joined.enrich,
		Compose: func(g *finding.Group, bl *finding.Builder) bool { return b.compose(owner, g, bl) },
	})
	if err != nil {
		return nil, err
	}
	for _, g := range b.detectors {
		g.d = g.def.New(scope)
	}
	reg, err := newRegistry(o)
	if err != nil {
		return nil, err
	}
	b.kind = reg.Kind
	s.workers = make([]*worker, o.Workers)
	for i := range s.workers {
		s.workers[i] = &worker{shards: make([]*shard, Shards), anoms: wantsAnomalies(o), watched: o.OnStatus != nil}
	}
	for n := 0; n < Shards; n++ {
		sh, err := newShard(o, lim, reg)
		if err != nil {
			return nil, err
		}
		w := s.workers[n%o.Workers]
		w.shards[n] = sh
		sh.flows.Lend(&w.spare)
		sh.spare = &w.spare
		b.shards = append(b.shards, sh)
	}
	b.goesOn, b.seed, b.letGo = o.Continues, o.Seed, o.LetGo
	if err := b.recall(o.State); err != nil {
		return nil, err
	}
	b.engine.Remember(o.Told)
	o.Control.bind(s, heap)
	return s, nil
}

// newRegistry lists the protocols, with what is wanted of them.
func newRegistry(o *Options) (*analyzer.Registry, error) {
	reg, err := analyzer.NewRegistry(o.Analyzers, wantedKinds(o))
	if err != nil {
		return nil, err
	}
	for name, v := range o.Settings {
		reg.Set(name, v)
	}
	return reg, nil
}

func (s *run) run(ctx context.Context) (*Result, error) {
	defer s.o.Control.end()
	var err error
	var stopped bool
	if len(s.workers) == 1 {
		stopped, err = s.inline(ctx)
	} else {
		stopped, err = s.parallel(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.in.frags.End()
	s.said = 0 // the last word, with all counts
	s.status(&round{begin: s.in.begin, now: s.in.clock.now}, int(s.live.done.Load()))
	return s.result(stopped), nil
}

// wantedKinds says which events of analyzers somebody wants: the detectors that name them, or everybody.
func wantedKinds(o *Options) func(kind string) bool {
	if o.WantAll {
		return nil
	}
	named := map[string]bool{}
	for i := range o.Detectors {
		w := &o.Detectors[i].Wants
		if w.All() {
			return nil
		}
		for _, n := range w.Named {
			named[n] = true
		}
		for _, k := range w.Kinds {
			if n := analyzer.CoreKind(k); n != "" {
				named[n] = true
			}
		}
	}
	if o.Rules != nil {
		for _, k := range o.Rules.Kinds() {
			named[k] = true
		}
		apps := o.Rules.Apps()
		for i := range o.Analyzers {
			if d := &o.Analyzers[i]; apps[cmp.Or(d.App, d.Name)] && len(d.Kinds) > 0 {
				named[d.Kinds[0]] = true
			}
		}
	}
	named["arp"] = true // the memory of hosts wants it
	return func(kind string) bool { return named[kind] }
}

// wantsAnomalies says whether what decoding and reassembly found odd becomes events: a detector names their kind, or
// everybody wants everything.
func wantsAnomalies(o *Options) bool {
	return o.WantAll || slices.ContainsFunc(o.Detectors, func(d detect.Def) bool {
		return d.Wants.All() || slices.Contains(d.Wants.Kinds, event.KindAnomaly)
	})
}

// inline runs everything in this goroutine: one worker needs no hand-over.
func (s *run) inline(ctx context.Context) (bool, error) {
	r := &round{out: make([]output, 1)}
	for n := 0; ; n++ {
		s.take(r, n)
		last, err := s.fill(ctx, r)
		if err != nil {
			return false, err
		}
		s.workers[0].round(r, 0, s.o)
		s.border.round(r)
		s.done(r, n)
		if last {
			return ctx.Err() != nil, nil
		}
	}
}

// inFlight is how many rounds are on their way at once: enough to keep every worker busy, few enough to bound memory. A round
// of a thousand answers takes two megabytes with its events: where there is little, three rounds must do (2026-11-29).
func (s *run) inFlight() int {
	if s.o.MaxMemory <= 128<<20 {
		return 3
	}
	return 6
}

// parallel runs ingest, each worker and the border in goroutines of their own. Every worker sees every round and takes
// the packets of its shards; the border takes rounds in order when all workers are done with them.
func (s *run) parallel(ctx context.Context) (bool, error) {
	type job struct {
		r    *round
		wg   *sync.WaitGroup
		last bool
	}
	inFlight := s.inFlight()
	free := make(chan *round, inFlight)
	for range inFlight {
		free <- &round{out: make([]output, len(s.workers))}
	}
	in := make([]chan job, len(s.workers))
	var workers sync.WaitGroup
	for i, w := range s.workers {
		in[i] = make(chan job, inFlight)
		workers.Add(1)
		go func() {
			defer workers.Done()
			for j := range in[i] {
				w.round(j.r, i, s.o)
				j.wg.Done()
			}
		}()
	}
	shards := s.border.shards
	s.border.shards = nil // closed here, not in the border's own last round
	border := make(chan job, inFlight)
	var borderDone sync.WaitGroup
	borderDone.Add(1)
	go func() {
		defer borderDone.Done()
		for j := range border {
			j.wg.Wait()
			s.border.round(j.r)
			if j.last {
				s.closeAhead(shards, j.r)
			}
			j.r.batch.Release()
			free <- j.r
		}
	}()
	var err error
	for n := 0; ; n++ {
		r := <-free
		s.take(r, n)
		var last bool
		if last, err = s.fill(ctx, r); err != nil {
			break
		}
		s.progress(r, n)
		wg := &sync.WaitGroup{}
		wg.Add(len(s.workers))
		j := job{r, wg, last}
		for i := range in {
			in[i] <- j
		}
		border <- j
		if last {
			break
		}
	}
	for i := range in {
		close(in[i])
	}
	workers.Wait()
	close(border)
	borderDone.Wait()
	return ctx.Err() != nil, err
}

// closeAhead ends what is still open, one shard after the other as closeShards does, but makes the events of the next
// shard while those of one go through the border: with a second processor that time is saved. No more than three shards'
// events are in memory at once, however many workers there were.
func (s *run) closeAhead(shards []*shard, r *round) {
	made, back := make(chan []event.Event), make(chan *event.Spare, 2)
	go func() {
		defer close(made)
		var spare event.Spare
		for _, sh := range shards {
			if s.border.hurried(sh) {
				continue
			}
			select {
			case x := <-back:
				spare.Move(x)
			default:
			}
			var evs []event.Event
			sh.flows.Lend(&spare)
			sh.end(r.now, r.last, &evs)
			made <- evs
		}
	}()
	for evs := range made {
		var spare event.Spare
		s.border.all(evs, &spare)
		select {
		case back <- &spare:
		default:
		}
	}
}

// fill reads the next round; last says that it is the final one. A cancelled context ends the input cleanly.
func (s *run) fill(ctx context.Context, r *round) (last bool, err error) {
	if ctx.Err() != nil {
		s.in.stop(r)
		r.keep = s.o.State != nil && s.o.Continues
		return true, nil
	}
	err = s.in.next(r)
	r.keep = s.keepDue(r.now) || r.final && s.o.State != nil && s.o.Continues
	if r.final {
		return true, nil
	}
	return false, err
}

func (s *run) done(r *round, n int) {
	s.progress(r, n)
	r.batch.Release()
}

func (s *run) progress(r *round, n int) {
	s.status(r, n)
	if s.o.Progress != nil && n%64 == 0 {
		st := s.o.Source.Stats()
		s.o.Progress(Progress{s.counts.Packets, st.InputBytes, st.InputTotal, r.now})
	}
}
