package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

const captures = "../../testdata/captures"

// founding returns a source of the founding capture's frames, as a second pass gets it.
func founding(t *testing.T) func(b *packet.Batch) error {
	t.Helper()
	f, err := os.Open(filepath.Join(captures, "founding-timewait/founding.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r := pcapfile.NewReader(f, pcapfile.Options{})
	return func(b *packet.Batch) error {
		for range 4 { // small batches: a frame must not depend on its neighbours
			var rec pcapfile.Record
			if err := r.Next(&rec); err != nil {
				return err
			}
			data := append([]byte(nil), rec.Data...)
			b.Packets = append(b.Packets, packet.Packet{Data: data, Time: rec.Time, Frame: rec.Frame, Link: rec.Link, WireLen: rec.WireLen})
		}
		b.OnRelease(func(b *packet.Batch) {
			for i := range b.Packets {
				clear(b.Packets[i].Data) // whoever kept the bytes past the call now sees zeroes
			}
		})
		return nil
	}
}

func ref(n uint64) packet.Ref { return packet.Ref{Frame: n, Time: packet.Time(n)} }

func story1() *finding.Finding {
	return &finding.Finding{
		ID: "FS-1", Code: &finding.Code{ID: "tcp-timewait-reuse"}, Title: "10.0.0.254:80 ignored\x1b[31m 3 requests",
		Evidence: []finding.Proof{{Ref: ref(14), Role: "same port pair again"}, {Ref: ref(9), Role: "server closes first"}},
		Facts:    []finding.Fact{{Text: "no reply", Refs: []packet.Ref{ref(14), ref(15), ref(16)}}, {Text: "closed", Refs: []packet.Ref{ref(9)}}}}
}

func story2() *finding.Finding {
	return &finding.Finding{ID: "FS-2", Code: &finding.Code{ID: "tcp-syn-retry", Title: "Requests repeated"},
		Evidence: []finding.Proof{{Ref: ref(15), Role: "retry"}, {Ref: ref(99), Role: "not in the file"}}}
}

func TestWanted(t *testing.T) {
	got := Wanted([]*finding.Finding{story2(), story1()})
	var s []string
	for _, r := range got {
		s = append(s, fmt.Sprint(r.Frame))
	}
	if strings.Join(s, " ") != "9 14 15 16 99" {
		t.Errorf("%v", s)
	}
}

func newCase(t *testing.T) *Case {
	return &Case{Findings: []*finding.Finding{story1(), story2()}, Fetch: SecondPass(founding(t)), Visible: event.Visible,
		JSON:    func(dst []byte, f *finding.Finding) []byte { return append(append(dst, `{"id":"`...), f.ID+`"}`...) },
		Summary: []byte(`{"type":"summary"}`), Name: func(uint16) string { return "problem.pcap" }, Application: "Firestorm"}
}

func TestCaseReadBack(t *testing.T) {
	var b bytes.Buffer
	res, err := newCase(t).Write(&b)
	if err != nil || res != (Result{Frames: 4, Missing: 1}) {
		t.Fatalf("%+v, %v", res, err)
	}
	var parts pcapfile.Collector
	notes := map[uint64][]string{}
	r := pcapfile.NewReader(&b, pcapfile.Options{OnComment: func(c pcapfile.Comment) {
		if !parts.Add(c.Text) {
			notes[c.Frame] = append(notes[c.Frame], c.Text)
		}
	}})
	var rec pcapfile.Record
	var lengths []int
	for {
		if err := r.Next(&rec); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(rec.Data))
		if bytes.Count(rec.Data, []byte{0}) == len(rec.Data) {
			t.Errorf("frame %d: its bytes were kept past the loan", rec.Frame)
		}
	}
	if fmt.Sprint(lengths) != "[60 62 62 62]" {
		t.Errorf("frames of %v bytes", lengths)
	}
	want := map[uint64][]string{
		1: {`FS tcp-timewait-reuse server closes first 1/4: 10.0.0.254:80 ignored\u{1b}[31m 3 requests`},
		2: {`FS tcp-timewait-reuse same port pair again 2/4: 10.0.0.254:80 ignored\u{1b}[31m 3 requests`},
		3: {`FS tcp-timewait-reuse fact 3/4: 10.0.0.254:80 ignored\u{1b}[31m 3 requests`, `FS tcp-syn-retry retry 1/2: Requests repeated`},
		4: {`FS tcp-timewait-reuse fact 4/4: 10.0.0.254:80 ignored\u{1b}[31m 3 requests`},
	}
	if fmt.Sprint(notes) != fmt.Sprint(want) {
		t.Errorf("comments\n%v\nwant\n%v", notes, want)
	}
	done, broken := parts.Attachments()
	if broken != 0 || fmt.Sprint(done) != `[{summary {"type":"summary"}} {finding {"id":"FS-1"}} {finding {"id":"FS-2"}}]` {
		t.Errorf("%v, %d broken", done, broken)
	}
	if i := r.Interfaces(); len(i) != 1 || i[0].Name != "problem.pcap" {
		t.Errorf("interfaces %+v", i)
	}
}

func TestTsharkShowsTheComments(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("needs tshark (Debian: apt-get install tshark)")
	}
	name := filepath.Join(t.TempDir(), "case.pcapng")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newCase(t).Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-r", name, "-T", "fields", "-e", "frame.number", "-e", "frame.comment").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"1\tFS tcp-timewait-reuse server closes first 1/4: ", "FS tcp-syn-retry retry 1/2: Requests repeated"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("tshark does not show %q:\n%s", want, out)
		}
	}
}

func TestSeveralSourcesComeInOrderOfTime(t *testing.T) {
	f := &finding.Finding{Code: &finding.Code{ID: "x"}, Title: "t"}
	for i, r := range []packet.Ref{{Source: 0, Frame: 1, Time: 10}, {Source: 0, Frame: 2, Time: 30}, {Source: 1, Frame: 1, Time: 20}} {
		f.Evidence = append(f.Evidence, finding.Proof{Ref: r, Role: fmt.Sprint(i)})
	}
	c := &Case{Findings: []*finding.Finding{f}, Fetch: func(want []packet.Ref, give func(p *packet.Packet) error) error {
		for _, r := range want {
			p := packet.Packet{Data: []byte{1, 2, 3}, Time: r.Time, Frame: r.Frame, Source: r.Source, Link: packet.LinkEthernet, WireLen: 3}
			if err := give(&p); err != nil {
				return err
			}
		}
		return nil
	}}
	var b bytes.Buffer
	if _, err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	r, last := pcapfile.NewReader(&b, pcapfile.Options{}), packet.Time(0)
	for range 3 {
		var rec pcapfile.Record
		if err := r.Next(&rec); err != nil {
			t.Fatal(err)
		}
		if rec.Time < last {
			t.Errorf("%d after %d", rec.Time, last)
		}
		last = rec.Time
	}
	if n := len(r.Interfaces()); n != 2 {
		t.Errorf("%d interfaces", n)
	}
}

type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func TestSaysThatItCannotWrite(t *testing.T) {
	for _, room := range []int{0, 300} {
		if _, err := newCase(t).Write(&full{room}); err == nil {
			t.Errorf("with room for %d bytes: no error", room)
		}
	}
}

func TestManyFindingsLeaveRoom(t *testing.T) {
	c := &Case{JSON: func(dst []byte, f *finding.Finding) []byte { return append(dst, strings.Repeat("x", 1<<20)...) }}
	for i := range 20 {
		c.Findings = append(c.Findings, &finding.Finding{ID: fmt.Sprint(i), Code: &finding.Code{ID: "x"}})
	}
	var b bytes.Buffer
	res, err := c.Write(&b)
	if err != nil || res.NotAttached != 12 || b.Len() > pcapfile.MaxBlock {
		t.Errorf("%+v, %v, %d bytes", res, err, b.Len())
	}
}
