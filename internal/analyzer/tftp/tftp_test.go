package tftp

import (
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func send(b string) []byte {
	return packettest.UDP{Src: "10.0.0.1:40000", Dst: "10.0.0.2:69", Payload: b}.Frame()
}

func TestRequests(t *testing.T) {
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}},
		send("\x00\x01rfc1350.txt\x00octet\x00"), send("\x00\x02a\"b\x00NetASCII\x00blksize\x001428\x00"), send("\x00\x04\x00\x01")))
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	for i, want := range []string{`"tx_id":0,"tftp":{"packet":"read","file":"rfc1350.txt","mode":"octet"}`, `"tx_id":1,"tftp":{"packet":"write","file":"a\"b","mode":"NetASCII"}`} {
		if line := string(got[i].AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
		analyzertest.ValidEVE(t, got[i])
	}
	shown := analyzertest.Show(t, []analyzer.Def{Def}, send("\x00\x01f\x00octet\x00"))
	if len(shown) != 1 || len(shown[0].Parts) != 0 {
		t.Fatalf("%+v", shown)
	}
	analyzertest.ValidEVE(t, shown[0].Record)
}

func TestOtherThings(t *testing.T) {
	for name, b := range map[string]string{"empty": "", "data": "\x00\x03\x00\x01x", "no mode": "\x00\x01file\x00", "mode not ended": "\x00\x01file\x00octet", "another mode": "\x00\x01file\x00binary\x00",
		"no file": "\x00\x01\x00octet\x00", "long name": "\x00\x01" + strings.Repeat("f", maxFile+1) + "\x00octet\x00", "text": "GET / HTTP/1.1\r\n\r\n"} {
		if probe(packet.ToServer, []byte(b)) != analyzer.No {
			t.Errorf("%s is taken for a request", name)
		}
	}
	if probe(packet.ToClient, []byte("\x00\x01f\x00octet\x00")) != analyzer.No {
		t.Error("a server asks for nothing")
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, []byte("\x00\x02a\x00netascii\x00blksize\x001428\x00"), func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x01rfc1350.txt\x00octet\x00"))
	f.Add([]byte("\x00\x02a\x00netascii\x00blksize\x001428\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := Parse(b); ok {
			if r.File == "" || len(r.File) > maxFile {
				t.Fatalf("%+v", r)
			}
			(&Event{Request: r}).AppendEVE(nil, &event.EVE{})
		}
	})
}
