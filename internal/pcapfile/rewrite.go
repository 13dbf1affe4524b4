package pcapfile

import (
	"bytes"
	"errors"
	"io"
)

// RewriteOptions say what Rewrite changes. The zero value copies a pcapng octet for octet.
type RewriteOptions struct {
	// Edit, when set, is asked for each packet whether to keep it and which comments to add. rec is borrowed.
	Edit func(rec *Record) (keep bool, comments []string)
	// Comments are added to the first section header, e.g. from Attachment.Comments.
	Comments []string
	// DropSecrets leaves out decryption secrets blocks: they open the TLS sessions of the capture.
	DropSecrets bool
	// Application is shb_userappl when the input is a pcap, which has no section header to keep.
	Application string
}

// changes reports whether the copy may differ from the input.
func (o *RewriteOptions) changes() bool { return o.Edit != nil || len(o.Comments) > 0 || o.DropSecrets }

// Custom options (draft-ietf-opsawg-pcapng, section 3.5.1) that must not be copied into a changed file.
const (
	optCustomTextNoCopy = 19372
	optCustomDataNoCopy = 19373
)

// Rewrite copies the capture src, which must not be compressed, to dst as pcapng. Blocks and options it does not
// know are kept as they are, interfaces and statistics too; what a changed file must not carry (custom blocks and
// options marked so) is left out once something may change. A pcap is converted. On damage it returns *Error after
// writing what came before.
func Rewrite(dst io.Writer, src io.Reader, o RewriteOptions) error {
	r := NewReader(src, Options{})
	defer r.Close()
	if err := r.Start(); err != nil {
		return err
	}
	if r.Format() == FormatPcap {
		return convert(dst, r, o)
	}
	// Start has read the first section header and moved on; it is still in the block.
	c := copier{dst: dst, r: r, o: o, changes: o.changes(), e: encoder{order: le}}
	c.section(r.w.cur.buf[:r.w.r], o.Comments)
	for {
		if err := c.spill(flushAt); err != nil {
			return err
		}
		var rec Record
		typ, size, got, err := r.step(&rec)
		if err != nil {
			if werr := c.spill(1); werr != nil {
				return werr
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.block(typ, r.w.cur.buf[r.w.r:r.w.r+size], got, &rec)
		r.w.r += size
	}
}

// copier carries the state of one Rewrite.
type copier struct {
	dst     io.Writer
	r       *Reader
	o       RewriteOptions
	changes bool
	e       encoder
}

// spill writes out once there are at least n bytes.
func (c *copier) spill(n int) error {
	if len(c.e.buf) < n {
		return nil
	}
	_, err := c.dst.Write(c.e.buf)
	c.e.buf = c.e.buf[:0]
	return err
}

// block copies one block, or leaves it out.
func (c *copier) block(typ uint32, raw []byte, isPacket bool, rec *Record) {
	c.e.order = le
	if c.r.ng.big {
		c.e.order = be
	}
	switch {
	case !c.changes:
		c.e.buf = append(c.e.buf, raw...)
	case typ == blockDCB, typ == blockDSB && c.o.DropSecrets:
	case typ == blockSHB:
		c.section(raw, nil)
	case isPacket:
		c.packet(typ, raw, rec)
	case typ == blockIDB:
		c.tail(raw, 16, nil)
	case typ == blockISB:
		c.tail(raw, 20, nil)
	default:
		c.e.buf = append(c.e.buf, raw...)
	}
}

// section copies a section header with more comments. In a changed file its length is not known beforehand.
func (c *copier) section(raw []byte, comments []string) {
	if !c.changes {
		c.e.buf = append(c.e.buf, raw...)
		return
	}
	c.e.order = le
	if c.r.ng.big {
		c.e.order = be
	}
	at := len(c.e.buf)
	c.tail(raw, 24, comments)
	copy(c.e.buf[at+16:at+24], bytes.Repeat([]byte{0xff}, 8))
}

func (c *copier) packet(typ uint32, raw []byte, rec *Record) {
	var comments []string
	if c.o.Edit != nil {
		keep, cs := c.o.Edit(rec)
		if !keep {
			return
		}
		comments = cs
	}
	if typ == blockSPB { // has no options
		c.e.buf = append(c.e.buf, raw...)
		return
	}
	capLen := int(c.r.ng.u32(raw[20:]))
	c.tail(raw, 28+(capLen+3)&^3, comments)
}

// tail copies a block whose options begin at off, without the options that may not be copied, with comments added.
func (c *copier) tail(raw []byte, off int, comments []string) {
	at := len(c.e.buf)
	end := len(raw) - 4
	off = min(off, end)
	c.e.buf = append(c.e.buf, raw[:off]...)
	opt := len(c.e.buf)
	for b := raw[off:end]; ; {
		code, val, rest, ok := c.r.ng.nextOption(b)
		if !ok {
			break
		}
		if code != optCustomTextNoCopy && code != optCustomDataNoCopy {
			c.e.option(code, val)
		}
		b = rest
	}
	c.e.comments(comments)
	c.e.endOptions(opt)
	c.e.end(at)
}

// convert writes the packets of a pcap as pcapng.
func convert(dst io.Writer, r *Reader, o RewriteOptions) error {
	w, err := NewWriter(dst, WriterOptions{Application: o.Application, Comments: o.Comments})
	if err != nil {
		return err
	}
	in := r.Interfaces()[0]
	in.FCSLen = 0 // stripped on reading
	if _, err := w.AddInterface(in); err != nil {
		return err
	}
	var rec Record
	for {
		err := r.Next(&rec)
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		var po PacketOptions
		if o.Edit != nil {
			keep, comments := o.Edit(&rec)
			if !keep {
				continue
			}
			po.Comments = comments
		}
		if err := w.WritePacket(0, rec.Time, rec.Data, rec.WireLen, po); err != nil {
			return err
		}
	}
}
