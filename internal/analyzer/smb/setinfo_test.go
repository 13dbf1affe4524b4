package smb

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// setBody is a request that sets what class says of the file of handle ([MS-SMB2] 2.2.39).
func setBody(class byte, in []byte) []byte {
	b := make([]byte, 32, 32+len(in))
	le.PutUint16(b, 33)
	b[2], b[3] = 1, class
	le.PutUint32(b[4:], uint32(len(in)))
	le.PutUint16(b[8:], header2+32)
	copy(b[16:], handle)
	return append(b, in...)
}

// TestSetInfo: another name and deletion are told, other attributes are not.
func TestSetInfo(t *testing.T) {
	turn := func(d packet.Dir, cmd uint16, id uint64, body []byte) analyzertest.Turn {
		return analyzertest.Turn{Dir: d, Data: string(session(two(cmd, d == packet.ToClient, id, 0, 0, body)))}
	}
	up, down := packet.ToServer, packet.ToClient
	name := []byte{'b', 0, '.', 0, 't', 0}
	to := make([]byte, 20)
	le.PutUint32(to[16:], uint32(len(name)))
	turns := []analyzertest.Turn{turn(up, 3, 1, tree(`\\files\share`)), turn(down, 3, 1, u16(16, 1)),
		turn(up, 5, 2, createBody("a.txt")), turn(down, 5, 2, createdBody()),
		turn(up, codeSetInfo, 3, setBody(4, make([]byte, 40))), turn(down, codeSetInfo, 3, u16(2)),
		turn(up, codeSetInfo, 4, setBody(infoRename, append(to, name...))), turn(down, codeSetInfo, 4, u16(2)),
		turn(up, codeSetInfo, 5, setBody(infoDisposition, []byte{1})), turn(down, codeSetInfo, 5, u16(2)),
		turn(up, codeSetInfo, 6, setBody(infoDisposition, nil)[:20])}
	for _, cut := range []int{1, 90, 1400} {
		var got []string
		for _, x := range analyzertest.Of[*Exchange](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, turns...)...)) {
			analyzertest.ValidEVE(t, x)
			if line := string(x.AppendEVE(nil, &event.EVE{Version: 8})); strings.Contains(line, "SET_INFO") {
				_, line, _ = strings.Cut(line, `"share":`)
				line, _, _ = strings.Cut(line, `,"fuid"`)
				line, _, _ = strings.Cut(line, `},"comm`)
				got = append(got, x.Kind()+" "+line)
			}
			if none := x.AppendEVE(nil, &event.EVE{Version: 8, SMB: []string{"nothing"}}); len(none) > 0 {
				t.Errorf("not asked for: %s", none)
			}
		}
		want := []string{`rename "\\files\share","rename":{"from":"a.txt","to":"b.t"}`, `set_file_path_info "\\files\share","access":"delete on close","filename":"a.txt"`}
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], `\`, `\\`)
		}
		if !slices.Equal(got, want) {
			t.Errorf("cut %d: got\n%s\nwant\n%s", cut, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
