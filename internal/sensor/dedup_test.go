package sensor

import (
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// sight is one time that a packet comes by.
type sight struct {
	ttl      uint8
	src, dst byte // last byte of the link-layer addresses; 0: none on this link
	at       time.Duration
}

// seen is what d says of p.
func seen(d *dedup, p *packet.Packet) (repeat, *event.Repeat) {
	var x coming
	x.of(p)
	return d.see(p, x.key)
}

func see(d *dedup, s sight, id uint32) (repeat, *event.Repeat) {
	p := packet.Packet{IPVersion: 4, TTL: s.ttl, IPID: id, IPLen: 60, Src: packet.MustAddr("10.1.0.1"), Dst: packet.MustAddr("10.2.0.1"), Proto: packet.ProtoUDP,
		Time: packet.Time(1e9).Add(s.at), Frame: 1}
	if s.src != 0 {
		p.SrcMAC, p.DstMAC = packet.MAC{2, 0, 0, 0, 0, s.src}, packet.MAC{2, 0, 0, 0, 0, s.dst}
	}
	return seen(d, &p)
}

func TestRepeats(t *testing.T) {
	const us = time.Microsecond
	for _, c := range []struct {
		name   string
		sights []sight
		want   []repeat
		loop   int // sight that announces a loop, from 0; -1: none
	}{
		{"a copy", []sight{{64, 1, 2, 0}, {64, 1, 2, 5 * us}}, []repeat{notSeen, isCopy}, -1},
		{"sent again later", []sight{{64, 1, 2, 0}, {64, 1, 2, 5 * time.Millisecond}}, []repeat{notSeen, notSeen}, -1},
		{"before and after a router", []sight{{64, 1, 2, 0}, {63, 2, 3, 9 * us}}, []repeat{notSeen, isRouted}, -1},
		{"before and after three routers", []sight{{64, 1, 2, 0}, {63, 2, 3, 9 * us}, {62, 3, 4, 20 * us}, {61, 4, 5, 30 * us}}, []repeat{notSeen, isRouted, isRouted, isRouted}, -1},
		{"a firewall on a stick: the router passes it on twice", []sight{{64, 1, 2, 0}, {63, 2, 9, 9 * us}, {62, 9, 2, 20 * us}, {61, 2, 5, 30 * us}},
			[]repeat{notSeen, isRouted, isRouted, isRouted}, -1},
		{"a loop of two routers", []sight{{63, 1, 2, 0}, {62, 2, 1, 2 * us}, {61, 1, 2, 4 * us}, {60, 2, 1, 6 * us}}, []repeat{notSeen, isRouted, isLoop, isLoop}, 2},
		{"a loop, entered from outside", []sight{{64, 7, 1, 0}, {63, 1, 2, 2 * us}, {62, 2, 1, 4 * us}, {61, 1, 2, 6 * us}}, []repeat{notSeen, isRouted, isRouted, isLoop}, 3},
		{"a loop, one direction of the link", []sight{{63, 1, 2, 0}, {61, 1, 2, 4 * us}, {59, 1, 2, 8 * us}}, []repeat{notSeen, notSeen, isLoop}, 2},
		{"without link-layer addresses a path may be that long", []sight{{64, 0, 0, 0}, {63, 0, 0, us}, {62, 0, 0, 2 * us}}, []repeat{notSeen, isRouted, isRouted}, -1},
		{"a TTL that rises is another packet", []sight{{62, 1, 2, 0}, {64, 1, 2, 2 * us}}, []repeat{notSeen, notSeen}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDedup()
			for i, s := range c.sights {
				got, ev := see(d, s, 77)
				if got != c.want[i] {
					t.Errorf("sight %d is %d, want %d", i, got, c.want[i])
				}
				if loop := ev != nil && ev.Loop; loop != (i == c.loop) {
					t.Errorf("sight %d: loop announced is %v", i, loop)
				}
			}
		})
	}
}

// TestRepeatsTold: a mirror that doubles everything is told a few times a minute, and hides nobody who passes packets on.
func TestRepeatsTold(t *testing.T) {
	d, id := newDedup(), uint32(0)
	told := func(at time.Duration, from, again byte) int {
		n := 0
		for range 100 {
			id++
			see(d, sight{64, from, 9, at}, id)
			if _, ev := see(d, sight{64, again, 9, at + time.Microsecond}, id); ev != nil {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		at          time.Duration
		from, again byte
		want        int
	}{{0, 1, 1, maxTold}, {time.Second, 1, 1, 0}, {time.Second, 1, 13, maxTold}, {time.Second, 2, 13, maxTold}, {toldAgain + time.Second, 1, 13, maxTold}} {
		if got := told(c.at, c.from, c.again); got != c.want {
			t.Errorf("at %v, %d sends what %d sent: told %d times, want %d", c.at, c.again, c.from, got, c.want)
		}
	}
}

// TestManySights: without link-layer addresses ten falling sights are a loop all the same.
func TestManySights(t *testing.T) {
	d := newDedup()
	var last repeat
	for i := range 10 {
		last, _ = see(d, sight{64 - uint8(i), 0, 0, time.Duration(i) * time.Microsecond}, 5)
	}
	if last != isLoop {
		t.Errorf("the tenth sight is %d", last)
	}
}

// TestCopyShares: of the hosts that have copies, all frames from the first copy's on are counted.
func TestCopyShares(t *testing.T) {
	d := newDedup()
	for i := range uint32(100) {
		at := time.Duration(i) * time.Millisecond
		see(d, sight{64, 1, 2, at}, i)
		if i%10 == 9 {
			if got, ev := see(d, sight{64, 1, 2, at + time.Microsecond}, i); got != isCopy || i < 40 && (ev == nil || ev.Times != 2 || ev.MACs[0] != ev.MACs[1]) {
				t.Fatalf("copy %d: %d, %+v", i, got, ev)
			}
		}
	}
	if d.pairs != 1 || d.paired != 2+90+9 { // first pair, 90 packets after it, 9 copies of them
		t.Errorf("%d pairs, %d frames", d.pairs, d.paired)
	}
}

// TestSightingSize: every packet writes one; what only repeats need is elsewhere.
func TestSightingSize(t *testing.T) {
	if n := perSighting; n > 40 {
		t.Errorf("%d bytes", n)
	}
}
