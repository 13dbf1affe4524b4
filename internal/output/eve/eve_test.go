package eve

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

var update = flag.Bool("update", false, "write the golden file anew")

const begin packet.Time = 1_071_000_000_000_000_000

func at(frame uint64, ms int64) packet.Ref {
	return packet.Ref{Frame: frame, Time: begin + packet.Time(ms*1e6)}
}

var (
	client = event.End{Addr: packet.MustAddr("192.168.0.1"), Port: 2268}
	server = event.End{Addr: packet.MustAddr("10.0.0.254"), Port: 80}
)

func tcpFlow(what event.What) *event.Flow {
	f := event.NewFlow(event.Head{FlowID: 1, Proto: packet.ProtoTCP, Client: client, Server: server, Seen: at(13, 340)})
	f.What, f.State, f.End, f.Start, f.Last = what, event.StateTimeWait, event.EndReused, at(1, 0), at(13, 340)
	f.Sides[0] = event.NewSide(event.Side{Packets: 7, Bytes: 800, Flags: packet.SYN | packet.ACK | packet.PSH | packet.FIN})
	f.Sides[0].Gaps = 1
	f.Sides[1] = event.NewSide(event.Side{Packets: 6, Bytes: 2700, Flags: packet.SYN | packet.ACK | packet.PSH | packet.FIN | packet.CWR})
	return f
}

func situation() (events []event.Event, findings []*finding.Finding) {
	odd := event.NewAnomaly(event.Head{FlowID: 1, Proto: packet.ProtoTCP, Client: client, Server: server, Seen: at(17, 98250),
		NVLAN: 2, VLANs: [3]uint16{100, 20}})
	odd.Code = packet.BadIPv4TruncPkt
	arp := event.NewARP(event.Head{Seen: at(18, 99000), SrcMAC: packet.MAC{2, 0, 0, 0, 0, 9}})
	arp.Op, arp.SenderMAC, arp.SenderIP, arp.TargetIP = 1, packet.MAC{2, 0, 0, 0, 0, 9}, client.Addr, server.Addr
	round := event.NewCapture(event.Head{Seen: at(18, 99000)})
	round.From, round.To, round.Packets, round.Bytes, round.KernelLost = begin, begin+99e9, 18, 4200, 2
	events = []event.Event{tcpFlow(event.Started), tcpFlow(event.Closed), tcpFlow(event.Ended), odd,
		event.NewICMPError(event.Head{Seen: at(3, 10)}), arp, round}
	code := &finding.Code{ID: "tcp-timewait-reuse", Title: "Server still remembers a port pair", Kind: finding.Diagnosis, Severity: finding.High}
	f := &finding.Finding{ID: "FS-7k2m4d", Revision: 1, Code: code, Severity: finding.High, Confidence: finding.Likely,
		Title: "10.0.0.254:80 ignored 3 requests", Summary: "It still remembers the \x1b[31mearlier\u202e connection.",
		Remedy:   []finding.Step{{Where: finding.AtNAT, Text: "hold closed ports for 240 s"}, {Where: finding.AtServer, Text: "shorten the hold"}},
		Subjects: []finding.Subject{{Role: "server", Addr: server.Addr, Port: 80}, {Role: "nat", Addr: client.Addr, Port: 2268}}, First: at(14, 68260)}
	guess, muted, bare := *f, *f, *f
	guess.Confidence, muted.MutedBy = finding.Possible, "known"
	bare.Subjects, bare.Remedy, bare.Severity = nil, nil, finding.Info
	return events, []*finding.Finding{f, &guess, &muted, &bare}
}

func write(t *testing.T, s output.Setup) string {
	t.Helper()
	var b bytes.Buffer
	s.Out = &b
	o := New(s)
	events, findings := situation()
	for _, e := range events {
		if err := o.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range findings {
		if err := o.Finding(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	got := write(t, output.Setup{EVE: event.EVE{Version: 8, File: func(uint16) string { return "problem.pcapng" }}})
	if *update {
		if err := os.WriteFile("testdata/eve.json", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/eve.json")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	live := write(t, output.Setup{EVE: event.EVE{Iface: func(uint16) string { return "eth0" }}, MinConfidence: finding.Possible})
	if n := strings.Count(live, `"event_type":"alert"`); n != 3 {
		t.Errorf("%d alerts with possible ones asked for, want 3", n)
	}
	s, err := jsonschema.NewCompiler().Compile("testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(got+live, "\n"), "\n") {
		if err := valid(s, line); err != nil {
			t.Errorf("%v\n%s", err, line)
		}
		for _, r := range line {
			if event.Unprintable(r) {
				t.Errorf("%U in %s", r, line)
			}
		}
		for _, bad := range []string{strings.Replace(line, `{"timestamp"`, `{"firestorm":1,"timestamp"`, 1),
			strings.Replace(line, `"alert":{`, `"alert":{"why":"x",`, 1), strings.Replace(line, `"flow":{`, `"flow":{"x":1,`, 1)} {
			if bad != line && valid(s, bad) == nil {
				t.Errorf("the schema lets through: %s", bad)
			}
		}
	}
}

func valid(s *jsonschema.Schema, line string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestAllocations(t *testing.T) {
	o := New(output.Setup{Out: discard{}, EVE: event.EVE{File: func(uint16) string { return "a.pcap" }}})
	f := tcpFlow(event.Ended)
	if n := testing.AllocsPerRun(500, func() { _ = o.Event(f) }); n > 1 {
		t.Errorf("%v allocations a record", n)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func TestSignatureID(t *testing.T) {
	if SignatureID("tcp-timewait-reuse") == SignatureID("tcp-syn-silent-drop") || SignatureID("x") < 1<<30 || SignatureID("x") >= 1<<31 {
		t.Error("signature ids are not apart from each other or from rules")
	}
}
