package analyzer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// A protocol that knew its own in what one side said stands, whatever the other side says, while one before it doubts.
func TestYesStands(t *testing.T) {
	doubter := other
	doubter.Name, doubter.Ports, doubter.Kinds = "doubter", nil, []string{"doubt"}
	doubter.Probe = func(d packet.Dir, b []byte) Answer {
		if d == down && len(b) > 0 && b[0] != 'D' {
			return No
		}
		return More
	}
	r := newRig(t, nil, doubter, other)
	k := r.dial(client, "10.0.0.2:1")
	k.say(up, "TOYS here\n", 100)
	k.say(down, "nothing of it\n", 100)
	if got, want := r.texts(), "other TOYS here; other nothing of it"; got != want {
		t.Errorf("%s", got)
	}
}

// Who reads a connection does not depend on that first bytes rule protocols out, nor on how the bytes are cut.
func TestFirstByteChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	word := func() string {
		b := make([]byte, 1+rng.IntN(4))
		for i := range b {
			b[i] = "AB\n"[rng.IntN(3)]
		}
		return string(b)
	}
	told := 0
	for n := range 400 {
		var defs []Def
		for i := range 2 + rng.IntN(5) {
			d := other
			d.Name, d.Kinds, d.Ports = string(rune('a'+i)), []string{string(rune('a' + i))}, nil
			if rng.IntN(3) == 0 {
				d.Ports = []uint16{1}
			}
			words, doubts := [2][]string{{word(), word()}, {word(), word()}}, rng.IntN(3) == 0
			d.Probe = func(dir packet.Dir, b []byte) Answer {
				a := No
				for _, w := range words[dir] {
					if m := min(len(w), len(b)); w[:m] == string(b[:m]) {
						if a = More; m == len(w) && !doubts {
							return Yes
						}
					}
				}
				return a
			}
			defs = append(defs, d)
		}
		type line struct {
			d    packet.Dir
			text string
		}
		var lines []line
		for range 1 + rng.IntN(4) {
			lines = append(lines, line{packet.Dir(rng.IntN(2)), word() + word() + "."})
		}
		apps := map[string]string{}
		for _, way := range []string{"", "cut", "all asked", "all asked, cut"} {
			r := newRig(t, nil, defs...)
			if strings.HasPrefix(way, "all") {
				for d := range r.d.tcp.may {
					for b := range r.d.tcp.may[d] {
						r.d.tcp.may[d][b] = r.d.tcp.all
					}
				}
			}
			k := r.dial(client, "10.0.0.2:1")
			cut := 100
			if strings.HasSuffix(way, "cut") {
				cut = 1
			}
			for _, l := range lines {
				k.say(l.d, l.text, cut)
			}
			app, settled := r.d.App(1)
			apps[way] = app
			if settled && app == "" {
				apps[way] = "unknown"
			}
			if app != "" {
				told++
			}
			if apps[way] != apps[""] {
				t.Fatalf("%d: %v: %q, %s: %q", n, lines, apps[""], way, apps[way])
			}
		}
	}
	if told < 300 {
		t.Errorf("%d were told", told)
	}
}

// What nobody reads is counted, whatever its IP header looks like.
func TestPassed(t *testing.T) {
	for _, options := range []bool{false, true} {
		r := newRig(t, nil, toy)
		k := r.dial(client, "10.0.0.2:1")
		k.say(up, "unknown\n", 100)
		if n, _ := r.d.Passed(); n != 0 || r.d.Stats().Unknown != 1 {
			t.Fatalf("%+v", r.d.Stats())
		}
		give := func(flags uint16, payload string) {
			r.frame++
			p := packettest.At(packettest.TCP{Src: client, Dst: "10.0.0.2:1", Seq: k.seq[up], Ack: k.seq[down], Flags: flags, Payload: payload}.Frame(), r.frame, t0)
			h := r.flows.Packet(p, &r.out)
			if options {
				p.L4 += 4 // as behind an option
			}
			r.d.Packet(p, h, &r.out)
		}
		give(packet.ACK, "more")
		give(packet.ACK, "")
		give(packet.ACK|packet.PSH, "still more")
		give(packet.RST, "no")
		if n, b := r.d.Passed(); n != 2 || b != 14 {
			t.Errorf("options %v: %d packets, %d bytes", options, n, b)
		}
	}
}

// Datagrams that no protocol knows are told as with a session. One that was announced, of whatever flow, has all go that way.
func TestStrangeDatagrams(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	unknown := uint64(0)
	for n := range 400 {
		var defs []Def
		for i := range 1 + rng.IntN(4) {
			d := toy
			d.Name, d.Kinds, d.Ports = string(rune('a'+i)), []string{string(rune('a' + i))}, nil
			if rng.IntN(3) == 0 {
				d.Ports = []uint16{1}
			}
			word, doubts := "ABC"[rng.IntN(3)], rng.IntN(4) == 0
			d.Probe = func(dir packet.Dir, b []byte) Answer {
				switch {
				case b[0] == word:
					return Yes
				case b[0] == 'P' && word == 'A':
					panic("probe")
				case doubts && b[0] == 'D':
					return More
				}
				return No
			}
			defs = append(defs, d)
		}
		var lines [][3]string
		for range 1 + rng.IntN(12) {
			l := [3]string{"10.0.0.1:" + string('1'+byte(rng.IntN(3))), "10.0.0.2:1", string("ABCDEFGP"[rng.IntN(8)]) + "."}
			if rng.IntN(3) == 0 {
				l[0], l[1] = l[1], l[0]
			}
			lines = append(lines, l)
		}
		var told [2]string
		var stats [2]Stats
		for way := range 2 {
			r := newRig(t, nil, defs...)
			if way == 1 {
				r.d.expected.add(Expectation{Over: UDP, Port: 60000}, 0, t0.Add(time.Hour))
			}
			for _, l := range lines {
				r.give(packettest.UDP{Src: l[0], Dst: l[1], Payload: l[2]}.Frame())
			}
			apps := ""
			for i := range uint32(4) {
				app, settled := r.d.App(i)
				apps += fmt.Sprint(app, settled, " ")
			}
			r.flows.End(t0, r.frame, &r.out)
			told[way], stats[way] = apps+r.texts(), r.d.Stats()
			stats[way].Expected = 0
		}
		if told[0] != told[1] || stats[0] != stats[1] {
			t.Fatalf("%d: %v:\n%s\n%s\n%+v\n%+v", n, lines, told[0], told[1], stats[0], stats[1])
		}
		unknown += stats[0].Unknown
	}
	if unknown < 300 {
		t.Errorf("%d unknown", unknown)
	}
}
