package plainlogin

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/analyzer/pop3"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// bench is a detector whose reports are collected.
type bench struct {
	d    *detector
	got  []*finding.Instance
	next uint64
}

func newBench(entries int) *bench {
	b := &bench{}
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: entries}, func(i *finding.Instance) { b.got = append(b.got, i) })
	b.d = Def.New(scope).(*detector)
	return b
}

func (b *bench) head(client, server string) event.Head {
	b.next++
	return event.Head{FlowID: b.next, Proto: packet.ProtoTCP, Seen: packet.Ref{Frame: b.next, Time: packet.Time(b.next) * 1e9},
		Client: event.End{Addr: packet.MustAddr(client), Port: 4000}, Server: event.End{Addr: packet.MustAddr(server), Port: 21}}
}

func (b *bench) pass(client, server, user string, code uint16) {
	x := ftp.NewExchange(b.head(client, server))
	x.Command, x.User, x.Codes[0] = "PASS", user, code
	b.d.Handle(x)
}

func TestWhatCounts(t *testing.T) {
	b := newBench(100)
	b.pass("192.0.2.1", "198.51.100.9", "anonymous", 230)
	b.pass("192.0.2.1", "198.51.100.9", "ftp", 530)
	apop := pop3.NewExchange(b.head("192.0.2.1", "198.51.100.9"))
	apop.Word, apop.User, apop.Answered, apop.Positive = "APOP", "carol", true, true
	b.d.Handle(apop)
	if len(b.got) != 0 {
		t.Fatalf("%d reports of what is no secret in clear", len(b.got))
	}
	b.pass("192.0.2.1", "198.51.100.9", "alice", 530)
	b.pass("192.0.2.1", "198.51.100.9", "alice", 230)
	b.pass("192.0.2.2", "198.51.100.9", "alice", 0)
	s := b.got[0].Data.(*logins)
	if len(b.got) != 3 || s.count != 3 || s.accepted != 1 || len(s.first) != 2 || s.first[0].Outcome != event.LoginAccepted || s.users() != 1 || s.clients() != 2 {
		t.Errorf("%d reports, %+v", len(b.got), s)
	}
}

func TestBounds(t *testing.T) {
	b := newBench(50)
	for i := range 500 {
		b.pass("192.0.2.1", fmt.Sprintf("10.0.%d.%d", i/200, i%200), "alice", 230)
		if len(b.d.services) > 50 || len(b.d.order) > 50 {
			t.Fatalf("%d services, %d in order", len(b.d.services), len(b.d.order))
		}
	}
	for i := range 200 {
		b.pass("192.0.2.1", "198.51.100.9", fmt.Sprint("user", i), 530)
	}
	s := b.got[len(b.got)-1].Data.(*logins)
	if len(s.first) != maxNames || s.count != 200 || s.names() != `"user0", "user1", "user2" and 61 more` {
		t.Errorf("%d kept of %d: %s", len(s.first), s.count, s.names())
	}
}
