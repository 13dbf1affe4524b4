package ntp

import (
	"encoding/binary"
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func message(leap, mode, stratum byte, ref string) []byte {
	b := make([]byte, headerLen)
	b[0], b[1], b[2], b[3] = leap<<6|4<<3|mode, stratum, 6, 0xec
	copy(b[12:], ref)
	binary.BigEndian.PutUint64(b[40:], 0xeccb_1700_8000_0000)
	return b
}

func TestMessages(t *testing.T) {
	send := func(src, dst string, b []byte) []byte {
		return packettest.UDP{Src: src, Dst: dst, Payload: string(b)}.Frame()
	}
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}},
		send("10.0.0.1:40000", "10.0.0.2:123", message(0, Client, 0, "")),
		send("10.0.0.2:123", "10.0.0.1:40000", message(0, Server, 2, "\x0a\x00\x00\x03")),
		send("10.0.0.3:123", "10.0.0.1:123", message(3, Server, 0, "RATE")),
		send("10.0.0.4:123", "10.0.0.1:123", message(3, Server, 16, "INIT"))))
	if len(got) != 4 {
		t.Fatalf("%d events", len(got))
	}
	for i, want := range []struct {
		asks, kiss string
		lost       bool
	}{{"10.0.0.1", "", false}, {"10.0.0.1", "", false}, {"10.0.0.1", "RATE", false}, {"10.0.0.1", "", true}} {
		e := got[i]
		if asks, answers := e.Ends(); asks.Addr != packet.MustAddr(want.asks) || answers.Port != Port || e.Kiss() != want.kiss || e.Unsynchronised() != want.lost {
			t.Errorf("%d: %v asks %v, kiss %q, unsynchronised %v", i, asks, answers, e.Kiss(), e.Unsynchronised())
		}
	}
	if got[0].Precision != -20 || got[0].Poll != 6 || got[0].Version != 4 {
		t.Errorf("%+v", got[0].Message)
	}
	if at := time.Unix(0, int64(got[0].Transmit.Time())).UTC(); at.Year() != 2025 || at.Nanosecond() != 5e8 {
		t.Error(at)
	}
	if at := time.Unix(0, int64(Stamp(1<<32).Time())).UTC(); at.Year() != 2036 {
		t.Error(at)
	}
}

func TestOtherThings(t *testing.T) {
	for name, b := range map[string][]byte{"short": message(0, Client, 0, "")[:47], "mode 6": message(0, 6, 0, ""), "stratum 17": message(0, Server, 17, ""), "zeros": make([]byte, 48),
		"text": []byte("GET / HTTP/1.1 Host: www.example.com Accept: */* ")[:48], "odd length": append(message(0, Client, 0, ""), 1)} {
		if probe(packet.ToServer, b) != analyzer.No {
			t.Errorf("%s is taken for NTP", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message(0, Client, 0, ""))
	f.Add(message(3, Server, 0, "DENY"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if !ok && probe(packet.ToServer, b) == analyzer.Yes {
			t.Fatal("recognised, but not read")
		}
		if m.RootDelay < 0 || m.RootDisp < 0 || m.Kiss() != "" && m.Unsynchronised() {
			t.Fatalf("%+v", m)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, message(0, Server, 2, "GPS"), func(m []byte) bool { _, ok := Parse(m); return ok })
}
