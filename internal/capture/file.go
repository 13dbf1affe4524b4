package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// FileOptions steer OpenFile and OpenReader. The zero value is good.
type FileOptions struct {
	// Follow keeps reading a growing file: at its end Next returns ErrIdle. A file that was truncated or
	// replaced under its name is read on from the start of the new one; Stats notes it. Not for compressed files.
	Follow bool
	// Next, with Follow, names the file that goes on where another one ended; empty: none is there yet. Rotation makes one.
	Next func(current string) string
	// Poison overwrites a batch's bytes when it is released. For tests: whoever kept bytes sees nonsense.
	Poison bool
	// Vantage chooses the vantage of an interface, counted from 0 in the order of their declaration; the name it
	// sees is "file#interface" but for the first one, which goes by the file's name. Nil means
	// one vantage per interface name, so that a capture continued in a second section keeps its own.
	Vantage func(i Interface, index int) uint16
	// OnComment, when set, gets each opt_comment of a pcapng while Next runs.
	OnComment func(pcapfile.Comment)
}

// maxBatchBytes ends a batch early, so that it holds two or three blocks, which are used again while a level 2 cache
// still has them: reading took a third less time than with three times as many (2026-11-23).
const maxBatchBytes = pcapfile.BlockSize

// File is a capture file being read.
type File struct {
	name   string
	opt    FileOptions
	rd     *pcapfile.Reader
	pool   *pcapfile.Pool
	leases leases
	input  *counter
	plain  io.ReadCloser // what rd reads from
	file   *os.File      // nil for OpenReader
	path   string        // of file
	packed pcapfile.Compression
	ifaces []Interface
	index  []pcapfile.Origin // by the reader's number of the interface
	keys   []string          // "name#interface" of each, though a single one goes by the file's name
	names  map[string]uint16 // default vantages, by key
	stats  Stats
	peeked pcapfile.Record // the first packet, read early so that the interfaces before it are known
	ahead  bool            // peeked is still to be handed over
	notes  []Note          // of earlier files under this name
	prior  priorFile
	err    error
}

// priorFile holds what earlier files under the same name gave, when following.
type priorFile struct {
	ifaces  int
	frames  uint64
	skipped uint64
	lost    uint64
	known   bool
	bytes   int64
}

// counter counts the bytes taken from the possibly compressed input.
type counter struct {
	src io.Reader
	n   int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	return n, err
}

// OpenFile opens the capture at path, "-" meaning standard input. The format and compression are found by the
// first bytes, never by the name. Errors say what is wrong with the file and what to try.
func OpenFile(path string, o FileOptions) (Source, error) {
	if path == "-" {
		o.Follow = false // the end of a pipe is final
		return OpenReader("-", os.Stdin, o)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	s, err := openOS(path, f, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func openOS(path string, f *os.File, o FileOptions) (*File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, openError(path, err)
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s: is a directory, not a capture; name the files in it, e.g. %s/*.pcap", path, path)
	}
	s := newFile(path, o)
	s.file, s.path = f, path
	regular := st.Mode().IsRegular()
	if regular {
		s.stats.InputTotal = st.Size()
	} else if o.Follow {
		return nil, fmt.Errorf("%s: only a regular file can be followed; a pipe is read until it closes anyway", path)
	}
	if err := s.start(f); err != nil {
		return nil, err
	}
	if regular && !o.Follow {
		s.peek()
	}
	return s, nil
}

// peek reads up to the first packet, so that Interfaces can list what is declared before it. A pipe is not made
// to wait for that.
func (f *File) peek() {
	if f.rd.Format() != pcapfile.FormatPcapNG {
		return
	}
	if err := f.rd.Next(&f.peeked); err != nil {
		f.err = f.final(err)
		return
	}
	f.ahead = true
}

// OpenReader reads a capture from r; name is used in messages. Close does not close r. With Follow the end of r is
// ErrIdle, and r is asked again on the next call.
func OpenReader(name string, r io.Reader, o FileOptions) (Source, error) {
	s := newFile(name, o)
	if err := s.start(r); err != nil {
		return nil, err
	}
	return s, nil
}

func newFile(name string, o FileOptions) *File {
	return &File{
		name: name, opt: o, pool: &pcapfile.Pool{Poison: o.Poison}, leases: leases{poison: o.Poison},
		names: make(map[string]uint16),
	}
}

// start reads the header of the input r.
func (f *File) start(r io.Reader) error {
	f.input = &counter{src: r}
	po := pcapfile.Options{Pool: f.pool, Follow: f.opt.Follow, OnComment: f.opt.OnComment}
	if f.opt.Follow {
		f.rd = pcapfile.NewReader(f.input, po)
	} else {
		plain, packed, err := pcapfile.Decompress(f.input)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		f.plain, f.packed = plain, packed
		f.rd = pcapfile.NewReader(plain, po)
	}
	err := f.rd.Start()
	var magic *pcapfile.MagicError
	if f.opt.Follow && errors.As(err, &magic) && pcapfile.Compressed(magic.Head) != pcapfile.Plain {
		return fmt.Errorf("%s: a compressed file cannot be followed; leave out --follow, or follow the plain file", f.name)
	}
	if err == nil || f.opt.Follow && errors.Is(err, io.EOF) {
		return nil
	}
	_ = f.closeInput()
	return f.startError(err)
}

// startError puts a failed start into words.
func (f *File) startError(err error) error {
	var dmg *pcapfile.Error
	var magic *pcapfile.MagicError
	switch {
	case errors.As(err, &dmg):
		return f.damaged(dmg)
	case errors.Is(err, pcapfile.ErrEmpty) && f.input.n > 0:
		return fmt.Errorf("%s: the %s data unpacks to nothing", f.name, f.packed)
	case errors.Is(err, pcapfile.ErrEmpty):
		return fmt.Errorf("%s: %w; a capture that was just started may not be flushed yet", f.name, err)
	case errors.As(err, &magic) && f.packed != pcapfile.Plain:
		return fmt.Errorf("%s: the %s data holds no capture: %w", f.name, f.packed, err)
	}
	return fmt.Errorf("%s: %w", f.name, err)
}

func (f *File) damaged(e *pcapfile.Error) *Damaged {
	d := &Damaged{Name: f.name, Offset: e.Offset, Reason: e.Reason}
	if f.packed != pcapfile.Plain {
		d.Reason += fmt.Sprintf(" (offset in the uncompressed %s data)", f.packed)
	}
	return d
}

// openError says what to try when a file cannot be opened.
func openError(path string, err error) error {
	var pe *fs.PathError
	why := err
	if errors.As(err, &pe) {
		why = pe.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file; check the name, or use - for standard input: %w", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: not allowed to read it; captures made by root are often private, try: sudo chmod a+r %s: %w", path, path, fs.ErrPermission)
	}
	return fmt.Errorf("%s: cannot be opened: %w", path, why)
}

// Next implements Source.
func (f *File) Next(b *packet.Batch) error {
	if f.err != nil {
		err := f.err
		f.err = io.EOF
		return err
	}
	room(b)
	l := f.leases.get()
	b.OnRelease(l.end)
	for {
		err := f.read(b, l)
		if errors.Is(err, io.EOF) && f.opt.Follow {
			err = f.atEnd()
			if err == nil {
				continue // a new file under the name
			}
		} else if err != nil {
			err = f.final(err)
		}
		if len(b.Packets) > 0 {
			if err != nil && !errors.Is(err, ErrIdle) {
				f.err = err
			}
			return nil
		}
		if err == nil {
			continue
		}
		b.Release()
		if !errors.Is(err, ErrIdle) {
			f.err = io.EOF
		}
		return err
	}
}

// read appends records until the batch is full or the reader has no more.
func (f *File) read(b *packet.Batch, l *lease) error {
	var rec pcapfile.Record
	var held *pcapfile.Block
	if n := len(l.blocks); n > 0 {
		held = l.blocks[n-1]
	}
	ps := b.Packets[:packet.BatchSize]
	n, bytes := len(b.Packets), 0
	var err error
	for n < len(ps) {
		room := maxBatchBytes - bytes - n*pcapfile.RecordHeader
		if room <= 0 {
			break
		}
		if f.ahead {
			rec, f.ahead = f.peeked, false
		} else if k, size := f.rd.Run(ps[n:], f.index, f.prior.frames, room); k > 0 {
			held = l.keep(f.rd.Block(), held)
			n, bytes = n+k, bytes+size
			continue
		} else if err = f.rd.Next(&rec); err != nil {
			break
		}
		held = l.keep(f.rd.Block(), held)
		if int(rec.Iface) >= len(f.index) {
			f.learn()
		}
		f.index[rec.Iface].Fill(&ps[n], &rec, f.prior.frames)
		n++
		bytes += len(rec.Data)
	}
	f.stats.Received += uint64(n - len(b.Packets))
	f.stats.Bytes += uint64(bytes)
	b.Packets = ps[:n]
	return err
}

// final turns the reader's last word into the source's.
func (f *File) final(err error) error {
	var dmg *pcapfile.Error
	switch {
	case errors.As(err, &dmg):
		return f.damaged(dmg)
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return f.startError(err)
}

// learn takes over interfaces that the reader has met.
func (f *File) learn() {
	for i := len(f.index); i < len(f.rd.Interfaces()); i++ {
		in := &f.rd.Interfaces()[i]
		known := f.known(in, i)
		if known < 0 {
			known = len(f.ifaces)
			f.ifaces = append(f.ifaces, f.describe(in, i, known))
		}
		f.index = append(f.index, pcapfile.Origin{Source: uint16(known), Vantage: f.ifaces[known].Vantage})
	}
}

// known finds the interface of an earlier file under this name that in continues, or -1: a capture that is rotated
// for months must not use up the numbers. When they are used up all the same, the last one is shared.
func (f *File) known(in *pcapfile.Interface, i int) int {
	key := f.key(in, i)
	for k := range f.prior.ifaces {
		if f.keys[k] == key && f.ifaces[k].Link == in.Link {
			return k
		}
	}
	if len(f.ifaces) > pcapfile.MaxInterfaces {
		return pcapfile.MaxInterfaces
	}
	return -1
}

// key names interface i of the file being read.
func (f *File) key(in *pcapfile.Interface, i int) string {
	if f.rd.Format() != pcapfile.FormatPcapNG {
		return f.name
	}
	if in.Name == "" {
		return f.name + "#" + strconv.Itoa(i)
	}
	return f.name + "#" + in.Name
}

// describe makes the account of interface i of the file, which gets our number index.
func (f *File) describe(in *pcapfile.Interface, i, index int) Interface {
	key := f.key(in, i)
	f.keys = append(f.keys, key)
	out := Interface{Name: key, Link: in.Link, SnapLen: in.SnapLen, Filter: in.Filter}
	switch index {
	case 0:
		out.Name = f.name
	case 1:
		f.ifaces[0].Name = f.keys[0]
	}
	for _, s := range []string{in.Description, in.Hardware, in.OS} {
		if s != "" && out.Hardware != "" {
			out.Hardware += ", "
		}
		out.Hardware += s
	}
	if f.opt.Vantage != nil {
		out.Vantage = f.opt.Vantage(out, index)
		return out
	}
	v, ok := f.names[key]
	if !ok {
		v = uint16(len(f.names))
		f.names[key] = v
	}
	out.Vantage = v
	return out
}

// Interfaces returns the interfaces met so far, in the order packets' Source counts them. A pcapng may declare
// more later on.
func (f *File) Interfaces() []Interface {
	f.learn()
	return f.ifaces
}

// Stats implements Source.
func (f *File) Stats() Stats {
	s := f.stats
	s.InputBytes = f.input.n + f.prior.bytes
	s.KernelLost, s.LossKnown = f.prior.lost, f.prior.known
	s.Skipped = f.prior.skipped + f.rd.Skipped()
	for i := range f.rd.Interfaces() {
		in := &f.rd.Interfaces()[i]
		if s.KernelLost+in.Dropped < s.KernelLost {
			s.KernelLost = 1<<64 - 1
		} else {
			s.KernelLost += in.Dropped
		}
		s.LossKnown = s.LossKnown || in.HasStats
	}
	s.SkippedNotes = append([]Note(nil), f.notes...)
	for _, n := range f.rd.Notes() {
		if len(s.SkippedNotes) < maxNotes {
			s.SkippedNotes = append(s.SkippedNotes, Note{n.Offset, n.What})
		}
	}
	return s
}

// Close implements Source. Batches not yet released stay good.
func (f *File) Close() error {
	if f.err == nil {
		f.err = io.EOF
	}
	if f.rd != nil {
		f.rd.Close()
	}
	return f.closeInput()
}

func (f *File) closeInput() error {
	if f.plain != nil {
		_ = f.plain.Close()
		f.plain = nil
	}
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
