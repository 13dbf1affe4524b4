package ftp

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// inspector writes down what rules would see.
type inspector struct{ log []string }

func (i *inspector) Asks(string) bool { return true }
func (i *inspector) Inspect(kind string, _ flow.Handle, _ *event.Head, _ *packet.Packet, in event.Inspection) {
	s := fmt.Sprintf("%s %d %s", kind, in.Tx, in.Dir)
	in.Parts.EachBuffer(func(name string, b []byte) {
		if len(b) > 20 {
			b = fmt.Appendf(nil, "%d bytes", len(b))
		}
		s += fmt.Sprintf(" %s=%q", name, b)
	})
	if in.Done {
		s += " done"
	}
	for _, e := range in.Events {
		s += " !" + e
	}
	i.log = append(i.log, s)
}

// session plays a control channel and a data connection between the same hosts: frames of both, in order.
func session(cut int, control []analyzertest.Turn, from, to string, turns ...analyzertest.Turn) [][]byte {
	return append(analyzertest.Frames(cut, "192.0.2.1:40000", "198.51.100.1:21", false, control...),
		analyzertest.Frames(cut, from, to, true, turns...)...)
}

// give runs frames through both readers, and returns their events and what rules saw.
func give(t *testing.T, frames [][]byte) (out []event.Event, log []string) {
	t.Helper()
	reg, err := analyzer.NewRegistry([]analyzer.Def{Def, DataDef}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var d *analyzer.Dispatcher
	room := file.NewRoom(file.Wants{Info: true, MD5: true}, nil, 1<<20)
	in := &inspector{}
	n := uint64(0)
	flows := flow.New(flow.Options{Want: flow.Wants(event.Ended), Released: func(i uint32, why event.EndReason) (string, string) {
		defer room.Released(i)
		return d.Released(i, why, n, &out)
	}})
	d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: flows.Head, Anomalies: true, Inspector: in, Files: room,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("%v", q.Value) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		n++
		p := packettest.At(f, n, packet.Time(n)*1e6)
		p.Ordinal = n
		d.Packet(p, flows.Packet(p, &out), &out)
	}
	flows.End(packet.Time(n+1)*1e6, n, &out)
	if s := d.Stats(); s.Sessions != 0 || s.Held != 0 {
		t.Errorf("left over: %+v", s)
	}
	return out, in.log
}

func asks(text string) analyzertest.Turn { return analyzertest.Turn{Dir: up, Data: text + "\r\n"} }
func answers(text string) analyzertest.Turn {
	return analyzertest.Turn{Dir: down, Data: text + "\r\n"}
}

// TestData: passive and active, both ways, whatever the cut of the bytes: the file has the name of the command, and the
// rules see the command on both ways.
func TestData(t *testing.T) {
	passive := []analyzertest.Turn{answers("220 FTP"), asks("PASV"), answers("227 on (198,51,100,1,195,80)")}
	active := []analyzertest.Turn{answers("220 FTP"), asks("PORT 192,0,2,1,195,80"), answers("200 ok")}
	in := func(d packet.Dir) analyzertest.Turn { return analyzertest.Turn{Dir: d, Data: "hello world"} }
	for _, tc := range []struct {
		control  []analyzertest.Turn
		command  string
		from, to string
		dir      packet.Dir
	}{
		{passive, "RETR", "192.0.2.1:41000", "198.51.100.1:50000", down},
		{passive, "STOR", "192.0.2.1:41000", "198.51.100.1:50000", up},
		{active, "RETR", "198.51.100.1:20", "192.0.2.1:50000", up},
		{active, "STOR", "198.51.100.1:20", "192.0.2.1:50000", down},
	} {
		for _, cut := range []int{1, 3, 1400} {
			frames := session(cut, append(tc.control[:3:3], asks(tc.command+" a b.txt"), answers("150 go")), tc.from, tc.to, in(tc.dir))
			out, log := give(t, frames)
			files, data := analyzertest.Of[*event.FileInfo](out), analyzertest.Of[*Data](out)
			if len(files) != 1 || len(data) != 1 {
				t.Fatalf("%s cut %d: %d files, %d connections", tc.command, cut, len(files), len(data))
			}
			f := files[0]
			if f.Name != "a b.txt" || f.Size != 11 || f.State != event.FileClosed || f.Gaps || f.Dir != tc.dir || f.App != "ftp-data" ||
				fmt.Sprintf("%x", f.MD5) != "5eb63bbbe01eeed093cb22bb8f5acdc3" || string(f.Object) != `"ftp_data":{"filename":"a b.txt","command":"`+tc.command+`"}` {
				t.Errorf("%s cut %d: %+v", tc.command, cut, f)
			}
			analyzertest.ValidEVE(t, f, data[0])
			var mine []string
			for _, l := range log {
				if strings.HasPrefix(l, "ftp-data") {
					mine = append(mine, l)
				}
			}
			want := fmt.Sprintf("ftp-data 0 %[1]s ftpdata_command=%[2]q done\nftp-data 0 %[3]s ftpdata_command=%[2]q file=\"\" file.name=\"a b.txt\"\n"+
				"ftp-data 0 %[3]s ftpdata_command=%[2]q file=\"\" file.name=\"a b.txt\" file.size=%[4]q file.md5=%[5]q file.data=\"hello world\" done",
				tc.dir.Other(), tc.command, tc.dir, "\x00\x00\x00\x00\x00\x00\x00\x0b", f.MD5)
			if got := strings.Join(mine, "\n"); got != want {
				t.Errorf("%s cut %d: rules saw\n%s\nwant\n%s", tc.command, cut, got, want)
			}
		}
	}
}

// TestDataNearMisses: a connection that nobody announced is no file, a listing is none, and what the reset cut off is
// truncated.
func TestDataNearMisses(t *testing.T) {
	passive := []analyzertest.Turn{answers("220 FTP"), asks("PASV"), answers("227 on (198,51,100,1,195,80)")}
	body := analyzertest.Turn{Dir: down, Data: "hello"}
	out, _ := give(t, session(99, append(passive[:3:3], asks("RETR x")), "192.0.2.1:41000", "198.51.100.1:50001", body))
	if n := len(analyzertest.Of[*event.FileInfo](out)); n != 0 {
		t.Errorf("another port: %d files", n)
	}
	out, _ = give(t, session(99, append(passive[:3:3], asks("LIST")), "192.0.2.1:41000", "198.51.100.1:50000", body))
	if f, d := analyzertest.Of[*event.FileInfo](out), analyzertest.Of[*Data](out); len(f) != 0 || len(d) != 1 || d[0].Command != "LIST" || d[0].File != "" {
		t.Errorf("a listing: %d files, %d connections", len(f), len(d))
	}
	frames := session(99, append(passive[:3:3], asks("RETR x")), "192.0.2.1:41000", "198.51.100.1:50000", body)
	out, _ = give(t, frames[:len(frames)-3]) // without the FINs
	if f := analyzertest.Of[*event.FileInfo](out); len(f) != 1 || f[0].State != event.FileTruncated {
		t.Errorf("without an end: %+v", f)
	}
	out, _ = give(t, session(99, []analyzertest.Turn{answers("220 FTP"), asks("RETR x"), answers("425 no")}, "192.0.2.1:41000", "198.51.100.1:50000", body))
	if a := analyzertest.Of[*event.AppLayer](out); len(a) != 1 || a[0].Name != eventNoPort {
		t.Errorf("without a port: %+v", a)
	}
}

// TestCommandsForRules: rules see each command and its answer; a password is shown to them and kept nowhere.
func TestCommandsForRules(t *testing.T) {
	out, log := give(t, analyzertest.Frames(7, "192.0.2.1:40000", "198.51.100.1:21", true, answers("220 FTP"), asks("USER bob"), answers("331 go on"),
		asks("PASS "+"hunter2"), answers("230-hi\r\n230 in"), asks("EPSV"), answers("229 x (|||50000|)")))
	want := `ftp 0 to_client ftp.completion_code="220" ftp.reply="FTP" done
ftp 1 to_server ftp.command="USER" ftp.command_data="bob"
ftp 1 to_server done
ftp 1 to_client ftp.reply_received="yes" ftp.completion_code="331" ftp.reply="go on" done
ftp 2 to_server ftp.command="PASS" ftp.command_data="hunter2"
ftp 2 to_server done
ftp 2 to_client ftp.reply_received="yes" ftp.completion_code="230" ftp.reply="hi" ftp.reply="in" done
ftp 3 to_server ftp.command="EPSV"
ftp 3 to_server ftp.dynamic_port="\xc3P" ftp.mode="passive" done
ftp 3 to_client ftp.dynamic_port="\xc3P" ftp.mode="passive" ftp.reply_received="yes" ftp.completion_code="229" ftp.reply="x (|||50000|)" done`
	if got := strings.Join(log, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, e := range out {
		if s := fmt.Sprintf("%+v", e); strings.Contains(s, "hunter2") || strings.Contains(string(e.AppendEVE(nil, &event.EVE{Version: 8})), "hunter2") {
			t.Errorf("a password is kept: %s", s)
		}
	}
	analyzertest.ValidEVE(t, out...)
}

// TestLongLines: what is longer than a line may be is cut, and said.
func TestLongLines(t *testing.T) {
	out, log := give(t, analyzertest.Frames(500, "192.0.2.1:40000", "198.51.100.1:21", true, answers("220 FTP"), asks("RETR "+strings.Repeat("x", 5000)),
		answers("500 "+strings.Repeat("y", 5000)), asks("NOOP"), answers("200 ok")))
	x := analyzertest.Of[*Exchange](out)
	if len(x) != 3 || !x[1].Cut || !x[1].ReplyCut || len(x[1].Data) != maxLine-5 || x[2].Cut || x[2].ReplyCut {
		t.Fatalf("%d exchanges", len(x))
	}
	if n := len(analyzertest.Of[*event.AppLayer](out)); n != 3 { // no port was named either
		t.Errorf("%d odd things", n)
	}
	if s := strings.Join(log, "\n"); !strings.Contains(s, "!request_command_too_long") || !strings.Contains(s, "!response_command_too_long") {
		t.Error(s)
	}
	analyzertest.ValidEVE(t, out...)
}
