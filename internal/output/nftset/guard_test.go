//go:build linux

package nftset

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

// TestGuard: what a process that was taken over may have done to the firewall is to put sources into the sets that may be
// there, for the time that the guard knows, and to take some out. Whatever else it says, nothing happens.
func TestGuard(t *testing.T) {
	s := &sets{in: map[Source]Entry{}}
	g, err := NewGuard(Options{Timeout: time.Minute, Allow: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, Firewall: s, Machine: ours})
	if err != nil {
		t.Fatal(err)
	}
	stays := Source{Addr: netip.MustParseAddr("203.0.113.99")}
	s.in[stays] = Entry{}
	for _, text := range []string{
		`{"do":"add","addr":"10.0.0.2","finding":"FS-abc234"}`,                                 // this machine
		`{"do":"add","addr":"10.0.0.1","finding":"FS-abc234"}`,                                 // its gateway
		`{"do":"add","addr":"::ffff:10.0.0.1","finding":"FS-abc234"}`,                          // the same
		`{"do":"add","addr":"fe80::1%eth0","finding":"FS-abc234"}`,                             // another one
		`{"do":"add","addr":"10.0.0.53","finding":"FS-abc234"}`,                                // its name server
		`{"do":"add","addr":"198.51.100.7","finding":"FS-abc234"}`,                             // configured
		`{"do":"add","addr":"0.0.0.0","finding":"FS-abc234"}`,                                  // everybody
		`{"do":"add","addr":"255.255.255.255","finding":"FS-abc234"}`,                          //
		`{"do":"add","addr":"127.0.0.1","finding":"FS-abc234"}`,                                //
		`{"do":"add","addr":"0.0.0.0/0","finding":"FS-abc234"}`,                                //
		`{"do":"add","card":"02:00:00:00:00:01","finding":"FS-abc234"}`,                        // our card
		`{"do":"add","card":"ff:ff:ff:ff:ff:ff","finding":"FS-abc234"}`,                        // all cards
		`{"do":"add","card":"02:00:00:00:00:00:00:09","finding":"FS-abc234"}`,                  // no card
		`{"do":"add","card":"02:00:00:00:00:09","addr":"203.0.113.7","finding":"FS-abc234"}`,   // two sources
		`{"do":"add","finding":"FS-abc234"}`,                                                   // nobody
		`{"do":"add","addr":"203.0.113.7"}`,                                                    // no reason
		`{"do":"add","addr":"203.0.113.7","finding":"FS-abc234\"; flush ruleset"}`,             // text for the kernel
		`{"do":"add","addr":"203.0.113.7","finding":"` + strings.Repeat("a", 600) + `"}`,       //
		`{"do":"add","addr":"203.0.113.7","finding":"FS-abc234","timeout":"8760h"}`,            // a time of its own
		`{"do":"add","addr":"203.0.113.7","finding":"FS-abc234","set":"inet other blocked4"}`,  // another set
		`{"do":"add","addr":"203.0.113.7","finding":"FS-abc234"}{"do":"add","addr":"1.1.1.1"}`, // two questions
		`{"do":"add","addr":"203.0.113.7","finding":"FS-abc234","from":1}`,
		`{"do":"remove","addr":"203.0.113.99","finding":"FS-abc234"}`,
		`{"do":"remove"}`, `{"do":"flush"}`, `{"do":"delete","addr":"203.0.113.99"}`, `{"do":"list","from":-1}`, `{"do":"list","addr":"203.0.113.99"}`,
		`flush ruleset`, `[]`, `null`, ``,
	} {
		var r reply
		if err := json.Unmarshal(g.Answer([]byte(text)), &r); err != nil || r.Error == "" && r.Refused == "" {
			t.Errorf("%s: %+v %v", text, r, err)
		}
		if _, in := s.in[stays]; len(s.in) != 1 || !in {
			t.Fatalf("%s: %v", text, s.in)
		}
	}
	for _, text := range []string{`{"do":"add","addr":"203.0.113.7","finding":"FS-abc234"}`, `{"do":"add","card":"02:00:00:00:00:09","finding":"FS-abc234"}`, `{"do":"remove","addr":"203.0.113.99"}`} {
		if got := string(g.Answer([]byte(text))); got != "{}" {
			t.Errorf("%s: %s", text, got)
		}
	}
	want := map[Source]Entry{}
	for _, x := range []Source{{Addr: netip.MustParseAddr("203.0.113.7")}, {Card: packet.MAC{2, 0, 0, 0, 0, 9}}} {
		want[x] = Entry{x, "FS-abc234", time.Minute}
	}
	if fmt.Sprint(s.in) != fmt.Sprint(want) {
		t.Errorf("%v", s.in)
	}
	dry, err := NewGuard(Options{DryRun: true, Firewall: s, Machine: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{"do":"add","addr":"203.0.113.8","finding":"FS-abc234"}`, `{"do":"remove","addr":"203.0.113.7"}`} {
		if got := string(dry.Answer([]byte(text))); !strings.Contains(got, "dry run") || len(s.in) != 2 {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// TestRemote: who asks a guard blocks as who has the right himself, knows whom an earlier run blocked, and blocks nobody where
// no reply comes.
func TestRemote(t *testing.T) {
	s := &sets{in: map[Source]Entry{}}
	for i := range 2*listAtOnce + 5 {
		s.old = append(s.old, Entry{Source{Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}, fmt.Sprintf("FS-old%03d", i), time.Minute})
	}
	s.old = append(s.old, Entry{Source{Card: packet.MAC{2, 0, 0, 0, 0, 8}}, "put in by hand", time.Hour})
	g, err := NewGuard(Options{Timeout: time.Minute, Firewall: s, Machine: ours})
	if err != nil {
		t.Fatal(err)
	}
	var gone error
	there := &Remote{Ask: func(q []byte) ([]byte, error) {
		b := g.Answer(q)
		if len(b) > 4096 {
			t.Errorf("a reply of %d bytes", len(b))
		}
		return b, gone
	}}
	var said strings.Builder
	p, err := New(Options{Timeout: time.Minute, Firewall: there, May: there.May, Now: func() time.Time { return begin }}, output.Setup{Out: &said, Mutes: &finding.Mutes{}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.in) != len(s.old) || !strings.Contains(said.String(), "66 are there") {
		t.Errorf("%d of %d: %s", len(p.in), len(s.old), said.String())
	}
	f, gw := guess("192.0.2.7"), guess("10.0.0.1")
	f.ID, gw.ID = "FS-abc234", "FS-abc235"
	for _, x := range []*finding.Finding{f, gw} {
		if err := p.Finding(x); err != nil {
			t.Error(err)
		}
	}
	if len(s.in) != 1 || s.in[Source{Addr: netip.MustParseAddr("192.0.2.7")}].Finding != f.ID || !strings.Contains(said.String(), "10.0.0.1 is not blocked: it is a gateway") {
		t.Errorf("%v %s", s.in, said.String())
	}
	if f.MutedBy = "known"; p.Finding(f) != nil || len(s.in) != 0 {
		t.Errorf("muted: %v", s.in)
	}
	gone = errors.New("gone")
	f.MutedBy = ""
	if _ = p.Finding(f); len(s.in) != 0 || !strings.Contains(said.String(), "nobody says whether it may be") {
		t.Errorf("%v %s", s.in, said.String())
	}
	if _, err := New(Options{Firewall: there, May: there.May}, output.Setup{}); err == nil {
		t.Error("it begins though nobody answers")
	}
}
