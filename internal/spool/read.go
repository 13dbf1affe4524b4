package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
	"firestorm/internal/seal"
)

// around is how long before the first and after the last wanted packet packets of the same hosts are looked for.
const around = 10 * time.Minute

// Query says which packets are wanted: those, and others between the same hosts at that time.
type Query struct {
	Want  []packet.Ref // by source and time; the numbers of frames begin anew with each watch
	Limit int64        // bytes of the packets that are given beside those wanted; 0: 64 MiB
	IDs   *seal.Identities
}

// Found is what a spool had.
type Found struct {
	// Packets are in order of time; their bytes are their own. Those wanted have the frame number that they were asked by.
	Packets   []packet.Packet
	Names     []string // of interfaces, by Packet.Source
	Wanted    int      // how many of those wanted are among them
	OverLimit uint64   // packets left out for Limit
	Closed    int      // files that no identity opens
	Damaged   int      // files of which something could not be read
	Parts     int      // parts of files that were read, for tests of the index
	AllParts  int      // parts that there are
	Files     []string // that were read of, with their folder
}

// key tells packets apart that the main files and those of findings have both.
type key struct {
	source uint16
	time   packet.Time
	wire   uint32
}

// Read looks a conversation up in the folder dir.
func Read(dir string, q Query) (*Found, error) {
	if q.Limit == 0 {
		q.Limit = 64 << 20
	}
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	r := &reader{q: q, f: &Found{}, frames: map[[2]uint64]uint64{}, pairs: map[uint64]bool{}, got: map[key]int{}}
	for _, w := range q.Want {
		r.frames[[2]uint64{uint64(w.Source), uint64(w.Time)}] = w.Frame
		if r.from == 0 || w.Time < r.from {
			r.from = w.Time
		}
		r.to = max(r.to, w.Time)
	}
	var open []*source
	defer func() {
		for _, s := range open {
			s.close()
		}
	}()
	for i := range l {
		s, err := openFile(dir, &l[i], q.IDs)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue // its time was up meanwhile
		case errors.Is(err, seal.ErrNoIdentity):
			r.f.Closed++
			continue
		case err != nil:
			r.f.Damaged++
			continue
		}
		open = append(open, s)
		r.f.AllParts += len(s.x.Parts)
	}
	// First those that are wanted: from them it is known which hosts talk.
	for _, s := range open {
		r.each(s, func(p *part) bool {
			return slices.ContainsFunc(q.Want, func(w packet.Ref) bool { return p.From <= w.Time && w.Time <= p.To })
		}, nil, r.wanted)
	}
	from, to := r.from.Add(-around), r.to.Add(around)
	for _, s := range open {
		r.each(s, func(p *part) bool { return p.To >= from && p.From <= to }, r.pairs, func(p *packet.Packet) { r.others(p, from, to) })
	}
	slices.SortStableFunc(r.f.Packets, func(a, b packet.Packet) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return int(a.Source) - int(b.Source)
	})
	for i := range r.f.Packets {
		if r.f.Packets[i].Frame < unnumbered {
			r.f.Wanted++
		}
	}
	return r.f, nil
}

// unnumbered is where the numbers of frames begin that nobody asked by.
const unnumbered = 1 << 48

type reader struct {
	q        Query
	f        *Found
	frames   map[[2]uint64]uint64 // the number that a wanted packet is known by
	from, to packet.Time
	pairs    map[uint64]bool
	got      map[key]int // place in f.Packets
	size     int64
	loose    uint64
}

// source is a file with its index.
type source struct {
	*file
	dir  string
	at   io.ReaderAt
	x    *index
	head []byte
	raw  *os.File
}

func (s *source) close() { s.raw.Close() }

func openFile(dir string, f *file, ids *seal.Identities) (*source, error) {
	raw, err := os.Open(filepath.Join(dir, f.name))
	if err != nil {
		return nil, err
	}
	s := &source{file: f, dir: dir, at: raw, raw: raw}
	x, err := readIndex(dir, f, ids)
	if f.sealed && err == nil {
		st, serr := raw.Stat()
		if serr == nil {
			s.at, serr = ids.ReaderAt(raw, st.Size())
		}
		err = serr
	}
	if errors.Is(err, seal.ErrNoIdentity) {
		raw.Close()
		return nil, err
	}
	if err != nil { // no index, or a file that was cut: as much of it as can be read
		if s.at, x, err = whole(raw, f.sealed, ids); err != nil {
			raw.Close()
			return nil, err
		}
	}
	s.x, s.head = x, make([]byte, x.Head)
	if _, err := s.at.ReadAt(s.head, 0); err != nil && err != io.EOF {
		raw.Close()
		return nil, err
	}
	return s, nil
}

// maxWhole bounds how much of a file without an index is decrypted into memory.
const maxWhole = 256 << 20

// whole takes all of a file as one part.
func whole(raw *os.File, sealed bool, ids *seal.Identities) (io.ReaderAt, *index, error) {
	if !sealed {
		st, err := raw.Stat()
		if err != nil {
			return nil, nil, err
		}
		return raw, &index{Parts: []part{{0, st.Size(), -1 << 63, 1<<63 - 1}}, Crowded: true}, nil
	}
	if _, err := raw.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	r, err := ids.Reader(raw)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxWhole)) // an error: it was cut; what came before is as it was written
	if len(b) == 0 {
		return nil, nil, errors.Join(err, errors.New("empty"))
	}
	return bytes.NewReader(b), &index{Parts: []part{{0, int64(len(b)), -1 << 63, 1<<63 - 1}}, Crowded: true}, nil
}

// each gives the packets of the parts that when chooses and, unless pairs is nil, that have packets of one of pairs.
func (r *reader) each(s *source, when func(*part) bool, pairs map[uint64]bool, give func(*packet.Packet)) {
	has := map[uint32]bool{}
	for h := range pairs {
		for _, n := range s.x.Pairs[h] {
			has[n] = true
		}
	}
	read := false
	for n := range s.x.Parts {
		p := &s.x.Parts[n]
		if !when(p) || pairs != nil && !s.x.Crowded && !has[uint32(n)] {
			continue
		}
		read = true
		r.f.Parts++
		if err := s.part(p, r.f, give); err != nil {
			r.f.Damaged++
			break
		}
	}
	if name := filepath.Join(s.dir, s.name); read && !slices.Contains(r.f.Files, name) {
		r.f.Files = append(r.f.Files, name)
	}
}

// part reads one part.
func (s *source) part(p *part, f *Found, give func(*packet.Packet)) error {
	in := pcapfile.NewReader(io.MultiReader(bytes.NewReader(s.head), io.NewSectionReader(s.at, p.Off, p.End-p.Off)), pcapfile.Options{})
	defer in.Close()
	if err := in.Start(); err != nil {
		return err
	}
	for {
		var rec pcapfile.Record
		err := in.Next(&rec)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := len(f.Names); i < len(in.Interfaces()); i++ {
			f.Names = append(f.Names, in.Interfaces()[i].Name)
		}
		q := packet.Packet{Data: rec.Data, Link: rec.Link, WireLen: rec.WireLen}
		packet.Decode(&q, nil)
		q.Time, q.Source = rec.Time, rec.Iface
		give(&q)
	}
}

// wanted takes a packet that was asked for.
func (r *reader) wanted(p *packet.Packet) {
	n, ok := r.frames[[2]uint64{uint64(p.Source), uint64(p.Time)}]
	if !ok {
		return
	}
	pairs, k := pairsOf(p)
	for _, h := range pairs[:k] {
		r.pairs[h] = true
	}
	r.take(p, n)
}

// others takes a packet of the same hosts.
func (r *reader) others(p *packet.Packet, from, to packet.Time) {
	if p.Time < from || p.Time > to {
		return
	}
	pairs, k := pairsOf(p)
	if !slices.ContainsFunc(pairs[:k], func(h uint64) bool { return r.pairs[h] }) {
		return
	}
	if _, ok := r.got[key{p.Source, p.Time, p.WireLen}]; !ok && r.size+int64(len(p.Data)) > r.q.Limit {
		r.f.OverLimit++
		return
	}
	r.loose++
	r.take(p, unnumbered+r.loose)
}

// take keeps a packet; of two the longer: one is cut to its headers.
func (r *reader) take(p *packet.Packet, frame uint64) {
	k := key{p.Source, p.Time, p.WireLen}
	i, ok := r.got[k]
	if !ok {
		i = len(r.f.Packets)
		r.got[k] = i
		r.f.Packets = append(r.f.Packets, packet.Packet{Time: p.Time, Frame: frame, Source: p.Source, Vantage: p.Source, Link: p.Link, WireLen: p.WireLen})
	}
	q := &r.f.Packets[i]
	if len(p.Data) > len(q.Data) {
		if frame >= unnumbered {
			r.size += int64(len(p.Data) - len(q.Data))
		}
		q.Data = bytes.Clone(p.Data)
	}
}
