package sensor_test

import (
	"context"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
)

// The status says how many TCP connections showed one direction only, and that the clock was set.
func TestStatusOfSides(t *testing.T) {
	var frames []capture.Frame
	add := func(second int64, f []byte) {
		frames = append(frames, capture.Frame{Data: f, Time: packet.Time(second * 1e9), Link: packet.LinkEthernet})
	}
	refused := func(second int64, client string, flags uint16) {
		add(second, packettest.TCP{Src: client, Dst: "10.0.0.9:80", Seq: 100, Flags: packet.SYN}.Frame())
		add(second, packettest.TCP{Src: "10.0.0.9:80", Dst: client, Ack: 101, Flags: flags}.Frame())
	}
	refused(1_000_000, "10.0.0.1:1000", packet.RST|packet.ACK)
	for i := range uint32(3) { // of this one only the client's side
		add(1_000_001, packettest.TCP{Src: "10.0.0.2:2000", Dst: "10.0.0.9:80", Seq: 500 + 10*i, Ack: 900 + 100*i, Flags: packet.PSH | packet.ACK, Payload: "0123456789"}.Frame())
	}
	add(1_000_002, packettest.TCP{Src: "10.0.0.2:2000", Dst: "10.0.0.9:80", Seq: 530, Ack: 1200, Flags: packet.RST | packet.ACK}.Frame())
	for s := int64(1_000_010); s < 1_010_000; s += 100 {
		add(s, packettest.UDP{Src: "10.0.0.3:5000", Dst: "10.0.0.4:5001"}.Frame())
	}
	for s := int64(1_009_000); s < 1_009_050; s += 5 { // the clock was set back
		add(s, packettest.UDP{Src: "10.0.0.3:5000", Dst: "10.0.0.4:5001"}.Frame())
	}
	src := capture.NewMemory(frames)
	src.Chunk = 4
	var last sensor.Status
	res, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, MaxMemory: 64 << 20, OnStatus: func(s *sensor.Status) { last = *s }})
	if err != nil {
		t.Fatal(err)
	}
	if len(last.Sides) != 1 || last.Sides[0].TCP != 2 || last.Sides[0].OneSided != 1 || last.Jumps != 1 {
		t.Errorf("%+v, %d steps of the clock", last.Sides, last.Jumps)
	}
	if len(res.Sides) != 1 || res.Sides[0].TCP != 2 || res.Sides[0].OneSided != 1 {
		t.Errorf("at the end: %+v", res.Sides)
	}
}
