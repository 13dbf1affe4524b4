package pcapfile

import (
	"fmt"
	"io"

	"firestorm/internal/packet"
)

// flushAt is how many bytes a writer collects before it writes.
const flushAt = 64 << 10

// WriterOptions describe the section that a Writer begins.
type WriterOptions struct {
	Hardware, OS, Application string   // shb_hardware, shb_os, shb_userappl; empty = none
	Comments                  []string // opt_comment of the section; see Attachment.Comments
}

// PacketOptions are the options of one packet. The zero value writes none.
type PacketOptions struct {
	Comments []string // opt_comment
	Flags    uint32   // epb_flags, 0 = none: bits 0-1 direction, 1 inbound, 2 outbound (section 4.3.1)
}

// Statistics is an interface statistics block. Counts run from the start of the capture.
type Statistics struct {
	Time              packet.Time // when the counters were read
	Start, End        packet.Time // of the capture; 0 = not written
	Received, Dropped uint64
	Known             bool // Received and Dropped say something; else they are not written
	Comments          []string
}

// Writer writes one pcapng section: little-endian, times in nanoseconds. It collects bytes; call Flush at the
// end, and whenever a reader waits. After an error every call returns it.
type Writer struct {
	w   io.Writer
	e   encoder
	n   int // interfaces
	err error
}

// NewWriter begins a section on w.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	p := &Writer{w: w, e: encoder{order: le}}
	e := &p.e
	at := e.begin(blockSHB)
	e.u32(orderMagic)
	e.u16(1)
	e.u16(0)
	e.u64(1<<64 - 1) // section length not told: the section may grow
	opt := len(e.buf)
	e.comments(o.Comments)
	e.textOption(shbHardware, o.Hardware)
	e.textOption(shbOS, o.OS)
	e.textOption(shbUserAppl, o.Application)
	e.endOptions(opt)
	e.end(at)
	return p, p.Flush()
}

// AddInterface declares an interface and returns its number. Name, Description, Filter, Hardware, OS, Link,
// SnapLen and FCSLen of in are written.
func (p *Writer) AddInterface(in Interface) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if p.n >= MaxInterfaces {
		return 0, fmt.Errorf("pcapng: more than %d interfaces", MaxInterfaces)
	}
	e := &p.e
	at := e.begin(blockIDB)
	e.u16(uint16(in.Link))
	e.u16(0)
	e.u32(in.SnapLen)
	opt := len(e.buf)
	e.textOption(ifName, in.Name)
	e.textOption(ifDescription, in.Description)
	if in.Filter != "" {
		e.option(ifFilter, append([]byte{0}, utf8Cut(in.Filter, maxOption-1)...))
	}
	e.textOption(ifOS, in.OS)
	e.textOption(ifHardware, in.Hardware)
	if in.FCSLen != 0 {
		e.option(ifFCSLen, []byte{in.FCSLen})
	}
	e.option(ifTSResol, []byte{9})
	e.endOptions(opt)
	e.end(at)
	p.n++
	return p.n - 1, p.spill()
}

// WritePacket writes one packet of interface iface. Times before 1970 become 0: the field is unsigned.
func (p *Writer) WritePacket(iface int, t packet.Time, data []byte, wireLen uint32, o PacketOptions) error {
	if p.err != nil {
		return p.err
	}
	if iface < 0 || iface >= p.n {
		return fmt.Errorf("pcapng: interface %d was not declared", iface)
	}
	if len(data) > MaxBlock/2 {
		return fmt.Errorf("pcapng: packet of %d bytes is too long", len(data))
	}
	e := &p.e
	at := e.begin(blockEPB)
	ticks := uint64(max(t, 0))
	e.u32(uint32(iface))
	e.u32(uint32(ticks >> 32))
	e.u32(uint32(ticks))
	e.u32(uint32(len(data)))
	e.u32(max(wireLen, uint32(len(data))))
	e.padded(data)
	opt := len(e.buf)
	e.comments(o.Comments)
	if o.Flags != 0 {
		e.u16(epbFlags)
		e.u16(4)
		e.u32(o.Flags)
	}
	e.endOptions(opt)
	if len(e.buf)-at+4 > MaxBlock {
		e.buf = e.buf[:at]
		return fmt.Errorf("pcapng: packet with its comments is longer than a block may be (%d bytes)", MaxBlock)
	}
	e.end(at)
	return p.spill()
}

// WriteStatistics writes what interface iface received and dropped.
func (p *Writer) WriteStatistics(iface int, s Statistics) error {
	if p.err != nil {
		return p.err
	}
	if iface < 0 || iface >= p.n {
		return fmt.Errorf("pcapng: interface %d was not declared", iface)
	}
	e := &p.e
	at := e.begin(blockISB)
	e.u32(uint32(iface))
	e.ticks(s.Time)
	opt := len(e.buf)
	e.comments(s.Comments)
	for _, o := range []struct {
		code uint16
		t    packet.Time
	}{{isbStart, s.Start}, {isbEnd, s.End}} {
		if o.t > 0 {
			e.u16(o.code)
			e.u16(8)
			e.ticks(o.t)
		}
	}
	if s.Known {
		e.u64Option(isbRecv, s.Received)
		e.u64Option(isbIfDrop, s.Dropped)
	}
	e.endOptions(opt)
	e.end(at)
	return p.spill()
}

// ticks appends a time as pcapng splits it: high word first in either byte order.
func (e *encoder) ticks(t packet.Time) {
	v := uint64(max(t, 0))
	e.u32(uint32(v >> 32))
	e.u32(uint32(v))
}

// WriteBlock writes a block of any type; body must be little-endian and its options closed.
func (p *Writer) WriteBlock(typ uint32, body []byte) error {
	if p.err != nil {
		return p.err
	}
	if len(body) > MaxBlock-16 {
		return fmt.Errorf("pcapng: block of %d bytes is too long", len(body))
	}
	at := p.e.begin(typ)
	p.e.padded(body)
	p.e.end(at)
	return p.spill()
}

func (p *Writer) spill() error {
	if len(p.e.buf) < flushAt {
		return nil
	}
	return p.Flush()
}

// Flush writes out what is collected.
func (p *Writer) Flush() error {
	if p.err == nil && len(p.e.buf) > 0 {
		_, p.err = p.w.Write(p.e.buf)
		p.e.buf = p.e.buf[:0]
	}
	return p.err
}

// PcapWriter writes a plain pcap: one link type, no comments. It collects bytes; call Flush at the end.
type PcapWriter struct {
	w     io.Writer
	buf   []byte
	nanos bool
	err   error
}

// NewPcapWriter begins a file on w. SnapLen 0 is written as MaxPacket, which older readers understand. With
// nanos false times are cut to microseconds.
func NewPcapWriter(w io.Writer, link packet.LinkType, snapLen uint32, nanos bool) (*PcapWriter, error) {
	magic := uint32(magicMicro)
	if nanos {
		magic = magicNano
	}
	if snapLen == 0 {
		snapLen = MaxPacket
	}
	b := le.AppendUint32(nil, magic)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0) // time zone and accuracy: always zero
	b = le.AppendUint32(b, snapLen)
	b = le.AppendUint32(b, uint32(link))
	p := &PcapWriter{w: w, buf: b, nanos: nanos}
	return p, p.Flush()
}

// WritePacket writes one packet. Times outside 1970 to 2106 are clamped.
func (p *PcapWriter) WritePacket(t packet.Time, data []byte, wireLen uint32) error {
	if p.err != nil {
		return p.err
	}
	if len(data) > MaxPacket {
		return fmt.Errorf("pcap: packet of %d bytes is longer than readers take (%d)", len(data), MaxPacket)
	}
	const most = packet.Time(1<<32)*1e9 - 1
	t = min(max(t, 0), most)
	frac := uint32(t % 1e9)
	if !p.nanos {
		frac /= 1000
	}
	p.buf = le.AppendUint32(p.buf, uint32(t/1e9))
	p.buf = le.AppendUint32(p.buf, frac)
	p.buf = le.AppendUint32(p.buf, uint32(len(data)))
	p.buf = le.AppendUint32(p.buf, max(wireLen, uint32(len(data))))
	p.buf = append(p.buf, data...)
	if len(p.buf) >= flushAt {
		return p.Flush()
	}
	return nil
}

// Flush writes out what is collected.
func (p *PcapWriter) Flush() error {
	if p.err == nil && len(p.buf) > 0 {
		_, p.err = p.w.Write(p.buf)
		p.buf = p.buf[:0]
	}
	return p.err
}
