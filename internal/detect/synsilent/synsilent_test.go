package synsilent_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/synsilent"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var flow = detecttest.Flow{ID: 7, Client: "10.0.0.1:1000", Server: "10.0.9.9:443"}

func one(t *testing.T, b *detecttest.Bench, c finding.Confidence) *finding.Finding {
	t.Helper()
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != c {
		for _, f := range fs {
			t.Log(detecttest.Text(f))
		}
		t.Fatalf("%d findings, want one %s", len(fs), c)
	}
	return fs[0]
}

// TestControlGroup: who else was answered decides the branch.
func TestControlGroup(t *testing.T) {
	other := func(b *detecttest.Bench, client, server string, at float64) {
		b.Connect(detecttest.Flow{ID: uint64(at * 100), Client: client, Server: server}, at, 0.001, 60)
	}
	for _, c := range []struct {
		name string
		more func(*detecttest.Bench)
		want finding.Confidence
		says string
	}{
		{"nothing else", func(*detecttest.Bench) {}, finding.Possible, "did not answer 10.0.0.1"},
		{"another client at the port", func(b *detecttest.Bench) { other(b, "10.0.0.2:1", "10.0.9.9:443", 4) }, finding.Likely, "10.0.9.9 answers others on port 443 but not 10.0.0.1"},
		{"another client at the port, before", func(b *detecttest.Bench) {}, finding.Possible, "did not answer"},
		{"the same client at another port", func(b *detecttest.Bench) { other(b, "10.0.0.1:1", "10.0.9.9:80", 4) }, finding.Likely, "port 443 of 10.0.9.9 is filtered"},
		{"another client at another port", func(b *detecttest.Bench) { other(b, "10.0.0.2:1", "10.0.9.9:80", 4) }, finding.Possible, "port 443 of 10.0.9.9 is filtered"},
		{"another server", func(b *detecttest.Bench) { other(b, "10.0.0.1:1", "10.0.9.8:443", 4) }, finding.Possible, "did not answer"},
		{"another client at the port, and connections of the same", func(b *detecttest.Bench) { other(b, "10.0.0.2:1", "10.0.9.9:443", 4) }, finding.Likely,
			"10.0.9.9 answers others on port 443 but no more requests of 10.0.0.1, which has 1 connection open there"},
		{"the same client now and then", func(b *detecttest.Bench) { other(b, "10.0.0.1:1", "10.0.9.9:443", 4) }, finding.Possible, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, synsilent.Def)
			if c.name == "another client at the port, before" { // the server may have gone off since
				other(b, "10.0.0.2:1", "10.0.9.9:443", 0.5)
			}
			if c.name == "another client at the port, and connections of the same" { // a limit, or a ban since
				other(b, "10.0.0.1:7", "10.0.9.9:443", 0.5)
			}
			b.Silence(flow, 1, 3)
			c.more(b)
			detecttest.Says(t, one(t, b, c.want), c.says)
		})
	}
}

func arp(b *detecttest.Bench, op uint16, sender, target string, at float64) {
	h := event.Head{Seen: b.Ref(0, at)}
	x := event.NewARP(h)
	x.Op, x.SenderIP, x.TargetIP, x.SenderMAC = op, packet.MustAddr(sender), packet.MustAddr(target), packet.MAC{2, 0, 0, 0, 0, 9}
	b.Send(x)
}

// TestARP: unanswered questions on the server's wire say that it is off; an answer says that it is on.
func TestARP(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked int
		reply bool
		want  finding.Confidence
		says  string
	}{
		{"three unanswered", 3, false, finding.Certain, "nobody has the address 10.0.9.9"},
		{"two prove nothing", 2, false, finding.Possible, "did not answer"},
		{"answered", 3, true, finding.Possible, "10.0.9.9 is on the network but answers nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, synsilent.Def)
			b.Silence(flow, 1, 3)
			for i := range c.asked {
				arp(b, 1, "10.0.9.1", "10.0.9.9", 2+float64(i))
			}
			if c.reply {
				arp(b, 2, "10.0.9.9", "10.0.9.1", 6)
			}
			detecttest.Says(t, one(t, b, c.want), c.says)
		})
	}
}

// TestAnsweredAfterAll: a late answer is slow, not silent.
func TestAnsweredAfterAll(t *testing.T) {
	b := detecttest.NewBench(t, nil, synsilent.Def)
	f := b.Silence(flow, 1, 2)
	x := *f.Clone()
	*x.Head() = b.Head(flow, b.Ref(0, 9))
	x.What = event.Answered
	b.Send(&x)
	if fs := b.End(); len(fs) != 0 {
		t.Error(detecttest.Text(fs[0]))
	}
}

// TestBetween: with a second capture, requests that entered the device between and never left it are dropped there;
// whether the server is up must be known from elsewhere, and one missing packet is not enough.
func TestBetween(t *testing.T) {
	for _, c := range []struct {
		name  string
		alive bool
		tries int
		seen  func(packet.Ref) detect.Trace
		want  finding.Confidence
		says  string
	}{
		{"never left, server up", true, 3, func(packet.Ref) detect.Trace { return detect.Trace{Known: true, Vantage: 1} }, finding.Certain, "the device between in.pcap and out.pcap drops requests to port 443 of 10.0.9.9"},
		{"never left, server unknown", false, 3, func(packet.Ref) detect.Trace { return detect.Trace{Known: true, Vantage: 1} }, finding.Likely, "or: a server that is off or hung: the device may drop"},
		{"one got through", false, 3, func(r packet.Ref) detect.Trace { return detect.Trace{Known: true, Seen: r.Frame == 2, Vantage: 1} }, finding.Possible, "did not answer"},
		{"the second capture could not have seen one", false, 3, func(r packet.Ref) detect.Trace { return detect.Trace{Known: r.Frame != 2, Vantage: 1} }, finding.Possible, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, detect.NewTwins([]string{"in.pcap", "out.pcap"}, c.seen), synsilent.Def)
			b.Silence(flow, 1, c.tries)
			if c.alive { // at the server's side only
				b.Connect(detecttest.Flow{ID: 40, Client: "10.0.9.7:1", Server: "10.0.9.9:80", Vantage: 1}, 4, 0.001, 64)
			}
			detecttest.Says(t, one(t, b, c.want), c.says)
		})
	}
}

// TestTwoWay: where the capture shows one direction only, silence proves nothing.
func TestTwoWay(t *testing.T) {
	b := detecttest.NewBench(t, nil, synsilent.Def)
	b.Silence(flow, 1, 3)
	for i := range 4 {
		f := b.Connect(detecttest.Flow{ID: uint64(50 + i), Client: "10.0.0.1:2000", Server: "10.0.9.9:80"}, 4, 0.001, 64)
		x := *f.Clone()
		x.What, x.End, x.OneSided = event.Ended, event.EndInput, true
		x.Sides[packet.ToClient] = event.NewSide(event.Side{})
		b.Send(&x)
	}
	f := one(t, b, finding.CannotTell)
	if len(f.Gates) != 1 || f.Gates[0].Gate != finding.GateTwoWay {
		t.Errorf("gates %v", f.Gates)
	}
}

// TestUnheardClient: many silent servers are one finding about their client; a server of which more is known, or that
// another client misses, keeps its own.
func TestUnheardClient(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers int
		heard   bool
		want    int
		says    string
	}{
		{"five", 5, false, 5, "did not answer 10.0.0.1"},
		{"forty", 40, false, 1, "40 machines did not answer 10.0.0.1"},
		{"forty, while others answer", 40, true, 1, "others answered it meanwhile: 1 time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, synsilent.Def)
			for i := range c.servers {
				b.Silence(detecttest.Flow{ID: uint64(10 + i), Client: "10.0.0.1:1000", Server: fmt.Sprintf("10.7.0.%d:443", i+1)}, 1+float64(i)*10, 2)
			}
			if c.heard {
				b.Connect(detecttest.Flow{ID: 900, Client: "10.0.0.1:1", Server: "10.8.0.1:80"}, 30, 0.001, 60)
			}
			fs := b.End()
			if len(fs) != c.want {
				t.Fatalf("%d findings, want %d", len(fs), c.want)
			}
			detecttest.Says(t, fs[0], c.says)
			if fs[0].Confidence != finding.Possible {
				t.Errorf("%s", fs[0].Confidence)
			}
		})
	}
	b := detecttest.NewBench(t, nil, synsilent.Def)
	for i := range 10 {
		b.Silence(detecttest.Flow{ID: uint64(10 + i), Client: "10.0.0.1:1000", Server: fmt.Sprintf("10.7.0.%d:443", i+1)}, 1+float64(i), 2)
	}
	b.Connect(detecttest.Flow{ID: 900, Client: "10.0.0.2:1", Server: "10.7.0.1:443"}, 5, 0.001, 60) // the first answers others
	b.Silence(detecttest.Flow{ID: 901, Client: "10.0.0.3:1", Server: "10.7.0.2:443"}, 6, 2)         // the second is missed by another
	if fs := b.End(); len(fs) != 3 {
		for _, f := range fs {
			t.Log(f.Title)
		}
		t.Errorf("%d findings, want 3", len(fs))
	}
}

// verdict sends what a firewall's log says of the first request of f.
func verdict(b *detecttest.Bench, f detecttest.Flow, at float64, change func(*event.Verdict)) {
	v := event.NewVerdict(b.Head(f, b.Ref(f.Vantage, at)))
	v.Verdict, v.Words, v.Hook, v.In, v.Out = packet.FirewallBlock, "FW DROP in: ", "forward", 2, 3
	if change != nil {
		change(v)
	}
	b.Send(v)
}

// TestFirewallsLog: what a firewall wrote beside a request decides, also where another place of capture shows the request;
// words are the administrator's, a packet filter's own action leaves nothing open. Verdicts on others, or that let pass, decide nothing.
func TestFirewallsLog(t *testing.T) {
	log := detecttest.Flow{ID: 8, Client: flow.Client, Server: flow.Server, Vantage: 1}
	for _, c := range []struct {
		name string
		make func(b *detecttest.Bench)
		want finding.Confidence
		says string
	}{
		{"in the log itself", func(b *detecttest.Bench) { verdict(b, flow, 1, nil); b.Silence(flow, 1, 3) }, finding.Likely, `"FW DROP in:" (hook forward, in by eth2, out by interface 3)`},
		{"a later try alone is logged", func(b *detecttest.Bench) { b.Silence(flow, 1, 3); verdict(b, flow, 5, nil) }, finding.Likely, "its own log says so"},
		{"beside another capture", func(b *detecttest.Bench) { verdict(b, log, 1, nil); b.Silence(flow, 1, 3); b.Silence(log, 1, 3) }, finding.Likely, "1 attempt failed"},
		{"the filter's own action", func(b *detecttest.Bench) {
			verdict(b, flow, 1, func(v *event.Verdict) { v.Sure, v.Rule, v.Device = true, 7, "em0" })
			b.Silence(flow, 1, 3)
		}, finding.Certain, "rule 7 of the packet filter blocked it on em0"},
		{"it let the request pass", func(b *detecttest.Bench) {
			verdict(b, flow, 1, func(v *event.Verdict) { v.Verdict = packet.FirewallPass })
			b.Silence(flow, 1, 3)
		}, finding.Possible, "did not answer"},
		{"of an answer", func(b *detecttest.Bench) {
			verdict(b, flow, 1, func(v *event.Verdict) { v.Dir = packet.ToClient })
			b.Silence(flow, 1, 3)
		}, finding.Possible, "did not answer"},
		{"of an earlier attempt", func(b *detecttest.Bench) { verdict(b, flow, 1, nil); b.Silence(flow, 100, 3) }, finding.Possible, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, synsilent.Def)
			b.Scope.Devices = func(i uint32) string {
				if i == 2 {
					return "eth2"
				}
				return ""
			}
			c.make(b)
			f := one(t, b, c.want)
			detecttest.Says(t, f, c.says)
		})
	}
}
