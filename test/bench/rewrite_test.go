//go:build linux

package main

import (
	"encoding/binary"
	"testing"

	"firestorm/internal/packet"
	pt "firestorm/internal/packettest"
)

// TestRewrite: every round is other hosts, in the same networks, with checksums as right or wrong as before.
func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  string // client after three rounds
	}{
		{"tcp", pt.TCP{Src: "192.168.1.254:1024", Dst: "10.0.255.2:80", Payload: "odd"}.Frame(), "192.168.4.254"},
		{"udp", pt.UDP{Src: "172.16.0.9:53", Dst: "224.0.0.251:5353", Payload: "x"}.Frame(), "172.16.3.9"},
		{"ipv6", pt.TCP{Src: "[2001:db8::1]:1024", Dst: "[2001:db8:0:ffff::2]:80", Payload: "abc"}.Frame(), "2001:db8:0:3::1"},
	} {
		seen := map[packet.Addr]bool{}
		for round := range 4 {
			for _, wrong := range []bool{false, true} {
				frame := append([]byte(nil), c.frame...)
				if wrong {
					frame[len(frame)-1] ^= 0x40
				}
				rewrite(frame, round)
				p := pt.Decode(frame)
				if p.L4Sum == packet.SumGood == wrong || p.IPVersion == 4 && p.IPSum != packet.SumGood {
					t.Errorf("%s, round %d, damaged %t: checksums %d and %d", c.name, round, wrong, p.IPSum, p.L4Sum)
				}
				if seen[p.Src] = true; round == 3 && p.Src != packet.MustAddr(c.want) {
					t.Errorf("%s: %v after three rounds, want %s", c.name, p.Src, c.want)
				}
			}
		}
		if len(seen) != 4 {
			t.Errorf("%s: %d clients in four rounds", c.name, len(seen))
		}
	}
	frame := pt.UDP{Src: "10.0.0.1:1", Dst: "10.0.0.2:2", Payload: "none"}.Frame()
	binary.BigEndian.PutUint16(frame[40:], 0) // no checksum stays none
	rewrite(frame, 1)
	if binary.BigEndian.Uint16(frame[40:]) != 0 {
		t.Error("a datagram without a checksum got one")
	}
	for n := range frame { // cut anywhere
		rewrite(frame[:n:n], 1)
	}
}
