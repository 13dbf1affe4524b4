package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// pairsOf are frames of many pairs of hosts, of both directions, tagged and not, IPv4 and IPv6, and what has no addresses.
func pairsOf(n int) (frames [][]byte) {
	for i := range n {
		a, b := fmt.Sprintf("10.0.%d.%d:4000", i/200, i%200+1), "10.1.0.1:80"
		if i%5 == 0 {
			a, b = fmt.Sprintf("[2001:db8::%x]:4000", i+1), "[2001:db8:1::1]:80"
		}
		one := packettest.TCP{Src: a, Dst: b, Seq: uint32(i), Flags: packet.SYN}.Frame()
		two := packettest.TCP{Src: b, Dst: a, Seq: uint32(i), Flags: packet.SYN | packet.ACK}.Frame()
		switch i % 7 {
		case 1:
			one, two = tagged(one, 0x8100, 20), tagged(two, 0x8100, 20)
		case 2:
			one, two = tagged(tagged(one, 0x8100, 20), 0x88a8, 30), tagged(tagged(two, 0x8100, 20), 0x88a8, 30)
		case 3:
			two = append(bytes.Clone(two[:12]), 0x88, 0xcc, 0, 0) // LLDP
		}
		frames = append(frames, one, two)
	}
	return frames
}

// TestLiveRings: several rings give what one gives, in the order in which it came; each pair comes through one ring, that
// of its shard, and all of them together are no larger than one.
func TestLiveRings(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	frames := pairsOf(600)
	for _, n := range []int{1, 2, 3} {
		l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 8 << 20, Rings: n})
		s := newSender(t, "a", false)
		sees := func(again int) {
			t.Helper()
			for _, f := range frames {
				s.send(f)
			}
			got := gather(t, l, len(frames), patience)
			if len(got) != len(frames) {
				t.Fatalf("%d rings: %d packets of %d; %+v", n, len(got), len(frames), l.Links())
			}
			for i, g := range got {
				if !bytes.Equal(g.data, frames[i]) || g.Frame != uint64(again*len(frames)+i+1) || i > 0 && g.Time < got[i-1].Time {
					t.Fatalf("%d rings: packet %d is another, or out of order", n, i+1)
				}
				p := g.Packet
				p.Data = g.data
				packet.Decode(&p, nil)
				want := packet.ShardOfNone(0)
				if p.IPVersion != 0 {
					want = packet.ShardOfPair(&p.Src, &p.Dst, 0)
				}
				if int(g.Ring) != int(want)%n {
					t.Fatalf("%d rings: packet %d came through ring %d, its shard is %d", n, i+1, g.Ring, want)
				}
			}
		}
		sees(0)
		k := l.Links()[0]
		sum := uint64(0)
		for i, r := range k.Rings {
			if sum += r.Packets; n > 1 && r.Packets < uint64(len(frames)/n/2) {
				t.Errorf("ring %d of %d had %d of %d packets", i, n, r.Packets, len(frames))
			}
		}
		if len(k.Rings) != n || l.Rings(0) != n || sum != k.Packets || k.Lost != 0 {
			t.Errorf("%d rings: %+v", n, k)
		}
		if n == 3 { // gone and back: as many rings again
			sh(t, "ip link del dev b")
			for end := time.Now().Add(patience); l.Links()[0].Why != "gone" && time.Now().Before(end); {
				gather(t, l, 1, 50*time.Millisecond)
			}
			cable(t, "a", "b")
			for end := time.Now().Add(patience); l.Links()[0].Blind != 0 && time.Now().Before(end); {
				gather(t, l, 1, 50*time.Millisecond)
			}
			s = newSender(t, "a", false)
			sees(1)
			if k := l.Links()[0]; len(k.Rings) != n || l.Rings(0) != n || k.Times != 1 {
				t.Errorf("back again: %+v", k)
			}
		}
		l.Close()
	}
}

// TestLiveRingsDrops: what rings had no room for is counted for each of them, and for the interface once.
func TestLiveRingsDrops(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20, Rings: 2})
	s := newSender(t, "a", false)
	const sent = 6000
	for i := range sent {
		s.send(packettest.UDP{Src: fmt.Sprintf("10.0.0.%d:4001", i%200+1), Dst: "10.1.0.2:53", Payload: string(make([]byte, 1400))}.Frame())
	}
	time.Sleep(200 * time.Millisecond)
	got := gather(t, l, 1, time.Second)
	l.Stats()
	if k := l.Rest()[0]; k.Packets != uint64(len(got)) || k.Packets+k.Lost+k.Unread != sent {
		t.Errorf("%d read, %d lost, %d not read: not %d", k.Packets, k.Lost, k.Unread, sent)
	}
	got = append(got, gather(t, l, sent, time.Second)...)
	st, k := l.Stats(), l.Links()[0]
	if uint64(len(got))+st.KernelLost != sent || k.Lost != st.KernelLost || len(k.Rings) != 2 ||
		k.Rings[0].Lost+k.Rings[1].Lost != k.Lost || k.Rings[0].Packets+k.Rings[1].Packets != uint64(len(got)) {
		t.Errorf("%d read, %+v, %+v", len(got), st, k)
	}
	if k.Rings[0].Lost == 0 || k.Rings[1].Lost == 0 {
		t.Errorf("one ring had room for twice its size: %+v", k.Rings)
	}
}

// TestLiveRingsIdle: a ring that nothing comes through holds the others back no longer than a block needs, and not at
// all when none was begun.
func TestLiveRingsIdle(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 8 << 20, Rings: 4})
	s := newSender(t, "a", false)
	slow := 0
	for i := range 5 {
		began := time.Now()
		s.send(packettest.UDP{Src: "10.0.0.1:1", Dst: "10.0.0.2:53", Payload: fmt.Sprint(i)}.Frame())
		if got := gather(t, l, 1, patience); len(got) != 1 {
			t.Fatalf("packet %d does not come", i)
		}
		if time.Since(began) > 150*time.Millisecond {
			slow++
		}
	}
	if slow > 3 { // a machine under load is late now and then
		t.Errorf("%d of 5 packets came after 150 ms", slow)
	}
}

// TestLiveRingsLoopback: who sends to itself is seen once.
func TestLiveRingsLoopback(t *testing.T) {
	ownNetwork(t)
	sh(t, "ip link set lo up")
	l := open(t, capture.LiveOptions{Interfaces: []string{"lo"}, RingBytes: 4 << 20, Rings: 2})
	newSender(t, "lo", false).send(request)
	if got := gather(t, l, 2, 300*time.Millisecond); len(got) != 1 {
		t.Errorf("%d packets of 1", len(got))
	}
	if n := l.Rings(0); n != 1 {
		t.Errorf("%d rings", n)
	}
	l.Close()
	var b packet.Batch
	if err := l.Next(&b); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestLiveRingsBegin: while rings are opened no packet is lost or seen twice: from the first one on, all are there.
func TestLiveRingsBegin(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	s := newSender(t, "a", false)
	var frames [][]byte
	for i := range 200 { // as many pairs, each frame with room for a number at its end
		frames = append(frames, packettest.UDP{Src: fmt.Sprintf("10.0.0.%d:1", i+1), Dst: "10.1.0.2:53", Payload: "0123", NoChecksum: true}.Frame())
	}
	stop, sent := make(chan struct{}), make(chan uint32)
	go func() { // another thread, but the socket knows its network
		n := uint32(0)
		for {
			select {
			case <-stop:
				sent <- n
				return
			default:
			}
			f := frames[n%200]
			binary.BigEndian.PutUint32(f[len(f)-4:], n)
			if _, err := unix.Write(s.fd, f); err == nil {
				n++
			}
			if n%20 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 16 << 20, Rings: 4})
	time.Sleep(100 * time.Millisecond)
	close(stop)
	last := <-sent
	var numbers []uint32
	for _, g := range gather(t, l, int(last), time.Second) {
		numbers = append(numbers, binary.BigEndian.Uint32(g.data[len(g.data)-4:]))
	}
	if len(numbers) == 0 {
		t.Fatal("nothing came")
	}
	for i := range numbers {
		if numbers[i] != numbers[0]+uint32(i) {
			t.Fatalf("after %d came %d", numbers[i-1], numbers[i])
		}
	}
	if numbers[len(numbers)-1] != last-1 {
		t.Errorf("the last is %d of %d", numbers[len(numbers)-1], last)
	}
	t.Logf("%d of %d packets, from %d on", len(numbers), last, numbers[0])
}
