package rpc

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packettest"
)

func TestParts(t *testing.T) {
	send := func(b []byte) []byte {
		return packettest.UDP{Src: "10.0.0.1:700", Dst: "10.0.0.2:2049", Payload: string(b)}.Frame()
	}
	got := analyzertest.Show(t, []analyzer.Def{NFSDef, Def}, send(ask(7, NFS, 3, 1, str("handle"))), send(ask(8, NFS, 4, 1, compound())), send(ask(9, Mount, 3, 1, str("/x"))))
	if len(got) != 2 {
		t.Fatalf("shown %d times", len(got))
	}
	if x := got[0]; x.Tx != 0 || !slices.Equal(x.Parts["nfs.version"], []string{"\x00\x00\x00\x03"}) || !slices.Equal(x.Parts["nfs.procedure"], []string{"\x00\x00\x00\x01"}) {
		t.Errorf("%+v", x)
	}
	if x := got[1]; x.Tx != 1 || x.Parts["nfs.version"][0] != "\x00\x00\x00\x04" {
		t.Errorf("%+v", x)
	}
	for _, x := range got {
		analyzertest.ValidEVE(t, x.Record)
	}
	if line := string(got[0].Record.AppendEVE(nil, &event.EVE{})); !strings.Contains(line, `"rpc":{"xid":7,`) || !strings.Contains(line, `"nfs":{"version":3,"procedure":"GETATTR"`) {
		t.Error(line)
	}
}
