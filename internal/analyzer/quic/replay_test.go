package quic

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestCapture: what ngtcp2 said, and JA3 as tshark has it.
func TestCapture(t *testing.T) {
	s, err := capture.OpenFile("../../../testdata/captures/clean-quic/inside.pcap", capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fs, err := capture.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	for _, f := range fs {
		r.packet(&packet.Packet{Data: f.Data, Link: f.Link, WireLen: max(f.WireLen, uint32(len(f.Data))), Time: f.Time})
	}
	got := map[string]int{}
	for _, e := range r.out {
		e, ok := e.(*Event)
		if !ok {
			continue
		}
		got["version "+VersionText(e.Version)]++
		got["asked for "+e.SNI]++
		e.EachName(func(n event.Name) { got["named "+n.Name]++ })
		got[e.JA3Hash]++
		got[e.JA4]++
	}
	// By the programs' own words: each page was asked for twice, where the server sent a Retry packet twice as often.
	for what, n := range map[string]int{"asked for shop.example": 20, "asked for shop6.example": 6, "named shop.example": 18, "named shop6.example": 4,
		"version 1a2a3a4a": 1, "version 0": 1} {
		if got[what] != n {
			t.Errorf("%s: %d times, not %d", what, got[what], n)
		}
	}
	if n := got["4e2f39e9839276fe7bfd283b657fb9db"] + got["b625f3825354ef0093a79285d4cd2c8d"] + got["eddbc7a31e124901d33807b9c3372a6c"]; n != 26 {
		t.Errorf("%d of JA3 as tshark has it: %v", n, got)
	}
	if n := got["eb1d94daa7e0344597e756a1fb6e7054"] + got["aa8ccc23f30f490cc666164b60a06354"]; n != 22 {
		t.Errorf("%d of JA3S: %v", n, got)
	}
	if s := r.d.Stats(); s.Panics != 0 || s.Messages > 8*s.Bound {
		t.Errorf("%+v", s)
	}
}
