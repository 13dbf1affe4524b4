package conventions

import (
	"context"
	"path/filepath"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// toyCode is what the toy detector reports: a connection that was asked for. It proves that a detector is one folder
// (here: this file) and one line in a list (here: the list given to the sensor).
var toyCode = &finding.Code{ID: "toy-asked", Title: "somebody asked for a connection", Kind: finding.Anomaly, Severity: finding.Info, Tier: 3}

var toyDef = detect.Def{Name: "toy", Codes: []*finding.Code{toyCode}, New: func(s *detect.Scope) detect.Detector { return &toy{s: s} }}

type toy struct{ s *detect.Scope }

func (d *toy) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.What != event.Started || f.Head().Proto != packet.ProtoTCP {
		return
	}
	h := f.Head()
	d.s.Report(&finding.Instance{Code: toyCode.ID, Key: h.Server.Addr.String(), FlowID: h.FlowID, Vantage: h.Vantage,
		Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port, First: f.Start, Last: f.Start})
}

func (d *toy) Tick(packet.Time) {}

func (d *toy) End(packet.Time) {}

func (d *toy) Compose(g *finding.Group, b *finding.Builder) bool {
	b.Title("%d connections were asked for", g.Count)
	b.Subject(finding.Subject{Role: "server", Addr: g.Kept[0].Server, Port: g.Kept[0].Port})
	b.Fact([]packet.Ref{g.First}, "the first request")
	b.Fact([]packet.Ref{g.Last}, "the last request")
	return true
}

func TestToyDetectorIsOneFolderAndOneLine(t *testing.T) {
	for _, workers := range []int{1, 2} {
		src, err := capture.OpenFile(filepath.Join(root(t), "testdata", "captures", "founding-timewait", "founding.pcap"), capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		list := append([]detect.Def{}, standard.Detectors...)
		res, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, Detectors: append(list, toyDef)})
		_ = src.Close()
		if err != nil {
			t.Fatal(err)
		}
		var got *finding.Finding
		for _, f := range res.Findings {
			if f.Code == toyCode {
				got = f
			}
		}
		if got == nil || got.Count != 2 || got.Confidence != finding.Certain || got.Title != "2 connections were asked for" {
			t.Errorf("%d workers: the toy found %+v", workers, got)
		}
		if len(res.Broken) > 0 || len(res.Engine.Faulty) > 0 {
			t.Errorf("broken %v faulty %v", res.Broken, res.Engine.Faulty)
		}
	}
}
