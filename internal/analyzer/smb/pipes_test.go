package smb

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// unit builds a data unit of DCE/RPC, little-endian.
func unit(typ, flags byte, call uint32, body []byte) []byte {
	o := binary.LittleEndian
	b := o.AppendUint16([]byte{5, 0, typ, flags, 0x10, 0, 0, 0}, uint16(16+len(body)))
	return append(o.AppendUint32(o.AppendUint16(b, 0), call), body...)
}

var svcctl = []byte{0x81, 0xbb, 0x7a, 0x36, 0x44, 0x98, 0xf1, 0x35, 0xad, 0x32, 0x98, 0xf0, 0x38, 0x00, 0x10, 0x03}

func bind() []byte {
	b := cat(make([]byte, 8), []byte{1, 0, 0, 0, 0, 0, 1, 0}, svcctl, []byte{2, 0, 0, 0}, make([]byte, 20))
	return unit(11, 3, 1, b)
}

func bindAck() []byte {
	b := cat(make([]byte, 8), u16(5), []byte("1026\x00\x00"), []byte{1, 0, 0, 0}, make([]byte, 24))
	return unit(12, 3, 1, b[:len(b)])
}

func callOf(opnum uint16, flags byte, id uint32, stub string) []byte {
	return unit(0, flags, id, cat(make([]byte, 4), u16(0, opnum), []byte(stub)))
}

func answerTo(id uint32, stub string) []byte {
	return unit(2, 3, id, cat(make([]byte, 8), []byte(stub)))
}

var handle = []byte("\x4d\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\xff\xff\xff\xff")

func write(data []byte) []byte {
	return cat(u16(49, header2+48), le.AppendUint32(nil, uint32(len(data))), make([]byte, 8), handle, make([]byte, 16), data)
}
func read() []byte { return cat(u16(49, 0), make([]byte, 12), handle, make([]byte, 17)) }
func readReply(data []byte) []byte {
	return cat(u16(17), []byte{header2 + 16, 0}, le.AppendUint32(nil, uint32(len(data))), make([]byte, 8), data)
}
func ioctl(data []byte) []byte {
	return cat(u16(57, 0), le.AppendUint32(nil, transceive), handle, le.AppendUint32(nil, header2+56), le.AppendUint32(nil, uint32(len(data))), make([]byte, 24), data)
}
func ioctlReply(data []byte) []byte {
	return cat(u16(49, 0), le.AppendUint32(nil, transceive), handle, make([]byte, 8), le.AppendUint32(nil, header2+48), le.AppendUint32(nil, uint32(len(data))), make([]byte, 8), data)
}

// service opens a pipe, binds to svcctl by a write and a read, and calls it by exchanges; the second call comes in fragments.
func service() []analyzertest.Turn {
	turn := func(d packet.Dir, cmd uint16, id uint64, status uint32, body []byte) analyzertest.Turn {
		return analyzertest.Turn{Dir: d, Data: string(session(two(cmd, d == packet.ToClient, id, status, 0, body)))}
	}
	up, down := packet.ToServer, packet.ToClient
	return []analyzertest.Turn{turn(up, 3, 1, 0, tree(`\\files\IPC$`)), turn(down, 3, 1, 0, u16(16, 2)),
		turn(up, codeWrite, 2, 0, write(bind())), turn(down, codeWrite, 2, 0, make([]byte, 17)),
		turn(up, codeRead, 3, 0, read()), turn(down, codeRead, 3, 0, readReply(bindAck())),
		turn(up, codeIOCTL, 4, 0, ioctl(callOf(15, 3, 2, strings.Repeat("x", 6000)))), turn(down, codeIOCTL, 4, statusPending, make([]byte, 9)), turn(down, codeIOCTL, 4, 0, ioctlReply(answerTo(2, "yes"))),
		turn(up, codeWrite, 5, 0, write(callOf(12, 1, 3, "one "))), turn(up, codeWrite, 6, 0, write(callOf(12, 2, 3, "two"))),
		turn(up, codeRead, 7, 0, read()), turn(down, codeRead, 7, 0, readReply(answerTo(3, "no")))}
}

func TestPipes(t *testing.T) {
	for _, cut := range []int{1, 99, 4000} {
		frames := analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, service()...)
		var calls []*Exchange
		for _, x := range analyzertest.Of[*Exchange](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames...)) {
			if x.Call != nil {
				calls = append(calls, x)
			}
		}
		if len(calls) != 3 {
			t.Fatalf("cut %d: %d calls", cut, len(calls))
		}
		for i, want := range []string{
			`"command":"SMB2_COMMAND_WRITE","status":"STATUS_SUCCESS","status_code":"0x0","session_id":77,"tree_id":5,"dcerpc":{"request":"BIND","response":"BINDACK","interfaces":[{"uuid":"367abb81-9844-35f1-ad32-98f038001003","version":"2.0","ack_result":0,"ack_reason":0}],"call_id":1}`,
			`"command":"SMB2_COMMAND_IOCTL","status":"STATUS_SUCCESS","status_code":"0x0","session_id":77,"tree_id":5,"dcerpc":{"request":"REQUEST","response":"RESPONSE","opnum":15,"req":{"frag_cnt":1,"stub_data_size":6000},"res":{"frag_cnt":1,"stub_data_size":3},"call_id":2}`,
			`"opnum":12,"req":{"frag_cnt":2,"stub_data_size":7},"res":{"frag_cnt":1,"stub_data_size":2},"call_id":3`} {
			if line := string(calls[i].AppendEVE(nil, &event.EVE{})); !strings.Contains(line, want) {
				t.Errorf("cut %d: %s is not in %s", cut, want, line)
			}
			analyzertest.ValidEVE(t, calls[i])
		}
		type seen struct {
			d     packet.Dir
			opnum string
			stub  string
		}
		var got []seen
		for _, x := range analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(cut, "10.0.0.1:4000", "10.0.0.2:445", true, service()...)...) {
			if s := x.Parts["dcerpc.stub_data"]; s != nil {
				got = append(got, seen{x.Dir, x.Parts["dcerpc.opnum"][0], s[0]})
				if len(x.Parts["dcerpc.iface"]) != 1 {
					t.Errorf("cut %d: no interface in %q", cut, x.Parts)
				}
				analyzertest.ValidEVE(t, x.Record)
			}
		}
		if want := []seen{{0, "\x00\x0f", strings.Repeat("x", 6000)}, {1, "\x00\x0f", "yes"}, {0, "\x00\x0c", "one two"}, {1, "\x00\x0c", "no"}}; !slices.Equal(got, want) {
			t.Errorf("cut %d: %v", cut, got)
		}
	}
}

// What is written to files is not kept: neither on a tree of files, nor where it does not look like a call.
func TestNoPipe(t *testing.T) {
	big := strings.Repeat("contents ", 2000)
	for _, data := range []string{big, string(callOf(1, 3, 1, big))} {
		all := service()
		all[1].Data = string(session(two(3, true, 1, 0, 0, u16(16, 1)))) // it holds files
		all = append(all[:2], analyzertest.Turn{Dir: packet.ToServer, Data: string(session(two(codeWrite, false, 2, 0, 0, write([]byte(data)))))})
		for _, x := range analyzertest.Of[*Exchange](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, analyzertest.Frames(700, "10.0.0.1:4000", "10.0.0.2:445", true, all...)...)) {
			if x.Call != nil {
				t.Errorf("a call in a file: %+v", x.Call)
			}
		}
	}
	s := &connection{}
	s.connected(5, false, "")
	b := two(codeWrite, false, 2, 0, 0, write([]byte(big)))
	if n := s.room(nil, 0, &side{buf: b[:keepBulk], room: keep}); n != keepBulk {
		t.Errorf("%d bytes are read for nobody", n)
	}
}

// A client that opens ever more pipes has the first ones forgotten.
func TestPipesAreBounded(t *testing.T) {
	var turns []analyzertest.Turn
	for i := range 40 {
		w := write(bind())
		w[16] = byte(i)
		turns = append(turns, analyzertest.Turn{Dir: packet.ToServer, Data: string(session(two(codeWrite, false, uint64(i), 0, 0, w)))})
	}
	got := analyzertest.Of[*Exchange](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, analyzertest.Frames(4000, "10.0.0.1:4000", "10.0.0.2:445", true, turns...)...))
	if len(got) != 40 {
		t.Fatalf("%d calls", len(got))
	}
	ids := map[uint64]bool{}
	for _, x := range got {
		if x.Call == nil || !x.Call.Answered.IsZero() || ids[x.ID] {
			t.Errorf("%+v", x)
		}
		ids[x.ID] = true
	}
}
