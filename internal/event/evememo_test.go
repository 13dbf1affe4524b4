package event

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"firestorm/internal/packet"
)

// FuzzAppendAddr: an address is written as the standard library writes it.
func FuzzAppendAddr(f *testing.F) {
	for _, s := range []string{"::", "::1", "1::", "1:0:0:2::", "0:0:1::", "1:2:3:4:5:6:0:0", "1:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:8", "1:0:3:0:0:6:0:0", "fe80::20c:0",
		"::ffff:0:1", "192.0.2.1", "0.10.100.255", "::192.0.2.1"} {
		a := packet.MustAddr(s)
		f.Add(a[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a packet.Addr
		copy(a[:], b)
		if got, want := string(appendAddr(nil, &a)), a.String(); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

// TestAddrZeros goes through all places that parts of zeros may have.
func TestAddrZeros(t *testing.T) {
	for set := range 1 << 8 {
		var a packet.Addr
		for i := range 8 {
			a[2*i+1] = byte(set >> i & 1)
		}
		if got, want := string(appendAddr(nil, &a)), a.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestMemo: what an EVE remembers changes no record. Few ends, so that they come again, and many that want the same place.
func TestMemo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	end := func() End {
		a := packet.Addr4([]byte{10, byte(r.IntN(2)), byte(r.IntN(2)), byte(r.IntN(2))})
		if r.IntN(3) == 0 {
			a = packet.Addr6([]byte{0x20, 1, 0, 0, 0, 0, 0, byte(r.IntN(2)), 0, 0, 0, 0, 0, 0, 0, byte(r.IntN(2))})
		}
		return End{Addr: a, Port: uint16(r.IntN(2)<<8 | r.IntN(2))}
	}
	names := []string{"", "a.pcap", "b\"\n.pcap"}
	file := func(source uint16) string { return names[source] }
	c := &EVE{File: file}
	for i := range 20000 {
		x := NewAnomaly(Head{Seen: packet.Ref{Source: uint16(r.IntN(3))}, Client: end(), Server: end(), Proto: []uint8{1, 6, 17, 47, 58}[r.IntN(5)],
			ICMPKnown: r.IntN(2) == 0, ICMPType: uint8(r.IntN(10)), ICMPCode: uint8(r.IntN(2))})
		if i == 10000 {
			names[0] = "c.pcap" // an input that has its name later
		}
		got, want := x.AppendEVE(nil, c), x.AppendEVE(nil, &EVE{File: file})
		if !bytes.Equal(got, want) || !json.Valid(got) {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

// TestPlain: a byte that needs an escape is seen wherever it stands.
func TestPlain(t *testing.T) {
	for c := range 256 {
		for at := range 9 {
			b := []byte("abcdefgh~ ")
			b[at] = byte(c)
			n, odd := plain(string(b)), c < 0x20 || c == '"' || c == '\\' || c >= 0x7f
			if want := 8; odd && at < 8 && n != 0 || (!odd || at >= 8) && n != want {
				t.Errorf("%q: %d", b, n)
			}
		}
	}
}
