package scan

import (
	"fmt"
	"slices"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// knock is a request that a reset answers.
func knock(id uint64, from, to packet.Addr, port uint16, at float64) *event.Flow {
	r := packet.Ref{Frame: id, Time: packet.Time(1e18 + int64(at*1e9))}
	f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoTCP, Seen: r, Client: event.End{Addr: from, Port: 4000}, Server: event.End{Addr: to, Port: port}})
	f.What, f.Start, f.Last, f.SYNTries = event.Refused, r, r, 1
	f.Marks[event.MarkServerRST] = r
	return f
}

// unheard is a UDP datagram of 10.0.0.5 that nobody answers.
func unheard(id uint64, from uint16, to packet.Addr, port uint16, at float64) *event.Flow {
	r := packet.Ref{Frame: id, Time: packet.Time(1e18 + int64(at*1e9))}
	last := packet.Ref{Frame: id, Time: r.Time + 10e9}
	f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoUDP, Seen: last, Client: event.End{Addr: packet.MustAddr("10.0.0.5"), Port: from}, Server: event.End{Addr: to, Port: port}})
	f.What, f.Start, f.Last = event.Ended, r, last
	f.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: 1})
	return f
}

func address(n uint32) packet.Addr {
	a := packet.MustAddr("100.0.0.0")
	a[13], a[14], a[15] = byte(n>>16), byte(n>>8), byte(n)
	return a
}

// TestRoom: whoever knocks wherever, the tables hold what they may, and what is thrown out is judged and counted.
func TestRoom(t *testing.T) {
	told := 0
	d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 200}, func(*finding.Instance) { told++ })).(*detector)
	id := uint64(0)
	for n := range uint32(3000) {
		for k := range uint32(40) {
			id++
			d.Handle(knock(id, address(n), address(1<<20+n*7+k), uint16(k*n), float64(id)/100))
		}
		if d.bytes > d.room {
			t.Fatalf("%d bytes after %d sources, %d allowed", d.bytes, n, d.room)
		}
	}
	sum := 0
	for s := d.oldest; s != nil; s = s.newer {
		sum += s.bytes()
	}
	if sum != d.bytes {
		t.Errorf("%d bytes are counted, %d are used", d.bytes, sum)
	}
	if d.evicted == 0 || d.sources.count() > 400 || len(d.working) > d.sources.count() {
		t.Errorf("%d evicted, %d sources, %d at work", d.evicted, d.sources.count(), len(d.working))
	}
	if len(d.down) > 200 || len(d.told) > 200 || d.strangers.n > 200*16 || d.searchers.n > 200*16 {
		t.Errorf("%d doors down, %d told, %d strangers", len(d.down), len(d.told), d.strangers.n)
	}
	d.End(d.now)
	if d.day.searches != 0 || told != 1 { // one line for all, and the day is over
		t.Errorf("%d reports, %d searches left", told, d.day.searches)
	}
}

// TestManyDoors: a search of all ports is told with a lower bound, in the room of one source.
func TestManyDoors(t *testing.T) {
	var last *finding.Instance
	d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 1000}, func(i *finding.Instance) { last = i })).(*detector)
	for p := range uint16(65535) {
		d.Handle(knock(uint64(p)+1, packet.MustAddr("10.0.0.66"), packet.MustAddr("10.0.0.1"), p+1, float64(p)/1000))
	}
	d.End(d.now)
	if last == nil || last.Code != Ports {
		t.Fatalf("%+v", last)
	}
	if b := last.Data.(*report).parts[0]; !b.more || b.fails < setMost {
		t.Errorf("%d failed, more: %v", b.fails, b.more)
	}
}

// The walk: four machines that fail in a row convict, an ordinary client's mixture never does.
func TestWalk(t *testing.T) {
	var w walk
	for i := range 3 {
		if w.add(1, true); w.worst().score >= convict {
			t.Fatalf("convicted after %d", i+1)
		}
	}
	if w.add(1, true); w.worst().score < convict {
		t.Error("four failures do not convict")
	}
	w = walk{}
	for i := range 1000 {
		if w.add(1, i%3 == 0); w.worst().score >= convict {
			t.Fatalf("a third fails: convicted after %d", i+1)
		}
	}
	w = walk{}
	for i := range 6 { // two machines behind one address, each with three failures
		w.add(uint32(i%2)+1, true)
	}
	if w.worst().score >= convict {
		t.Error("the failures of several machines add up")
	}
}

// Near-misses that no capture holds.
func TestNotSearching(t *testing.T) {
	at := func(n int) float64 { return float64(n) * 2 }
	for name, c := range map[string]struct {
		play func(d *detector)
		told int
	}{
		"peers, each at a port of its own": {func(d *detector) {
			for n := range 40 {
				d.Handle(knock(uint64(n)+1, packet.MustAddr("10.0.0.5"), address(uint32(n)*9), uint16(20000+n*131), at(n)))
			}
		}, 0},
		"the same port everywhere": {func(d *detector) {
			for n := range 40 {
				d.Handle(knock(uint64(n)+1, packet.MustAddr("10.0.0.5"), address(uint32(n)*9), 445, at(n)))
			}
		}, 1},
		"data ports of an FTP server": {func(d *detector) {
			f := knock(1, packet.MustAddr("10.0.0.5"), packet.MustAddr("100.0.0.9"), 21, 0)
			f.What, f.Marks[event.MarkSYNACK], f.Marks[event.MarkServerRST] = event.Answered, f.Start, packet.Ref{}
			d.Handle(f)
			for n := range 40 {
				d.Handle(knock(uint64(n)+2, packet.MustAddr("10.0.0.5"), packet.MustAddr("100.0.0.9"), uint16(40000+n), at(n)))
			}
		}, 0},
		"a list that is visited again and again": {func(d *detector) {
			for round := range 5 {
				for n := range 30 {
					d.Handle(knock(uint64(round*100+n)+1, packet.MustAddr("10.0.0.5"), address(uint32(n)), 443, float64(round)*60+float64(n)))
				}
			}
		}, 0},
		"answers to forged requests": {func(d *detector) {
			for n := range 60 {
				f := knock(uint64(n)+1, packet.MustAddr("10.0.0.5"), packet.MustAddr("100.0.0.9"), 80, at(n))
				f.Head().Client.Port, f.SYNTries, f.Midstream, f.What, f.Marks[event.MarkServerRST] = uint16(1000+n), 0, true, event.Ended, packet.Ref{}
				f.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: 1, Flags: packet.RST | packet.ACK})
				d.Handle(f)
			}
		}, 0},
		"a DHCP server's offers": {func(d *detector) {
			for n := range 60 {
				d.Handle(unheard(uint64(n)+1, 67, packet.MustAddr(fmt.Sprintf("10.0.1.%d", n)), 68, at(n)))
			}
		}, 0},
		"a name server's answers whose questions are not in the capture": {func(d *detector) {
			for n := range 60 {
				d.Handle(unheard(uint64(n)+1, 53, packet.MustAddr("10.0.1.5"), uint16(40000+n), at(n)))
			}
		}, 0},
		"a search from the port of a name server": {func(d *detector) {
			for n := range 60 {
				d.Handle(unheard(uint64(n)+1, 53, packet.MustAddr("10.0.1.5"), uint16(100+n), at(n)))
			}
		}, 1},
		"a search from the port of a DHCP server": {func(d *detector) {
			for n := range 60 {
				d.Handle(unheard(uint64(n)+1, 67, packet.MustAddr(fmt.Sprintf("10.0.1.%d", n)), 161, at(n)))
			}
		}, 1},
	} {
		told := 0
		d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 1000}, func(*finding.Instance) { told++ })).(*detector)
		c.play(d)
		d.End(d.now)
		if told != c.told {
			t.Errorf("%s: %d searches, want %d", name, told, c.told)
		}
	}
}

// TestPatient: one machine an hour is a search, too; the failures of different days are none.
func TestPatient(t *testing.T) {
	for name, c := range map[string]struct {
		every float64
		told  int
	}{"one an hour": {3600, 1}, "one in two days": {2 * 86400, 0}} {
		told := map[string]bool{} // by key: those of one are one finding
		d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 1000}, func(i *finding.Instance) {
			told[i.Key] = true
			if i.Code != Slow {
				t.Errorf("%s: %s", name, i.Code)
			}
		})).(*detector)
		for n := range 8 {
			at := float64(n) * c.every
			d.Tick(packet.Time(1e18 + int64(at*1e9)))
			d.Handle(knock(uint64(n)+1, packet.MustAddr("10.0.0.5"), address(uint32(n)*9), 22, at))
		}
		d.End(d.now)
		if len(told) != c.told {
			t.Errorf("%s: %d searches, want %d", name, len(told), c.told)
		}
	}
}

// TestNetworkOfStrangers: addresses of one network that each knock at one machine only are one searcher together; that is
// told when they find a door that nobody uses.
func TestNetworkOfStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		finds bool
		nets  int // networks that the knocks come from
		want  string
	}{"find something": {true, 1, "203.0.113.0/24"}, "find nothing": {false, 1, ""}, "each from elsewhere": {true, 12, ""}} {
		told := ""
		d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 1000}, func(i *finding.Instance) { told += i.Key })).(*detector)
		for n := range 12 {
			from := packet.MustAddr("203.0.113.1")
			from[14] += byte(n % c.nets)
			from[15] += byte(n)
			to := packet.MustAddr("10.0.0.1")
			to[15] += byte(n)
			f := knock(uint64(n)+1, from, to, 8080, float64(n)*60)
			if n == 9 && c.finds {
				f.What, f.Marks[event.MarkSYNACK], f.Marks[event.MarkServerRST] = event.Answered, f.Start, packet.Ref{}
			}
			d.Handle(f)
		}
		d.End(d.now)
		if told != c.want {
			t.Errorf("%s: told of %q, want %q", name, told, c.want)
		}
	}
}

// TestHealthyCrowd: a crowd of healthy clients does not push out who searches; sources that failed go last, and one that comes again
// after it went is named.
func TestHealthyCrowd(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 200}, func(*finding.Instance) {})
	d := newDetector(scope).(*detector)
	searcher := packet.MustAddr("10.0.0.66")
	id := uint64(0)
	for k := range uint32(30) {
		id++
		d.Handle(knock(id, searcher, address(k), 80, 1))
	}
	for n := range uint32(3000) {
		id++
		r := packet.Ref{Frame: id, Time: packet.Time(1e18 + 1e9 + int64(n)*1e5)}
		f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoUDP, Seen: r, Client: event.End{Addr: address(1<<16 + n), Port: 4000}, Server: event.End{Addr: address(7), Port: 9999}})
		f.What, f.Start, f.Last = event.Ended, r, r
		f.Sides = [2]event.Side{event.NewSide(event.Side{Packets: 1}), event.NewSide(event.Side{Packets: 1})}
		d.Handle(f)
	}
	if d.bytes > d.room {
		t.Errorf("%d bytes, %d allowed", d.bytes, d.room)
	}
	if s := d.sources.find(&srcKey{addr: searcher}); s == nil || s.bout == nil {
		t.Error("the searcher was pushed out")
	}
	if n := len(scope.Forgotten()); n != 0 {
		t.Errorf("forgotten: %+v", scope.Forgotten())
	}
	for n := range uint32(3000) { // searchers in a crowd of searchers
		id++
		d.Handle(knock(id, address(1<<20+n), address(n), 81, 2+float64(n)/1e4))
	}
	d.Handle(knock(id+1, searcher, address(99), 80, 3))
	var what []string
	for _, f := range scope.Forgotten() {
		what = append(what, f.What)
	}
	if !slices.Equal(what, []string{"sources", "sources that came again"}) {
		t.Error(what)
	}
}

// TestLossyCapture: strangers whose answers the capture lost are no crowd that knocks in vain; those of other times are, and
// those who were refused.
func TestLossyCapture(t *testing.T) {
	for _, c := range []struct {
		name   string
		lost   uint64
		at     float64 // of the loss; the strangers come at 100 to 140 s
		silent bool
		noise  bool
	}{
		{"nothing lost", 0, 120, true, true},
		{"one of twenty", 50, 120, true, true},
		{"most", 9000, 120, true, false},
		{"most, long before", 9000, 10, true, true},
		{"most, and they were refused", 9000, 120, false, true},
	} {
		told := 0
		s := detect.NewScope(detect.NewLedger(1000), detect.NewHosts(1000), nil, detect.Limits{Entries: 20_000}, func(i *finding.Instance) { told++ })
		s.Home = detect.NewHome(nil)
		d := newDetector(s).(*detector)
		from, to := packet.Time(1e18+int64((c.at-20)*1e9)), packet.Time(1e18+int64((c.at+20)*1e9))
		x := event.NewCapture(event.Head{Seen: packet.Ref{Frame: 1, Time: to}})
		x.From, x.To, x.Packets, x.KernelLost = from, to, 1000, c.lost
		d.Handle(x)
		for n := range uint32(1000) {
			f := knock(uint64(n)+1, address(n), packet.MustAddr("10.0.0.5"), uint16(1000+n%500), 100+float64(n)/25)
			if c.silent {
				f.What, f.Marks[event.MarkServerRST] = event.Silent, packet.Ref{}
				f.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: 3})
			}
			d.Handle(f)
		}
		d.End(packet.Time(1e18 + 200e9))
		if (told > 0) != c.noise {
			t.Errorf("%s: told %d times", c.name, told)
		}
	}
}
