package capture

import (
	"fmt"
	"io"
	"os"
)

// atEnd decides what the end of a followed file means. It returns nil when another file is to be read now,
// else ErrIdle, or an error that ends the source.
func (f *File) atEnd() error {
	if f.file == nil {
		return ErrIdle
	}
	st, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("%s: cannot be followed any more: %w", f.name, err)
	}
	f.stats.InputTotal = f.prior.bytes + st.Size()
	if st.Size() < f.input.n {
		f.remark(fmt.Sprintf("the file was truncated from %d to %d bytes; read again from its start", f.input.n, st.Size()))
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("%s: cannot be followed any more: %w", f.name, err)
		}
		return f.again(f.file)
	}
	if f.opt.Next != nil {
		return f.rotated()
	}
	now, err := os.Stat(f.name)
	if err != nil || os.SameFile(st, now) || now.Size() == 0 {
		return ErrIdle // gone for a moment, the same, or its writer has not begun yet
	}
	if st.Size() > f.input.n {
		return nil // the old file still has bytes
	}
	next, err := os.Open(f.name)
	if err != nil {
		return ErrIdle
	}
	f.remark("another file took the name; reading goes on with it")
	_ = f.file.Close()
	f.file = next
	return f.again(next)
}

// rotated goes on with the next file of a rotation, once the writer has begun it. The old one is read to its end first.
func (f *File) rotated() error {
	path := f.opt.Next(f.path)
	if path == "" {
		return ErrIdle
	}
	next, err := os.Open(path)
	if err != nil {
		return ErrIdle // taken away meanwhile: there will be another
	}
	if st, err := f.file.Stat(); err == nil && st.Size() > f.input.n {
		_ = next.Close()
		return nil
	}
	if k := f.rd.Pending(); k > 0 {
		f.remark(path + " goes on")
	}
	_ = f.file.Close()
	f.file, f.path = next, path
	return f.again(next)
}

// remark keeps a note about the file as a whole.
func (f *File) remark(what string) {
	if k := f.rd.Pending(); k > 0 {
		what += fmt.Sprintf(" (the last %d bytes of the old one were an incomplete record)", k)
		f.prior.skipped++
	}
	if len(f.notes) < maxNotes {
		f.notes = append(f.notes, Note{f.rd.Offset(), what})
	}
}

// again starts over with the input r, keeping numbers and counts.
func (f *File) again(r io.Reader) error {
	f.learn()
	s := f.Stats()
	f.notes = s.SkippedNotes
	f.prior = priorFile{
		ifaces: len(f.ifaces), frames: f.prior.frames + f.rd.Frames(), skipped: s.Skipped,
		lost: s.KernelLost, known: s.LossKnown, bytes: s.InputBytes,
	}
	f.rd.Close()
	f.index = f.index[:0]
	return f.start(r)
}
