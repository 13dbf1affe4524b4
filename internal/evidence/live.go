package evidence

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// Bounds of what waits for who reads a live capture.
const (
	liveQueue = 4096     // batches
	liveBytes = 64 << 20 // of packets
	liveSaid  = 256      // comments that wait for a packet
)

// saidWithin is how long a comment waits for a packet; then it goes into the interface's statistics.
const saidWithin = packet.Time(5e9)

// Live writes packets as they come, as pcapng, for a program that shows them, and the findings about them as comments. A finding
// is known only after its packets, which are written by then: its sentence is a comment of the next packet that comes, and names
// the frames that it is about. Where none comes for some seconds it stands in a block of statistics, which Wireshark keeps and
// shows nowhere in its list.
//
// Nobody who calls it waits for the reader: what finds no room is left out, counted, and said in a comment.
type Live struct {
	w     *pcapfile.Writer
	o     LiveOptions
	queue chan liveItem
	bytes atomic.Int64
	lost  atomic.Uint64 // packets
	done  chan struct{}
	gone  chan struct{} // the reader went away
	err   error         // of the goroutine, until done
	once  sync.Once

	// Of the goroutine.
	ifaces  map[ifaceKey]int
	waiting []string
	since   packet.Time // the first of waiting was there
	skipped uint64      // of lost, that were told
	now     packet.Time
}

// LiveOptions describe the section.
type LiveOptions struct {
	Application string
	Filter      string                     // that was on, for the interfaces
	Name        func(source uint16) string // of an interface; nil: none
	Visible     func(string) string        // makes hostile text safe to show
}

// liveItem is one thing to write.
type liveItem struct {
	packets []packet.Packet // with data of their own
	bytes   int64
	comment string
	tick    packet.Time
	stats   []LiveStats
}

// LiveStats is what one source counted so far.
type LiveStats struct {
	Source            uint16
	Received, Dropped uint64
}

// NewLive begins a section on w, whose writes may take any time.
func NewLive(w io.Writer, o LiveOptions) *Live {
	l := &Live{o: o, queue: make(chan liveItem, liveQueue), done: make(chan struct{}), gone: make(chan struct{}), ifaces: map[ifaceKey]int{}}
	go l.run(w)
	return l
}

// Gone is closed when the reader went away.
func (l *Live) Gone() <-chan struct{} { return l.gone }

// Packets takes a copy of what a source gave. It does not wait.
func (l *Live) Packets(ps []packet.Packet) {
	if len(ps) == 0 {
		return
	}
	size := 0
	for i := range ps {
		size += len(ps[i].Data)
	}
	if l.bytes.Add(int64(size)) > liveBytes {
		l.bytes.Add(-int64(size))
		l.lost.Add(uint64(len(ps)))
		return
	}
	data := make([]byte, 0, size)
	it := liveItem{packets: make([]packet.Packet, len(ps)), bytes: int64(size)}
	for i := range ps {
		p := &ps[i]
		at := len(data)
		data = append(data, p.Data...)
		it.packets[i] = packet.Packet{Data: data[at:len(data):len(data)], Time: p.Time, Frame: p.Frame, Source: p.Source, Link: p.Link, WireLen: p.WireLen}
	}
	select {
	case l.queue <- it:
	default:
		l.bytes.Add(-int64(size))
		l.lost.Add(uint64(len(ps)))
	}
}

// Finding says a finding with the next packet. It does not wait.
func (l *Live) Finding(f *finding.Finding) {
	select {
	case l.queue <- liveItem{comment: l.sentence(f)}:
	default: // who does not take packets gets no comments either
	}
}

// Tick tells the time about each second, and what was counted. It does not wait.
func (l *Live) Tick(now packet.Time, stats []LiveStats) {
	select {
	case l.queue <- liveItem{tick: now, stats: stats}:
	default:
	}
}

// Lost is how many packets were left out because the reader was too slow.
func (l *Live) Lost() uint64 { return l.lost.Load() }

// Close writes what waits, then ends; nothing may be given any more. A reader that takes nothing must be ended by closing what
// NewLive got. It returns the first error of writing.
func (l *Live) Close() error {
	l.once.Do(func() { close(l.queue) })
	<-l.done
	return l.err
}

// sentence is the comment of a finding: the form of annotated captures, without a packet's part in it. While packets were
// left out, the reader's frames have other numbers than ours, and none are named.
func (l *Live) sentence(f *finding.Finding) string {
	show := (&Case{Visible: l.o.Visible}).show
	title := f.Title
	if title == "" {
		title = f.Code.Title
	}
	s := fmt.Sprintf("FS %s %s %s: %s", f.Code.ID, f.Severity, f.Confidence, show(title))
	if l.lost.Load() > 0 {
		return s
	}
	var frames []string
	for _, x := range story(f) {
		frames = append(frames, strconv.FormatUint(x.Ref.Frame, 10))
	}
	if len(frames) > finding.MaxEvidence {
		frames = append(frames[:finding.MaxEvidence], "…")
	}
	if len(frames) > 0 {
		s += " (frames " + strings.Join(frames, ", ") + ")"
	}
	return s
}

func (l *Live) run(w io.Writer) {
	defer close(l.done)
	l.w, l.err = pcapfile.NewWriter(w, pcapfile.WriterOptions{Application: l.o.Application})
	failed := false
	for it := range l.queue {
		l.bytes.Add(-it.bytes)
		if l.err == nil {
			l.err = l.write(&it)
		}
		if l.err == nil && len(l.queue) == 0 {
			l.err = l.w.Flush() // who looks on sees it now
		}
		if l.err != nil && !failed {
			failed = true
			close(l.gone)
		}
	}
	if l.err == nil {
		l.err = l.say(nil)
	}
	if l.err == nil {
		l.err = l.w.Flush()
	}
}

func (l *Live) write(it *liveItem) error {
	switch {
	case it.comment != "":
		if len(l.waiting) == 0 {
			l.since = l.now
		}
		if len(l.waiting) < liveSaid {
			l.waiting = append(l.waiting, it.comment)
		}
	case it.tick != 0:
		l.now = it.tick
		if len(l.waiting) > 0 && l.now.Sub(l.since) > saidWithin.Sub(0) {
			return l.say(it.stats)
		}
	}
	for i := range it.packets {
		if err := l.packet(&it.packets[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Live) packet(p *packet.Packet) error {
	k := ifaceKey{p.Source, p.Link}
	i, ok := l.ifaces[k]
	if !ok {
		in := pcapfile.Interface{Link: p.Link, Filter: l.o.Filter}
		if l.o.Name != nil {
			in.Name = (&Case{Visible: l.o.Visible}).show(l.o.Name(p.Source))
		}
		var err error
		if i, err = l.w.AddInterface(in); err != nil {
			return err
		}
		l.ifaces[k] = i
	}
	var o pcapfile.PacketOptions
	if n := l.lost.Load(); n > l.skipped {
		o.Comments = append(o.Comments, fmt.Sprintf("FS capture: %d packets are not shown here, because they were not taken in time; they were analysed", n-l.skipped))
		l.skipped = n
	}
	if n := min(len(l.waiting), maxComments); n > 0 {
		o.Comments = append(o.Comments, l.waiting[:n]...)
		l.waiting = append(l.waiting[:0], l.waiting[n:]...)
	}
	l.now = max(l.now, p.Time)
	return l.w.WritePacket(i, p.Time, p.Data, p.WireLen, o)
}

// say writes the comments that wait into statistics of an interface.
func (l *Live) say(stats []LiveStats) error {
	for k, i := range l.ifaces {
		s := pcapfile.Statistics{Time: l.now}
		for _, x := range stats {
			if x.Source == k.source {
				s.Received, s.Dropped, s.Known = x.Received, x.Dropped, true
			}
		}
		s.Comments, l.waiting = l.waiting, nil
		return l.w.WriteStatistics(i, s)
	}
	return nil
}
