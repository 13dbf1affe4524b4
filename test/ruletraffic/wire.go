package ruletraffic

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// ends are the two sides of a conversation.
type ends struct{ client, server netip.AddrPort }

func (e ends) from(d Dir) (src, dst netip.AddrPort) {
	if d == ToServer {
		return e.client, e.server
	}
	return e.server, e.client
}

// look are header fields of the packets that travel the way of what matches.
type look struct {
	fields map[string]int // ttl, id, tos, window, seq, ack, mss, wscale, itype, icode, icmp_id, icmp_seq, mtu, fragoffset
	bits   int            // M 1, D 2, R 4; -1: as they come
	option []byte         // of IPv4
	flags  int            // of TCP; -1: as they come
}

func (l *look) get(name string, otherwise int) int {
	if v, ok := l.fields[name]; ok {
		return v
	}
	return otherwise
}

// wire turns a conversation into frames.
type wire struct {
	ends
	look   look
	dir    Dir // the way of what matches
	frames [][]byte
	seq    [2]uint32
	id     uint16
}

func (w *wire) ip(d Dir) packettest.IP {
	if d != w.dir {
		return packettest.IP{}
	}
	w.id++ // two packets that are equal to the byte would be one, seen twice
	return packettest.IP{TTL: uint8(w.look.get("ttl", 61)), TOS: uint8(w.look.get("tos", 0)), ID: uint16(w.look.get("id", int(w.id))), Options: w.look.option}
}

// add puts a frame on the wire; the way of what matches has its marks.
func (w *wire) add(d Dir, frame []byte) {
	if d == w.dir && (w.look.bits >= 0 || w.look.fields["fragoffset"] > 0 || w.look.fields["ttl"] == 0 && w.has("ttl")) {
		mark(frame, &w.look, w.has("ttl"))
	}
	w.frames = append(w.frames, frame)
}

func (w *wire) has(name string) bool { _, ok := w.look.fields[name]; return ok }

// mark writes bits into an IPv4 header and sets its checksum right.
func mark(frame []byte, l *look, ttl bool) {
	ip := frame[14:]
	at := binary.BigEndian.Uint16(ip[6:])
	if l.bits >= 0 {
		at &= 0x1fff
		for i, bit := range []uint16{0x2000, 0x4000, 0x8000} {
			if l.bits>>i&1 != 0 {
				at |= bit
			}
		}
	}
	at |= uint16(l.fields["fragoffset"])
	binary.BigEndian.PutUint16(ip[6:], at)
	if ttl {
		ip[8] = byte(l.fields["ttl"])
	}
	ip[10], ip[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < int(ip[0]&15)*4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
}

// segment sends one TCP segment.
func (w *wire) segment(d Dir, flags uint16, data []byte) {
	src, dst := w.from(d)
	t := packettest.TCP{Src: src.String(), Dst: dst.String(), Seq: w.seq[d], Ack: w.seq[d.other()], Flags: flags, Payload: string(data), IP: w.ip(d)}
	if flags&packet.ACK == 0 {
		t.Ack = 0
	}
	if d == w.dir {
		if v, ok := w.look.fields["window"]; ok {
			t.Window, t.ZeroWindow = uint16(v), v == 0
		}
		if flags&packet.SYN != 0 {
			t.MSS = uint16(w.look.get("mss", 0))
			if v, ok := w.look.fields["wscale"]; ok {
				if t.WScale = v; v == 0 {
					t.WScale = packettest.NoScale
				}
			}
		}
		if v, ok := w.look.fields["ack"]; ok && flags&packet.ACK == 0 {
			t.Ack = uint32(v)
		}
	}
	w.seq[d] += uint32(len(data))
	if flags&(packet.SYN|packet.FIN) != 0 {
		w.seq[d]++
	}
	w.add(d, t.Frame())
}

// begin chooses the first sequence numbers, so that the first data of the way of what matches has those that are asked for.
func (w *wire) begin(handshake bool) {
	w.seq = [2]uint32{0x1000, 0x2000}
	less := uint32(0)
	if handshake {
		less = 1
	}
	if v, ok := w.look.fields["seq"]; ok {
		w.seq[w.dir] = uint32(v) - less
	}
	if v, ok := w.look.fields["ack"]; ok {
		w.seq[w.dir.other()] = uint32(v) - less
	}
	if !handshake {
		return
	}
	w.segment(ToServer, packet.SYN, nil)
	w.segment(ToClient, packet.SYN|packet.ACK, nil)
	w.segment(ToServer, packet.ACK, nil)
}

// mostSegment is how much one segment carries.
const mostSegment = 1400

// tcp sends messages, each acknowledged, in segments of at most the sizes that cut says.
func (w *wire) tcp(messages []message, cut func(*message) int) {
	for i := range messages {
		x := &messages[i]
		data := x.data
		for first := true; len(data) > 0; first = false {
			n := min(len(data), mostSegment)
			if k := cut(x); first && k > 0 && k < n {
				n = k
			}
			w.segment(x.dir, packet.PSH|packet.ACK, data[:n])
			w.segment(x.dir.other(), packet.ACK, nil)
			data = data[n:]
		}
	}
}

// end closes the connection from both sides.
func (w *wire) end() {
	w.segment(ToServer, packet.FIN|packet.ACK, nil)
	w.segment(ToClient, packet.FIN|packet.ACK, nil)
	w.segment(ToServer, packet.ACK, nil)
}

func (w *wire) udp(d Dir, data []byte) {
	src, dst := w.from(d)
	w.add(d, packettest.UDP{Src: src.String(), Dst: dst.String(), Payload: string(data), IP: w.ip(d)}.Frame())
}

func (w *wire) icmp(d Dir, data []byte) {
	src, dst := w.from(d)
	t := uint8(w.look.get("itype", 8))
	if src.Addr().Is6() {
		t = uint8(w.look.get("itype", 128))
		if v, ok := w.look.fields["mtu"]; ok {
			w.frames = append(w.frames, packettest.ICMP{Src: src.Addr().String(), Dst: dst.Addr().String(), Type: 2, Rest: uint32(v),
				Quote: packettest.UDP{Src: netip.AddrPortFrom(dst.Addr(), 5000).String(), Dst: netip.AddrPortFrom(src.Addr(), 5001).String(), Payload: "quoted"}.Datagram()}.Frame())
			return
		}
	}
	i := packettest.ICMP{Src: src.Addr().String(), Dst: dst.Addr().String(), Type: t, Code: uint8(w.look.get("icode", 0)),
		Rest: uint32(w.look.get("icmp_id", 7))<<16 | uint32(w.look.get("icmp_seq", 1)), Payload: string(data), IP: w.ip(d)}
	if len(data) == 0 && (t == 3 || t == 4 || t == 5 || t == 11 || t == 12) {
		i.Quote = packettest.UDP{Src: dst.Addr().String() + ":5000", Dst: src.Addr().String() + ":5001", Payload: "quoted"}.Datagram()[:28]
		i.Rest = 0
	}
	w.add(d, i.Frame())
}

func (w *wire) other(d Dir, proto uint8, data []byte) {
	src, dst := w.from(d)
	if len(data) == 0 {
		data = []byte(fmt.Sprintf("protocol %d, no more", proto))
	}
	w.add(d, packettest.Raw{Src: src.Addr().String(), Dst: dst.Addr().String(), Proto: proto, Payload: string(data), IP: w.ip(d)}.Frame())
}
