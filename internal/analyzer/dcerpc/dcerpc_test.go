package dcerpc

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func ndr(o binary.AppendByteOrder, s string, pad bool) []byte {
	n := uint32(len(s) + 1)
	b := o.AppendUint32(o.AppendUint32(o.AppendUint32(nil, n), 0), n)
	b = append(append(b, s...), 0)
	for pad && len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// datagram builds a connectionless unit.
func datagram(o binary.AppendByteOrder, t PType, flags byte, seq uint32, frag uint16, body []byte) []byte {
	b := make([]byte, DatagramHeader)
	b[0], b[1], b[2] = 4, byte(t), flags
	if o == binary.LittleEndian {
		b[4] = 0x10
	}
	bo := o.(binary.ByteOrder)
	putUUID(bo, b[24:], Messenger)
	b[40] = 7 // activity
	bo.PutUint32(b[60:], 1)
	bo.PutUint32(b[64:], seq)
	bo.PutUint16(b[74:], uint16(len(body)))
	bo.PutUint16(b[76:], frag)
	return append(b, body...)
}

func putUUID(o binary.ByteOrder, b []byte, u UUID) {
	o.PutUint32(b, binary.BigEndian.Uint32(u[:]))
	o.PutUint16(b[4:], binary.BigEndian.Uint16(u[4:]))
	o.PutUint16(b[6:], binary.BigEndian.Uint16(u[6:]))
	copy(b[8:], u[8:])
}

func stub(o binary.AppendByteOrder, from, to, text string) []byte {
	return append(append(ndr(o, from, true), ndr(o, to, true)...), ndr(o, text, false)...)
}

var le = binary.LittleEndian

func TestPopupBothOrders(t *testing.T) {
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		b := datagram(o, PRequest, 0x28, 9, 0, stub(o, "SYSTEM", "ALERT", "Visit www.example"))
		d, ok := ParseDatagram(b)
		if !ok || d.Iface != Messenger || d.Version != 1 || d.Seq != 9 || d.Opnum != 0 || d.Fragment() {
			t.Fatalf("%v: %+v", o, d)
		}
		p, ok := parsePopup(d.Body, d.Order)
		if !ok || !p.whole || string(p.from) != "SYSTEM" || string(p.to) != "ALERT" || string(p.text) != "Visit www.example" {
			t.Errorf("%v: %q %q %q whole %v", o, p.from, p.to, p.text, p.whole)
		}
		if Messenger.String() != "5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc" || NameOf(d.Iface) != "messenger" {
			t.Error(d.Iface)
		}
		for n := range b {
			ParseDatagram(b[:n]) // no length panics
		}
		short, _ := parsePopup(d.Body[:len(d.Body)-4], d.Order)
		if short.whole || string(short.text) != "Visit www.exam" {
			t.Errorf("cut: %+v %q", short, short.text)
		}
	}
}

// TestNDRBounds: counts that promise more than is there, an offset, a maximum below the count.
func TestNDRBounds(t *testing.T) {
	o := binary.LittleEndian
	word := func(v ...uint32) (b []byte) {
		for _, x := range v {
			b = o.AppendUint32(b, x)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"huge":   append(word(1<<31, 0, 1<<31), "abc"...),
		"offset": append(word(4, 1, 4), "abc"...),
		"less":   append(word(3, 0, 4), "abc"...),
		"head":   word(4, 0)[:7],
	} {
		if _, ok := parsePopup(b, o); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestProbe(t *testing.T) {
	o := binary.LittleEndian
	good := datagram(o, PRequest, 0x28, 1, 0, stub(o, "a", "b", "c"))
	other := append([]byte(nil), good...)
	other[24] ^= 1 // another interface
	long := append([]byte(nil), other...)
	o.PutUint16(long[74:], 5000)
	reserved := append([]byte(nil), other...)
	reserved[2] |= 0x80
	dns := make([]byte, 120) // a query whose identifier begins with 04 00
	copy(dns, []byte{4, 0, 1, 0, 0, 1})
	bind := unit(PBind, 3, 1, make([]byte, 12))
	for _, tc := range []struct {
		name string
		b    []byte
		want analyzer.Answer
	}{
		{"messenger", good, analyzer.Yes},
		{"other interface", other, analyzer.Yes},
		{"length beyond the datagram", long, analyzer.No},
		{"reserved flags", reserved, analyzer.No},
		{"dns", dns, analyzer.No},
		{"short", good[:79], analyzer.No},
		{"bind", bind, analyzer.Yes},
		{"bind, 15 bytes", bind[:15], analyzer.More},
		{"nothing", nil, analyzer.More},
		{"text", []byte("GET / HTTP/1.1"), analyzer.No},
		{"tiny unit", unit(PRequest, 3, 1, nil)[:16], analyzer.Yes},
		{"unit shorter than its head", func() []byte { b := unit(PRequest, 3, 1, nil); b[8] = 15; return b }(), analyzer.No},
	} {
		if got := probe(packet.ToServer, tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// unit builds a connection-oriented unit, little endian.
func unit(t PType, flags byte, call uint32, body []byte) []byte {
	o := binary.LittleEndian
	b := []byte{5, 0, byte(t), flags, 0x10, 0, 0, 0}
	b = o.AppendUint16(b, uint16(StreamHeader+len(body)))
	b = o.AppendUint16(b, 0)
	return append(o.AppendUint32(b, call), body...)
}

func bindBody(id uint16, iface UUID) []byte {
	o := binary.LittleEndian
	b := append(o.AppendUint32(o.AppendUint32(nil, 0), 0), 1, 0, 0, 0)
	b = append(o.AppendUint16(b, id), 1, 0)
	u := make([]byte, 16)
	putUUID(o, u, iface)
	b = o.AppendUint32(append(b, u...), 1)
	return append(b, make([]byte, 20)...)
}

func bindAckBody(result uint16) []byte {
	o := binary.LittleEndian
	b := o.AppendUint32(o.AppendUint32(nil, 0), 0)
	b = append(o.AppendUint16(b, 5), "1026\x00"...)
	b = append(b, make([]byte, 1)...) // to a multiple of four
	b = append(b, 1, 0, 0, 0)
	b = append(o.AppendUint16(b, result), 0, 0)
	return append(b, make([]byte, 20)...)
}

func call(opnum uint16, stub []byte) []byte {
	o := binary.LittleEndian
	b := o.AppendUint32(nil, uint32(len(stub)))
	return append(o.AppendUint16(o.AppendUint16(b, 3), opnum), stub...)
}

// conversation is a bind, a pop-up and a fault over TCP.
func conversation() [2][]byte {
	o := binary.LittleEndian
	toServer := append(unit(PBind, 3, 1, bindBody(3, Messenger)), unit(PRequest, 3, 2, call(0, stub(o, "A", "B", strings.Repeat("text ", 40))))...)
	toServer = append(toServer, unit(PRequest, 3, 3, call(7, make([]byte, 500)))...)
	toServer = append(toServer, unit(PRequest, 3, 4, call(8, nil))...)
	toClient := append(unit(PBindAck, 3, 1, bindAckBody(0)), unit(PResponse, 3, 2, make([]byte, 8+4))...)
	fault := make([]byte, 16)
	o.PutUint32(fault[8:], 0x1c010002)
	return [2][]byte{toServer, append(toClient, unit(PFault, 3, 3, fault)...)}
}

// play runs a TCP conversation through the dispatcher, cut into pieces of size bytes.
func play(t *testing.T, both [2][]byte, size int) []event.Event {
	t.Helper()
	return packets(t, frames(both, size)...)
}

func frames(both [2][]byte, size int) []*packet.Packet {
	return analyzertest.Exchange("10.0.0.1:4000", "10.0.0.2:1026", both, size)
}

func packets(t *testing.T, ps ...*packet.Packet) []event.Event {
	t.Helper()
	return analyzertest.Packets(t, []analyzer.Def{Def}, nil, ps...)
}

func tell(es []event.Event) (out []string) {
	for _, e := range es {
		switch x := e.(type) {
		case *Call:
			out = append(out, fmt.Sprintf("%s %s id %d iface %s op %d ask %d/%d ans %d/%d status %x results %v", x.Request, x.Response, x.ID, NameOf(x.Iface), x.Opnum,
				x.AskFrags, x.AskBytes, x.AnsFrags, x.AnsBytes, x.Status, x.Offered))
		case *Popup:
			out = append(out, fmt.Sprintf("popup %q %q %d whole %v part %v", x.From, x.To, len(x.Text), x.Whole, x.Fragment))
		}
	}
	return out
}

func TestConnectionAnyCut(t *testing.T) {
	want := tell(play(t, conversation(), 1<<15))
	if len(want) != 5 {
		t.Fatalf("%d events: %q", len(want), want)
	}
	joined := strings.Join(want, "\n")
	for _, part := range []string{`popup "A" "B" 200 whole true part false`, "BIND BINDACK id 1", "REQUEST RESPONSE id 2 iface messenger op 0", "REQUEST FAULT id 3 iface messenger op 7 ask 1/500 ans 1/8 status 1c010002",
		"REQUEST REQUEST id 4 iface messenger op 8"} {
		if !strings.Contains(joined, part) {
			t.Errorf("no %q in\n%s", part, joined)
		}
	}
	for _, size := range []int{1, 7, 16, 100} {
		if got := tell(play(t, conversation(), size)); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d:\n%q\nwant\n%q", size, got, want)
		}
	}
}

func udp(n uint64, back bool, b []byte) *packet.Packet {
	u := packettest.UDP{Src: "10.0.0.1:4000", Dst: "10.0.0.2:1026", Payload: string(b)}
	if back {
		u.Src, u.Dst = u.Dst, u.Src
	}
	return packettest.At(u.Frame(), n, packet.Time(1e15)+packet.Time(n*1e6))
}

func TestDatagrams(t *testing.T) {
	o := binary.LittleEndian
	es := packets(t, udp(1, false, datagram(o, PRequest, 0x28, 5, 0, stub(o, "S", "A", "hello"))),
		udp(2, false, datagram(o, PRequest, 0x28, 5, 0, stub(o, "S", "A", "hello"))), // a repeat is the same call
		udp(3, true, datagram(o, PResponse, 0x08, 5, 0, make([]byte, 4))),
		udp(4, false, datagram(o, PRequest, 0x04, 6, 1, []byte("rest of a text"))))
	got := tell(es)
	want := []string{`popup "S" "A" 5 whole true part false`, `popup "S" "A" 5 whole true part false`,
		"REQUEST RESPONSE id 5 iface messenger op 0 ask 1/50 ans 1/4 status 0 results []", `popup "" "" 14 whole false part true`,
		"REQUEST REQUEST id 6 iface messenger op 0 ask 1/14 ans 0/0 status 0 results []"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if x := es[2].(*Call); x.Answered.Frame != 3 || x.Asked.Frame != 1 || !es[4].(*Call).Answered.IsZero() {
		t.Errorf("frames: %+v", x)
	}
	if x := es[0].(*Popup); x.Sender().Port != 4000 || x.Receiver().Port != 1026 || x.TTL == 0 || x.Size == 0 {
		t.Errorf("%+v", x)
	}
}

// TestOpenIsBounded: requests that nobody answers do not pile up.
func TestOpenIsBounded(t *testing.T) {
	o := binary.LittleEndian
	var ps []*packet.Packet
	for i := range 50 {
		ps = append(ps, udp(uint64(i+1), false, datagram(o, PRequest, 0x28, uint32(i), 0, nil)))
	}
	early := 0
	for _, e := range packets(t, ps...) {
		if x, ok := e.(*Call); ok && x.Head().Seen.Frame < 50 {
			early++
		}
	}
	if early != 50-maxOpen-1 {
		t.Errorf("%d calls were told before the end, want %d", early, 50-maxOpen-1)
	}
}

func FuzzDatagram(f *testing.F) {
	o := binary.LittleEndian
	f.Add(datagram(o, PRequest, 0x28, 1, 0, stub(o, "SYSTEM", "ALERT", "text")))
	f.Add(datagram(binary.BigEndian, PRequest, 0x28, 1, 0, stub(binary.BigEndian, "SYSTEM", "ALERT", "text")))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := ParseDatagram(b)
		if ok != (len(b) >= DatagramHeader && b[0] == 4 && PType(b[1]) <= PCancelAck && validDrep(b[4:7])) {
			t.Error("accepts otherwise than it says")
		}
		if !ok {
			return
		}
		if len(d.Body) > int(d.Len) || len(d.Body) > len(b)-DatagramHeader {
			t.Error("body beyond its bounds")
		}
		if p, ok := parsePopup(d.Body, d.Order); ok && len(p.from)+len(p.to)+len(p.text) > 3*len(d.Body) {
			t.Error("strings longer than the stub")
		}
	})
}

func FuzzConnection(f *testing.F) {
	c := conversation()
	f.Add(c[0], c[1], 5)
	f.Fuzz(func(t *testing.T, a, b []byte, size int) {
		if len(a)+len(b) > 4096 {
			return
		}
		size = max(1, size%64)
		if got, want := tell(play(t, [2][]byte{a, b}, size)), tell(play(t, [2][]byte{a, b}, 1<<15)); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d: %q, whole %q", size, got, want)
		}
	})
}

func BenchmarkConnection(b *testing.B) {
	data := unit(PRequest, 3, 2, call(3, make([]byte, 4000)))
	answer := unit(PResponse, 3, 2, make([]byte, 4000))
	both := [2][]byte{}
	for range 200 {
		both[0], both[1] = append(both[0], data...), append(both[1], answer...)
	}
	b.SetBytes(int64(len(both[0]) + len(both[1])))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		ps := frames(both, 1400)
		b.StartTimer()
		bench(ps)
	}
}

func bench(ps []*packet.Packet) {
	var out []event.Event
	r, _ := analyzer.NewRegistry([]analyzer.Def{Def}, nil)
	table := flow.New(flow.Options{MaxFlows: 100})
	d, _ := analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: table.Head})
	for _, p := range ps {
		h := table.Packet(p, &out)
		d.Packet(p, h, &out)
		out = out[:0]
	}
}
