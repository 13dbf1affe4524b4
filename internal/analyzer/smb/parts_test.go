package smb

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// createBody asks for a file: opened if there, gone with its last handle.
func createBody(name string) []byte {
	b := make([]byte, 56)
	le.PutUint16(b, 57)
	le.PutUint32(b[36:], 5)
	le.PutUint32(b[40:], 0x1000)
	le.PutUint16(b[44:], header2+56)
	le.PutUint16(b[46:], uint16(len(utf(name))))
	return append(b, utf(name)...)
}

func createdBody() []byte {
	b := make([]byte, 88)
	le.PutUint16(b, 89)
	le.PutUint64(b[8:], 116444736000000000+7e7)
	le.PutUint64(b[48:], 1234)
	copy(b[64:], "\x4d\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\xff\xff\xff\xff")
	return b
}

// files is a conversation of whole requests and replies.
func files() []analyzertest.Turn {
	up := func(m []byte) analyzertest.Turn {
		return analyzertest.Turn{Dir: packet.ToServer, Data: string(session(m))}
	}
	down := func(m []byte) analyzertest.Turn {
		return analyzertest.Turn{Dir: packet.ToClient, Data: string(session(m))}
	}
	return []analyzertest.Turn{up(two(1, false, 1, 0, 0, setup(authenticate("CORP", "ann", "PC7")))), down(two(1, true, 1, 0, 0, u16(9, 0, 0, 0))),
		up(two(3, false, 2, 0, 0, tree(`\\files\IPC$`))), down(two(3, true, 2, 0, 0, u16(16, 2))),
		up(two(5, false, 3, 0, 0, createBody("a.txt"))), down(two(5, true, 3, statusPending, 0, make([]byte, 9))), down(two(5, true, 3, 0, 0, createdBody())),
		up(two(8, false, 4, 0, 0, make([]byte, 49))), down(two(8, true, 4, 0, 0, make([]byte, 60))), // READ: not told
		up(two(6, false, 5, 0, 0, make([]byte, 24))), down(two(6, true, 5, 0xc0000128, 0, make([]byte, 9)))}
}

func TestCommands(t *testing.T) {
	for _, cut := range []int{1, 77, 4000} {
		got := analyzertest.Of[*Exchange](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, files()...)...))
		if len(got) != 4 {
			t.Fatalf("cut %d: %d exchanges", cut, len(got))
		}
		for i, want := range []string{`"command":"SMB2_COMMAND_SESSION_SETUP"`, `"named_pipe":"\\\\files\\IPC$","share_type":"PIPE"`,
			`"tx_id":2,"smb":{"id":3,"dialect":"unknown","command":"SMB2_COMMAND_CREATE","status":"STATUS_SUCCESS","status_code":"0x0","session_id":77,"tree_id":5,"filename":"a.txt","disposition":"FILE_OVERWRITE_IF","access":"delete on close","created":7,"accessed":0,"modified":0,"changed":0,"size":1234,"fuid":"0000004d-0000-0000-0005-0000ffffffff"}`,
			`"command":"SMB2_COMMAND_CLOSE","status":"STATUS_FILE_CLOSED"`} {
			if line := string(got[i].AppendEVE(nil, &event.EVE{})); !strings.Contains(line, want) {
				t.Errorf("cut %d: %s is not in %s", cut, want, line)
			}
			analyzertest.ValidEVE(t, got[i])
		}
	}
	only := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}, Wanted: func(k string) bool { return k == Kind }}, analyzertest.Frames(4000, "10.0.0.1:4000", "10.0.0.2:445", true, files()...)...)
	if n := len(analyzertest.Of[*Exchange](only)); n != 2 {
		t.Errorf("%d exchanges for those who want logons", n)
	}
}

func TestCreate1(t *testing.T) {
	words := make([]byte, 48)
	le.PutUint16(words[5:], 10)
	le.PutUint32(words[35:], 1)
	le.PutUint32(words[39:], 1)
	h, body, ok := ParseHeader(one(0xa2, false, 1, 0, words, append([]byte{0}, utf("dir\\x")...)))
	if !ok || h.Command != Create {
		t.Fatal(h)
	}
	if f := create1(&h, body); f.Name != "dir\\x" || f.Disposition != 1 || !f.Directory || f.DeleteAfter {
		t.Errorf("%+v", f)
	}
	answer := make([]byte, 68)
	le.PutUint64(answer[11:], 116444736000000000+1e7)
	le.PutUint64(answer[55:], 99)
	_, body, _ = ParseHeader(one(0xa2, true, 1, 0, answer, nil))
	var f File
	if f.created1(body); f.Times[0] != 1 || f.Size != 99 || f.HasID {
		t.Errorf("%+v", f)
	}
	for n := range 60 { // cut ones are read as far as they go
		create1(&h, body[:min(n, len(body))])
		create2(createBody("x")[:n], createBody("x")[:n])
		f.created2(createdBody()[:n])
	}
}

func TestParts(t *testing.T) {
	for _, cut := range []int{1, 4000} {
		got := analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, files()...)...)
		var all bytes.Buffer
		for _, x := range got {
			for _, name := range []string{"smb.share", "smb.named_pipe", "smb.ntlmssp_user", "smb.ntlmssp_domain"} {
				for _, v := range x.Parts[name] {
					all.WriteString(x.Dir.String() + " " + name + "=" + v + "\n")
				}
			}
			if v := x.Parts["smb.version"]; v != nil && !slices.Equal(v, []string{"\x02"}) {
				t.Errorf("cut %d: version %q", cut, v)
			}
			analyzertest.ValidEVE(t, x.Record)
		}
		if want := "to_server smb.ntlmssp_user=ann\nto_server smb.ntlmssp_domain=CORP\nto_server smb.named_pipe=\\\\files\\IPC$\n"; all.String() != want {
			t.Errorf("cut %d: %s", cut, all.String())
		}
		if len(got) != 9 { // four exchanges from both sides, and the tree's kind
			t.Errorf("cut %d: shown %d times", cut, len(got))
		}
	}
}
