package finding

import (
	"testing"

	"firestorm/internal/packet"
)

// odd covers clients with an odd address.
type odd struct{}

func (*odd) Covers(client, _ packet.Addr, _ uint16) bool { return client[15]&1 == 1 }

// What a detector explains at once is counted and not held; what a Coverer means is absorbed, and nothing else.
func TestExplainedAndCovered(t *testing.T) {
	noise := &Code{ID: "noise", Absorbs: []string{"single"}}
	e, err := NewEngine(Options{Codes: []*Code{noise, {ID: "single"}}, Compose: func(g *Group, b *Builder) bool {
		b.Fact(nil, "one")
		b.Fact(nil, "two")
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range byte(10) {
		c := packet.MustAddr("192.0.2.0")
		c[15] = n
		at := packet.Ref{Frame: uint64(n) + 1, Time: packet.Time(n)}
		e.Report(&Instance{Code: "single", Key: c.String(), Client: c, First: at, Last: at, Explained: n >= 8})
	}
	e.Report(&Instance{Code: "noise", Key: "day", First: packet.Ref{Frame: 1}, Last: packet.Ref{Frame: 9, Time: 9}, Covers: Cover{Also: &odd{}}})
	e.End(10)
	single := 0
	for _, f := range e.Findings() {
		if f.Code.ID == "single" {
			single++
			if f.First.Time%2 == 1 || f.First.Time >= 8 {
				t.Errorf("told of the client of %d", f.First.Time)
			}
		}
	}
	if single != 4 || e.Counts.Absorbed != 2+4 {
		t.Errorf("%d told, %d absorbed", single, e.Counts.Absorbed)
	}
}
