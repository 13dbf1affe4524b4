package sensor_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

type printer struct{ t *testing.T }

func (p printer) Event(e event.Event) error {
	switch f := e.(type) {
	case *event.Flow:
		h := f.Head()
		if h.Proto != 6 {
			return nil
		}
		p.t.Log(fmt.Sprintf("%d %s %v:%d>%v:%d state %s end %s stall{%v tries %d len %d idle %v first %d last %d small %v spoke %v rst %v win %v} idlesurv %v ref{%d ttl %d valid %v dir %v} pk %d/%d one %v rt %d/%d gap %d/%d rg %d/%d zero %d/%d maxdel %d/%d max %d/%d think %v spur %d/%d ds %d/%d ooo %d/%d pay %d/%d zt %v/%v zp %d/%d synack %d syn %d ex %d", h.Seen.Frame, f.What, h.Client.Addr, h.Client.Port, h.Server.Addr, h.Server.Port, f.State, f.End,
			f.Stall.Dir, f.Stall.Tries, f.Stall.IPLen, f.Stall.IdleBefore, f.Stall.First.Frame, f.Stall.Last.Frame, f.Stall.SmallPassed, f.Stall.PeerSpoke, f.Stall.EndedByRST, f.Stall.WindowClosed, f.IdleSurvived, f.Refusal.Ref.Frame, f.Refusal.TTL, f.Refusal.Valid, f.Refusal.Dir, f.Sides[0].Packets, f.Sides[1].Packets, f.OneSided,
			f.Sides[0].Retrans, f.Sides[1].Retrans, f.Sides[0].Gaps, f.Sides[1].Gaps, f.Sides[0].RetransGap, f.Sides[1].RetransGap, f.Sides[0].ZeroCount, f.Sides[1].ZeroCount, f.Sides[0].MaxDelivered, f.Sides[1].MaxDelivered, f.Sides[0].MaxIPLen, f.Sides[1].MaxIPLen, f.ThinkMax, f.Sides[0].Spurious, f.Sides[1].Spurious, f.Sides[0].DSACKs, f.Sides[1].DSACKs, f.Sides[0].OutOfOrder, f.Sides[1].OutOfOrder, f.Sides[0].Payload, f.Sides[1].Payload, f.Sides[0].ZeroTotal, f.Sides[1].ZeroTotal, f.Sides[0].ZeroProbes, f.Sides[1].ZeroProbes, f.SYNACKTries, f.SYNTries, f.Exchanges))
	case *event.ICMPError:
		p.t.Log(fmt.Sprintf("%d icmp %d/%d from %v mtu %d flow %v fresh %v", f.Head().Seen.Frame, f.Type, f.Code, f.Sender, f.MTU, f.Head().FlowID != 0, f.Fresh))
	case *event.Repeat:
		p.t.Log(fmt.Sprintf("%d repeat times %d ttl %d>%d loop %v", f.Head().Seen.Frame, f.Times, f.TTLFirst, f.TTLLast, f.Loop))
	case *event.Exchange:
		p.t.Log(fmt.Sprintf("%d exchange think %v", f.Head().Seen.Frame, f.Think))
	}
	return nil
}

// TestEvents prints the events of one capture, for whoever looks into a detector.
func TestEvents(t *testing.T) {
	f := os.Getenv("EVENTS")
	if f == "" {
		t.Skip("prints the events of a capture: EVENTS=timewait-silent/inside.pcap go test -v -run TestEvents")
	}
	s, err := capture.OpenFile("../../testdata/captures/"+f, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = sensor.Run(context.Background(), sensor.Options{Source: s, Workers: 1, Checksums: packet.ChecksumsAuto, Sinks: []sensor.EventSink{printer{t}}}); err != nil {
		t.Fatal(err)
	}
}
