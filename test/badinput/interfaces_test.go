package badinput

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
	"firestorm/test/harness"
)

// manyInterfaces is a small file that declares as many interfaces as a file may, and gives each a packet: each is a
// place of capture with a memory of its own. Its times step back and forth, so that there are many rounds.
func manyInterfaces(t testing.TB, interfaces, packets int) []byte {
	t.Helper()
	syn := floods()["SYNs from anywhere"]().frame
	r := rand.New(rand.NewPCG(seed, 2))
	var b bytes.Buffer
	w, err := pcapfile.NewWriter(&b, pcapfile.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range interfaces {
		if _, err := w.AddInterface(pcapfile.Interface{Link: packet.LinkEthernet, Name: fmt.Sprintf("eth%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range packets {
		at := start.Add(time.Duration(i%1000) * 3 * time.Second)
		f := syn(i, r)
		if err := w.WritePacket(i%interfaces, at, f, uint32(len(f)), pcapfile.PacketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestManyInterfaces: memory and time do not grow with the number of interfaces that a file merely declares.
func TestManyInterfaces(t *testing.T) {
	file := manyInterfaces(t, pcapfile.MaxInterfaces, 30_000)
	for round := 1; ; round++ { // the machine may be busy: one fair round of three is enough
		s, err := capture.OpenReader("-", bytes.NewReader(file), capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o := harness.Run(t, "many interfaces", s, harness.Options{MaxMemory: small, NoEvents: true, Limit: time.Minute})
		harness.Whole(t, "many interfaces", o)
		rate := float64(o.Account.Read) / o.Took.Seconds()
		t.Logf("%d interfaces in %d KiB: %s, %.0f packets a second", pcapfile.MaxInterfaces, len(file)>>10, o.Took.Round(time.Millisecond), rate)
		if rate >= slowest/5 { // nearly each packet ends a round
			return
		}
		if round == 3 {
			t.Fatalf("%.0f packets a second", rate)
		}
	}
}
