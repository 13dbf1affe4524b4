package analyzer

import (
	"math/rand/v2"
	"strings"
	"testing"

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
