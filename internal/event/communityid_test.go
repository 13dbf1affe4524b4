package event

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"testing"

	"firestorm/internal/packet"
)

// The rows are values that the specification's authors published for seed 0.
func TestCommunityIDPublished(t *testing.T) {
	for _, r := range []struct {
		name         string
		proto        uint8
		src, dest    string
		sport, dport uint16
		want         string
	}{
		{"tcp", 6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"tcp back", 6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"tcp ipv6", 6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
		{"udp", 17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{"sctp", 132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
		{"rsvp: no ports", 46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
		{"ping", 1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"ping answered", 1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"one way: time exceeded", 1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
		{"neighbour solicitation", 58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
		{"neighbour advertisement", 58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
		{"ping6", 58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
		{"router solicitation", 58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
		{"one way: unreachable", 58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4, "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
	} {
		got := string(AppendCommunityID(nil, r.proto, packet.MustAddr(r.src), packet.MustAddr(r.dest), r.sport, r.dport))
		if got != r.want {
			t.Errorf("%s: %s, want %s", r.name, got, r.want)
		}
	}
}

// FuzzCommunityID compares with the formula written the long way, and both directions with each other.
func FuzzCommunityID(f *testing.F) {
	f.Add(uint32(0xc0a80001), uint32(0x0a0000fe), uint16(2268), uint16(80))
	f.Add(uint32(1), uint32(1), uint16(9), uint16(3))
	f.Fuzz(func(t *testing.T, a, b uint32, sport, dport uint16) {
		one, two := binary.BigEndian.AppendUint32(nil, a), binary.BigEndian.AppendUint32(nil, b)
		src, dest := packet.Addr4(one), packet.Addr4(two)
		got := AppendCommunityID(nil, 6, src, dest, sport, dport)
		if back := AppendCommunityID(nil, 6, dest, src, dport, sport); !bytes.Equal(got, back) {
			t.Fatalf("%s one way, %s the other", got, back)
		}
		if bytes.Compare(one, two) > 0 || a == b && sport > dport {
			one, two, sport, dport = two, one, dport, sport
		}
		in := append([]byte{0, 0}, one...)
		in = append(append(in, two...), 6, 0, byte(sport>>8), byte(sport), byte(dport>>8), byte(dport))
		sum := sha1.Sum(in)
		if want := "1:" + base64.StdEncoding.EncodeToString(sum[:]); want != string(got) {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}
