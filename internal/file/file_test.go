package file

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// carrier is a protocol whose lines are commands to the room: "o name" opens a file, "d text" brings text, "g" loses bytes,
// "k" asks to keep it, "s" stops it, "e" ends it, "K" asks after that. What else it says is not read.
type carrier struct {
	kind  event.Kind
	lines analyzer.Lines
	f     analyzer.OpenFile
	tx    uint64
}

func (s *carrier) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for {
		line, rest, _, ok := s.lines.Next(b, 1<<20)
		if !ok {
			return
		}
		b = rest
		switch {
		case strings.HasPrefix(string(line), "o "):
			s.f = c.File(s.kind, event.File{Dir: d, Tx: s.tx, Name: line[2:], Size: -1})
			s.tx++
		case s.f == nil:
		case line[0] == 'd':
			s.f.Data(c, line[min(2, len(line)):])
		case line[0] == 'g':
			s.f.Gap(c, 1)
		case line[0] == 'k', line[0] == 'K':
			s.f.(event.FileKeeper).KeepFile(7)
		case line[0] == 's':
			s.f.Stop(c, true)
		case line[0] == 'e':
			s.f.End(c, true, nil)
		}
	}
}
func (s *carrier) Gap(*analyzer.Context, packet.Dir, uint64)       {}
func (s *carrier) Close(*analyzer.Context, packet.Dir, stream.End) {}
func (s *carrier) Reset()                                          { *s = carrier{kind: s.kind} }
func (s *carrier) EachBuffer(func(string, []byte))                 {}
func newCarrier(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
	return &carrier{kind: o.Kind("toy")}, nil
}
func yes(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes }

var carrierDef = analyzer.Def{Name: "toy", Over: []analyzer.Transport{analyzer.TCP}, Kinds: []string{"toy"}, Probe: yes, Stream: newCarrier}

// play gives a script to a room, in pieces of cut bytes, and returns the records of the files.
func play(t *testing.T, room *Room, cut int, script string) []*event.FileInfo {
	t.Helper()
	k := analyzertest.DialWith(t, "198.51.100.1:80", cut, func(o *analyzer.DispatchOptions) { o.Files = room }, nil, carrierDef)
	k.Say(analyzertest.Up, script)
	k.End()
	room.Released(1)
	room.recycle(1 << 62)
	if room.held != 0 || room.n != 0 || len(room.open) != 0 || len(room.ended) != 0 {
		t.Errorf("left over: %d bytes, %d open, %d ended", room.held, room.n, len(room.ended))
	}
	return analyzertest.Of[*event.FileInfo](k.Out)
}

// kept are the files of a store by name, without its folders.
func kept(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(p, dir+string(filepath.Separator)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func stored(text string) string {
	s := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	return filepath.Join(s[:2], s)
}

// TestRecords: what a record says of a file, whatever the cut of the bytes.
func TestRecords(t *testing.T) {
	big := strings.Repeat("x", 300<<10)
	for _, cut := range []int{1, 7, 1400} {
		script := "o a.txt\nd hello \nd world\ne\no holey\nd x\ng\nd y\ne\no \nd z\ns\nd beyond\ne\no lost\nd q\n"
		if cut > 1000 {
			script = "o big\nd " + big + "\ne\n" + script
		}
		room := NewRoom(Wants{Info: true, MD5: true, SHA1: true, SHA256: true}, nil, 1<<20)
		var got []string
		x := play(t, room, cut, script)
		if cut > 1000 {
			if len(x) == 0 || x[0].Size != 300<<10 {
				t.Fatalf("%d files", len(x))
			}
			x = x[1:]
		}
		for _, f := range x {
			got = append(got, fmt.Sprintf("%q %d %s gaps=%t stored=%t %x %x %.4x tx %d", f.Name, f.Size, f.State, f.Gaps, f.Stored, f.MD5, f.SHA1, f.SHA256, f.Tx))
			analyzertest.ValidEVE(t, f)
		}
		tx := 0
		if cut > 1000 {
			tx = 1
		}
		want := fmt.Sprintf(`"a.txt" 11 CLOSED gaps=false stored=false 5eb63bbbe01eeed093cb22bb8f5acdc3 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed b94d27b9 tx %d
"holey" 3 TRUNCATED gaps=true stored=false    tx %d
"" 1 CLOSED gaps=false stored=false fbade9e36a3f36d3d676c1b808451dd7 395df8f7c51f007019cb30201c49e884b46b92fa 594e519a tx %d`, tx, tx+1, tx+2)
		if s := strings.Join(got, "\n"); s != want {
			t.Errorf("cut %d: got\n%s\nwant\n%s", cut, s, want)
		}
	}
}

// TestNobodyAsks: without anybody who wants files, none is followed.
func TestNobodyAsks(t *testing.T) {
	room := NewRoom(Wants{Keep: true}, nil, 1<<20) // nowhere to keep them
	if x := play(t, room, 99, "o a\nd b\ne\n"); len(x) != 0 || room.Stats() != (Stats{}) {
		t.Errorf("%d files, %+v", len(x), room.Stats())
	}
}

// TestStore: what is asked for lies there under its digest, whole, and nothing else does; asked for before or after its end.
func TestStore(t *testing.T) {
	big := strings.Repeat("0123456789", 60_000)
	for _, most := range []int{1 << 20, 10} { // in memory, and on disk from the first byte on
		dir := t.TempDir()
		s, err := NewStore(StoreOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		room := NewRoom(Wants{Info: true, Keep: true}, s, most)
		x := play(t, room, 1400, "o a\nd early\nk\nk\ne\no b\nd late\ne\nK\no c\nd unwanted\ne\no d\nd holey\nk\ng\ne\no e\nd early\nk\ne\no f\nd "+
			big+"\nk\ne\no g\nd neverended\nk\n")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		want := []string{stored("early"), stored("late"), stored(big)}
		got := kept(t, dir)
		if len(got) != 3 {
			t.Fatalf("%v", got)
		}
		for _, w := range want {
			if _, err := os.Stat(filepath.Join(dir, w)); err != nil {
				t.Errorf("%s is missing: %v", w, got)
			}
		}
		if b, _ := os.ReadFile(filepath.Join(dir, want[2])); string(b) != big {
			t.Errorf("%d bytes of the big one", len(b))
		}
		var marks []string
		for _, f := range x {
			marks = append(marks, fmt.Sprintf("%s%t %v", f.Name, f.Stored, f.SIDs))
		}
		if s := strings.Join(marks, " "); s != "atrue [7] btrue [7] cfalse [] dfalse [7] etrue [7] ftrue [7]" {
			t.Error(s)
		}
		if st := room.Stats(); st.Kept != 4 || st.NotKept != 1 || st.Gaps != 1 || st.Files != 6 {
			t.Errorf("%+v", st)
		}
	}
}

// TestStoreIsBounded: by the size of a file, by their number, and by all bytes together.
func TestStoreIsBounded(t *testing.T) {
	script := "o a\nd 12345678\ne\no b\nd abcd\ne\no c\nd efgh\ne\no d\nd ijkl\ne\n"
	for _, tc := range []struct {
		o    StoreOptions
		want int
	}{
		{StoreOptions{}, 4}, {StoreOptions{MaxSize: 7}, 3}, {StoreOptions{MaxFiles: 2}, 2}, {StoreOptions{MaxTotal: 12}, 2},
	} {
		tc.o.Dir = t.TempDir()
		s, err := NewStore(tc.o)
		if err != nil {
			t.Fatal(err)
		}
		room := NewRoom(Wants{KeepAll: true}, s, 1<<20)
		play(t, room, 1400, script)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := len(kept(t, tc.o.Dir)); n != tc.want || room.Stats().NotKept != uint64(4-tc.want) {
			t.Errorf("%+v: %d kept, %+v", tc.o, n, room.Stats())
		}
	}
}

// TestFilesAreBounded: beyond its limit a room follows no more files, and says so.
func TestFilesAreBounded(t *testing.T) {
	room := NewRoom(Wants{Info: true}, nil, 1<<20)
	play(t, room, 1400, strings.Repeat("o a\n", maxOpen+3))
	if st := room.Stats(); st.Refused != 3 {
		t.Errorf("%+v", st)
	}
}

// FuzzRoom: whatever a reader does, nothing panics and nothing is left behind; the sizes add up.
func FuzzRoom(f *testing.F) {
	f.Add("o a\nd x\nk\ne\nK\n")
	f.Add("d x\no \ns\ns\ne\ne\nk\ng\nd y\n")
	f.Add("o a\no b\nd x\ne\n")
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 4096 || strings.Contains(script, "\n\n") || strings.HasPrefix(script, "\n") || strings.Contains(script, "\r") {
			return
		}
		s, err := NewStore(StoreOptions{Dir: t.TempDir(), MaxSize: 50})
		if err != nil {
			t.Fatal(err)
		}
		room := NewRoom(Wants{Info: true, MD5: true, Keep: true}, s, 20)
		var n uint64
		for _, x := range play(t, room, 100, script) {
			n += x.Size
			analyzertest.ValidEVE(t, x)
		}
		if room.Stats().Bytes != n {
			t.Errorf("%d bytes counted, records say %d", room.Stats().Bytes, n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
