package sensor_test

import (
	"context"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
)

// ringed is a source whose packets came through three rings.
type ringed struct{ slice }

func (*ringed) Rings(uint16) int { return 3 }

// TestHandedOver: what came through the ring of another shard is counted, in the status and for outputs, and used all the same;
// a source without rings counts nothing.
func TestHandedOver(t *testing.T) {
	inner := packettest.UDP{Src: "10.7.0.1:5000", Dst: "10.7.0.9:5001", Payload: "inside"}.Frame()
	frames := [][]byte{
		packettest.TCP{Src: "10.0.0.1:4000", Dst: "10.0.0.2:80", Flags: packet.SYN}.Frame(),
		packettest.TCP{Src: "10.0.0.2:80", Dst: "10.0.0.1:4000", Flags: packet.SYN | packet.ACK}.Frame(),
		packettest.UDP{Src: "10.9.0.1:5000", Dst: "10.9.0.2:4789", Payload: "\x08\x00\x00\x00\x00\x00\x07\x00" + string(inner)}.Frame(),
	}
	var ps []packet.Packet
	wrong := uint64(0)
	for i, f := range frames {
		p := packet.Packet{Data: f, WireLen: uint32(len(f)), Link: packet.LinkEthernet, Time: packet.Time(i) * 1e6, Frame: uint64(i + 1)}
		q := p
		packet.Decode(&q, nil)
		a, b := q.Src, q.Dst
		if q.Tunnel != 0 { // the ring goes by what stands outside
			a, b = packet.Addr4([]byte{10, 9, 0, 1}), packet.Addr4([]byte{10, 9, 0, 2})
			if packet.ShardOfPair(&a, &b, 0)%3 == packet.ShardOfPair(&q.Src, &q.Dst, 0)%3 {
				t.Fatal("these addresses meet in one ring: choose others")
			}
			wrong++
		}
		p.Ring = packet.ShardOfPair(&a, &b, 0) % 3
		ps = append(ps, p)
	}
	if wrong != 1 {
		t.Fatal("the tunnel was not understood")
	}
	for _, src := range []capture.Source{&ringed{slice{ps}}, &slice{ps}} {
		told, status := uint64(0), uint64(0)
		r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 2, Sinks: []sensor.EventSink{sinkFunc(func(e event.Event) {
			if c, ok := e.(*event.Capture); ok {
				told += c.HandedOver
			}
		})}, OnStatus: func(s *sensor.Status) { status = s.HandedOver }})
		if err != nil {
			t.Fatal(err)
		}
		want := wrong
		if _, ok := src.(*slice); ok {
			want = 0
		}
		if r.Counts.HandedOver != want || told != want || status != want || r.Counts.Packets != 3 {
			t.Errorf("%d handed over, %d told, %d in the status, of %d; want %d", r.Counts.HandedOver, told, status, r.Counts.Packets, want)
		}
	}
}
