package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/seal"
)

const second = packet.Time(time.Second)

// start is the time of the first packet of these tests.
var start = packet.Time(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC).UnixNano())

// talk is packet i of the conversation between client number c and a server, with text.
func talk(c, i int, at packet.Time, text string) packet.Packet {
	f := packettest.TCP{Src: fmt.Sprintf("10.0.%d.%d:4000", c/250, c%250+1), Dst: "192.0.2.7:21", Seq: uint32(i), Flags: packet.ACK, Payload: text}.Frame()
	return packet.Packet{Data: f, Time: at, Frame: uint64(i + 1), Link: packet.LinkEthernet, WireLen: uint32(len(f))}
}

func begin(t *testing.T, o Options) *Writer {
	t.Helper()
	if o.Interfaces == nil {
		o.Interfaces = []Interface{{"eth0", packet.LinkEthernet}}
	}
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close(10 * time.Second) })
	return w
}

// feed writes a packet of each of n conversations each second, slow enough for none to be left out.
func feed(t *testing.T, w *Writer, n, seconds, size int) {
	t.Helper()
	for s := range seconds {
		for c := range n {
			p := talk(c, s, start+packet.Time(s)*second+packet.Time(c)*1000, fmt.Sprintf("PASS secret-%d-%d ", c, s)+strings.Repeat("x", size))
			for len(w.free) == 0 {
				time.Sleep(time.Millisecond)
			}
			w.Packets([]packet.Packet{p})
		}
	}
}

func end(t *testing.T, w *Writer) Stats {
	t.Helper()
	s := w.Close(20 * time.Second)
	if s.NoRoom+s.NotWritten+s.OtherLink+s.TooLong > 0 || s.Err != "" {
		t.Fatalf("%+v", s)
	}
	return s
}

// want is packet s of conversation c, as a finding refers to it.
func want(c, s int) packet.Ref {
	return packet.Ref{Frame: uint64(s + 1), Time: start + packet.Time(s)*second + packet.Time(c)*1000}
}

// A conversation is found whole, and most of the spool is not read for it.
func TestFound(t *testing.T) {
	dir := t.TempDir()
	w := begin(t, Options{Dir: dir, MaxBytes: 1 << 30, FileBytes: 1 << 20})
	feed(t, w, 5, 300, 1200)
	// One conversation of a few packets among them.
	feedOne := func(s int) {
		p := talk(99, s, want(99, s).Time, "needle")
		for len(w.free) == 0 {
			time.Sleep(time.Millisecond)
		}
		w.Packets([]packet.Packet{p})
	}
	for s := 300; s < 304; s++ {
		feedOne(s)
	}
	for s := range 300 {
		p := talk(s%5, s, start+packet.Time(400+s)*second, strings.Repeat("y", 1200))
		for len(w.free) == 0 {
			time.Sleep(time.Millisecond)
		}
		w.Packets([]packet.Packet{p})
	}
	if s := end(t, w); s.Written != 1804 || s.Files < 2 {
		t.Errorf("%+v", s)
	}
	f, err := Read(dir, Query{Want: []packet.Ref{want(99, 301), {Frame: 7, Time: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Packets) != 4 || f.Wanted != 1 || f.Packets[1].Frame != 302 || !bytes.HasSuffix(f.Packets[1].Data, []byte("needle")) || f.Packets[0].Time != want(99, 300).Time {
		t.Errorf("%d packets, %d wanted: %+v", len(f.Packets), f.Wanted, f)
	}
	if f.Parts*4 > f.AllParts {
		t.Errorf("%d of %d parts were read", f.Parts, f.AllParts)
	}
	if len(f.Names) != 1 || f.Names[0] != "eth0" {
		t.Errorf("%q", f.Names)
	}
	if f, err := Read(dir, Query{Want: []packet.Ref{want(1, 10)}, Limit: 20_000}); err != nil || f.OverLimit == 0 || f.Wanted != 1 {
		t.Errorf("limit: %+v %v", f, err)
	}
}

// Headers alone: nothing of what was said is on the disk, but in the packets of findings.
func TestHeadersAndProofs(t *testing.T) {
	dir := t.TempDir()
	w := begin(t, Options{Dir: dir, Headers: true})
	feed(t, w, 3, 20, 100)
	w.Proof([]packet.Ref{want(1, 9), want(1, 19), {Frame: 9, Time: 5}}, false) // one is on the disk already, one waits
	w.Proof([]packet.Ref{want(2, 11)}, true)
	if s := end(t, w); s.Written != 60 || s.Proofs != 3 || s.NoProof != 1 {
		t.Errorf("%+v", s)
	}
	seen := map[string]int{}
	l, _ := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	for _, name := range l {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		kind := fileName.FindStringSubmatch(filepath.Base(name))[2]
		seen[kind] += bytes.Count(b, []byte("secret"))
		if kind == "proof" && (!bytes.Contains(b, []byte("secret-1-9 ")) || !bytes.Contains(b, []byte("secret-1-19 "))) {
			t.Error("the packets of the finding are not those")
		}
	}
	if len(seen) != 2 || seen["head"] != 0 || seen["proof"] != 2 {
		t.Errorf("%v", seen)
	}
	f, err := Read(dir, Query{Want: []packet.Ref{want(1, 9)}})
	if err != nil || len(f.Packets) != 20 || f.Wanted != 1 {
		t.Fatalf("%+v %v", f, err)
	}
	for i := range f.Packets {
		if p := &f.Packets[i]; bytes.Contains(p.Data, []byte("secret")) != (i == 9 || i == 19) || p.WireLen < 150 {
			t.Errorf("packet %d: %d of %d bytes", i, len(p.Data), p.WireLen)
		}
	}
	k, err := Kept(dir)
	if err != nil || k.Payload || k.Encrypted || k.Proofs != 1 || k.Files != 2 || k.MaxBytes != DefaultMaxBytes || k.Bytes == 0 || !k.Oldest.Equal(start.Std()) {
		t.Errorf("%+v %v", k, err)
	}
}

// The cap holds at every moment, the oldest go, the packets of findings have their share.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	w := begin(t, Options{Dir: dir, MaxBytes: MinBytes})
	feed(t, w, 1, 10, 100)
	for s := range 10 {
		w.Proof([]packet.Ref{want(0, s)}, false)
	}
	most := int64(0)
	for i := range 40 {
		for k := range 200 {
			p := talk(2, i, start+packet.Time(20+i)*second+packet.Time(k), strings.Repeat("z", 1400))
			for len(w.free) == 0 {
				time.Sleep(time.Millisecond)
			}
			w.Packets([]packet.Packet{p})
		}
		k, err := Kept(dir)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, k.Bytes)
	}
	s := end(t, w)
	if most > MinBytes+ChunkBytes || most < MinBytes/2 || s.Removed == 0 {
		t.Errorf("at most %d bytes of %d: %+v", most, MinBytes, s)
	}
	f, err := Read(dir, Query{Want: []packet.Ref{want(0, 3)}})
	if err != nil || f.Wanted != 1 || len(f.Packets) != 10 {
		t.Errorf("the packets of findings went with the others: %+v %v", f, err)
	}
	// Another begins where this one ended, and only one at a time.
	a := begin(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	a.Packets([]packet.Packet{talk(0, 1, start+9999*second, "later")})
	end(t, a)
	l, err := list(dir)
	if err != nil || l[len(l)-1].begin != (start+9999*second).Std() {
		t.Errorf("%+v %v", l, err)
	}
}

// A disk that hangs, or refuses: capture goes on at once, and what is lost is counted.
func TestNeverWaits(t *testing.T) {
	gate := make(chan bool)
	o := Options{Dir: t.TempDir(), Chunks: 4, Interfaces: []Interface{{"eth0", packet.LinkEthernet}}}
	w, err := open(o, func(name string) (io.WriteCloser, error) {
		<-gate
		return nopCloser{io.Discard}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		for i := range 5000 {
			w.Packets([]packet.Packet{talk(0, i, start+packet.Time(i), strings.Repeat("x", 1000))})
			w.Proof([]packet.Ref{want(0, i)}, false)
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("capture waits for the disk")
	}
	close(gate)
	s := w.Close(10 * time.Second)
	if s.NoRoom == 0 || s.Written == 0 || s.Written+s.NoRoom != 5000 || s.NoProof == 0 {
		t.Errorf("%+v", s)
	}
	n := 0
	o.Dir = t.TempDir()
	w, err = open(o, func(string) (io.WriteCloser, error) { n++; return nil, &os.PathError{Op: "open", Err: syscall.EIO} })
	if err != nil {
		t.Fatal(err)
	}
	w.Packets([]packet.Packet{talk(0, 1, start, "x"), {Link: packet.LinkEthernet, Source: 9}, {Link: 0}})
	if s := w.Close(10 * time.Second); s.NotWritten != 1 || s.OtherLink != 2 || n == 0 || !strings.Contains(s.Err, "input/output") {
		t.Errorf("%+v", s)
	}
}

// Encrypted: nothing can be read without the key, all with it, also where the program was killed.
func TestEncrypted(t *testing.T) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(k.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := seal.ParseRecipients([]string{k.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ReadIdentities([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := begin(t, Options{Dir: dir, Seal: to, FileBytes: 1})
	feed(t, w, 3, 300, 600)
	end(t, w)
	l, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range l {
		b, err := os.ReadFile(name)
		if err != nil || bytes.Contains(b, []byte("secret")) || bytes.Contains(b, []byte("eth0")) {
			t.Errorf("%s can be read: %v", name, err)
		}
	}
	q := Query{Want: []packet.Ref{want(1, 150)}}
	if f, err := Read(dir, q); err != nil || len(f.Packets) != 0 || f.Closed == 0 {
		t.Errorf("%+v %v", f, err)
	}
	q.IDs = ids
	f, err := Read(dir, q)
	if err != nil || len(f.Packets) != 300 || f.Wanted != 1 || f.Damaged+f.Closed > 0 {
		t.Errorf("%+v %v", f, err)
	}
	if s, err := Kept(dir); err != nil || !s.Encrypted || !s.Payload {
		t.Errorf("%+v %v", s, err)
	}
	// Killed: no index, and the end of a file is missing.
	files, err := list(dir)
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	last := files[len(files)-1]
	if err := errors.Join(os.Remove(filepath.Join(dir, last.index())), os.Truncate(filepath.Join(dir, last.name), last.bytes-last.bytes/3)); err != nil {
		t.Fatal(err)
	}
	if f, err = Read(dir, q); err != nil || len(f.Packets) < 200 || len(f.Packets) == 300 {
		t.Errorf("%d packets: %v", len(f.Packets), err)
	}
}

// Without an index, as a program that is killed leaves it, a file is read whole; one that makes no sense is as good as none.
func TestNoIndex(t *testing.T) {
	dir := t.TempDir()
	w := begin(t, Options{Dir: dir})
	feed(t, w, 2, 30, 50)
	end(t, w)
	files, err := list(dir)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, text := range []string{"", "nonsense"} {
		p := filepath.Join(dir, files[0].index())
		err := os.Remove(p)
		if text != "" {
			err = os.WriteFile(p, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, err := Read(dir, Query{Want: []packet.Ref{want(1, 3)}}); err != nil || len(f.Packets) != 30 || f.Wanted != 1 {
			t.Errorf("%+v %v", f, err)
		}
	}
}
