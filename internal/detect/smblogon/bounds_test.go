package smblogon

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/smb"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestTableEnds: pairs that rest longest leave, and are counted.
func TestTableEnds(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 3}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	for i := range 20 {
		r := packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i)}
		x := smb.New(event.Head{Seen: r, Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.0.0.%d", i+1))}})
		x.Asked, x.Answered, x.Command, x.Status = r, r, smb.SessionSetup, smb.StatusLogonFailure
		d.Handle(x)
	}
	if len(d.pairs) != 3 || d.evicted != 17 || d.pairs[pair{client: packet.MustAddr("10.0.0.20")}] == nil {
		t.Errorf("%d pairs, %d evicted", len(d.pairs), d.evicted)
	}
}
