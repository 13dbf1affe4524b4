package flow

import (
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const shake = `
0.00 > S  seq=1000 mss=1460
0.01 < SA seq=5000 ack=1001 mss=1460
0.02 > A  seq=1001 ack=5001
`

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		name, script, want string
		check              func(t *testing.T, f *event.Flow) // the last Ended event
	}{
		{"plain", shake, "started@1 answered@2 established@3 ended:shutdown", func(t *testing.T, f *event.Flow) {
			if f.RTT != 20e6 || f.RTTServer != 10e6 || f.State != event.StateEstablished || f.Sides[0].MSS != 1460 {
				t.Errorf("RTT %v, server %v, state %v", f.RTT, f.RTTServer, f.State)
			}
		}},
		{"ECN", "0 > SEC seq=1\n0.1 < SAE seq=9 ack=2\n0.2 > A seq=2 ack=10", "started@1 answered@2 established@3 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if !f.ECN {
					t.Error("ECN not seen")
				}
			}},
		{"ECN setup answered with CWR is none", "0 > SEC seq=1\n0.1 < SAEC seq=9 ack=2", "started@1 answered@2 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.ECN {
					t.Error("ECN seen")
				}
			}},
		{"refused", "0 > S seq=1000\n0.1 < RA seq=0 ack=1001 ttl=60", "started@1 refused@2 ended:shutdown", func(t *testing.T, f *event.Flow) {
			if !f.Refusal.Valid || f.Refusal.TTL != 60 || f.Refusal.Ref.Frame != 2 || f.Marks[event.MarkServerRST].Frame != 2 || f.Sides[1].TTLFirst != 0 {
				t.Errorf("%+v TTLFirst %d", f.Refusal, f.Sides[1].TTLFirst)
			}
		}},
		{"refused, three tries", "0 > S seq=1000\n0.1 < RA ack=1001\n0.6 > S seq=1000\n0.7 < RA ack=1001\n1.2 > S seq=1000\n1.3 < RA ack=1001",
			"started@1 refused@2 ended:shutdown", func(t *testing.T, f *event.Flow) {
				if f.SYNTries != 3 || f.State != event.StateClosed {
					t.Errorf("tries %d, state %v", f.SYNTries, f.State)
				}
			}},
		{"refusal with a wrong number is none", "0 > S seq=1000\n0.1 < RA ack=77", "started@1 stream.rst_invalid_ack@2 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.Refusal.Valid || f.Refusal.Ref.Frame != 2 || f.State != event.StateSYNSent {
					t.Errorf("%+v", f.Refusal)
				}
			}},
		{"refusal across the wrap", "0 > S seq=0xffffffff\n0.1 < RA ack=0", "started@1 refused@2 ended:shutdown", nil},
		{"silent by a packet", "0 > S seq=1\n1 > S seq=1\n4 > S seq=1", "started@1 silent@3 ended:shutdown", nil},
		{"silent by time", "0 > S seq=1\n1 > S seq=1\nage 3.9\nage 4", "started@1 silent ended:shutdown", nil},
		{"silent at the end", "0 > S seq=1\n1 > S seq=1\n5 > S seq=1 sport=99", "started@1 started@3 silent ended:shutdown ended:shutdown", nil},
		{"one try is not silence", "0 > S seq=1\nage 50", "started@1 ended:shutdown", nil},
		{"the end of the input is not silence", "0 > S seq=1\n1 > S seq=1\n2 > S seq=1", "started@1 ended:shutdown", nil},
		{"tries a second apart until the input ends", "0 > S seq=1\n1 > S seq=1\n2 > S seq=1\n3 > S seq=1\n4 > S seq=1", "started@1 silent ended:shutdown", nil},
		{"tries a second apart are not silent before", "0 > S seq=1\n1 > S seq=1\n2 > S seq=1\n3 > S seq=1\n4 > S seq=1\nage 4.5\n4.6 < SA seq=9 ack=2\n4.7 > A seq=2 ack=10",
			"started@1 answered@6 established@7 ended:shutdown", nil},
		{"late answer after silence", "0 > S seq=1\n1 > S seq=1\nage 5\n6 < SA seq=9 ack=2\n6.1 > A seq=2 ack=10",
			"started@1 silent answered@3 established@4 ended:shutdown", nil},
		{"silence times out", "0 > S seq=1\n1 > S seq=1\nage 5\nage 70", "started@1 silent ended:timeout", nil},
		{"changed number is a new attempt", "0 > S seq=1\n1 > S seq=2", "started@1 ended:tcp_reuse@2 started@2 ended:shutdown", nil},
		{"changed number after the answer", "0 > S seq=1\n0.1 < SA seq=9 ack=2\n1 > S seq=50",
			"started@1 answered@2 stream.3whs_syn_resend_diff_seq_on_syn_recv@3 ended:tcp_reuse@3 started@3 ended:shutdown", nil},
		{"stale acknowledgement, healed", "0 > S seq=1000\n0.1 < A seq=9 ack=777\n0.2 > R seq=777\n0.3 > S seq=1000\n0.4 < SA seq=20 ack=1001\n0.5 > A seq=1001 ack=21",
			"started@1 stale_ack@2 answered@5 established@6 ended:shutdown", func(t *testing.T, f *event.Flow) {
				if f.StaleACKs != 1 || f.StaleACKNum != 777 || f.Marks[event.MarkStaleACK].Frame != 2 || f.SYNTries != 2 || f.Marks[event.MarkClientRST].Frame != 3 {
					t.Errorf("%d %d %+v", f.StaleACKs, f.StaleACKNum, f.Marks[event.MarkStaleACK])
				}
			}},
		{"RST after a stale acknowledgement does not end the attempt", "0 > S seq=1000\n0.1 < A seq=9 ack=777\n0.2 > R seq=777", "started@1 stale_ack@2 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.State != event.StateSYNSent {
					t.Errorf("state %v", f.State)
				}
			}},
		{"client gives up", "0 > S seq=1000\n0.2 > R seq=1001", "started@1 ended:shutdown", func(t *testing.T, f *event.Flow) {
			if f.State != event.StateClosed {
				t.Errorf("state %v", f.State)
			}
		}},
		{"stale acknowledgement is not silence", "0 > S seq=1000\n1 > S seq=1000\n1.1 < A seq=9 ack=777\nage 9", "started@1 stale_ack@3 ended:shutdown", nil},
		{"SYN/ACK again after the handshake", shake + "1 < SA seq=5000 ack=1001\n3 < SA seq=5000 ack=1001",
			"started@1 answered@2 established@3 stream.est_synack_resend@4 ended:shutdown", func(t *testing.T, f *event.Flow) {
				if f.SYNACKTries != 3 || f.Marks[event.MarkSYNACKLast].Frame != 5 || f.Marks[event.MarkSYNACK].Frame != 2 {
					t.Errorf("%d, last %d", f.SYNACKTries, f.Marks[event.MarkSYNACKLast].Frame)
				}
			}},
		{"SYN/ACK that acknowledges something else", "0 > S seq=1\n0.1 < SA seq=9 ack=77", "started@1 stream.3whs_synack_with_wrong_ack@2 ended:shutdown", nil},
		{"two SYN/ACKs with different numbers", "0 > S seq=1\n0.1 < SA seq=9 ack=2\n0.2 < SA seq=500 ack=2",
			"started@1 answered@2 stream.3whs_synack_resend_with_diff_seq@3 ended:shutdown", nil},
		{"simultaneous open", "0 > S seq=1\n0.1 < S seq=9\n0.2 > SA seq=1 ack=10\n0.2 < SA seq=9 ack=2",
			"started@1 stream.3whs_syn_toclient_on_syn_recv@2 answered@4 established@4 ended:shutdown", nil},
		{"split handshake", "0 > S seq=1\n0.1 < A seq=9 ack=2\n0.1 < S seq=9\n0.2 > A seq=2 ack=10",
			"started@1 answered@2 stream.3whs_syn_toclient_on_syn_recv@3 established@4 ended:shutdown", nil},
		{"data in the SYN", "0 > S seq=1000 len=10\n0.1 < SA seq=9 ack=1011\n0.2 > A seq=1011 ack=10", "started@1 answered@2 established@3 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.Marks[event.MarkClientData].Frame != 1 || f.Sides[0].Next != 1011 {
					t.Errorf("next %d", f.Sides[0].Next)
				}
			}},
		{"SYN inside the connection", shake + "5 > S seq=90000\n6 > A seq=1001 ack=5001",
			"started@1 answered@2 established@3 stream.est_syn_resend_diff_seq@4 ended:shutdown", nil},
		{"SYN inside the connection, answered", shake + "5 > S seq=90000 mss=1400\n5.1 < SA seq=70 ack=90001\n5.2 > A seq=90001 ack=71",
			"started@1 answered@2 established@3 stream.est_syn_resend_diff_seq@4 ended:tcp_reuse@5 started@5 answered@5 established@6 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.Start.Frame != 4 || f.Prev == nil || f.Prev.Start.Frame != 1 || f.Sides[0].MSS != 1400 || f.RTTServer != 100e6 {
					t.Errorf("start %+v, previous %+v", f.Start, f.Prev)
				}
			}},
		{"SYN inside the connection, old SYN/ACK again", shake + "5 > S seq=90000\n5.1 < SA seq=5000 ack=1001",
			"started@1 answered@2 established@3 stream.est_syn_resend_diff_seq@4 stream.est_synack_resend@5 ended:shutdown", func(t *testing.T, f *event.Flow) {
				if len(f.Anomalies) != 2 || f.Anomalies[0] != packet.StreamEstSynAckResend || f.Anomalies[1] != packet.StreamEstSynResendDiffSeq {
					t.Errorf("anomalies %v", f.Anomalies)
				}
			}},
		{"both ends on one host", "0 > S seq=1 src=127.0.0.1 dst=127.0.0.1\n0.1 < SA seq=9 ack=2 src=127.0.0.1 dst=127.0.0.1\n0.2 > A seq=2 ack=10 src=127.0.0.1 dst=127.0.0.1",
			"started@1 answered@2 established@3 ended:shutdown", nil},
		{"half-open: challenge, RST, new SYN", shake + "5 > S seq=90000\n5.1 < A seq=5001 ack=1001\n5.2 > R seq=1001\n6.2 > S seq=90000",
			"started@1 answered@2 established@3 stream.est_syn_resend_diff_seq@4 reset@6 ended:tcp_reuse@7 started@7 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.Prev == nil || !f.Prev.Reset || !f.Prev.Established {
					t.Errorf("previous %+v", f.Prev)
				}
			}},
		{"mid-stream", "0 < PA seq=500 ack=90 len=10\n0.1 > A seq=90 ack=510", "started@1 answered@1 ended:shutdown", nil},
		{"SYN/ACK first", "0 < SA seq=9 ack=2\n1 < SA seq=9 ack=2", "started@1 ended:shutdown", func(t *testing.T, f *event.Flow) {
			if !f.OneSided || !f.Midstream || f.Head().Server.Port != 80 || f.ServerGuess {
				t.Errorf("one-sided %v, mid-stream %v, server %d", f.OneSided, f.Midstream, f.Head().Server.Port)
			}
		}},
		{"one direction only", "0 > S seq=1000\n0.1 > A seq=1001 ack=5001\n0.2 > PA seq=1001 ack=5001 len=10\n0.3 > A seq=1011 ack=7000",
			"started@1 established@2 ended:shutdown", func(t *testing.T, f *event.Flow) {
				if !f.OneSided {
					t.Error("not one-sided")
				}
			}},
		{"client RST after the SYN/ACK", "0 > S seq=1000\n0.1 < SA seq=9 ack=1001\n0.2 > R seq=1001", "started@1 answered@2 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if f.State != event.StateClosed || f.Marks[event.MarkClientRST].Frame != 3 {
					t.Errorf("state %v", f.State)
				}
			}},
		{"SYN and FIN", "0 > SF seq=1", "started@1 stream.pkt_invalid_flags@1 stream.fin_syn@1 ended:shutdown", nil},
		{"no flag at all", "0 > - seq=1", "started@1 stream.pkt_invalid_flags@1 ended:shutdown", nil},
		{"SYN with PSH, ECE and CWR", "0 > SPEC seq=1", "started@1 ended:shutdown", nil},
		{"stray RST", "0 < RA seq=1 ack=9", "started@1 stream.rst_but_no_session@1 ended:shutdown", nil},
		{"listing: SYN/ACK by order", "0 > S noseq\n0.1 < SA noseq\n0.2 > A noseq", "started@1 answered@2 established@3 ended:shutdown", nil},
		{"listing: refusal", "0 > S noseq\n0.1 < RA noseq", "started@1 refused@2 ended:shutdown", nil},
		{"two files of one vantage", "0 > S seq=1 source=1 frame=7\n0.1 < SA seq=9 ack=2 source=2 frame=3", "started@7 answered@3 ended:shutdown",
			func(t *testing.T, f *event.Flow) {
				if s := f.Marks[event.MarkSYNACK]; s.Source != 2 || s.Frame != 3 || f.Start.Source != 1 || f.Last.Source != 2 {
					t.Errorf("SYN/ACK %+v", s)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, c.script)
			if c.name == "mid-stream" { // roles from the ports: the client's packet is the answer
				f := flowsOf(evs, event.Ended)[0]
				if !f.Midstream || !f.ServerGuess || f.Head().Server.Port != 80 || f.Sides[packet.ToClient].Payload != 10 {
					t.Errorf("%+v", f)
				}
				return
			}
			if got := says(evs); got != c.want {
				t.Fatalf("events\n got %s\nwant %s", got, c.want)
			}
			if c.check != nil {
				e := flowsOf(evs, event.Ended)
				c.check(t, e[len(e)-1])
			}
		})
	}
}

func TestClose(t *testing.T) {
	for _, c := range []struct {
		name, script, want string
		state              event.TCPState
	}{
		{"client first", shake + "1 > FA seq=1001 ack=5001\n1.1 < A seq=5001 ack=1002\n1.2 < FA seq=5001 ack=1002\n1.3 > A seq=1002 ack=5002",
			"half_closed@4 closed@7 ended:shutdown", event.StateClosed},
		{"server first", shake + "1 < FA seq=5001 ack=1001\n1.1 > FA seq=1001 ack=5002\n1.2 < A seq=5002 ack=1002",
			"half_closed@4 closed@6 ended:shutdown", event.StateTimeWait},
		{"both at once", shake + "1 < FA seq=5001 ack=1001\n1 > FA seq=1001 ack=5001\n1.1 < A seq=5002 ack=1002\n1.1 > A seq=1002 ack=5002",
			"half_closed@4 closed@7 ended:shutdown", event.StateTimeWait},
		{"half closed", shake + "1 > FA seq=1001 ack=5001\n1.1 < A seq=5001 ack=1002", "half_closed@4 ended:shutdown", event.StateCloseWait},
		{"FIN not acknowledged by an old number", shake + "1 > FA seq=1001 ack=5001\n1.1 < A seq=5001 ack=1001", "half_closed@4 ended:shutdown", event.StateCloseWait},
		{"FIN wait 2", shake + "1 < FA seq=5001 ack=1001\n1.1 > A seq=1001 ack=5002", "half_closed@4 ended:shutdown", event.StateFINWait2},
		{"reset", shake + "1 < RA seq=5001 ack=1001", "reset@4 ended:shutdown", event.StateClosed},
		{"reset far outside", shake + "1 < R seq=99999999", "stream.rst_invalid_ack@4 reset@4 ended:shutdown", event.StateEstablished},
		{"closed, remembered, ended", shake + "1 > FA seq=1001 ack=5001\n1.1 < FA seq=5001 ack=1002\n1.3 > A seq=1002 ack=5002\nage 61\nage 62",
			"half_closed@4 closed@6 ended:closed", event.StateClosed},
		{"idle", shake + "age 7400\nage 7500", "ended:timeout", event.StateEstablished},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, c.script)
			if got, want := says(evs), "started@1 answered@2 established@3 "+c.want; got != want {
				t.Fatalf("events\n got %s\nwant %s", got, want)
			}
			if f := flowsOf(evs, event.Ended)[0]; f.State != c.state {
				t.Errorf("state %v, want %v", f.State, c.state)
			}
		})
	}
}

func TestUDPAndICMP(t *testing.T) {
	evs := run(t, Options{}, "0 > udp len=10\n0.1 < udp len=90\n0.2 > udp len=10")
	if got, want := says(evs), "started@1 answered@2 established@2 ended:shutdown"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if f := flowsOf(evs, event.Ended)[0]; f.Sides[0].Packets != 2 || f.Sides[1].Payload != 90 {
		t.Errorf("%+v", f.Sides)
	}
	evs = run(t, Options{}, "0 > udp len=10\nage 29\nage 30")
	if got, want := says(evs), "started@1 ended:timeout"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, c := range []struct {
		name, script, want string
		known, fresh       bool
		dir                packet.Dir
	}{
		{"quotes the SYN", "0 > S seq=1000\n0.1 < - icmp=3.13 qseq=1000", "started@1 icmp3.13@2 ended:shutdown", true, true, packet.ToServer},
		{"forged number", "0 > S seq=1000\n0.1 < - icmp=3.13 qseq=7000000", "started@1 icmp3.13@2 ended:shutdown", true, false, packet.ToServer},
		{"server's data", shake + "1 < PA seq=5001 ack=1001 len=1400\n1.1 > - icmp=3.4 qseq=5001 mtu=1280",
			"started@1 answered@2 established@3 icmp3.4@5 ended:shutdown", true, true, packet.ToClient},
		{"no such flow", "0.1 < - icmp=3.1", "icmp3.1@1", false, false, packet.ToServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, c.script)
			if got := says(evs); got != c.want {
				t.Fatalf("events\n got %s\nwant %s", got, c.want)
			}
			for _, e := range evs {
				x, ok := e.(*event.ICMPError)
				if !ok {
					continue
				}
				if (x.Head().FlowID != 0) != c.known || x.Fresh != c.fresh || x.QuotedDir != c.dir {
					t.Errorf("flow %x, fresh %v, direction %v", x.Head().FlowID, x.Fresh, x.QuotedDir)
				}
				if x.Code == 4 && x.MTU != 1280 {
					t.Errorf("MTU %d", x.MTU)
				}
			}
			if e := flowsOf(evs, event.Ended); c.known && e[0].Marks[event.MarkICMP].IsZero() {
				t.Error("no mark")
			}
		})
	}
}

func TestReuseThroughFailedAttempt(t *testing.T) {
	// An attempt that nobody answers must not hide the connection before it.
	evs := run(t, Options{}, shake+`
1   < FA seq=5001 ack=1001
1.1 > FA seq=1001 ack=5002
1.2 < A  seq=5002 ack=1002
20  > S  seq=70000
40  > S  seq=80000
`)
	e := flowsOf(evs, event.Ended)
	for _, f := range e[1:] {
		if f.Prev == nil || f.Prev.Start.Frame != 1 || f.Prev.Closed.Frame != 6 || f.Prev.FirstFIN != packet.ToClient {
			t.Errorf("flow from frame %d: previous %+v", f.Start.Frame, f.Prev)
		}
	}
	// The same ports the other way round: roles of the earlier connection are told in those of the new one.
	evs = run(t, Options{}, shake+`
1   < FA seq=5001 ack=1001
1.1 > FA seq=1001 ack=5002
1.2 < A  seq=5002 ack=1002
20  < S  seq=70000
`)
	f := flowsOf(evs, event.Ended)[1]
	if p := f.Prev; p == nil || p.FirstFIN != packet.ToServer || p.ClientFIN.Frame != 4 || p.ClientEnd != 5002 || p.ServerEnd != 1002 {
		t.Errorf("previous %+v", f.Prev)
	}
	// Both sides close at once: whoever's FIN came later did not acknowledge the first, which is told in either role.
	for _, c := range []struct {
		close   string
		crossed bool
	}{
		{"1 > FA seq=1001 ack=5001\n1.1 < FA seq=5001 ack=1001\n1.2 > A seq=1002 ack=5002\n1.3 < A seq=5002 ack=1002\n", true},
		{"1 < FA seq=5001 ack=1001\n1.1 > FA seq=1001 ack=5001\n1.2 < A seq=5002 ack=1002\n1.3 > A seq=1002 ack=5002\n", true},
		{"1 > FA seq=1001 ack=5001\n1.1 < FA seq=5001 ack=1002\n1.2 > A seq=1002 ack=5002\n", false},
		{"1 > FA seq=1001 ack=5001\n1.1 < A seq=5001 ack=1002\n1.2 < FA seq=5001 ack=1002\n1.3 > A seq=1002 ack=5002\n", false},
	} {
		for _, again := range []string{"20 > S seq=70000", "20 < S seq=70000"} {
			evs := run(t, Options{}, shake+c.close+again)
			if p := flowsOf(evs, event.Ended)[1].Prev; p == nil || p.Crossed != c.crossed || p.Closed.IsZero() {
				t.Errorf("%q, then %q: previous %+v", c.close, again, p)
			}
		}
	}
	// After the tombstone's life nothing is remembered.
	evs = run(t, Options{}, shake+"1 < FA seq=5001 ack=1001\n1.1 > FA seq=1001 ack=5002\n1.2 < A seq=5002 ack=1002\nage 62\nage 242\n243 > S seq=7")
	if f := flowsOf(evs, event.Ended)[1]; f.Prev != nil {
		t.Errorf("previous %+v after its life", f.Prev)
	}
}

// Where a capture shows the server alone, its answer to another request begins another connection; another answer to the
// same request does not.
func TestReuseSeenFromTheServer(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"another request", "0 < SA seq=5000 ack=1001\n0.1 < PA seq=5001 ack=1050 len=20\n300 < SA seq=9000 ack=70001\n300.1 < PA seq=9001 ack=70050 len=20",
			"started@1 established@2 ended:tcp_reuse@3 started@3 established@4 ended:shutdown"},
		{"the same request", "0 < SA seq=5000 ack=1001\n0.1 < SA seq=9000 ack=1001", "started@1 stream.3whs_synack_resend_with_diff_seq@2 ended:shutdown"},
		{"the same answer", "0 < SA seq=5000 ack=1001\n1 < SA seq=5000 ack=1001", "started@1 ended:shutdown"},
	} {
		if got := says(run(t, Options{}, c.script)); got != c.want {
			t.Errorf("%s: events\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
