package nagle_test

import (
	"testing"
	"time"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/nagle"
	"firestorm/internal/event"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	for _, files := range [][]string{{"nagle-delack/inside.pcap"}, {"nagle-delack/outside.pcap"}, {"nagle-delack/inside.pcap", "nagle-delack/outside.pcap"}} {
		n := 0
		for _, f := range detecttest.Run(t, nil, files...).Findings {
			if f.Code.ID == nagle.Code {
				n++
				detecttest.Says(t, f, "delayed acknowledgement", "TCP_NODELAY", "not: a sender held back by loss")
				if f.Confidence != finding.Likely {
					t.Errorf("%v: %s\n%s", files, f.Confidence, detecttest.Text(f))
				}
			} else if detecttest.Claims(f) {
				t.Errorf("%s", detecttest.Text(f))
			}
		}
		if n != 2 { // two clients
			t.Errorf("%v: %d findings", files, n)
		}
	}
}

// TestAnswers: programs that people run; the writer is the server, and the second time the capture stands at the reader's
// end of a path of 60 ms.
func TestAnswers(t *testing.T) {
	for _, file := range []string{"nagle-delack-answers/outside.pcap", "nagle-delack-far/outside.pcap"} {
		f := detecttest.Only(t, detecttest.Run(t, nil, file), nagle.Code, finding.Likely)
		detecttest.Says(t, f, "fd00:2::2 waited", "the server writes in small parts", "fd00:1::11 had held that back for 4")
	}
}

func TestSilent(t *testing.T) {
	for _, file := range []string{"nagle-delack-remedied/inside.pcap", "nagle-delack-remedied/outside.pcap", "server-slow/inside.pcap", "server-slow-path/inside.pcap", "clean-wan/inside.pcap",
		"clean-midstream/inside.pcap", "loss-server-side-down/inside.pcap", "zero-window/inside.pcap", "ssh-logins/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), nagle.Code)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			n := 0
			for _, f := range detecttest.Run(t, []detecttest.Mutation{d.Make}, "nagle-delack/inside.pcap").Findings {
				if f.Code.ID == nagle.Code && f.Confidence >= finding.Likely {
					n++
				}
			}
			switch d.Name {
			case "no SYN", "no packets from the server":
				if n != 0 {
					t.Errorf("%d findings", n)
				}
			case "every frame twice", "96 bytes of each frame":
				if n != 2 {
					t.Errorf("%d findings", n)
				}
			}
		})
	}
}

// TestWords: what each connection shows decides how sure it is.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*event.Flow)
		want   finding.Confidence // 0: none
	}{
		{"40 ms", func(*event.Flow) {}, finding.Likely},
		{"200 ms", func(f *event.Flow) { f.Sides[0].HeldTotal = 20 * 200 * time.Millisecond }, finding.Likely},
		{"no timer's delay", func(f *event.Flow) { f.Sides[0].HeldTotal = 20 * 350 * time.Millisecond }, finding.Possible},
		{"loss", func(f *event.Flow) { f.Sides[0].Retrans = 3 }, finding.Possible},
		{"a small window", func(f *event.Flow) { f.Sides[1].MaxWindow = 1000 }, finding.Possible},
		{"nine times", func(f *event.Flow) { f.Sides[0].HeldWaits = 9 }, 0},
		{"the round trip is not known", func(f *event.Flow) { f.RTT = 0 }, 0},
		{"open before the capture", func(f *event.Flow) { f.Midstream = true }, 0},
	} {
		b := detecttest.NewBench(t, nil, nagle.Def)
		fl := detecttest.Flow{ID: 1, Client: "10.0.0.1:4000", Server: "10.9.0.1:80"}
		x := *b.Connect(fl, 1, 0.01, 60).Clone()
		last := b.Ref(0, 9)
		*x.Head() = b.Head(fl, last)
		x.OwnRare()
		x.What, x.Last, x.End, x.RTT = event.Ended, last, event.EndInput, 10*time.Millisecond
		x.Marks[event.MarkClientData] = b.Ref(0, 1.1)
		for i := range x.Sides {
			x.Sides[i].OwnRare()
			x.Sides[i].MaxWindow = 65535
		}
		x.Sides[0].HeldWaits, x.Sides[0].HeldTotal = 20, 20*44*time.Millisecond
		c.change(&x)
		b.Send(&x)
		fs := b.End()
		if c.want == 0 && len(fs) > 0 || c.want != 0 && (len(fs) != 1 || fs[0].Confidence != c.want) {
			t.Errorf("%s: %d findings, want %s", c.name, len(fs), c.want)
		}
	}
}
