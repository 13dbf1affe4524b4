package invariants

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
	"firestorm/internal/standard"
)

// A probe's No is final: who says it of the first byte of a stream is not asked about more (analyzer.Def.Probe).
func TestProbesNoIsFinal(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	words := []string{"\n", "\r\n", " ", "\x00\x00", "\x00\x00\x00\x00", "\x03\x01", "SMB", "/ HTTP/1.1\r\n", "SSH-2.0-x", "FTP", "SMTP", "OK", "20", "RFB 003.008\n", "MQTT", "\x00\x04MQTT\x04", "\xff\xff",
		"a1 LOGIN x y\r\n", "EHLO x\r\n", "USER x\r\n", "\x30\x0c\x02\x01\x01\x60", "\x05\x00\x0b\x03\x10\x00\x00\x00"}
	asked := 0
	for _, d := range standard.Analyzers {
		if len(d.Over) != 1 || d.Over[0] != analyzer.TCP {
			continue
		}
		for _, dir := range []packet.Dir{packet.ToServer, packet.ToClient} {
			for b := range 256 {
				if d.Probe(dir, []byte{byte(b)}) != analyzer.No {
					continue
				}
				for range 60 {
					s := []byte{byte(b)}
					for len(s) < 1+rng.IntN(60) {
						if rng.IntN(2) == 0 {
							s = append(s, words[rng.IntN(len(words))]...)
						} else {
							s = append(s, byte(rng.IntN(1<<(1+rng.IntN(8)))))
						}
					}
					asked++
					if a := d.Probe(dir, s); a != analyzer.No {
						t.Fatalf("%s: No to %#x, and %v to %q (%v)", d.Name, b, a, s, dir)
					}
				}
			}
		}
	}
	if asked < 50_000 {
		t.Errorf("%d probes", asked)
	}
}
