//go:build linux

package nftset

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

// sets is a firewall that remembers.
type sets struct {
	in   map[Source]Entry
	old  []Entry
	fail error
}

func (s *sets) Open() ([]Entry, error) { return s.old, s.fail }

func (s *sets) Add(e Entry) error {
	if s.fail == nil {
		s.in[e.Source] = e
	}
	return s.fail
}

func (s *sets) Remove(x Source) error { delete(s.in, x); return s.fail }

// known is a machine with given addresses.
type known Known

func (k known) Known() Known { return Known(k) }

var (
	ours = known{Own: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")},
		Servers: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, Cards: []packet.MAC{{2, 0, 0, 0, 0, 1}}, GatewayCards: true}
	begin = time.Unix(1e9, 0)
	code  = &finding.Code{ID: "brute-force-login", Kind: finding.Attack, Title: "t"}
	posed = &finding.Code{ID: "arp-spoof-mitm", Kind: finding.Attack, Title: "t"}
)

func guess(addr string) *finding.Finding {
	return &finding.Finding{ID: "FS-" + addr, Code: code, Severity: finding.High, Confidence: finding.Likely, Title: "tries \x1b[31m passwords\nfirestorm: forged line",
		Subjects: []finding.Subject{{Role: "attacker", Addr: packet.FromNetip(netip.MustParseAddr(addr))}, {Role: "server", Addr: packet.FromNetip(netip.MustParseAddr("10.0.0.9"))}}}
}

func pose(m packet.MAC) *finding.Finding {
	f := guess("192.0.2.1")
	f.Code, f.Subjects[0].MAC = posed, m
	return f
}

func open(t *testing.T, o Options, s *sets) (*Output, *strings.Builder) {
	t.Helper()
	var b strings.Builder
	if o.Firewall = s; o.Machine == nil {
		o.Machine = ours
	}
	if o.Now == nil {
		o.Now = func() time.Time { return begin }
	}
	p, err := New(o, output.Setup{Out: &b, Mutes: &finding.Mutes{}})
	if err != nil {
		t.Fatal(err)
	}
	return p, &b
}

// TestWhoIsBlocked: only the proven source of a sure, severe attack that is not needed by this machine.
func TestWhoIsBlocked(t *testing.T) {
	change := func(f *finding.Finding, how func(*finding.Finding)) *finding.Finding { how(f); return f }
	for name, c := range map[string]struct {
		f    *finding.Finding
		want string // the source; empty: nobody
	}{
		"likely":      {guess("203.0.113.7"), "203.0.113.7"},
		"certain":     {change(guess("2001:db8::7"), func(f *finding.Finding) { f.Confidence = finding.Certain }), "2001:db8::7"},
		"mapped":      {guess("::ffff:203.0.113.8"), "203.0.113.8"},
		"card":        {pose(packet.MAC{2, 0, 0, 0, 0, 9}), "02:00:00:00:00:09"},
		"possible":    {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Confidence = finding.Possible }), ""},
		"medium":      {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Severity = finding.Medium }), ""},
		"muted":       {change(guess("203.0.113.7"), func(f *finding.Finding) { f.MutedBy = "ours" }), ""},
		"absorbed":    {change(guess("203.0.113.7"), func(f *finding.Finding) { f.State = finding.Absorbed }), ""},
		"forgeable":   {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Code = &finding.Code{ID: "syn-flood", Kind: finding.Attack} }), ""},
		"no attack":   {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Code = &finding.Code{ID: code.ID, Kind: finding.Diagnosis} }), ""},
		"two":         {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Subjects[1].Role = "attacker" }), ""},
		"client":      {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Subjects[0].Role = "client" }), ""},
		"nobody":      {change(guess("203.0.113.7"), func(f *finding.Finding) { f.Subjects[0].Addr = packet.Addr{} }), ""},
		"ours":        {guess("10.0.0.2"), ""},
		"gateway":     {guess("10.0.0.1"), ""},
		"name server": {guess("10.0.0.53"), ""},
		"configured":  {guess("198.51.100.77"), ""},
		"loopback":    {guess("127.0.0.1"), ""},
		"multicast":   {guess("ff02::1"), ""},
		"link-local":  {guess("fe80::9"), ""},
		"our card":    {pose(packet.MAC{2, 0, 0, 0, 0, 1}), ""},
		"all cards":   {pose(packet.MAC{255, 255, 255, 255, 255, 255}), ""},
	} {
		for _, dry := range []bool{false, true} {
			s := &sets{in: map[Source]Entry{}}
			p, said := open(t, Options{DryRun: dry, Timeout: time.Minute, Allow: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, s)
			if err := p.Finding(c.f); err != nil {
				t.Fatal(err)
			}
			var got []string
			for x, e := range s.in {
				got = append(got, x.String())
				if e.Finding != c.f.ID || e.Timeout != time.Minute {
					t.Errorf("%s: %+v", name, e)
				}
			}
			want := []string{c.want}
			if c.want == "" || dry {
				want = nil
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q is in, not %q", name, got, want)
			}
			if out := said.String(); dry && strings.Contains(out, "would be blocked for") != (c.want != "") || !dry && !strings.Contains(out, "BLOCKING IS ON") ||
				strings.Contains(out, "\x1b") || strings.Contains(out, "\nfirestorm: forged") {
				t.Errorf("%s: %s", name, out)
			}
		}
	}
	// A gateway whose card is not known could be any card.
	s := &sets{in: map[Source]Entry{}}
	unsure := ours
	unsure.GatewayCards = false
	p, _ := open(t, Options{Machine: unsure}, s)
	if _ = p.Finding(pose(packet.MAC{2, 0, 0, 0, 0, 9})); len(s.in) != 0 {
		t.Error("a card was blocked though a gateway's is not known")
	}
}

// TestUndo: what is muted, or did not hold, is taken out; what ran out may come again; a table that is full is counted.
func TestUndo(t *testing.T) {
	now := begin
	s := &sets{in: map[Source]Entry{}, old: []Entry{{Source{Addr: netip.MustParseAddr("203.0.113.99")}, "FS-old", time.Minute}}}
	p, said := open(t, Options{Now: func() time.Time { return now }}, s)
	f := guess("203.0.113.7")
	_ = p.Finding(f)
	f.MutedBy = "it is our own scanner"
	_ = p.Finding(f)
	if len(s.in) != 0 || !strings.Contains(said.String(), "203.0.113.7 is not blocked any more") {
		t.Errorf("%v: %s", s.in, said)
	}
	g := guess("203.0.113.8")
	_ = p.Finding(g)
	m, err := finding.ParseMute("brute-force-login 203.0.113.8 * - later")
	if err != nil {
		t.Fatal(err)
	}
	p.s.Mutes.SetStored([]finding.Mute{m})
	if _ = p.Tick(now); len(s.in) != 0 {
		t.Errorf("a mute that was made later changes nothing: %v", s.in)
	}
	p.s.Mutes.SetStored(nil)
	_ = p.Finding(g)
	now = now.Add(2 * time.Hour)
	delete(s.in, Source{Addr: netip.MustParseAddr("203.0.113.8")}) // as the kernel does
	if _ = p.Tick(now); len(p.in) != 0 {
		t.Errorf("not forgotten: %v", p.in)
	}
	if _ = p.Finding(g); len(s.in) != 1 {
		t.Error("who comes again is not blocked again")
	}
	for i := range mostBlocked + 10 {
		_ = p.Finding(guess(fmt.Sprintf("198.18.%d.%d", i/256, i%256)))
	}
	if len(s.in) != mostBlocked || p.Health().Lost != 11 {
		t.Errorf("%d, %+v", len(s.in), p.Health())
	}
	s.fail = errors.New("broken")
	if err := p.block(Source{Addr: netip.MustParseAddr("203.0.113.8")}, g, Proof{}); err != nil {
		t.Errorf("one that is in for long is added again: %v", err)
	}
	if _, err := New(Options{Firewall: s, Machine: ours}, output.Setup{}); err == nil {
		t.Error("it starts without a firewall")
	}
}

// TestMachine: the own addresses are known.
func TestMachine(t *testing.T) {
	k := (&thisMachine{}).Known()
	if !slices.Contains(k.Own, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("%+v", k)
	}
}
