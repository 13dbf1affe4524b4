package natports_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/natports"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func both(dir string) []string { return []string{dir + "/inside.pcap", dir + "/outside.pcap"} }

func TestExhausted(t *testing.T) {
	for _, c := range []struct {
		dir  string
		says []string
	}{
		{"snat-exhausted", []string{"the NAT 10.2.0.1 has no port left towards 10.2.0.2:2323: it used all 8", "(high, certain, 12)", "12 connections failed", "the ports 3000 to 3007, none left out",
			"all 8 connections were open when the first request was lost", "the ports were not handed out in their order", "conntrack -L -f ipv4 -p tcp -d 10.2.0.2 --dport 2323 | wc -l"}},
		{"snat-exhausted-web", []string{"towards 10.2.0.2:80: it used all 8", "4 connections had to wait for a port", "the next connection got one that had been used before", "the last one found a port that was free again"}},
		{"snat-exhausted-ipv6", []string{"the NAT fd00:2::1 has no port left towards [fd00:2::2]:2323: it used all 6", "2 connections failed, 3 had to wait for a port", "conntrack -L -f ipv6",
			"4 of these packets were seen at inside.pcap and never at outside.pcap"}},
	} {
		t.Run(c.dir, func(t *testing.T) {
			detecttest.Says(t, detecttest.Only(t, detecttest.Run(t, nil, both(c.dir)...), natports.Code, finding.Certain), c.says...)
			for _, file := range both(c.dir) { // one place does not show where the requests died
				detecttest.None(t, detecttest.Run(t, nil, file), natports.Code)
			}
		})
	}
}

func TestNotExhausted(t *testing.T) {
	for _, dir := range []string{"snat-limit", "snat-exhausted-remedied", "timewait-stale-ack"} {
		detecttest.None(t, detecttest.Run(t, nil, both(dir)...), natports.Code)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			for _, f := range detecttest.Run(t, []detecttest.Mutation{d.Make}, both("snat-exhausted")...).Findings {
				if f.Code.ID != natports.Code && detecttest.Claims(f) {
					t.Errorf("%s", detecttest.Text(f))
				}
			}
		})
	}
}

// TestPools: which ports the NAT used says whether they are all it has.
func TestPools(t *testing.T) {
	for _, c := range []struct {
		name  string
		ports []int // of the NAT, as handed out before the first loss
		after int   // one second after; 0: none
		own   bool  // they are the clients' own
		want  finding.Confidence
		found bool
	}{
		{"no order, no gap", []int{7, 5, 6, 8}, 0, false, finding.Certain, true},
		{"upwards", []int{5, 6, 7, 8}, 0, false, finding.Likely, true},
		{"downwards", []int{8, 7, 6, 5}, 0, false, finding.Likely, true},
		{"one of them again", []int{5, 6, 7, 8}, 6, false, finding.Certain, true},
		{"a new one later", []int{7, 5, 6, 8}, 9, false, 0, false},
		{"a gap", []int{7, 5, 6, 9}, 0, false, 0, false},
		{"too few", []int{7, 5, 6}, 0, false, 0, false},
		{"the clients' own", []int{7, 5, 6, 8}, 0, true, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tw := detect.NewTwins([]string{"in", "out"}, func(packet.Ref) detect.Trace { return detect.Trace{Known: true, Vantage: 1} })
			b := detecttest.NewBench(t, tw, natports.Def)
			n := uint64(0)
			pass := func(port int, at float64) {
				n++
				tw.Pair(n, 100+n)
				client := fmt.Sprintf("10.1.0.5:%d", 40000+7*n)
				if c.own {
					client = fmt.Sprintf("10.1.0.5:%d", 3000+port)
				}
				b.Connect(detecttest.Flow{ID: n, Client: client, Server: "10.2.0.2:80"}, at, 0.01, 60)
				b.Connect(detecttest.Flow{ID: 100 + n, Client: fmt.Sprintf("10.2.0.1:%d", 3000+port), Server: "10.2.0.2:80", Vantage: 1}, at+0.001, 0.005, 60)
			}
			for i, p := range c.ports {
				pass(p, 1+float64(i)/10)
			}
			b.Silence(detecttest.Flow{ID: 90, Client: "10.1.0.6:50000", Server: "10.2.0.2:80"}, 5, 3)
			if c.after > 0 {
				pass(c.after, 12)
			}
			fs := b.End()
			switch {
			case !c.found && len(fs) > 0:
				t.Errorf("%s", detecttest.Text(fs[0]))
			case c.found && (len(fs) != 1 || fs[0].Confidence != c.want):
				t.Errorf("%d findings, want one that is %s", len(fs), c.want)
			}
		})
	}
}
