package evidence

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/pcapfile"
)

// wire is a small input: two conversations, an error about the first, fragments, an ARP exchange, a stranger.
func wire() [][]byte {
	up := packettest.TCP{Src: "10.0.0.1:40000", Dst: "192.0.2.7:80", Flags: packet.ACK, Payload: "ask"}
	down := packettest.TCP{Src: "192.0.2.7:80", Dst: "10.0.0.1:40000", Flags: packet.ACK, Payload: strings.Repeat("answer", 20)}
	other := packettest.TCP{Src: "10.0.0.1:40001", Dst: "192.0.2.7:80", Flags: packet.ACK, Payload: "ask"}
	tell := packettest.ICMP{Src: "192.0.2.254", Dst: "10.0.0.1", Type: 3, Code: 1, Payload: string(up.Datagram())}
	strange := packettest.ICMP{Src: "192.0.2.254", Dst: "10.0.0.1", Type: 3, Code: 1, Payload: string(other.Datagram())}
	var out [][]byte
	out = append(out, up.Frame(), down.Frame(), other.Frame(), tell.Frame(), strange.Frame())
	big := packettest.TCP{Src: "192.0.2.7:80", Dst: "10.0.0.1:40000", Flags: packet.ACK, Payload: strings.Repeat("long", 100)}
	for _, d := range packettest.Fragment(big.Datagram(), 200, 7) {
		out = append(out, packettest.Ethernet(d, packettest.Link{}))
	}
	arp := func(from, to string) []byte {
		return packettest.ARP{Op: 1, SenderMAC: "02:00:00:00:00:01", SenderIP: from, TargetIP: to}.Frame()
	}
	return append(out, arp("10.0.0.1", "10.0.0.2"), arp("10.0.0.2", "10.0.0.1"), arp("10.0.0.3", "10.0.0.2"))
}

func wireSource() (func(b *packet.Batch) error, func(), error) {
	frames, sent := wire(), 0
	return func(b *packet.Batch) error {
		if sent == len(frames) {
			return io.EOF
		}
		d := bytes.Clone(frames[sent])
		sent++
		b.Packets = append(b.Packets, packet.Packet{Data: d, Time: packet.Time(sent), Frame: uint64(sent), Link: packet.LinkEthernet, WireLen: uint32(len(d))})
		b.OnRelease(func(*packet.Batch) { clear(d) })
		return nil
	}, func() {}, nil
}

func chosen(t *testing.T, c *Choice, want ...uint64) string {
	t.Helper()
	c.Open = wireSource
	var refs []packet.Ref
	for _, n := range want {
		refs = append(refs, ref(n))
	}
	var got []string
	if err := c.Fetch(refs, func(p *packet.Packet) error {
		got = append(got, fmt.Sprint(p.Frame))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestConversation(t *testing.T) {
	last := len(wire())
	for _, c := range []struct {
		name   string
		choice Choice
		frames []uint64
		want   string
	}{
		{"a connection with its errors and fragments", Choice{}, []uint64{1}, "1 2 4 6 7 8"},
		{"the other; later fragments have no ports and may be its", Choice{}, []uint64{3}, "3 5 7 8"},
		{"an error leads to what it speaks of", Choice{}, []uint64{4}, "1 2 4 6 7 8"},
		{"an ARP exchange", Choice{}, []uint64{uint64(last - 2)}, fmt.Sprintf("%d %d", last-2, last-1)},
		{"one side", Choice{Side: packet.MustAddr("10.0.0.1")}, []uint64{1}, "1"},
		{"one side of ARP", Choice{Side: packet.MustAddr("10.0.0.2")}, []uint64{uint64(last - 2)}, fmt.Sprint(last - 1)},
		{"what is told has room always", Choice{Limit: 1}, []uint64{2}, "2"},
	} {
		if got := chosen(t, &c.choice, c.frames...); got != c.want {
			t.Errorf("%s: frames %s, want %s", c.name, got, c.want)
		}
	}
	c := Choice{Side: packet.MustAddr("10.0.0.1"), Limit: 1}
	chosen(t, &c, 2)
	if c.OtherSide != 5 || c.Untold != 1 || c.OverLimit != 1 {
		t.Errorf("%d of the other side, %d of them told, %d over the limit", c.OtherSide, c.Untold, c.OverLimit)
	}
}

// What goes into a redacted case names nobody: frames, comments, the finding, the names of inputs.
func TestRedactedCase(t *testing.T) {
	f := &finding.Finding{ID: "FS-1", Code: &finding.Code{ID: "x-y", Title: "something"}, Title: `192.0.2.7:80 refused alice-laptop ("PASS hunter2")`,
		Summary: "alice-laptop at 10.0.0.1 said PASS hunter2", Facts: []finding.Fact{{Text: "from 10.0.0.1", Refs: []packet.Ref{ref(1)}}},
		Subjects: []finding.Subject{{Role: "client", Addr: packet.MustAddr("10.0.0.1"), Name: "alice-laptop"}},
		Evidence: []finding.Proof{{Ref: ref(2), Role: "192.0.2.7 answers"}}}
	red := NewRedactor(testKey(1))
	red.Know("alice-laptop")
	c := &Case{Findings: []*finding.Finding{f}, Redact: red, Application: "Firestorm", Name: func(uint16) string { return "alice.pcap" },
		JSON: func(dst []byte, f *finding.Finding) []byte {
			return fmt.Appendf(dst, `{"title":%q,"summary":%q,"facts":%q,"subjects":"%v"}`, f.Title, f.Summary, f.Facts[0].Text, f.Subjects)
		},
		Summary: []byte(`{"files":["alice.pcap"]}`)}
	choice := &Choice{Open: wireSource}
	c.Fetch = choice.Fetch
	var b bytes.Buffer
	res, err := c.Write(&b)
	if err != nil || res.Frames != 6 || res.Missing != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, bad := range []string{"alice", "hunter2", "192.0.2.7", "10.0.0.1", "answeranswer", "longlong"} {
		if bytes.Contains(b.Bytes(), []byte(bad)) {
			t.Errorf("%q is in the case", bad)
		}
	}
	for _, want := range []string{"FS x-y", red.Map.Addr(packet.MustAddr("192.0.2.7")).String(), red.Map.Name("alice-laptop"), "capture 1"} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("%q is not in the case", want)
		}
	}
	if f.Title == "" || f.Subjects[0].Name != "alice-laptop" || f.Facts[0].Text != "from 10.0.0.1" {
		t.Error("the finding itself was changed")
	}
	r := pcapfile.NewReader(&b, pcapfile.Options{})
	var rec pcapfile.Record
	if err := r.Next(&rec); err != nil || int(rec.WireLen) <= len(rec.Data) {
		t.Errorf("%v: %d of %d bytes", err, len(rec.Data), rec.WireLen)
	}
}

func TestManifest(t *testing.T) {
	h := NewHasher()
	io.WriteString(h, "abc")
	var b bytes.Buffer
	m := Manifest{Findings: []string{"FS-1"}, Outputs: []ManifestFile{h.File("case.pcapng")}}
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	// The hash of "abc" is the example of FIPS 180-2, appendix B.1.
	for _, want := range []string{`"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`, `"bytes": 3`, `"type": "evidence-manifest"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in %s", want, b.String())
		}
	}
}
