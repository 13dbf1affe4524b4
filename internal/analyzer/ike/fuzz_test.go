package ike

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// header2 begins a message of version 2.
func header2(exchange, flags uint8, id uint32) Header {
	return Header{InitSPI: 1, Major: 2, Exchange: exchange, Flags: flags, MessageID: id, Length: HeaderLen}
}

func (h Header) bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, h.InitSPI)
	b = binary.BigEndian.AppendUint64(b, h.RespSPI)
	b = append(b, h.Next, h.Major<<4|h.Minor, h.Exchange, h.Flags)
	b = binary.BigEndian.AppendUint32(b, h.MessageID)
	return binary.BigEndian.AppendUint32(b, h.Length)
}

// message1 is a message of version 1 with one payload.
func message1(kind uint8, body []byte) []byte {
	b := Header{InitSPI: 1, Major: 1, Exchange: MainMode, Next: kind, Length: uint32(HeaderLen + 4 + len(body))}.bytes()
	b = append(b, 0, 0, byte((len(body)+4)>>8), byte(len(body)+4))
	return append(b, body...)
}

// chain1 puts a payload before those of a message.
func chain1(b []byte, kind uint8, body []byte) []byte {
	out := append([]byte(nil), b[:HeaderLen]...)
	out = append(out, out[16], 0, byte((len(body)+4)>>8), byte(len(body)+4))
	out[16] = kind
	out = append(append(out, body...), b[HeaderLen:]...)
	binary.BigEndian.PutUint32(out[24:], uint32(len(out)))
	return out
}

// natMessage is a message with hashes of addresses as its sender knows them.
func natMessage(h Header, major uint8, src string, sport uint16, dst string, dport uint16) []byte {
	sum := func(a string, port uint16) []byte {
		in := binary.BigEndian.AppendUint64(nil, h.InitSPI)
		in = binary.BigEndian.AppendUint64(in, h.RespSPI)
		addr := packet.MustAddr(a)
		in = append(in, addr[12:]...)
		s := sha1.Sum(binary.BigEndian.AppendUint16(in, port))
		return s[:]
	}
	var b []byte
	if major == 1 {
		h.Major, h.Exchange, h.Flags = 1, MainMode, 0
		b = chain1(h.bytes(), payloadNATD1, sum(src, sport))
		return chain1(b, payloadNATD1, sum(dst, dport))
	}
	notify := func(t uint16, s []byte) []byte { return append([]byte{0, 0, byte(t >> 8), byte(t)}, s...) }
	b = chain1(h.bytes(), payloadNotify2, notify(NATDetectionDest, sum(dst, dport)))
	return chain1(b, payloadNotify2, notify(NATDetectionSource, sum(src, sport)))
}

// FuzzMessage parses and writes whatever comes: nothing panics, all that is kept is bounded, the same bytes give the
// same.
func FuzzMessage(f *testing.F) {
	for _, name := range []string{"ike-psk-v1", "ike-psk-v1-aggressive", "ike-invalid-ke", "ike-fragment-rfc7383", "ike-sonicwall"} {
		for _, fr := range frames(f, name+"/inside.pcap") {
			if len(fr.Data) > 42 {
				f.Add(fr.Data[42:])
			}
		}
	}
	f.Add(message1(payloadSA1, []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20, 1, 1, 0, 1, 0, 0, 0, 12, 1, 1, 0, 0, 0, 12, 0, 9}))
	var again Message
	f.Fuzz(func(t *testing.T, b []byte) {
		body, _ := unmark(b)
		var m Message
		ok := m.Parse(body)
		if again.Parse(body) != ok {
			t.Fatal("used buffers change the answer")
		}
		if !ok {
			return
		}
		if again.NPayload != m.NPayload || again.NNotify != m.NNotify || !bytes.Equal(again.Text, m.Text) || len(again.Transforms) != len(m.Transforms) {
			t.Fatal("used buffers change the result")
		}
		if len(m.Text) > maxText || len(m.Transforms) > maxTransforms {
			t.Fatalf("%d bytes of text, %d transforms", len(m.Text), len(m.Transforms))
		}
		p := packettest.UDP{Src: "10.0.0.1:4500", Dst: "10.0.0.2:4500", Payload: string(b)}.Packet()
		m.evaluate(p)
		e := New(event.Head{Seen: p.Ref()}, packet.ToClient, m)
		_ = e.AppendEVE(nil, &event.EVE{Version: 8})
		for _, s := range Suites(m.Major, m.Transforms) {
			_, _, _ = s.String(), s.Libreswan(), s.SonicWall()
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	r := newRig(b, nil)
	p := decode(frames(b, "ike-psk-v2/inside.pcap")[0], 1)
	b.SetBytes(int64(len(p.Data)))
	b.ReportAllocs()
	for b.Loop() {
		r.out = r.out[:0]
		r.give(p)
	}
}

func BenchmarkESPInUDP(b *testing.B) {
	r := newRig(b, nil)
	var last *packet.Packet
	for i, f := range frames(b, "esp-one-way/outside.pcap") {
		last = decode(f, uint64(i+1))
		r.give(last)
	}
	b.SetBytes(1400)
	b.ReportAllocs()
	for b.Loop() {
		r.out = r.out[:0]
		r.give(last)
	}
}
