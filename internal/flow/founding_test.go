package flow

import (
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// founding is the founding capture with numbers of ours: the listing shows none.
const founding = `
0.00  > S  seq=1000
0.00  < SA seq=5000 ack=1001
0.01  > A  seq=1001 ack=5001
0.08  > PA seq=1001 ack=5001 len=500
0.24  < A  seq=5001 ack=1501
0.23  > PA seq=1501 ack=5001 len=100
0.24  < PA seq=5001 ack=1601 len=1365
0.24  < PA seq=6366 ack=1601 len=200
0.24  < FA seq=6566 ack=1601
0.29  > A  seq=1601 ack=6567
0.31  > FA seq=1601 ack=6567
0.31  < A  seq=6567 ack=1602
0.34  > A  seq=1602 ack=6567
68.26 > S  seq=3172654578
71.18 > S  seq=3172654578
77.13 > S  seq=3172654578
98.25 > RC seq=3172654579
`

const foundingListing = `
0.00  > S  noseq
0.00  < SA noseq
0.01  > A  noseq
0.08  > PA noseq len=500
0.24  < A  noseq
0.23  > PA noseq len=100
0.24  < PA noseq len=1365
0.24  < PA noseq len=200
0.24  < FA noseq
0.29  > A  noseq
0.31  > FA noseq
0.31  < A  noseq
0.34  > A  noseq
68.26 > S  noseq
71.18 > S  noseq
77.13 > S  noseq
98.25 > RC noseq
`

func TestFounding(t *testing.T) {
	const tail = " half_closed@9 closed@12 ended:tcp_reuse@14 started@14 silent@16 ended:shutdown"
	for _, c := range []struct{ name, script string }{{"capture", founding}, {"listing", foundingListing}} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, c.script)
			want := "started@1 answered@2 established@3" + tail
			if got := says(evs); got != want {
				t.Fatalf("events\n got %s\nwant %s", got, want)
			}
			ended := flowsOf(evs, event.Ended)
			f := ended[1]
			frames := map[event.MarkID]uint64{event.MarkSYN: 14, event.MarkSYN2: 15, event.MarkSYN3: 16, event.MarkSYNLast: 16,
				event.MarkClientRST: 17}
			for m := event.MarkID(0); m < event.NumMarks; m++ {
				if f.Marks[m].Frame != frames[m] {
					t.Errorf("second flow: mark %d is frame %d, want %d", m, f.Marks[m].Frame, frames[m])
				}
			}
			if f.SYNTries != 3 || f.RSTFlags[packet.ToServer] != packet.RST|packet.CWR || f.ECN {
				t.Errorf("tries %d, RST flags %#x, ECN %v", f.SYNTries, f.RSTFlags[packet.ToServer], f.ECN)
			}
			p := f.Prev
			if p == nil {
				t.Fatal("no previous connection")
			}
			if !p.Established || p.FirstFIN != packet.ToClient || p.ServerFIN.Frame != 9 || p.ClientFIN.Frame != 11 ||
				p.Closed.Frame != 12 || p.Last.Frame != 13 || p.Start.Frame != 1 || p.FirstAnswer.Frame != 2 || p.RTT != 10*time.Millisecond {
				t.Errorf("previous: %+v", *p)
			}
			if p.FlowID != ended[0].Head().FlowID || p.FlowID == 0 || p.FlowID == f.Head().FlowID {
				t.Errorf("previous flow id %x, first %x, second %x", p.FlowID, ended[0].Head().FlowID, f.Head().FlowID)
			}
			if age := f.Start.Time.Sub(p.Closed.Time); age != 67950*time.Millisecond {
				t.Errorf("reuse age %v", age)
			}
			if p.SeqKnown != (c.name == "capture") || p.SeqKnown && (p.ClientEnd != 1602 || p.ServerEnd != 6567) {
				t.Errorf("ends: %+v", *p)
			}
			wantFirst := map[event.MarkID]uint64{event.MarkSYN: 1, event.MarkSYNLast: 1, event.MarkSYNACK: 2, event.MarkHandshake: 3,
				event.MarkClientData: 4, event.MarkServerData: 7, event.MarkServerFIN: 9, event.MarkServerFINACK: 10,
				event.MarkClientFIN: 11, event.MarkClientFINACK: 12}
			for m := event.MarkID(0); m < event.NumMarks; m++ {
				if ended[0].Marks[m].Frame != wantFirst[m] {
					t.Errorf("first flow: mark %d is frame %d, want %d", m, ended[0].Marks[m].Frame, wantFirst[m])
				}
			}
			if c.name == "listing" && f.Missing&packet.NoSeq == 0 {
				t.Error("Missing not carried")
			}
		})
	}
}

// TestFoundingAged: the same with the table aged all the way, so that a tombstone bridges the two connections.
func TestFoundingAged(t *testing.T) {
	lines := parse(t, founding)
	var aged []line
	for i, l := range lines {
		if i == 13 {
			for s := 1; s <= 68; s++ {
				aged = append(aged, line{age: t0 + packet.Time(s)*packet.Time(time.Second)})
			}
		}
		aged = append(aged, l)
		if i == 15 {
			aged = append(aged, line{age: seconds("79.0")}, line{age: seconds("80.2")})
		}
	}
	evs := runLines(New(Options{}), aged)
	want := "started@1 answered@2 established@3 half_closed@9 closed@12 ended:closed started@14 silent@16 ended:shutdown"
	if got := says(evs); got != want {
		t.Fatalf("events\n got %s\nwant %s", got, want)
	}
	p := flowsOf(evs, event.Ended)[1].Prev
	if p == nil || p.Closed.Frame != 12 || p.ServerFIN.Frame != 9 || p.FirstAnswer.Frame != 2 {
		t.Fatalf("previous: %+v", p)
	}
}
