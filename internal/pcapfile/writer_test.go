package pcapfile

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/packet"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// written makes a pcapng with everything the writer can do.
func written(t testing.TB) []byte {
	t.Helper()
	long := Attachment{Kind: "finding", Text: `{"text":"` + strings.Repeat("größer ", 20_000) + `"}`}
	parts, err := long.Comments()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w, err := NewWriter(&buf, WriterOptions{Hardware: "virtual", OS: "Linux", Application: "firestorm", Comments: append([]string{"for people"}, parts...)})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []Interface{
		{Name: "eth0", Description: "uplink", Filter: "tcp", Hardware: "card", OS: "Linux", Link: packet.LinkEthernet, SnapLen: 262144},
		{Name: "tun0", Link: packet.LinkRaw},
	} {
		if _, err := w.AddInterface(in); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	frame := []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x88\xb5 local experiment, odd length..")
	must(w.WritePacket(0, 1_700_000_000_123_456_789, frame, 100, PacketOptions{Comments: []string{"FS tcp-x trigger 1/2: eins", "zwei"}, Flags: 1}))
	must(w.WritePacket(1, 1_700_000_001_000_000_000, []byte{0x45}, 0, PacketOptions{}))
	must(w.WriteBlock(0x80000001, []byte("ours")))
	must(w.WriteStatistics(0, Statistics{Time: 1_700_000_002_000_000_000, Start: 1_700_000_000_000_000_000, Received: 10, Dropped: 3, Known: true, Comments: []string{"end"}}))
	must(w.Flush())
	return buf.Bytes()
}

func TestWriterReadBack(t *testing.T) {
	var people []string
	var c Collector
	r := NewReader(bytes.NewReader(written(t)), Options{OnComment: func(m Comment) {
		if !c.Add(m.Text) {
			people = append(people, m.Text)
		}
	}})
	defer r.Close()
	out, err := readAll(t, r)
	if err != nil {
		t.Fatal(err)
	}
	frame := "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x88\xb5 local experiment, odd length.."
	want := []got{{1, 1_700_000_000_123_456_789, frame, 100, 0, 1}, {2, 1_700_000_001_000_000_000, "\x45", 1, 1, 101}}
	if d := cmp.Diff(want, out); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"for people", "FS tcp-x trigger 1/2: eins", "zwei", "end"}, people); d != "" {
		t.Error(d)
	}
	wantI := []Interface{
		{Name: "eth0", Description: "uplink", Filter: "tcp", Hardware: "card", OS: "Linux", Link: packet.LinkEthernet, SnapLen: 262144, Received: 10, Dropped: 3, HasStats: true},
		{Name: "tun0", Link: packet.LinkRaw},
	}
	if d := cmp.Diff(wantI, r.Interfaces(), cmpopts.IgnoreUnexported(Interface{})); d != "" {
		t.Error(d)
	}
	done, broken := c.Attachments()
	if len(done) != 1 || broken != 0 || done[0].Kind != "finding" || done[0].Text != `{"text":"`+strings.Repeat("größer ", 20_000)+`"}` {
		t.Errorf("%d attachments, %d broken", len(done), broken)
	}
}

// TestToolsOpenIt has tshark and capinfos read what the writer wrote.
func TestToolsOpenIt(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	path := filepath.Join(t.TempDir(), "case.pcapng")
	if err := os.WriteFile(path, written(t), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(tshark, "-r", path, "-T", "fields", "-e", "frame.number", "-e", "frame.time_epoch", "-e", "frame.len",
		"-e", "frame.cap_len", "-e", "frame.interface_name", "-e", "frame.comment")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if s := strings.ReplaceAll(stderr.String(), `Running as user "root" and group "root". This could be dangerous.`, ""); strings.TrimSpace(s) != "" {
		t.Errorf("tshark complains: %s", s)
	}
	want := "1\t1700000000.123456789\t100\t45\teth0\tFS tcp-x trigger 1/2: eins,zwei\n2\t1700000001.000000000\t1\t1\ttun0\t\n"
	if string(out) != want {
		t.Errorf("tshark prints\n%s, want\n%s", out, want)
	}
	if capinfos, err := exec.LookPath("capinfos"); err == nil {
		out, err := exec.Command(capinfos, path).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "for people") || !strings.Contains(string(out), "Number of packets:   2") {
			t.Errorf("capinfos: %v\n%.2000s", err, out)
		}
	}
	// A rewrite through editcap keeps the attachment: that is why it travels in comments.
	if editcap, err := exec.LookPath("editcap"); err == nil {
		to := filepath.Join(t.TempDir(), "edited.pcapng")
		if out, err := exec.Command(editcap, path, to).CombinedOutput(); err != nil {
			t.Fatalf("editcap: %v %s", err, out)
		}
		b, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		var c Collector
		r := NewReader(bytes.NewReader(b), Options{OnComment: func(m Comment) { c.Add(m.Text) }})
		defer r.Close()
		if _, err := readAll(t, r); err != nil {
			t.Fatal(err)
		}
		if done, broken := c.Attachments(); len(done) != 1 || broken != 0 {
			t.Errorf("after editcap: %d attachments, %d broken", len(done), broken)
		}
	}
}

func TestPcapWriter(t *testing.T) {
	for _, nanos := range []bool{false, true} {
		var buf bytes.Buffer
		w, err := NewPcapWriter(&buf, packet.LinkSLL, 0, nanos)
		if err != nil {
			t.Fatal(err)
		}
		for _, tm := range []packet.Time{1_700_000_000_123_456_789, -5, 1<<63 - 1} {
			if err := w.WritePacket(tm, []byte("abc"), 9); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WritePacket(0, make([]byte, MaxPacket+1), 0); err == nil {
			t.Error("took a packet that readers refuse")
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&buf, Options{})
		out, err := readAll(t, r)
		r.Close()
		want := []got{{1, 1_700_000_000_123_456_789, "abc", 9, 0, 113}, {2, 0, "abc", 9, 0, 113}, {3, (1<<32)*1e9 - 1, "abc", 9, 0, 113}}
		if !nanos {
			for i := range want {
				want[i].Time -= want[i].Time % 1000
			}
		}
		if d := cmp.Diff(want, out); d != "" || err != nil {
			t.Error(nanos, err, d)
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWriterErrors(t *testing.T) {
	w, err := NewWriter(&failing{after: 1}, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(0, 0, nil, 0, PacketOptions{}); err == nil {
		t.Error("took a packet of an undeclared interface")
	}
	if _, err := w.AddInterface(Interface{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err == nil || w.WritePacket(0, 0, nil, 0, PacketOptions{}) == nil {
		t.Error("a failed write is forgotten")
	}
}

func TestCollectorOddParts(t *testing.T) {
	for _, tc := range []struct {
		in           []string
		done, broken int
	}{
		{[]string{"firestorm:f 1/1:{}"}, 1, 0},
		{[]string{"firestorm:f 1/2:a", "firestorm:f 2/2:b"}, 1, 0},
		{[]string{"firestorm:f 1/2:a"}, 0, 1},
		{[]string{"firestorm:f 2/2:b"}, 0, 1},
		{[]string{"firestorm:f 1/2:a", "firestorm:g 2/2:b"}, 0, 2},
		{[]string{"firestorm:f 1/3:a", "firestorm:f 1/1:{}"}, 1, 1},
		{[]string{"firestorm:f 1/99999:a", "firestorm:f 0/1:", "firestorm:f x/y:", "firestorm:", "hello"}, 0, 0},
	} {
		var c Collector
		for _, s := range tc.in {
			c.Add(s)
		}
		if done, broken := c.Attachments(); len(done) != tc.done || broken != tc.broken {
			t.Errorf("%q: %d done, %d broken", tc.in, len(done), broken)
		}
	}
	for _, a := range []Attachment{{"", "x"}, {"two words", "x"}, {"f", "\xff"}, {"f", "\x00"}} {
		if _, err := a.Comments(); err == nil {
			t.Errorf("%q was taken", a)
		}
	}
}
