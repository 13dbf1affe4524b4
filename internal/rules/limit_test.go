package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// TestLimits: one alert a second from one source; which of them pass?
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		options string
		want    []int
	}{
		{"threshold:type limit, track by_src, count 2, seconds 5;", []int{0, 1, 6, 7}},
		{"threshold:type threshold, track by_src, count 3, seconds 60;", []int{2, 5, 8}},
		{"threshold:type both, track by_src, count 3, seconds 60;", []int{2}},
		{"threshold:type both, track by_src, count 3, seconds 5;", []int{2, 8}},
		{"rate:1/minute;", []int{0}},
		{"rate:1/minute; burst:3;", []int{0, 1, 2}},
		{"burst:2; rate:20/minute;", []int{0, 1, 3, 6, 9}},
		{"rate:1/second; burst:1;", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"rate:1/minute,by_dst; burst:3; threshold:type limit, track by_src, count 2, seconds 60;", []int{0, 1}},
		{"threshold:type backoff, track by_flow, count 2, multiplier 2;", []int{1, 3, 7}},
		{"detection_filter:track by_src, count 8, seconds 60;", []int{8, 9}},
		{"detection_filter:track by_src, count 4, seconds 2;", nil},
		{"threshold:type limit, track by_rule, count 1, seconds 60;", []int{0}},
		{"", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		set := load(t, "alert udp any any -> any any ("+c.options+" sid:1;)")
		l := set.NewLimiter()
		var got []int
		for i := range 10 {
			if l == nil || l.Pass(alertAt(set.sigs[0].info, i, 1, 2)) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %v, want %v", c.options, got, c.want)
		}
	}
}

// TestRateFilter: once its rate is passed, another action holds for a while.
func TestRateFilter(t *testing.T) {
	for _, c := range []struct {
		line, action string
		prevent      bool
		want         string
	}{
		{"new_action pass, timeout 3", "alert", false, "aa----aa--"},
		{"new_action drop, timeout 3", "alert", false, "aaaaaaaaaa"},
		{"new_action drop, timeout 3", "alert", true, "aabbbbaabb"},
		{"new_action alert, timeout 3", "alert", true, "aaaaaaaaaa"},
	} {
		lines, bad, err := lang.Thresholds("t", strings.NewReader("rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 2, "+c.line))
		if err != nil || len(bad) > 0 {
			t.Fatal(err, bad)
		}
		list, _, _ := lang.Parse("x", strings.NewReader(`alert udp any any -> any any (sid:1;)`))
		set, bad := Compile(list, Options{Vars: DefaultVars(), Thresholds: lines, Prevent: c.prevent})
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		l := set.NewLimiter()
		got := ""
		for i := range 10 {
			a := alertAt(set.sigs[0].info, i, 1, 2)
			switch {
			case !l.Pass(a):
				got += "-"
			case a.Rule.Action == "blocked":
				got += "b"
			default:
				got += "a"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
}

// TestUniqueOn: ports that differ are counted, and no more of them are kept than are needed.
func TestUniqueOn(t *testing.T) {
	for on, want := range map[string][]int{"dst_port": {6, 7, 8, 9}, "src_port": nil} {
		set := load(t, "alert udp any any -> any any (detection_filter:track by_src, count 3, seconds 60, unique_on "+on+"; sid:1;)")
		l := set.NewLimiter()
		var got []int
		for i := range 10 {
			a := alertAt(set.sigs[0].info, i, 1, 2)
			a.Head().Client.Port, a.Head().Server.Port = 7, uint16(i/2)
			if l.Pass(a) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", on, got, want)
		}
		for _, c := range l.counts {
			if len(c.seen) > 4 {
				t.Error(len(c.seen))
			}
		}
	}
	for options, want := range map[string]string{"detection_filter:track by_src, count 3, seconds 60, unique_on dst_port;": "protocol with ports", "burst:3;": "needs a rate",
		"rate:0/minute;": "no rate", "rate:1/week;": "no rate", "rate:1/minute,by_name;": "none of by_rule", "threshold:type backoff, track by_src, count 1, multiplier 2;": "by_flow"} {
		_, bad := tryLoad(t, "alert ip any any -> any any ("+options+" sid:1;)")
		if len(bad) != 1 || !strings.Contains(bad[0].String(), want) {
			t.Errorf("%s: %v", options, bad)
		}
	}
}

func alertAt(r *event.RuleInfo, second int, from, to byte) *event.Alert {
	h := event.Head{Seen: packet.Ref{Time: packet.Time(1_700_000_000_000_000_000).Add(time.Duration(second) * time.Second)}, FlowID: uint64(from)<<8 | uint64(to)}
	h.Client.Addr, h.Server.Addr = packet.MustAddr(fmt.Sprintf("10.0.0.%d", from)), packet.MustAddr(fmt.Sprintf("10.0.1.%d", to))
	return event.NewAlert(h, r)
}

// TestTracks: what a threshold counts apart.
func TestTracks(t *testing.T) {
	for track, want := range map[string]int{"by_src": 2, "by_dst": 3, "by_both": 6, "by_rule": 1, "by_flow": 6} {
		set := load(t, "alert udp any any -> any any (threshold:type limit, track "+track+", count 1, seconds 60; sid:1;)")
		l := set.NewLimiter()
		n := 0
		for i := range 12 {
			if l.Pass(alertAt(set.sigs[0].info, i, byte(1+i%2), byte(1+i%3))) {
				n++
			}
		}
		if n != want || l.Held != uint64(12-want) {
			t.Errorf("%s: %d passed, %d held, want %d", track, n, l.Held, want)
		}
	}
}

// TestThresholdConfig: suppressed for all, for a source, for a destination; a limit for a rule that has none.
func TestThresholdConfig(t *testing.T) {
	list, _, err := lang.Parse("x", strings.NewReader("alert udp any any -> any any (sid:1;)\nalert udp any any -> any any (sid:2;)\nalert udp any any -> any any (sid:3;)\nalert udp any any -> any any (sid:4;)"))
	if err != nil {
		t.Fatal(err)
	}
	lines, bad, err := lang.Thresholds("threshold.config", strings.NewReader("suppress gen_id 1, sig_id 1\nsuppress gen_id 1, sig_id 2, track by_src, ip 10.0.0.1\n"+
		"suppress gen_id 1, sig_id 3, track by_dst, ip 10.0.1.0/31\nthreshold gen_id 1, sig_id 4, type limit, track by_rule, count 3, seconds 60\n"+
		"rate_filter gen_id 1, sig_id 4, track by_rule, count 3, seconds 60, new_action drop, timeout 5"))
	if err != nil || len(bad) != 0 {
		t.Fatal(err, bad)
	}
	set, bad := Compile(list, Options{Vars: DefaultVars(), Thresholds: lines})
	if len(bad) != 0 {
		t.Errorf("%v", bad)
	}
	l := set.NewLimiter()
	got := map[uint32]int{}
	for _, g := range set.sigs {
		for i := range 12 {
			if l.Pass(alertAt(g.info, i, byte(1+i%2), byte(1+i%3))) {
				got[g.info.SID]++
			}
		}
	}
	if got[1] != 0 || got[2] != 6 || got[3] != 8 || got[4] != 3 {
		t.Errorf("%v", got)
	}
}

// TestLimiterRoom: more sources than can be counted are let through and counted; room comes back with time.
func TestLimiterRoom(t *testing.T) {
	set := load(t, "alert udp any any -> any any (threshold:type threshold, track by_src, count 2, seconds 60; sid:1;)")
	l := set.NewLimiter()
	a := alertAt(set.sigs[0].info, 0, 1, 2)
	for i := range mostCounts + 5 {
		a.Head().Client.Addr[9], a.Head().Client.Addr[13], a.Head().Client.Addr[14], a.Head().Client.Addr[15] = byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
		l.Pass(a)
	}
	if len(l.counts) != mostCounts || l.Full != 5 {
		t.Errorf("%d counts, %d let through", len(l.counts), l.Full)
	}
	late := alertAt(set.sigs[0].info, 100, 200, 2)
	late.Head().Client.Addr[8] = 7
	if l.Pass(late) || len(l.counts) != 1 { // the first of two is held back
		t.Errorf("%d counts", len(l.counts))
	}
}
