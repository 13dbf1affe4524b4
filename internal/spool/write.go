package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
	"firestorm/internal/seal"
)

// Interface is one that packets come from; its place in Options.Interfaces is packet.Source.
type Interface struct {
	Name string
	Link packet.LinkType
}

// Options of a writer.
type Options struct {
	Dir         string
	MaxBytes    int64         // of the folder; 0: DefaultMaxBytes
	FileBytes   int64         // after how many bytes another file is begun; 0: a sixteenth of MaxBytes, at most 64 MiB
	FileTime    time.Duration // and after how long, in packet time; 0: an hour
	Headers     bool          // headers alone
	Seal        *seal.Recipients
	Interfaces  []Interface
	Application string
	Chunks      int // how many chunks of ChunkBytes may wait for the disk; 0: 32, with Headers 16
}

// Sizes.
const (
	DefaultMaxBytes = 64 << 20
	MinBytes        = 4 << 20
	ChunkBytes      = 256 << 10
	chunkPackets    = 2048
	chunkTime       = 5 * time.Second // after that a chunk goes to the disk, full or not
	proofShare      = 4               // a quarter of MaxBytes is for the packets of findings
	mostProofs      = 64              // requests that wait
	mostProved      = 10_000
)

// ErrBusy means that another program writes to the spool.
var ErrBusy = errors.New("another firestorm keeps packets there")

// kept is one packet in a chunk.
type kept struct {
	time     packet.Time
	off, len int
	wire     uint32
	source   uint16
	link     packet.LinkType
}

// chunk is a run of packets, copied.
type chunk struct {
	packets []kept
	bytes   []byte
}

// proof asks for the packets of a finding to be kept whole.
type proof struct {
	refs    []packet.Ref
	headers bool
}

// Stats count what a writer did. Every packet given to it is in Written or in one of the reasons.
type Stats struct {
	Written, Bytes uint64 // packets, and bytes of them as kept
	NoRoom         uint64 // left out: all chunks waited for the disk
	NotWritten     uint64 // left out: the disk refused
	OtherLink      uint64 // left out: of an interface that is not declared, or another link type
	TooLong        uint64 // left out: longer than a chunk
	Proofs         uint64 // packets of findings that were kept
	NoProof        uint64 // packets of findings that had left the memory, or for which there was no room
	Files, Removed uint64
	Err            string // the last refusal
}

// Writer writes a spool. Packets and Idle are for one goroutine, the one that captures; Proof for any.
type Writer struct {
	o      Options
	lock   *os.File
	cur    *chunk
	free   chan *chunk
	full   chan *chunk
	proofs chan proof
	done   chan struct{}
	closed sync.Once
	noRoom, otherLink, tooLong,
	noProof atomic.Uint64

	// Of the goroutine that writes.
	recent []*chunk // written, still in memory: the packets of findings are found here
	files  []file   // closed ones, oldest first
	next   int      // number of the next file
	// Of findings: what waits for its chunk, and what was written lately.
	pending []*pending
	proved  map[place]bool
	main    *out
	proof   *out
	stats   Stats
	mu      sync.Mutex // of stats
	create  func(name string) (io.WriteCloser, error)
}

// Open begins to write to a spool; what is there stays until its time is up.
func Open(o Options) (*Writer, error) { return open(o, nil) }

func open(o Options, create func(string) (io.WriteCloser, error)) (*Writer, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	o.MaxBytes = max(o.MaxBytes, MinBytes)
	if o.FileBytes == 0 {
		o.FileBytes = 64 << 20
	}
	o.FileBytes = max(min(o.FileBytes, o.MaxBytes/16), ChunkBytes)
	if o.FileTime == 0 {
		o.FileTime = time.Hour
	}
	if o.Chunks == 0 {
		o.Chunks = 32
		if o.Headers {
			o.Chunks = 16
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(o.Dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := hold(lock); err != nil {
		lock.Close()
		return nil, err
	}
	w := &Writer{o: o, lock: lock, free: make(chan *chunk, o.Chunks), full: make(chan *chunk, o.Chunks), proofs: make(chan proof, mostProofs), done: make(chan struct{}), create: create, proved: map[place]bool{}}
	if w.create == nil {
		w.create = func(name string) (io.WriteCloser, error) {
			return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		}
	}
	if w.files, err = list(o.Dir); err == nil {
		var b []byte
		if b, err = json.Marshal(settings{o.MaxBytes}); err == nil {
			err = os.WriteFile(filepath.Join(o.Dir, settingsFile), append(b, '\n'), 0o600)
		}
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	for i := range w.files {
		w.next = max(w.next, w.files[i].number+1)
	}
	for range o.Chunks { // their memory comes when they are first used
		w.free <- &chunk{}
	}
	go w.work()
	return w, nil
}

// Packets takes copies of the packets of a batch. It never waits.
func (w *Writer) Packets(ps []packet.Packet) {
	for i := range ps {
		w.packet(&ps[i])
	}
}

func (w *Writer) packet(p *packet.Packet) {
	if int(p.Source) >= len(w.o.Interfaces) || w.o.Interfaces[p.Source].Link != p.Link {
		w.otherLink.Add(1)
		return
	}
	if len(p.Data) > ChunkBytes {
		w.tooLong.Add(1)
		return
	}
	if c := w.cur; c != nil && (len(c.bytes)+len(p.Data) > ChunkBytes || len(c.packets) == chunkPackets || p.Time.Sub(c.packets[0].time) > chunkTime) {
		w.hand()
	}
	if w.cur == nil {
		select {
		case w.cur = <-w.free:
			if w.cur.bytes == nil {
				w.cur.bytes, w.cur.packets = make([]byte, 0, ChunkBytes), make([]kept, 0, chunkPackets)
			}
			w.cur.bytes, w.cur.packets = w.cur.bytes[:0], w.cur.packets[:0]
		default:
			w.noRoom.Add(1)
			return
		}
	}
	c := w.cur
	c.packets = append(c.packets, kept{p.Time, len(c.bytes), len(p.Data), p.WireLen, p.Source, p.Link})
	c.bytes = append(c.bytes, p.Data...)
}

// hand gives the chunk to the goroutine that writes. There is always room: as many chunks as places.
func (w *Writer) hand() {
	if w.cur != nil && len(w.cur.packets) > 0 {
		w.full <- w.cur
		w.cur = nil
	}
}

// Idle says that no packet came until now: what has waited long enough goes to the disk.
func (w *Writer) Idle(now packet.Time) {
	if c := w.cur; c != nil && len(c.packets) > 0 && now.Sub(c.packets[0].time) > chunkTime {
		w.hand()
	}
}

// Proof keeps these packets whole, if they are still in memory; headers: their headers alone. It never waits.
func (w *Writer) Proof(refs []packet.Ref, headers bool) {
	select {
	case w.proofs <- proof{refs, headers}:
	default:
		w.noProof.Add(uint64(len(refs)))
	}
}

// Stats may be called at any time.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	s := w.stats
	w.mu.Unlock()
	s.NoRoom, s.OtherLink, s.TooLong = w.noRoom.Load(), w.otherLink.Load(), w.tooLong.Load()
	s.NoProof = w.noProof.Load()
	return s
}

// Close writes what is left, as long as that takes at most within, and returns the counts.
func (w *Writer) Close(within time.Duration) Stats {
	w.closed.Do(func() {
		w.hand()
		close(w.full)
	})
	select {
	case <-w.done:
	case <-time.After(within):
	}
	return w.Stats()
}

func (w *Writer) work() {
	defer close(w.done)
	defer w.lock.Close()
	for {
		select {
		case c, ok := <-w.full:
			if !ok {
				w.answer()
				for _, p := range w.pending {
					w.lost(len(p.want))
				}
				w.end(&w.main)
				w.end(&w.proof)
				return
			}
			w.write(c)
		case p := <-w.proofs:
			w.prove(p)
		}
	}
}

// answer answers the requests that still wait.
func (w *Writer) answer() {
	for {
		select {
		case p := <-w.proofs:
			w.prove(p)
		default:
			return
		}
	}
}

// write writes a chunk, and gives the oldest of those in memory back. Half of the chunks stay in memory for Proof.
func (w *Writer) write(c *chunk) {
	kind := "full"
	if w.o.Headers {
		kind = "head"
	}
	err := w.part(&w.main, kind, c, nil, w.o.Headers)
	w.mu.Lock()
	if err == nil {
		w.stats.Written += uint64(len(c.packets))
	} else {
		w.stats.NotWritten += uint64(len(c.packets))
		w.stats.Err = err.Error()
	}
	w.mu.Unlock()
	w.recent = append(w.recent, c)
	if len(w.recent) > w.o.Chunks/2 {
		w.free <- w.recent[0]
		w.recent = append(w.recent[:0], w.recent[1:]...)
	}
	still := w.pending[:0]
	for _, p := range w.pending {
		w.find(p, []*chunk{c})
		switch {
		case len(p.want) == 0:
		case c.packets[0].time.Sub(p.latest) > chunkTime:
			w.lost(len(p.want))
		default:
			still = append(still, p)
		}
	}
	w.pending = still
}

// place tells a packet apart.
type place struct {
	source uint16
	time   packet.Time
}

// pending is what was asked for and did not come to the disk yet.
type pending struct {
	want    map[place]bool
	latest  packet.Time
	headers bool
}

// prove writes the packets of a finding; those that still wait in a chunk are written with it.
func (w *Writer) prove(p proof) {
	x := &pending{want: map[place]bool{}, headers: p.headers}
	for _, r := range p.refs {
		if !w.proved[place{r.Source, r.Time}] {
			x.want[place{r.Source, r.Time}] = true
			x.latest = max(x.latest, r.Time)
		}
	}
	w.find(x, w.recent)
	switch {
	case len(x.want) == 0:
	case len(w.pending) >= mostProofs || len(w.recent) > 0 && w.recent[len(w.recent)-1].packets[0].time.Sub(x.latest) > chunkTime:
		w.lost(len(x.want))
	default:
		w.pending = append(w.pending, x)
	}
}

// find writes what of p is in chunks.
func (w *Writer) find(p *pending, chunks []*chunk) {
	for _, c := range chunks {
		var which []int
		for i := range c.packets {
			if k := (place{c.packets[i].source, c.packets[i].time}); p.want[k] {
				which = append(which, i)
				delete(p.want, k)
				if len(w.proved) >= mostProved {
					clear(w.proved) // some may be written twice: who reads takes one
				}
				w.proved[k] = true
			}
		}
		if len(which) == 0 {
			continue
		}
		if err := w.part(&w.proof, "proof", c, which, p.headers); err != nil {
			w.lost(len(which))
			continue
		}
		w.mu.Lock()
		w.stats.Proofs += uint64(len(which))
		w.mu.Unlock()
	}
}

func (w *Writer) lost(n int) { w.noProof.Add(uint64(n)) }

// out is a file that is being written.
type out struct {
	file
	raw    io.WriteCloser // the file
	plain  io.WriteCloser // what encrypts, or raw
	disk   *counter       // what reached the file
	logic  *counter       // before encryption
	ng     *pcapfile.Writer
	x      index
	opened packet.Time
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// part writes a chunk, or the packets which of it, as one part of the file at o, which is begun or exchanged as needed.
func (w *Writer) part(o **out, kind string, c *chunk, which []int, headers bool) error {
	at := c.packets[0].time
	if x := *o; x != nil && (x.disk.n >= w.o.FileBytes || kind != "proof" && at.Sub(x.opened) >= w.o.FileTime) {
		w.end(o)
	}
	var err error
	for range 2 { // a full disk has room once the oldest is gone
		w.room(int64(len(c.bytes)))
		if *o == nil {
			if *o, err = w.begin(kind, at); err != nil {
				*o = nil
				if !isFull(err) || !w.drop("") {
					return err
				}
				continue
			}
		}
		if err = (*o).write(w, c, which, headers); err == nil {
			return nil
		}
		w.end(o) // what is half written ends here; the index knows whole parts
		if !isFull(err) || !w.drop("") {
			return err
		}
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (w *Writer) begin(kind string, at packet.Time) (*out, error) {
	f := file{number: w.next, kind: kind, begin: at.Std().UTC(), sealed: w.o.Seal != nil}
	if y := f.begin.Year(); y < 0 || y > 9999 {
		f.begin = time.Unix(0, 0).UTC()
	}
	f.name = fmt.Sprintf("%09d-%s-%s.pcapng", f.number, kind, f.begin.Format(nameTime))
	if f.sealed {
		f.name += ".age"
	}
	w.next++
	raw, err := w.create(filepath.Join(w.o.Dir, f.name))
	if err != nil {
		return nil, err
	}
	o := &out{file: f, raw: raw, disk: &counter{w: raw}, opened: at, x: index{Version: indexVersion, Pairs: map[uint64][]uint32{}}}
	o.plain = nopCloser{o.disk}
	if w.o.Seal != nil {
		if o.plain, err = w.o.Seal.Writer(o.disk); err != nil {
			return nil, errors.Join(err, raw.Close(), os.Remove(filepath.Join(w.o.Dir, f.name)))
		}
	}
	o.logic = &counter{w: o.plain}
	o.ng, err = pcapfile.NewWriter(o.logic, pcapfile.WriterOptions{Application: w.o.Application})
	for _, in := range w.o.Interfaces {
		if err == nil {
			_, err = o.ng.AddInterface(pcapfile.Interface{Name: in.Name, Link: in.Link})
		}
	}
	if err == nil {
		err = o.ng.Flush()
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close(), os.Remove(filepath.Join(w.o.Dir, f.name)))
	}
	o.x.Head = o.logic.n
	w.mu.Lock()
	w.stats.Files++
	w.mu.Unlock()
	return o, nil
}

func (o *out) write(w *Writer, c *chunk, which []int, headers bool) error {
	p := part{Off: o.logic.n, From: c.packets[0].time, To: c.packets[0].time}
	n, size := uint32(len(o.x.Parts)), uint64(0)
	one := func(k *kept) error {
		q := packet.Packet{Data: c.bytes[k.off : k.off+k.len], Link: k.link, WireLen: k.wire}
		packet.Decode(&q, nil)
		o.x.add(n, &q)
		p.From, p.To = min(p.From, k.time), max(p.To, k.time)
		data := q.Data
		if headers {
			data = data[:headersOf(&q)]
		}
		size += uint64(len(data))
		return o.ng.WritePacket(int(k.source), k.time, data, k.wire, pcapfile.PacketOptions{})
	}
	var err error
	if which == nil {
		for i := 0; i < len(c.packets) && err == nil; i++ {
			err = one(&c.packets[i])
		}
	}
	for i := 0; i < len(which) && err == nil; i++ {
		if i == 0 {
			p.From, p.To = c.packets[which[0]].time, c.packets[which[0]].time
		}
		err = one(&c.packets[which[i]])
	}
	if err == nil {
		err = o.ng.Flush()
	}
	if err != nil {
		return err
	}
	p.End = o.logic.n
	o.x.Parts = append(o.x.Parts, p)
	w.mu.Lock()
	w.stats.Bytes += size
	w.mu.Unlock()
	return nil
}

// headersOf is how many bytes of a decoded frame are headers: nothing that a program sent to another.
func headersOf(p *packet.Packet) int {
	var n int
	switch {
	case p.HasLayer(packet.LayerARP) && p.IPVersion == 0:
		off, _ := p.Layer(packet.LayerARP)
		n = off + 28
	case p.IPVersion == 0:
		n = 14 // no IP: the link's header, or less
	case p.FragOff > 0 && p.L4 > 0:
		n = int(p.L4)
	case p.PayloadOff > 0:
		n = int(p.PayloadOff)
	case p.L4 > 0:
		n = int(p.L4)
	default:
		n = int(p.L3) + 20
	}
	return max(min(n, len(p.Data)), 0)
}

// end closes a file and writes its index. What cannot be written of either makes the file one that is read whole.
func (w *Writer) end(o **out) {
	x := *o
	if x == nil {
		return
	}
	*o = nil
	err := errors.Join(x.plain.Close(), x.raw.Close())
	if err == nil {
		err = writeIndex(w.o.Dir, &x.file, &x.x, w.o.Seal)
	}
	if err != nil {
		w.mu.Lock()
		w.stats.Err = err.Error()
		w.mu.Unlock()
	}
	for _, name := range []string{x.name, x.index()} {
		if st, err := os.Stat(filepath.Join(w.o.Dir, name)); err == nil {
			x.file.bytes += st.Size()
		}
	}
	w.files = append(w.files, x.file)
}

// room removes the oldest files until more bytes fit. The packets of findings have their share: they go first only when
// they have more.
func (w *Writer) room(more int64) {
	for {
		var all, proofs int64
		for i := range w.files {
			all += w.files[i].bytes
			if w.files[i].kind == "proof" {
				proofs += w.files[i].bytes
			}
		}
		for _, o := range []*out{w.main, w.proof} {
			if o != nil {
				all += o.disk.n
			}
		}
		if all+more <= w.o.MaxBytes {
			return
		}
		first := "proof"
		if proofs <= w.o.MaxBytes/proofShare {
			first = "main"
		}
		if !w.drop(first) && !w.drop("") {
			return
		}
	}
}

// drop removes the oldest file: of the packets of findings ("proof"), of the others ("main"), of any ("").
func (w *Writer) drop(which string) bool {
	for i := range w.files {
		f := &w.files[i]
		if which != "" && (f.kind == "proof") != (which == "proof") {
			continue
		}
		for _, name := range []string{f.index(), f.name} {
			if err := os.Remove(filepath.Join(w.o.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				w.mu.Lock()
				w.stats.Err = err.Error()
				w.mu.Unlock()
			}
		}
		w.files = append(w.files[:i], w.files[i+1:]...)
		w.mu.Lock()
		w.stats.Removed++
		w.mu.Unlock()
		return true
	}
	return false
}
