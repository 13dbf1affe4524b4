package pcapfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"firestorm/internal/packet"
)

// origins has one for each interface that r knows, after those of have.
func origins(have []Origin, r *Reader) []Origin {
	for len(have) < len(r.Interfaces()) {
		n := uint16(len(have))
		have = append(have, Origin{Source: n + 1, Vantage: 2 * n})
	}
	return have
}

// packets reads b to its end as who hands out packets does, in runs of up to per packets and most bytes, or one by one.
func packets(b io.Reader, runs bool, per, most int) (out []string, ran int) {
	rd := NewReader(b, Options{})
	if err := rd.Start(); err != nil {
		return []string{err.Error()}, 0
	}
	var from []Origin
	ps := make([]packet.Packet, per)
	for {
		for i := range ps {
			ps[i] = packet.Packet{Ordinal: 9, Missing: packet.NoSeq, Firewall: packet.FirewallPass, Offload: packet.Offload{Segment: 9}, Source: 9, Vantage: 9}
		}
		n, size := 0, 0
		if runs {
			n, size = rd.Run(ps, from, 1000, most)
			ran += n
		}
		if n == 0 {
			var rec Record
			if err := rd.Next(&rec); err != nil {
				return append(out, err.Error(), fmt.Sprint(rd.Notes(), rd.Frames(), rd.Offset())), ran
			}
			from = origins(from, rd)
			from[rec.Iface].Fill(&ps[0], &rec, 1000)
			n, size = 1, len(rec.Data)
		}
		for i := range ps[:n] {
			out = append(out, fmt.Sprintf("%+v", ps[i]))
			size -= len(ps[i].Data)
		}
		if size != 0 {
			return append(out, fmt.Sprintf("%d bytes too many", size)), ran
		}
	}
}

// somePcap is a pcap of some packets, of one of the kinds that programs wrote.
func somePcap(r *rand.Rand) []byte {
	var bo binary.AppendByteOrder = binary.LittleEndian
	if r.IntN(6) == 0 {
		bo = binary.BigEndian
	}
	magic := []uint32{magicMicro, magicMicro, magicNano, magicRedHat}[r.IntN(4)]
	minor := []uint16{4, 4, 4, 4, 3, 2}[r.IntN(6)]
	b := bo.AppendUint32(nil, magic)
	b = bo.AppendUint16(bo.AppendUint16(b, 2), minor)
	b = bo.AppendUint64(b, 0)
	b = bo.AppendUint32(b, []uint32{0, 65535, 262144, 40}[r.IntN(4)])
	b = bo.AppendUint32(b, []uint32{1, 1, 1, 113, 1 | fcsPresent | 2<<fcsShift}[r.IntN(5)])
	for i := range 12 {
		n := r.IntN(60)
		b = bo.AppendUint32(b, 1_700_000_000+uint32(i))
		b = bo.AppendUint32(b, r.Uint32N(1_000_100))
		b = bo.AppendUint32(b, uint32(n))
		b = bo.AppendUint32(b, uint32(n+r.IntN(3)))
		if magic == magicRedHat {
			b = append(b, make([]byte, 8)...)
		}
		b = append(b, bytes.Repeat([]byte{byte(i)}, n)...)
	}
	return b
}

// Packets that are read in runs are the same as those read one by one, whatever is wrong with the file and however its bytes
// arrive.
func TestRun(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	g := littleNG().shb().idb(1, 0).idb(113, 64).idb(1, 0, []byte{9, 0, 1, 0, 9, 0, 0, 0})
	for i := range 12 {
		g.epb(uint32(i%3), uint64(i)<<uint(i*5), string(make([]byte, 3+i*7)))
	}
	ran := 0
	for i := range 6_000 {
		b := somePcap(r)
		if i%4 == 0 {
			b = append([]byte(nil), g.b...)
		}
		for range i % 3 {
			b[r.IntN(len(b))] = []byte{0, 1, 3, 0xff, byte(r.Uint32())}[r.IntN(5)]
		}
		b = b[:len(b)-r.IntN(20)]
		src := func() io.Reader { return bytes.NewReader(b) }
		if i%5 == 0 {
			src = func() io.Reader { return iotest.HalfReader(bytes.NewReader(b)) }
		} else if i%5 == 1 {
			src = func() io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) }
		}
		got, n := packets(src(), true, 1+r.IntN(15), 1+r.IntN(1000))
		ran += n
		if want, _ := packets(src(), false, 1, 0); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("step %d, %x:\n%v\nwant\n%v", i, b, got, want)
		}
	}
	if ran < 15_000 {
		t.Errorf("only %d packets were read in runs", ran)
	}
}

// A run stops at the packet with which it took what was asked for, record headers counted.
func TestRunStops(t *testing.T) {
	var b []byte
	for _, v := range []uint32{magicMicro, 4<<16 | 2, 0, 0, 0, 1} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for range 10 {
		for _, v := range []uint32{1, 1, 84, 84} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = append(b, make([]byte, 84)...)
	}
	for most, want := range map[int]int{1: 1, 100: 1, 101: 2, 300: 3, 1 << 20: 10} {
		rd := NewReader(bytes.NewReader(b), Options{})
		if err := rd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := rd.w.need(len(b) - 24); err != nil {
			t.Fatal(err)
		}
		if n, size := rd.Run(make([]packet.Packet, 20), make([]Origin, 1), 0, most); n != want || size != want*84 {
			t.Errorf("most %d: %d packets of %d bytes, want %d", most, n, size, want)
		}
	}
}
