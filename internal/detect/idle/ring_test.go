package idle

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestRing(t *testing.T) {
	r := ring[int]{most: 40}
	var a, b chain
	values := func(c *chain) (out []int, short bool) {
		list, short := r.newest(c)
		for _, x := range list {
			out = append(out, *x)
		}
		return out, short
	}
	if got, short := values(&a); len(got) > 0 || short {
		t.Errorf("empty: %v, short %v", got, short)
	}
	for i := range 10 {
		r.push(&a, i)
		r.push(&b, 100+i)
	}
	if got, short := values(&a); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) || short {
		t.Errorf("ten: %v, short %v", got, short)
	}
	for i := range 35 { // 0 to 2 of a, and as many of b, are there after these; then less
		r.push(&b, 200+i)
	}
	if got, short := values(&a); !slices.Equal(got, []int{8, 9}) || !short {
		t.Errorf("made room: %v, short %v", got, short)
	}
	if got, short := values(&b); len(got) != remembered || got[remembered-1] != 234 || got[0] != 203 || short {
		t.Errorf("the newest %d: %v, short %v", remembered, got, short)
	}
	if len(r.list) != 40 || r.evicted != 15 {
		t.Errorf("%d entries, %d made room", len(r.list), r.evicted)
	}
	for range 40 {
		r.push(&b, 0)
	}
	if got, short := values(&a); len(got) > 0 || !short {
		t.Errorf("all gone: %v, short %v", got, short)
	}
}

// TestMemory: whatever comes, what is remembered takes no more than the limit counts for the tables: of wires, of
// connections that lived, and of two sorts that died.
func TestMemory(t *testing.T) {
	const entries = 200
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: entries}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	for i := range 20_000 {
		at := packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i+1) * 1e9}
		f := event.NewFlow(event.Head{FlowID: uint64(i + 1), Proto: packet.ProtoTCP, Seen: at, Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.%d.%d.1", i%50, i%150)), Port: 4000},
			Server: event.End{Addr: packet.MustAddr("198.51.100.9"), Port: 22}})
		f.Start, f.Last = at, at
		for k := range f.Sides {
			f.Sides[k].Packets, f.Sides[k].SeqKnown, f.Sides[k].MaxDelivered = 3, true, 300
		}
		if f.What = event.Ended; i%4 == 0 {
			f.What = event.Stalled
			f.OwnRare()
			f.Stall = event.Stall{IPLen: 92, Tries: 3, Before: at, First: at, Last: at}
		}
		d.Handle(f)
	}
	for name, n := range map[string]int{
		"lived":  len(d.lived.list) * int(unsafe.Sizeof(linked[witness]{})),
		"hasty":  len(d.hasty.list) * int(unsafe.Sizeof(linked[hasty]{})),
		"deaths": len(d.flows) * int(unsafe.Sizeof(death{})),
		"wires":  d.wires.Len() * int(unsafe.Sizeof(history{})),
	} {
		if n == 0 || n > entries*detect.EntryBytes {
			t.Errorf("%s: %d bytes, the limit counts %d", name, n, entries*detect.EntryBytes)
		}
	}
	if d.lived.evicted == 0 || d.hasty.n == 0 {
		t.Errorf("%d made room of those that lived, %d died without a pause", d.lived.evicted, d.hasty.n)
	}
}
