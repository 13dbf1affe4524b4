package nbns

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func encoded(name string, suffix byte) (b []byte) {
	raw := []byte("               ")
	copy(raw, name)
	b = append(b, 32)
	for _, c := range append(raw, suffix) {
		b = append(b, 'A'+c>>4, 'A'+c&15)
	}
	return append(b, 0)
}

func message(flags uint16, qd, an, ar byte, tail ...byte) []byte {
	b := []byte{0x12, 0x34, byte(flags >> 8), byte(flags), 0, qd, 0, an, 0, 0, 0, ar}
	b = append(b, encoded("PRINTER", 0x20)...)
	b = append(b, 0, typeNB, 0, 1)
	return append(b, tail...)
}

var nb = []byte{0, 0, 0, 60, 0, 6, 0, 0, 192, 0, 2, 5}

func TestMessages(t *testing.T) {
	register := message(0x2910, 1, 0, 1, append([]byte{0xc0, headerLen, 0, typeNB, 0, 1}, nb...)...)
	answer := message(0x8500, 0, 1, 0, nb...)
	query := message(0x0110, 1, 0, 0)
	refused := message(0x8583, 0, 1, 0, nb...)
	var frames [][]byte
	for _, b := range [][]byte{register, answer, query, refused} {
		frames = append(frames, packettest.UDP{Src: "192.0.2.5:137", Dst: "192.0.2.255:137", Payload: string(b)}.Frame())
	}
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{dns.Def, Def}}, frames...))
	if len(got) != 4 {
		t.Fatalf("%d events", len(got))
	}
	for i, want := range []bool{true, true, false, false} {
		named := false
		got[i].EachName(func(n event.Name) {
			named = n.Name == "PRINTER" && n.Addr == packet.MustAddr("192.0.2.5") && n.From == event.NameNBNS
		})
		if named != want || got[i].Name != "PRINTER" || got[i].Suffix != 0x20 {
			t.Errorf("%d: named %v, %+v", i, named, got[i].Message)
		}
	}
}

func TestOtherThings(t *testing.T) {
	bad := message(0x0110, 1, 0, 0)
	bad[headerLen+3] = 'Q'
	for name, b := range map[string][]byte{"letters beyond P": bad, "short": message(0, 1, 0, 0)[:40], "nothing asked": message(0, 0, 0, 0)} {
		if probe(packet.ToServer, b) != analyzer.No {
			t.Errorf("%s is taken for NetBIOS", name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, message(0x2910, 1, 0, 1, append([]byte{0xc0, headerLen, 0, typeNB, 0, 1}, nb...)...), func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	f.Add(message(0x2910, 1, 0, 1, append([]byte{0xc0, headerLen, 0, typeNB, 0, 1}, nb...)...))
	f.Add(message(0x8500, 0, 1, 0, nb...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := Parse(b); ok && len(m.Name) > 15 {
			t.Fatalf("%+v", m)
		}
	})
}
