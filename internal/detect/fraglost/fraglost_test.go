package fraglost_test

import (
	"fmt"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/fraglost"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestLost(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  finding.Confidence
		says  []string
	}{
		{[]string{"fragment-lost/inside.pcap"}, finding.Certain, []string{"large packets from 10.2.0.2 to 10.1.0.11 and 10.1.0.12 never become whole: only their first fragment comes",
			"the capture has later fragments of other packets", "not: a sender that never sent the rest: they are answers of a service (port 53)", "max-udp-size 1232;", "ping -c 3 -s 3000 10.2.0.2"}},
		{[]string{"fragment-lost/outside.pcap"}, finding.Likely, []string{"large packets from 10.1.0.11 and 10.1.0.12 to 10.2.0.2 never become whole"}},
		{[]string{"fragment-lost/inside.pcap", "fragment-lost/outside.pcap"}, finding.Certain, []string{"large packets from 10.2.0.2 to", "the device between outside.pcap and inside.pcap drops fragments that are not the first",
			"at outside.pcap, the packets of 10.2.0.2 are whole", "the other way it is the same"}},
		{[]string{"fragment-lost-ipv6/inside.pcap", "fragment-lost-ipv6/outside.pcap"}, finding.Likely, []string{"large packets from fd00:2::2 to fd00:1::11 and fd00:1::12", "12 of UDP port 53",
			"ping -6 -c 3 -s 3000 fd00:2::2"}},
		{[]string{"fragment-lost-ipv6/inside.pcap"}, finding.Likely, []string{"or: a capture that leaves out later fragments", "or (ip6[6] == 44)"}},
		{[]string{"fragment-lost-snmp/inside.pcap", "fragment-lost-snmp/outside.pcap"}, finding.Likely, []string{"6 of UDP port 161", "a smaller message or block size in the service on port 161"}},
	} {
		var found *finding.Finding
		for _, f := range detecttest.Run(t, nil, c.files...).Findings {
			switch {
			case f.Code.ID == fraglost.Code && found == nil:
				found = f
			case f.Code.ID == fraglost.Code || detecttest.Claims(f):
				t.Errorf("%v: %s", c.files, detecttest.Text(f))
			}
		}
		if found == nil || found.Confidence != c.want {
			t.Errorf("%v: no such finding that is %s", c.files, c.want)
			continue
		}
		detecttest.Says(t, found, c.says...)
	}
}

func TestNotLost(t *testing.T) {
	for _, file := range []string{"fragment-loss/inside.pcap", "fragment-lost-remedied/inside.pcap", "ike-fragment-lost/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), fraglost.Code)
	}
}

// TestCounts: what became of the packets of a way decides.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name               string
		lost, whole, holed int
		change             func(*event.Datagram)
		found              bool
	}{
		{"five", 5, 0, 0, nil, true},
		{"four", 4, 0, 0, nil, false},
		{"one of five became whole", 5, 1, 0, nil, true},
		{"two of five became whole", 5, 2, 0, nil, false},
		{"two lack other fragments", 5, 0, 2, nil, false},
		{"cut by the capture", 5, 0, 0, func(x *event.Datagram) { x.Truncated = true }, false},
		{"the input ends at once", 5, 0, 0, func(x *event.Datagram) { x.Waited = time.Millisecond }, false},
		{"a key exchange", 5, 0, 0, func(x *event.Datagram) { x.Head().Client.Port = 4500 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, fraglost.Def)
			at := 0.0
			send := func(n int, set func(*event.Datagram)) {
				for range n {
					at++
					x := event.NewDatagram(event.Head{Proto: packet.ProtoUDP, Seen: b.Ref(0, at), Client: event.End{Addr: packet.MustAddr("10.0.0.1"), Port: 53}, Server: event.End{Addr: packet.MustAddr("10.9.0.1"), Port: 4000}})
					x.First, x.Fragments, x.Bytes, x.HasFirst, x.Waited = x.Head().Seen, 1, 1480, true, 2*time.Second
					set(x)
					b.Send(x)
				}
			}
			send(c.lost, func(x *event.Datagram) {
				if c.change != nil {
					c.change(x)
				}
			})
			send(c.whole, func(x *event.Datagram) { x.Whole = true })
			send(c.holed, func(x *event.Datagram) { x.HasFirst = false })
			if fs := b.End(); (len(fs) == 1) != c.found {
				t.Errorf("%d findings", len(fs))
			}
		})
	}
}

// TestReceiverSays: the receiver's own word excludes that the capture left the rest out.
func TestReceiverSays(t *testing.T) {
	b := detecttest.NewBench(t, detect.NewTwins(nil, nil), fraglost.Def)
	from, to := packet.MustAddr("10.0.0.1"), packet.MustAddr("10.9.0.1")
	for i := range 5 {
		x := event.NewDatagram(event.Head{Proto: packet.ProtoUDP, Seen: b.Ref(0, float64(i)), Client: event.End{Addr: from, Port: 4000}, Server: event.End{Addr: to, Port: 514}})
		x.First, x.Fragments, x.HasFirst, x.Waited = x.Head().Seen, 1, true, 2*time.Second
		b.Send(x)
	}
	e := event.NewICMPError(event.Head{Seen: b.Ref(0, 31)})
	e.Version, e.Type, e.Code, e.Sender, e.To = 4, 11, 1, to, from
	e.Quoted.Src, e.Quoted.Dst = from, to
	b.Send(e)
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Possible { // a stranger may have sent no more
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "10.9.0.1 says itself that it waited for the rest in vain", "or the rest was never sent", "or: somebody who sends first fragments alone")
}

// TestStranger: first fragments alone, from whom nobody asked and nobody hears otherwise, may be all that was sent, whatever port
// they name. What is known of the two decides.
func TestStranger(t *testing.T) {
	for _, c := range []struct {
		name  string
		port  uint16
		asked bool // each comes after a question
		talk  bool // the two talk otherwise
		want  finding.Confidence
	}{
		{"a flood", 4000, false, false, finding.Possible},
		{"a flood that looks like answers", 53, false, false, finding.Possible},
		{"they talk otherwise", 4000, false, true, finding.Likely},
		{"answers", 53, true, false, finding.Certain},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, detect.NewTwins(nil, nil), fraglost.Def)
			later := event.NewDatagram(event.Head{Proto: packet.ProtoUDP, Seen: b.Ref(0, 0), Client: event.End{Addr: packet.MustAddr("10.7.0.1"), Port: 9}, Server: event.End{Addr: packet.MustAddr("10.8.0.1"), Port: 9}})
			later.Whole, later.HasFirst, later.Fragments = true, true, 2
			b.Send(later)
			if c.talk {
				b.Connect(detecttest.Flow{ID: 90, Client: "10.9.0.1:2000", Server: "10.0.0.1:443"}, 0, 0.05, 60)
			}
			for i := range 6 {
				if c.asked {
					q := detecttest.Flow{ID: uint64(i + 1), Client: fmt.Sprintf("10.9.0.1:%d", 3000+i), Server: "10.0.0.1:53"}
					f := event.NewSnapshot(b.Head(q, b.Ref(0, float64(i))))
					f.What, f.Start = event.Started, b.Ref(0, float64(i))
					f.Head().Proto = packet.ProtoUDP
					b.Send(f)
				}
				x := event.NewDatagram(event.Head{Proto: packet.ProtoUDP, Seen: b.Ref(0, float64(i)+0.1), Client: event.End{Addr: packet.MustAddr("10.0.0.1"), Port: c.port}, Server: event.End{Addr: packet.MustAddr("10.9.0.1"), Port: uint16(3000 + i)}})
				x.First, x.Fragments, x.HasFirst, x.Waited = x.Head().Seen, 1, true, 2*time.Second
				b.Send(x)
			}
			fs := b.End()
			if len(fs) != 1 || fs[0].Confidence != c.want {
				t.Fatalf("%d findings, %v, want %s", len(fs), detecttest.Text(fs[0]), c.want)
			}
		})
	}
}
