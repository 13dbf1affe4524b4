package tracker

import (
	"encoding/binary"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// words are those of a log of "conntrack -E -o timestamp,extended" beside a NAT.
const words = `[1700000000.250000]	    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.1.0.2 dst=10.2.0.2 sport=40001 dport=80 [UNREPLIED] src=10.2.0.2 dst=10.2.0.1 sport=80 dport=2268
[1700000000.300000]	 [UPDATE] ipv4     2 tcp      6 60 SYN_RECV src=10.1.0.2 dst=10.2.0.2 sport=40001 dport=80 src=10.2.0.2 dst=10.2.0.1 sport=80 dport=2268
[1700000002.123456]	[DESTROY] ipv4     2 tcp      6 src=10.1.0.2 dst=10.2.0.2 sport=40001 dport=80 src=10.2.0.2 dst=10.2.0.1 sport=80 dport=2268 [ASSURED]

[1700000003.5]	[DESTROY] ipv6     10 udp      17 src=2001:db8::1 dst=2001:db8::2 sport=5353 dport=53 src=2001:db8::2 dst=2001:db8::1 sport=53 dport=5353 mark=0
conntrack v1.4.7 (conntrack-tools): 4 flow events have been shown.
`

// TestLog: what conntrack prints becomes events with both sides of the translation; changes are passed over, nonsense is counted.
func TestLog(t *testing.T) {
	l := NewLog(strings.NewReader(words))
	var got []*event.Tracked
	for x := l.Next(); x != nil; x = l.Next() {
		got = append(got, x)
	}
	if len(got) != 3 || l.Err() != nil || l.Unread() != 1 {
		t.Fatalf("%d events, %v, %d not understood", len(got), l.Err(), l.Unread())
	}
	end := func(a string, p uint16) event.End { return event.End{Addr: packet.MustAddr(a), Port: p} }
	x := got[1]
	if x.What != event.TrackerForgot || x.Head().Seen.Time != 1700000002123456000 || x.Head().Proto != 6 ||
		x.Inner != (event.Ends{Client: end("10.1.0.2", 40001), Server: end("10.2.0.2", 80)}) ||
		x.Outer != (event.Ends{Client: end("10.2.0.1", 2268), Server: end("10.2.0.2", 80)}) {
		t.Errorf("%+v", x)
	}
	if x := got[2]; x.Head().Proto != 17 || x.Inner != x.Outer || x.Inner.Client != end("2001:db8::1", 5353) || x.Head().Seen.Time != 1700000003500000000 {
		t.Errorf("%+v", x)
	}
	if got[0].What != event.TrackerNew {
		t.Errorf("%+v", got[0])
	}
	l = NewLog(strings.NewReader("[1700000000.25]\t[NEW] " + strings.Repeat("x", 2*longestLine)))
	if l.Next() != nil || l.Err() == nil {
		t.Error("a line without end is no error")
	}
}

func attr(typ uint16, v ...[]byte) []byte {
	b := []byte{0, 0, 0, 0}
	for _, x := range v {
		b = append(b, x...)
	}
	binary.NativeEndian.PutUint16(b, uint16(len(b)))
	binary.NativeEndian.PutUint16(b[2:], typ)
	return append(b, make([]byte, -len(b)&3)...)
}

func tupleOf(typ uint16, src, dst [4]byte, sport, dport uint16) []byte {
	return attr(typ|0x8000, attr(attrIP|0x8000, attr(1, src[:]), attr(2, dst[:])),
		attr(attrProto|0x8000, attr(1, []byte{6}), attr(2, binary.BigEndian.AppendUint16(nil, sport)), attr(3, binary.BigEndian.AppendUint16(nil, dport))))
}

func datagram(typ, flags uint16, attrs ...[]byte) []byte {
	b := make([]byte, nlHeader+nfHeader)
	for _, a := range attrs {
		b = append(b, a...)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint16(b[6:], flags)
	return b
}

// TestParse: messages of netlink say the same as the text; the kernel's own time comes before that of reading.
func TestParse(t *testing.T) {
	orig, reply := tupleOf(attrOrig, [4]byte{10, 1, 0, 2}, [4]byte{10, 2, 0, 2}, 40001, 80), tupleOf(attrReply, [4]byte{10, 2, 0, 2}, [4]byte{10, 2, 0, 1}, 80, 2268)
	stop := attr(attrTimes|0x8000, attr(attrTimesStart, binary.BigEndian.AppendUint64(nil, 5)), attr(attrTimesStop, binary.BigEndian.AppendUint64(nil, 77)))
	b := datagram(msgNew, flagMade, orig, reply)
	b = append(b, datagram(msgNew, 0, orig, reply)...) // a change
	b = append(b, datagram(msgDelete, 0, orig, reply, stop)...)
	xs, bad := parse(b, 99, nil)
	if bad || len(xs) != 2 {
		t.Fatalf("%d events, bad %v", len(xs), bad)
	}
	log := NewLog(strings.NewReader(words))
	for i, at := range []packet.Time{99, 77} {
		want := log.Next()
		if x := xs[i]; x.What != want.What || x.Inner != want.Inner || x.Outer != want.Outer || x.Head().Proto != 6 || x.Head().Seen.Time != at {
			t.Errorf("%+v, want %+v at %d", x, want, at)
		}
	}
	for cut := range len(b) {
		parse(b[:cut], 1, nil)
	}
	if _, bad := parse(b[:len(b)-3], 1, nil); !bad {
		t.Error("a datagram that is cut is not said")
	}
}

// TestQueue: what the queue has no room for, and what the kernel lost, is said once by an event, and counted.
func TestQueue(t *testing.T) {
	var q queue
	x := event.NewTracked(event.Head{Seen: packet.Ref{Time: 5}})
	x.What = event.TrackerNew
	for range most + 3 {
		q.put([]*event.Tracked{x})
	}
	q.lose(1, 7)
	if l := q.Next(); l.What != event.TrackerLost || l.Lost != 4 || l.Head().Seen.Time != 7 {
		t.Errorf("%+v", l)
	}
	n := 0
	for q.Next() != nil {
		n++
	}
	if c := q.Counts(); n != most || c.Events != most || c.Lost != 4 {
		t.Errorf("%d events, %+v", n, c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(datagram(msgDelete, 0, tupleOf(attrOrig, [4]byte{1, 2, 3, 4}, [4]byte{5, 6, 7, 8}, 1, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		xs, _ := parse(b, 1, nil)
		for _, x := range xs {
			if x.What != event.TrackerNew && x.What != event.TrackerForgot {
				t.Errorf("%+v", x)
			}
		}
	})
}

func FuzzLog(f *testing.F) {
	f.Add(words)
	f.Fuzz(func(t *testing.T, s string) {
		l := NewLog(strings.NewReader(s))
		for n := 0; l.Next() != nil; n++ {
			if n > len(s) {
				t.Fatal("more events than bytes")
			}
		}
	})
}
