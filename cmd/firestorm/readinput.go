package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/filter"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// input is the opened captures as one source.
type input struct {
	capture.Source
	files   []string    // one for each opened file, as the user gave it
	damaged []error     // files of which nothing could be read, beside others that could
	seen    []sourceLog // by Packet.Source
	sieve   *sieve      // nil: no filter
	window  timeWindow
	// recorded holds, for each file, what an earlier analysis wrote into it.
	recorded []*recorded
}

// sourceLog is what came from one interface or file, counted before anything is left out by the sensor.
type sourceLog struct {
	packets, bytes uint64
	from, to       packet.Time
}

// timeWindow is --since and --until.
type timeWindow struct {
	since, until timeBound
	started      bool
	from, to     packet.Time
	away, bytes  uint64 // left out
}

// openInput opens all files of o. Files that one --tap names become one vantage. The times of the second vantage are
// moved by shift.
func (a *app) openInput(o *readOptions, shift time.Duration) (*input, error) {
	in := &input{window: timeWindow{since: o.Since, until: o.Until}}
	var groups []capture.Source
	done := map[string]bool{}
	closeAll := func() {
		for _, g := range groups {
			_ = g.Close()
		}
	}
	for _, f := range o.Files {
		if done[f] {
			continue
		}
		members := []string{f}
		for _, t := range o.Taps {
			if slices.Contains(t, f) {
				members = t
			}
		}
		var srcs []capture.Source
		for _, m := range members {
			done[m] = true
			s, err := a.openOne(m, o, in)
			if err != nil {
				if readable := new(failure); errors.As(err, &readable) && readable.code == exitDamaged && len(o.Files) > 1 {
					in.damaged = append(in.damaged, err)
					continue
				}
				closeAll()
				return nil, err
			}
			in.files = append(in.files, m)
			srcs = append(srcs, s)
		}
		switch {
		case len(srcs) == 0:
		case len(members) == 1:
			groups = append(groups, srcs[0])
		default:
			groups = append(groups, capture.MergeWith(capture.MergeOptions{
				Vantage: func(capture.Interface, int) uint16 { return 0 }}, srcs...))
		}
	}
	if len(groups) == 0 {
		return nil, in.damaged[0]
	}
	if len(groups) > 1 {
		groups[1] = capture.Shifted(groups[1], shift)
	}
	in.Source = capture.Merge(groups...)
	if o.Filter != "" {
		var err error
		if in.sieve, err = newSieve(o.Filter, in.Source); err != nil {
			closeAll()
			return nil, err
		}
	}
	return in, nil
}

func (a *app) openOne(name string, o *readOptions, in *input) (capture.Source, error) {
	rec := &recorded{name: name}
	in.recorded = append(in.recorded, rec)
	onComment := func(c pcapfile.Comment) { rec.Add(c.Text) }
	var s capture.Source
	var err error
	if name == "-" {
		if a.isTerminal(a.stdin) {
			return nil, usagef("tcpdump -i eth0 -w - | firestorm read -", "standard input is a terminal, not a capture")
		}
		if o.FormatIn == "tshark-text" {
			s, err = openListing("-", a.stdin)
		} else {
			s, err = capture.OpenReader("-", a.stdin, capture.FileOptions{OnComment: onComment})
		}
	} else if o.FormatIn == "tshark-text" {
		var f *os.File
		if f, err = os.Open(name); err == nil {
			s, err = openListing(name, f)
			_ = f.Close()
		}
	} else if o.Follow && capture.Rotation(name) {
		s, err = capture.OpenRotation(name, capture.FileOptions{OnComment: onComment})
	} else {
		s, err = capture.OpenFile(name, capture.FileOptions{Follow: o.Follow, OnComment: onComment})
	}
	if err != nil {
		return nil, openFailure(name, err)
	}
	return s, nil
}

// openListing keeps a nil *capture.Listing from becoming a source.
func openListing(name string, r io.Reader) (capture.Source, error) {
	l, err := capture.OpenListing(name, r)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// openFailure says why name cannot be read, and what to try.
func openFailure(name string, err error) error {
	f := &failure{code: exitDamaged, what: "cannot read " + name, why: strings.TrimPrefix(err.Error(), name+": "), err: err}
	st, statErr := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.code, f.why, f.try = exitUsage, "no such file", "ls "+filepath.Dir(name)
	case errors.Is(err, fs.ErrPermission):
		f.code, f.why, f.try = exitPermission, "not allowed to", "sudo cat "+shellWord(name)+" | firestorm read -"
	case statErr == nil && st.IsDir():
		f.code, f.why, f.try = exitUsage, "it is a directory", "firestorm read "+shellWord(filepath.Join(name, "FILE"))
	default:
		f.try = "file " + shellWord(name)
	}
	return f
}

// shellWord quotes s for a shell where it must be.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%", r)
	}) {
		return s
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, event.Unprintable) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	// Characters that could steer a terminal are written as bash, ksh and zsh read them.
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}

// sieve is the capture filter. A program depends on the link type, so each has its own.
type sieve struct {
	expr     string
	programs map[packet.LinkType]*filter.Program // nil: cannot be compiled for that link type
	away     uint64                              // frames turned away
	bytes    uint64
	unfit    map[packet.LinkType]error
}

func newSieve(expr string, src capture.Source) (*sieve, error) {
	s := &sieve{expr: expr, programs: map[packet.LinkType]*filter.Program{}, unfit: map[packet.LinkType]error{}}
	links := []packet.LinkType{packet.LinkEthernet}
	if known := capture.Interfaces(src); len(known) > 0 {
		links = links[:0]
		for _, i := range known {
			links = append(links, i.Link)
		}
	}
	for _, l := range links {
		if s.program(l) == nil {
			return nil, &failure{code: exitUsage, what: "the capture filter cannot be used", why: s.unfit[l].Error(),
				try: "man 7 pcap-filter   shows the language", err: s.unfit[l]}
		}
	}
	return s, nil
}

func (s *sieve) program(l packet.LinkType) *filter.Program {
	p, ok := s.programs[l]
	if !ok {
		var err error
		if p, err = filter.Compile(s.expr, uint16(l), filter.Options{}); err != nil {
			s.unfit[l], p = err, nil
		}
		s.programs[l] = p
	}
	return p
}

func (s *sieve) keeps(p *packet.Packet) bool {
	if prog := s.program(p.Link); prog != nil && prog.Match(p.Data, int(p.WireLen)) {
		return true
	}
	s.away++
	s.bytes += uint64(len(p.Data))
	return false
}

// Next counts what arrives and leaves out what the filter or the time window turns away.
func (in *input) Next(b *packet.Batch) error {
	for {
		err := in.Source.Next(b)
		if in.sieve == nil && in.window.open() {
			if in.log(b.Packets); err != nil || len(b.Packets) > 0 {
				return err
			}
			b.Release()
			continue
		}
		n := 0
		for i := range b.Packets {
			p := &b.Packets[i]
			if in.sieve != nil && !in.sieve.keeps(p) {
				continue
			}
			if !in.window.holds(p) {
				continue
			}
			if n != i {
				b.Packets[n] = *p
			}
			n++
		}
		b.Packets = b.Packets[:n]
		in.log(b.Packets)
		if err != nil || n > 0 {
			return err
		}
		b.Release()
	}
}

// Stats adds what was turned away here.
func (in *input) Stats() capture.Stats {
	s := in.Source.Stats()
	if in.sieve != nil {
		s.Filtered += in.sieve.away
		s.Received -= in.sieve.away
		s.Bytes -= in.sieve.bytes
	}
	s.Received -= in.window.away
	s.Bytes -= in.window.bytes
	return s
}

// log counts packets for their sources: those of one source that follow each other at once.
func (in *input) log(ps []packet.Packet) {
	for len(ps) > 0 {
		source := ps[0].Source
		for int(source) >= len(in.seen) {
			in.seen = append(in.seen, sourceLog{})
		}
		s := in.seen[source]
		if s.packets == 0 {
			s.from, s.to = ps[0].Time, ps[0].Time
		}
		n := 0
		for ; n < len(ps) && ps[n].Source == source; n++ {
			s.bytes += uint64(len(ps[n].Data))
			s.from, s.to = min(s.from, ps[n].Time), max(s.to, ps[n].Time)
		}
		s.packets += uint64(n)
		in.seen[source] = s
		ps = ps[n:]
	}
}

// Interfaces implements capture.Lister.
func (in *input) Interfaces() []capture.Interface { return capture.Interfaces(in.Source) }

// open reports that the window holds all packets.
func (w *timeWindow) open() bool { return !w.since.Set && !w.until.Set }

func (w *timeWindow) holds(p *packet.Packet) bool {
	if w.open() {
		return true
	}
	if !w.started {
		w.started, w.from, w.to = true, w.since.At(p.Time), w.until.At(p.Time)
	}
	if (!w.since.Set || p.Time >= w.from) && (!w.until.Set || p.Time < w.to) {
		return true
	}
	w.away++
	w.bytes += uint64(len(p.Data))
	return false
}
