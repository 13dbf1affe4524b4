package sensor_test

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// frames reads a committed capture into memory.
func frames(t *testing.T, name string) []packet.Packet {
	t.Helper()
	src, err := capture.OpenFile(filepath.Join("../../testdata/captures", name), capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	fs, err := capture.ReadAll(src)
	if err != nil {
		t.Fatal(err)
	}
	var out []packet.Packet
	for _, f := range fs {
		out = append(out, packet.Packet{Data: f.Data, Time: f.Time, Link: f.Link, WireLen: f.WireLen})
	}
	return out
}

// slice is a source over packets, in batches of one.
type slice struct{ ps []packet.Packet }

func (s *slice) Next(b *packet.Batch) error {
	if len(s.ps) == 0 {
		return io.EOF
	}
	p := s.ps[0]
	s.ps = s.ps[1:]
	b.Packets = append(b.Packets, p)
	return nil
}
func (s *slice) Stats() capture.Stats { return capture.Stats{} }
func (s *slice) Close() error         { return nil }

func run(t *testing.T, ps []packet.Packet) *sensor.Result {
	t.Helper()
	for i := range ps {
		ps[i].Frame = uint64(i + 1)
	}
	r, err := sensor.Run(context.Background(), sensor.Options{Source: &slice{slices.Clone(ps)}, Workers: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A single absurd time stamp, or a clock that was set back in the middle, costs nothing of what happens after it.
func TestAbsurdTimes(t *testing.T) {
	founding := frames(t, "founding-timewait/founding.pcap")
	other := packettest.UDP{Src: "172.16.9.9:5000", Dst: "172.16.9.10:5000", Payload: "x"}.Frame()
	stray := func(at packet.Time) packet.Packet {
		return packet.Packet{Data: other, WireLen: uint32(len(other)), Link: packet.LinkEthernet, Time: at}
	}
	for name, ps := range map[string][]packet.Packet{
		"a stamp of 2106 in between":     slices.Insert(slices.Clone(founding), 13, stray(packet.Time(1<<32)*packet.Time(time.Second))),
		"the largest stamp in between":   slices.Insert(slices.Clone(founding), 13, stray(1<<63-1)),
		"a stamp of 1970 in between":     slices.Insert(slices.Clone(founding), 13, stray(0)),
		"the largest stamp comes first":  slices.Insert(slices.Clone(founding), 0, stray(1<<63-1)),
		"an hour before, clock set back": append([]packet.Packet{stray(founding[0].Time.Add(30 * time.Minute)), stray(founding[0].Time.Add(31 * time.Minute))}, founding...),
	} {
		r := run(t, ps)
		if len(r.Findings) != 1 || r.Findings[0].Code.ID != "tcp-timewait-reuse" {
			t.Errorf("%s: %d findings", name, len(r.Findings))
			for _, f := range r.Findings {
				t.Logf("  %s %s", f.Code.ID, f.Title)
			}
		}
	}
}
