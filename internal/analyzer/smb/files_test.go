package smb

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/packet"
)

// contentsAt is a write of version 2 to the file of handle, or the answer to a read.
func writeAt(at uint64, data string) []byte {
	b := write([]byte(data))
	le.PutUint64(b[8:], at)
	return b
}

func readAt(at uint64) []byte {
	b := read()
	le.PutUint64(b[8:], at)
	return b
}

// copying writes a file in two pieces, the second of which overlaps, and reads another part of it; then closes it.
func copying(big string) []analyzertest.Turn {
	turn := func(d packet.Dir, cmd uint16, id uint64, status uint32, body []byte) analyzertest.Turn {
		return analyzertest.Turn{Dir: d, Data: string(session(two(cmd, d == packet.ToClient, id, status, 0, body)))}
	}
	up, down := packet.ToServer, packet.ToClient
	return []analyzertest.Turn{turn(up, 3, 1, 0, tree(`\\files\share`)), turn(down, 3, 1, 0, u16(16, 1)),
		turn(up, 5, 2, 0, createBody("a.txt")), turn(down, 5, 2, 0, createdBody()),
		turn(up, codeWrite, 3, 0, writeAt(0, big)), turn(down, codeWrite, 3, 0, make([]byte, 17)),
		turn(up, codeWrite, 4, 0, writeAt(uint64(len(big)-3), big[len(big)-3:]+" end")), turn(down, codeWrite, 4, 0, make([]byte, 17)),
		turn(up, codeRead, 5, 0, readAt(0)), turn(down, codeRead, 5, statusPending, make([]byte, 9)), turn(down, codeRead, 5, 0, readReply([]byte("short"))),
		turn(up, codeRead, 6, 0, readAt(10)), turn(down, codeRead, 6, 0, readReply([]byte(big))),
		turn(up, code2Close, 7, 0, cat(u16(24, 0), make([]byte, 4), handle)), turn(down, code2Close, 7, 0, make([]byte, 60)),
		turn(up, codeWrite, 8, 0, writeAt(0, "after its end"))}
}

// TestFiles: contents go on as they come, in order, each byte once; what was not read is a hole.
func TestFiles(t *testing.T) {
	big := strings.Repeat("contents of a file, ", 500)
	for _, cut := range []int{1, 150, 1400, 9000} {
		files := analyzertest.Files(t, []analyzer.Def{Def}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, copying(big)...)...)
		if len(files) != 2 {
			t.Fatalf("cut %d: %d files", cut, len(files))
		}
		w, r := files[0], files[1]
		if w.Name != "a.txt" || w.Dir != packet.ToServer || w.Data != big+" end" || w.Gaps != 0 || !w.Whole || w.Tx != 2 {
			t.Errorf("cut %d: written %s tx %d, %d bytes, %d holes, whole %v", cut, w.Name, w.Tx, len(w.Data), w.Gaps, w.Whole)
		}
		if r.Dir != packet.ToClient || r.Data != "short"+big || r.Gaps != 1 || !r.Whole || r.Tx != 3 {
			t.Errorf("cut %d: read tx %d, %d bytes, %d holes, whole %v", cut, r.Tx, len(r.Data), r.Gaps, r.Whole)
		}
		if !strings.Contains(w.Object, `"command":"SMB2_COMMAND_WRITE","status":"STATUS_SUCCESS","status_code":"0x0","session_id":77,"tree_id":5,"share":"\\\\files\\share","filename":"a.txt","fuid":"0000004d-0000-0000-0005-0000ffffffff"`) {
			t.Errorf("cut %d: %s", cut, w.Object)
		}
		var moved []string
		for _, x := range analyzertest.Of[*Exchange](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, copying(big)...)...)) {
			if x.Moved {
				moved = append(moved, fmt.Sprint(x.ID, " ", commandName(x.Version, x.Code)))
				analyzertest.ValidEVE(t, x)
			}
		}
		if got := strings.Join(moved, ", "); got != "3 SMB2_COMMAND_WRITE, 4 SMB2_COMMAND_READ" {
			t.Errorf("cut %d: %s", cut, got)
		}
	}
}

func TestFileParts(t *testing.T) {
	big := strings.Repeat("contents of a file, ", 3000)
	seen := 0
	for _, x := range analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(700, "10.0.0.1:4000", "10.0.0.2:445", true, copying(big)...)...) {
		for _, b := range x.Parts["file.data"] {
			if seen++; x.Dir == packet.ToServer && !strings.HasPrefix(big+" end", b) {
				t.Errorf("file.data begins with %.40q", b)
			}
		}
		analyzertest.ValidEVE(t, x.Record)
	}
	if seen < 4 {
		t.Errorf("contents are shown %d times", seen)
	}
}

// Version 1: the number of a file is its tree's.
func TestFiles1(t *testing.T) {
	answer := make([]byte, 68)
	le.PutUint16(answer[5:], 0x4000)
	create := make([]byte, 48)
	le.PutUint16(create[5:], 5)
	w := make([]byte, 28)
	le.PutUint16(w[4:], 0x4000)
	le.PutUint16(w[20:], 5)
	le.PutUint16(w[22:], header1+1+28+2)
	rd := make([]byte, 24)
	le.PutUint16(rd[4:], 0x4000)
	ra := make([]byte, 24)
	le.PutUint16(ra[10:], 4)
	le.PutUint16(ra[12:], header1+1+24+2)
	cl := make([]byte, 6)
	le.PutUint16(cl, 0x4000)
	turn := func(d packet.Dir, m []byte) analyzertest.Turn {
		return analyzertest.Turn{Dir: d, Data: string(session(m))}
	}
	up, down := packet.ToServer, packet.ToClient
	turns := []analyzertest.Turn{turn(up, one(0xa2, false, 1, 0, create, append([]byte{0}, utf("x")...))), turn(down, one(0xa2, true, 1, 0, answer, nil)),
		turn(up, one(code1Write, false, 2, 0, w, []byte("hello"))), turn(down, one(code1Write, true, 2, 0, make([]byte, 12), nil)),
		turn(up, one(code1Read, false, 3, 0, rd, nil)), turn(down, one(code1Read, true, 3, 0, ra, []byte("read"))), turn(up, one(code1Close, false, 4, 0, cl, nil))}
	for _, cut := range []int{1, 500} {
		files := analyzertest.Files(t, []analyzer.Def{Def}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, turns...)...)
		if len(files) != 2 || files[0].Data != "hello" || files[1].Data != "read" || !files[0].Whole || !strings.Contains(files[1].Object, "SMB1_COMMAND_READ_ANDX") {
			t.Errorf("cut %d: %+v", cut, files)
		}
	}
}

// A client that opens ever more files has the first ones given up, and said to be cut.
func TestFilesAreBounded(t *testing.T) {
	var turns []analyzertest.Turn
	for i := range 100 {
		made := createdBody()
		made[64] = byte(i)
		w := writeAt(0, "x")
		w[16] = byte(i)
		for k, m := range [][]byte{two(5, false, uint64(2*i), 0, 0, createBody("f")), two(5, true, uint64(2*i), 0, 0, made), two(codeWrite, false, uint64(2*i+1), 0, 0, w)} {
			turns = append(turns, analyzertest.Turn{Dir: packet.Dir(k & 1), Data: string(session(m))})
		}
	}
	cut := 0
	files := analyzertest.Files(t, []analyzer.Def{Def}, analyzertest.Frames(4000, "10.0.0.1:4000", "10.0.0.2:445", true, turns...)...)
	for _, f := range files {
		if !f.Whole {
			cut++
		}
	}
	if len(files) != 100 || cut != 100 {
		t.Errorf("%d files, %d of them cut", len(files), cut)
	}
}
