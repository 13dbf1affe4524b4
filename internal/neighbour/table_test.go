package neighbour

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"firestorm/internal/packet"
)

func mac(n int) packet.MAC { return packet.MAC{0, 0x0c, 0x29, byte(n >> 16), byte(n >> 8), byte(n)} }

func see(t *Table, second int, ip string, m int) Change {
	c := Claim{Seen: packet.Ref{Frame: 1, Time: packet.Time(second+1) * packet.Time(time.Second)}, IP: addr(ip), MAC: mac(m), How: Asked}
	_, what, _ := t.See(&c)
	return what
}

func TestChanges(t *testing.T) {
	tab := NewTable(10)
	for i, c := range []struct {
		ip   string
		m    int
		want Change
	}{
		{"10.0.0.1", 1, New}, {"10.0.0.1", 1, Same}, {"10.0.0.1", 2, Changed}, {"10.0.0.1", 1, FlipFlop}, {"10.0.0.1", 2, FlipFlop},
		{"10.0.0.1", 3, Changed}, {"10.0.0.1", 1, Reused}, {"10.0.0.1", 3, FlipFlop}, {"10.0.0.2", 1, New}, {"10.0.0.1", 4, Changed},
		{"10.0.0.1", 5, Changed}, {"10.0.0.1", 2, Changed}, // the oldest of five was forgotten
	} {
		if got := see(tab, i, c.ip, c.m); got != c.want {
			t.Errorf("step %d: %d, want %d", i, got, c.want)
		}
	}
	n := tab.Get(Key{IP: addr("10.0.0.1")})
	if n.N != KeptStations || n.Current().MAC != mac(2) || n.Stations[1].MAC != mac(5) {
		t.Errorf("%+v", n)
	}
	_, _, was := tab.See(&Claim{Seen: packet.Ref{Frame: 1, Time: 1e12}, IP: addr("10.0.0.1"), MAC: mac(5), How: Asked})
	if was.MAC != mac(2) {
		t.Errorf("was %s", was.MAC)
	}
	other := Claim{Seen: packet.Ref{Frame: 1, Time: 1e12}, IP: addr("10.0.0.1"), MAC: mac(9), VLAN: 4, How: Asked}
	if _, what, _ := tab.See(&other); what != New {
		t.Error("another VLAN is another wire")
	}
}

func TestTableIsBounded(t *testing.T) {
	tab := NewTable(100)
	see(tab, 0, "10.0.0.1", 1)
	tab.Get(Key{IP: addr("10.0.0.1")}).Approved = true
	for i := range 10_000 {
		see(tab, i, fmt.Sprintf("10.1.%d.%d", i>>8, i&255), i)
		if i%10 == 0 {
			see(tab, i, "10.0.0.2", 2)
		}
	}
	if tab.Len() != 100 || len(tab.by) != 100 || len(tab.slots) != 100 || tab.Evicted != 10_002-100 {
		t.Errorf("%d neighbours, %d evicted", tab.Len(), tab.Evicted)
	}
	if tab.Get(Key{IP: addr("10.0.0.1")}) == nil || tab.Get(Key{IP: addr("10.0.0.2")}) == nil {
		t.Error("one that was approved, or is heard all the time, made room for strangers")
	}
	for i := range 200 { // approved ones only: they make room too
		n := Neighbour{Key: Key{IP: addr(fmt.Sprintf("10.2.0.%d", i))}, Approved: true, N: 1}
		tab.Add(n)
	}
	if tab.Len() != 100 {
		t.Errorf("%d neighbours", tab.Len())
	}
}

func TestDrop(t *testing.T) {
	tab := NewTable(10)
	for i := range 5 {
		see(tab, i, fmt.Sprintf("10.0.0.%d", i), i)
	}
	tab.Drop(Key{IP: addr("10.0.0.1")})
	tab.Drop(Key{IP: addr("10.0.0.9")})
	if tab.Len() != 4 || tab.Get(Key{IP: addr("10.0.0.1")}) != nil {
		t.Errorf("%d neighbours", tab.Len())
	}
	for _, i := range []int{0, 2, 3, 4} {
		if n := tab.Get(Key{IP: addr(fmt.Sprintf("10.0.0.%d", i))}); n == nil || n.Current().MAC != mac(i) {
			t.Errorf("%d: %+v", i, n)
		}
	}
}

func TestLearning(t *testing.T) {
	tab := NewTable(10)
	if !tab.Learning(1 << 60) {
		t.Error("nothing seen, all learned")
	}
	see(tab, 0, "10.0.0.1", 1)
	if !tab.Learning(tab.Began.Add(LearnFor-1)) || tab.Learning(tab.Began.Add(LearnFor)) {
		t.Error("a day")
	}
	tab.Learned = true
	if tab.Learning(tab.Began) {
		t.Error("ended by somebody")
	}
}

func TestSaveAndLoad(t *testing.T) {
	tab := NewTable(50)
	for i := range 80 {
		see(tab, i, fmt.Sprintf("10.0.0.%d", i%60), i)
	}
	n := tab.Get(Key{IP: addr("10.0.0.15")})
	n.SetName("printer.lan")
	n.Note, n.Approved = "second floor", true
	tab.Learned = true
	var b bytes.Buffer
	if err := tab.Save(&b); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	again := NewTable(50)
	if err := again.Load(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(tab.All(), again.All()) || again.Began != tab.Began || !again.Learned {
		t.Error("not the same")
	}
	small := NewTable(5)
	if err := small.Load(bytes.NewReader(whole)); err != nil || small.Len() != 5 || small.Began != tab.Began {
		t.Errorf("%v, %d neighbours", err, small.Len())
	}
	for n := 0; n < len(whole); n += 7 {
		cut := NewTable(50)
		if err := cut.Load(bytes.NewReader(whole[:n])); err == nil || cut.Len() != 0 {
			t.Fatalf("%d bytes of %d: %v, %d neighbours", n, len(whole), err, cut.Len())
		}
	}
}

// TestHundredThousand measures what the issue allows 64 MB for.
func TestHundredThousand(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tab := NewTable(100_000)
	for i := range 100_000 {
		c := Claim{Seen: packet.Ref{Frame: 1, Time: packet.Time(i + 1)}, MAC: mac(i), How: Asked, IP: packet.Addr{0xfd, 0, 10: 0xff, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}}
		n, _, _ := tab.See(&c)
		n.SetName(fmt.Sprintf("host-%d.office.example.net", i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d neighbours take %.1f MB", tab.Len(), float64(used)/1e6)
	if tab.Len() != 100_000 || used > 64<<20 {
		t.Errorf("%d neighbours take %d bytes", tab.Len(), used)
	}
	var b bytes.Buffer
	if err := tab.Save(&b); err != nil {
		t.Fatal(err)
	}
	t.Logf("a snapshot of them has %.1f MB", float64(b.Len())/1e6)
	runtime.KeepAlive(tab)
}

func TestARPDat(t *testing.T) {
	text := "0:c:29:0:0:1\t10.0.0.1\t1700000000\tgw\teth0\n00:0c:29:00:00:02\t10.0.0.1\t1700000500\n0:c:29:0:0:3\t10.0.0.3\t1600000000\n" +
		"nonsense\n0:c:29:0:0:4\t10.0.0.400\t1\n0:c:29:0:0\t10.0.0.4\t1\n0:c:29:0:0:4\t10.0.0.4\t-1\n\n# comment\n"
	ns, bad, err := ReadARPDat(strings.NewReader(text))
	if err != nil || bad != 4 || len(ns) != 2 {
		t.Fatalf("%d neighbours, %d bad, %v", len(ns), bad, err)
	}
	if n := ns[0]; n.N != 2 || n.Name != "gw" || n.Current().MAC != mac(2) || n.Stations[1].MAC != mac(1) || n.Current().Last != 1700000500e9 {
		t.Errorf("%+v", n)
	}
	tab := NewTable(10)
	see(tab, 1, "10.0.0.3", 3)
	for _, n := range ns {
		tab.Merge(n)
	}
	if n := tab.Get(Key{IP: addr("10.0.0.3")}); n.N != 1 || n.Current().Last != 1600000000e9 || n.First() != 2e9 {
		t.Errorf("%+v", n)
	}
	tab.Get(Key{IP: addr("10.0.0.3")}).Name = "a\tb"
	tab.Add(Neighbour{Key: Key{IP: addr("fe80::1")}, N: 1})
	var b bytes.Buffer
	if err := WriteARPDat(&b, tab.All()); err != nil {
		t.Fatal(err)
	}
	want := "00:0c:29:00:00:02\t10.0.0.1\t1700000500\tgw\n00:0c:29:00:00:01\t10.0.0.1\t1700000000\tgw\n00:0c:29:00:00:03\t10.0.0.3\t1600000000\t\n"
	if b.String() != want {
		t.Errorf("%q\nwant %q", b.String(), want)
	}
}

func FuzzReadARPDat(f *testing.F) {
	f.Add("0:c:29:0:0:1\t10.0.0.1\t1700000000\tgw\teth0\n")
	f.Add("0:c:29:0:0:1 ::1 8589934592\n0:c:29:0:0:1 ::1 5\n")
	f.Fuzz(func(t *testing.T, text string) {
		ns, _, err := ReadARPDat(strings.NewReader(text))
		if err != nil {
			return
		}
		tab := NewTable(1000)
		for _, n := range ns {
			if n.N == 0 || n.N > KeptStations || len(n.Name) > MaxName {
				t.Errorf("%+v", n)
			}
			tab.Merge(n)
		}
		var b bytes.Buffer
		if err := WriteARPDat(&b, tab.All()); err != nil {
			t.Fatal(err)
		}
		again, bad, err := ReadARPDat(&b)
		if err != nil || bad != 0 || len(again) > len(ns) {
			t.Errorf("%d neighbours became %d, %d bad: %v", len(ns), len(again), bad, err)
		}
	})
}
