package badinput

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firestorm/test/harness"
)

// TestIKEPeers: ten thousand peers agree with one gateway, all at once, in messages of a real exchange. Memory stays within
// its limit; where they do not fit, that is said; and the time is held against as many UDP flows that nobody reads.
func TestIKEPeers(t *testing.T) {
	if !harness.Long() {
		t.Skip("FIRESTORM_LONG=1 runs it")
	}
	const peers = 10_000
	bin := harness.Program(t)
	run := func(memory string, plain bool) (took time.Duration, most int, out string) {
		t.Helper()
		c := exec.Command(bin, "read", "-", "--workers", "1", "--json", "--max-memory", memory)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var text, errs bytes.Buffer
		c.Stdout, c.Stderr = &text, &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		mem := watch(c.Process.Pid)
		if err := agreements(t, peers, plain).pcap(in); err != nil {
			t.Fatal(err)
		}
		_ = in.Close()
		if err := c.Wait(); err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), <-mem, text.String()
	}
	for _, tc := range []struct {
		memory string
		most   int // KiB
		times  float64
		whole  bool
	}{{"64M", 64 << 10, 2, false}, {"400M", 400 << 10, 2, false}, {"640M", 640 << 10, 2, true}} {
		ratio := 0.0
		for range 3 { // the machine may be busy: one fair round of three is enough
			base, baseMem, _ := run(tc.memory, true)
			took, mem, out := run(tc.memory, false)
			ratio = float64(took) / float64(base)
			t.Logf("%s: %d peers: %v and %d KiB; as plain flows %v and %d KiB: %.1f times the time", tc.memory, peers, took, mem, base, baseMem, ratio)
			if strings.Contains(out, "for lack of") == tc.whole {
				t.Errorf("%s: everything is remembered: %v; it said %s", tc.memory, tc.whole, out)
			}
			if mem > tc.most {
				t.Errorf("%s: %d KiB", tc.memory, mem)
			}
			if ratio <= tc.times {
				break
			}
		}
		if ratio > tc.times {
			t.Errorf("%s: three times more than %.1f times plain traffic", tc.memory, tc.times)
		}
	}
}

// agreements is one exchange of IKEv2 from a capture, spoken by many peers with the same gateway: message by message, each
// by all of them. As plain, the payloads are overwritten.
func agreements(t *testing.T, peers int, plain bool) *flood {
	t.Helper()
	all, _ := harness.Frames(t, filepath.Join(harness.Root(), "testdata", "captures", "ike-v2", "inside.pcap"))
	peer := [4]byte{10, 1, 0, 11}
	var frames [][]byte
	for _, f := range all {
		b := f.Data
		if len(b) > 60 && b[12] == 8 && b[13] == 0 && b[23] == 17 && isIKE(b) {
			frames = append(frames, b)
		}
	}
	if len(frames) < 4 {
		t.Fatalf("%d messages of IKE", len(frames))
	}
	frames = frames[:4] // IKE_SA_INIT and IKE_AUTH
	return &flood{n: len(frames) * peers, step: 20 * time.Microsecond, frame: func(i int, _ *rand.Rand) []byte {
		b := append([]byte(nil), frames[i/peers]...)
		p := uint32(i % peers)
		at := atSrc
		if [4]byte(b[atSrc:]) != peer {
			at = atDst
		}
		put32(b, at, 0x0a100000+p)
		put16(b, atIPID, uint16(i))
		put16(b, 24, 0)        // the sums are the card's
		put16(b, atSport+6, 0) // none
		body := b[atSport+8:]
		if plain {
			for k := range body {
				body[k] = 0xee
			}
			return b
		}
		if binary.BigEndian.Uint32(body) == 0 {
			body = body[4:]
		}
		binary.BigEndian.PutUint32(body, p+1) // the initiator's SPI
		return b
	}}
}

// isIKE tells IKE from ESP in UDP and from keepalives.
func isIKE(b []byte) bool {
	ports := [2]uint16{binary.BigEndian.Uint16(b[atSport:]), binary.BigEndian.Uint16(b[atDport:])}
	return ports[0] == 500 || ports[1] == 500 || (ports[0] == 4500 || ports[1] == 4500) && binary.BigEndian.Uint32(b[atSport+8:]) == 0
}
