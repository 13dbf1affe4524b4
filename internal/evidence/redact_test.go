package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/header"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/pcapfile"
)

const secret = "PASS hunter2 of alice, told to nobody"

func ethernet(data []byte) *packet.Packet {
	p := &packet.Packet{Data: data, Link: packet.LinkEthernet, WireLen: uint32(len(data))}
	packet.Decode(p, &packet.Options{Checksums: packet.ChecksumsAll})
	return p
}

// again decodes what a redactor made of a frame, as if zeroes stood where it was cut: then checksums can be judged.
func again(p *packet.Packet, out []byte) *packet.Packet {
	whole := append(append([]byte(nil), out...), make([]byte, len(p.Data)-len(out))...)
	q := &packet.Packet{Data: whole, Link: p.Link, WireLen: p.WireLen}
	packet.Decode(q, &packet.Options{Checksums: packet.ChecksumsAll})
	return q
}

func TestRedactedFrames(t *testing.T) {
	r := NewRedactor(testKey(1))
	tcp := packettest.TCP{Src: "10.0.0.1:40000", Dst: "192.0.2.7:21", Seq: 7, Ack: 9, Flags: packet.ACK | packet.PSH, TSVal: 5, TSEcr: 6,
		Options: []byte{19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Payload: secret}
	tcp6 := packettest.TCP{Src: "[2001:db8::1]:40000", Dst: "[2001:db8::2]:21", Flags: packet.ACK, Payload: secret}
	bad := tcp
	bad.BadChecksum = true
	for name, data := range map[string][]byte{
		"tcp": tcp.Frame(), "tcp6": tcp6.Frame(), "bad checksum": bad.Frame(),
		"udp":  packettest.UDP{Src: "10.0.0.1:5000", Dst: "10.0.0.2:53", Payload: secret}.Frame(),
		"udp6": packettest.UDP{Src: "[fe80::1]:5000", Dst: "[ff02::fb]:5353", Payload: secret}.Frame(),
	} {
		p := ethernet(data)
		before := bytes.Clone(data)
		out := bytes.Clone(r.Frame(p))
		if !bytes.Equal(before, data) {
			t.Errorf("%s: the frame itself was changed", name)
		}
		q := again(p, out)
		if q.Src != r.Map.Addr(p.Src) || q.Dst != r.Map.Addr(p.Dst) || q.SrcMAC != r.Map.MAC(p.SrcMAC) || q.DstMAC != r.Map.MAC(p.DstMAC) {
			t.Errorf("%s: %s > %s became %s > %s", name, p.Src, p.Dst, q.Src, q.Dst)
		}
		if q.SrcPort != p.SrcPort || q.Seq != p.Seq || q.TSVal != p.TSVal || q.PayloadWire != p.PayloadWire || q.TTL != p.TTL {
			t.Errorf("%s: what diagnoses need is gone: %+v", name, q)
		}
		if len(out) != len(data)-len(secret) || bytes.Contains(out, []byte("PASS")) || bytes.Contains(out, []byte{13, 14, 15, 16}) {
			t.Errorf("%s: %d bytes of %d are left: % x", name, len(out), len(data), out)
		}
		if want := p.L4Sum; q.L4Sum != want || q.IPVersion == 4 && q.IPSum != packet.SumGood {
			t.Errorf("%s: checksums %v and %v, want %v", name, q.IPSum, q.L4Sum, want)
		}
	}
}

// A frame that has no payload stays whole, with its padding, and its checksum can be verified.
func TestRedactedFrameWithoutPayloadIsWhole(t *testing.T) {
	r := NewRedactor(testKey(1))
	data := append(packettest.TCP{Src: "10.0.0.1:40000", Dst: "192.0.2.7:21", Flags: packet.SYN}.Frame(), "padpad"...)
	out := r.Frame(ethernet(data))
	q := ethernet(bytes.Clone(out))
	if len(out) != len(data) || q.L4Sum != packet.SumGood || q.Truncated() || bytes.Contains(out, []byte("pad")) {
		t.Errorf("%d bytes of %d, %v: % x", len(out), len(data), q.L4Sum, out)
	}
}

func TestRedactedErrorsAndNeighbours(t *testing.T) {
	r := NewRedactor(testKey(1))
	quoted := packettest.UDP{Src: "10.0.0.1:5000", Dst: "192.0.2.9:53", Payload: secret}.Datagram()
	icmp := packettest.ICMP{Src: "192.0.2.254", Dst: "10.0.0.1", Type: 3, Code: 3, Payload: string(quoted)}.Frame()
	p := ethernet(icmp)
	if !p.HasQuoted {
		t.Fatal("the frame quotes nothing")
	}
	q := again(p, r.Frame(p))
	if q.Quoted.Src != r.Map.Addr(p.Quoted.Src) || q.Quoted.Dst != r.Map.Addr(p.Quoted.Dst) || q.Quoted.SrcPort != 5000 || q.L4Sum != packet.SumGood {
		t.Errorf("the quoted packet became %+v, %v", q.Quoted, q.L4Sum)
	}
	if bytes.Contains(q.Data, []byte("PASS")) {
		t.Error("the quoted payload is there")
	}

	arp := packettest.ARP{Op: 1, SenderMAC: "02:00:00:00:00:01", SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame()
	out := r.Frame(ethernet(arp))
	if got := packet.Addr4(out[28:]); got != r.Map.Addr(packet.MustAddr("10.0.0.1")) {
		t.Errorf("the sender of an ARP request became %s", got)
	}
	if got := packet.Addr4(out[38:]); got != r.Map.Addr(packet.MustAddr("10.0.0.2")) {
		t.Errorf("what an ARP request asks for became %s", got)
	}

	ns := make([]byte, 32) // a neighbour solicitation with the sender's card
	ns[0] = 135
	target := packet.MustAddr("fe80::12:3456")
	copy(ns[8:], target[:])
	copy(ns[24:], []byte{1, 1, 2, 0, 0, 0, 0, 1})
	src, dst := packet.MustAddr("fe80::1"), packet.MustAddr("ff02::1:ff12:3456")
	binary.BigEndian.PutUint16(ns[2:], ^header.Sum(header.PseudoSum(src[:], dst[:], 58, len(ns)), ns))
	data := packettest.Raw{Src: "fe80::1", Dst: "ff02::1:ff12:3456", Proto: 58, Payload: string(ns)}.Frame()
	p = ethernet(data)
	q = again(p, r.Frame(p))
	body := q.Data[54:]
	if got := packet.Addr6(body[8:]); got != r.Map.Addr(target) || [3]byte(got[13:]) != [3]byte(q.Dst[13:]) {
		t.Errorf("the solicited node became %s, asked at %s", got, q.Dst)
	}
	if got := packet.MAC(body[26:32]); got != r.Map.MAC(packet.MAC{2, 0, 0, 0, 0, 1}) || q.L4Sum != packet.SumGood {
		t.Errorf("the sender's card became %s, checksum %v", got, q.L4Sum)
	}
}

// Inside a tunnel the same holds, and outer checksums span what was changed inside.
func TestRedactedTunnel(t *testing.T) {
	r := NewRedactor(testKey(1))
	inner := packettest.TCP{Src: "10.9.0.1:40000", Dst: "10.9.0.2:80", Flags: packet.ACK, Payload: secret}.Frame()
	data := packettest.UDP{Src: "192.0.2.1:1000", Dst: "192.0.2.2:4789", Payload: string(append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, inner...))}.Frame()
	p := ethernet(data)
	if p.Src != packet.MustAddr("10.9.0.1") {
		t.Fatalf("the tunnel was not opened: %s", p.Src)
	}
	out := r.Frame(p)
	q := again(p, out)
	if q.Src != r.Map.Addr(p.Src) || q.L4Sum != packet.SumGood || packet.Addr4(q.Data[26:]) != r.Map.Addr(packet.MustAddr("192.0.2.1")) {
		t.Errorf("%s, %v", q.Src, q.L4Sum)
	}
	udp := q.Data[34:]
	sum := header.Sum(header.PseudoSum(q.Data[26:30], q.Data[30:34], 17, len(udp)), udp)
	if sum != 0xffff {
		t.Errorf("the outer checksum is wrong: %04x", sum)
	}
}

// eachFrame calls give with the frames of some captures of every sort, as many of each as most.
func eachFrame(t *testing.T, most int, give func(name string, p *packet.Packet)) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(captures, "*", "*.pcap*"))
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	for i, name := range names {
		if i%5 != 0 {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		r := pcapfile.NewReader(f, pcapfile.Options{})
		for range most {
			var rec pcapfile.Record
			if err := r.Next(&rec); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(name, err)
			}
			give(name, &packet.Packet{Data: rec.Data, Time: rec.Time, Frame: rec.Frame, Link: rec.Link, WireLen: rec.WireLen})
		}
		f.Close()
	}
}

// Frames of real traffic: every address is mapped, every checksum that was right is right, nothing of a payload is left.
func TestRedactedCaptures(t *testing.T) {
	r := NewRedactor(testKey(9))
	n, payloads := 0, 0
	eachFrame(t, 40, func(name string, p *packet.Packet) {
		packet.Decode(p, &packet.Options{Checksums: packet.ChecksumsAuto})
		out := bytes.Clone(r.Frame(p))
		q := again(p, out)
		n++
		at := strings.TrimPrefix(name, captures+"/")
		if p.IPVersion != 0 && (q.Src != r.Map.Addr(p.Src) || q.Dst != r.Map.Addr(p.Dst)) {
			t.Errorf("%s frame %d: %s > %s became %s > %s", at, p.Frame, p.Src, p.Dst, q.Src, q.Dst)
		}
		if p.HasQuoted && (q.Quoted.Src != r.Map.Addr(p.Quoted.Src) || q.Quoted.Dst != r.Map.Addr(p.Quoted.Dst)) {
			t.Errorf("%s frame %d: quotes %+v, was %+v", at, p.Frame, q.Quoted, p.Quoted)
		}
		if p.IPSum == packet.SumGood && q.IPSum != packet.SumGood && q.IPSum != packet.SumUnchecked {
			t.Errorf("%s frame %d: IP checksum %v", at, p.Frame, q.IPSum)
		}
		if p.L4Sum == packet.SumGood && q.L4Sum != packet.SumGood && q.L4Sum != packet.SumUnchecked {
			t.Errorf("%s frame %d: transport checksum %v (%v %v)", at, p.Frame, q.L4Sum, p.Proto, p.Layers[:p.NLayer])
		}
		if b := p.Payload(); len(b) >= 8 && p.Proto != packet.ProtoICMP && p.Proto != packet.ProtoICMPv6 && p.Proto != packet.ProtoVRRP && !bytes.Equal(b, make([]byte, len(b))) {
			payloads++
			if len(out) > int(p.PayloadOff) {
				t.Errorf("%s frame %d: %d bytes of payload are left", at, p.Frame, len(out)-int(p.PayloadOff))
			}
		}
	})
	if n < 1000 || payloads < 300 {
		t.Errorf("%d frames, %d with payload: too few to mean anything", n, payloads)
	}
}

// FuzzFrame: no frame makes the redactor panic or grow, and what it leaves names no unmapped address.
func FuzzFrame(f *testing.F) {
	f.Add(uint16(1), packettest.TCP{Src: "10.0.0.1:40000", Dst: "192.0.2.7:21", Flags: packet.SYN}.Frame())
	f.Add(uint16(1), packettest.ARP{Op: 1, SenderMAC: "02:00:00:00:00:01", SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame())
	f.Add(uint16(1), packettest.ICMP{Src: "192.0.2.254", Dst: "10.0.0.1", Type: 3, Code: 3,
		Payload: string(packettest.UDP{Src: "10.0.0.1:5000", Dst: "192.0.2.9:53", Payload: "x"}.Datagram())}.Frame())
	f.Add(uint16(113), make([]byte, 40))
	f.Add(uint16(276), make([]byte, 40))
	f.Add(uint16(239), binary.LittleEndian.AppendUint32(make([]byte, 4), 0x00080008))
	f.Add(uint16(127), make([]byte, 60))
	f.Fuzz(func(t *testing.T, link uint16, data []byte) {
		r := NewRedactor(testKey(1))
		p := &packet.Packet{Data: data, Link: packet.LinkType(link), WireLen: uint32(len(data))}
		packet.Decode(p, nil)
		out := r.Frame(p)
		if len(out) > len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(out))
		}
		q := packet.Packet{Data: out, Link: p.Link, WireLen: p.WireLen}
		packet.Decode(&q, nil)
		if q.IPVersion == p.IPVersion && q.NLayer == p.NLayer && q.IPVersion != 0 && q.Src != r.Map.Addr(p.Src) {
			t.Fatalf("%s became %s", p.Src, q.Src)
		}
	})
}
