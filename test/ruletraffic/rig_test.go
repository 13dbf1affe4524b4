package ruletraffic

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// shown collects which rules alerted between whom.
type shown struct {
	of   map[int][]Ends
	info map[int]*event.Alert
}

func (s *shown) Event(e event.Event) error {
	if a, ok := e.(*event.Alert); ok {
		h := a.Head()
		side := func(x event.End) netip.AddrPort {
			p := x.Port
			if h.Proto != packet.ProtoTCP && h.Proto != packet.ProtoUDP {
				p = 0
			}
			return netip.AddrPortFrom(x.Addr.Netip(), p)
		}
		sid := int(a.Rule.SID)
		s.of[sid] = append(s.of[sid], Ends{side(h.Client), side(h.Server)})
		s.info[sid] = a
	}
	return nil
}

// has reports whether a rule alerted on one of the conversations.
func (s *shown) has(sid int, list []Ends) bool {
	return slices.ContainsFunc(s.of[sid], func(a Ends) bool { return slices.ContainsFunc(list, a.Same) })
}

// engineVars are the generator's variables as the engine takes them.
func engineVars() lang.Vars {
	v := lang.Vars{Addrs: map[string]string{}, Ports: map[string]string{}}
	for name, text := range Variables() {
		if strings.HasSuffix(name, "_PORTS") {
			v.Ports[name] = text
		} else {
			v.Addrs[name] = text
		}
	}
	return v
}

// loaded compiles rules; refused says why a rule is not run, by sid.
func loaded(t testing.TB, text string) (set *rules.Set, refused map[int]string) {
	t.Helper()
	list, bad, err := lang.Parse("test.rules", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	set, more := rules.Compile(list, rules.Options{Vars: engineVars(), ReadList: readList, Classifications: map[string]lang.Classification{
		"bad-unknown": {Name: "bad-unknown", Description: "Potentially Bad Traffic", Priority: 2}}})
	refused = map[int]string{}
	for _, p := range append(bad, more...) {
		refused[int(p.SID)] = strings.TrimSpace(p.Option + " " + p.Reason)
	}
	return set, refused
}

// readList opens a list of digests that lies beside the rules.
func readList(_, name string) (io.ReadCloser, error) { return os.Open(filepath.Join("testdata", name)) }

// watch runs the sensor with rules over pieces of traffic: frames 50 µs apart, and an hour between two pieces, so that no
// threshold counts what belongs to another.
func watch(t testing.TB, set *rules.Set, pieces ...[][]byte) *shown {
	t.Helper()
	var file bytes.Buffer
	w, err := pcapfile.NewWriter(&file, pcapfile.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	i, err := w.AddInterface(pcapfile.Interface{Link: packet.LinkEthernet})
	if err != nil {
		t.Fatal(err)
	}
	now := packet.Time(1_700_000_000_000_000_000)
	for _, frames := range pieces {
		now = now.Add(time.Hour)
		for _, f := range frames {
			now = now.Add(50 * time.Microsecond)
			if err := w.WritePacket(i, now, f, uint32(len(f)), pcapfile.PacketOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	src, err := capture.OpenReader("made", &file, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return watchSource(t, set, src)
}

// watchSource runs the sensor with rules over a source, and closes it.
func watchSource(t testing.TB, set *rules.Set, src capture.Source) *shown {
	t.Helper()
	defer src.Close()
	s := &shown{of: map[int][]Ends{}, info: map[int]*event.Alert{}}
	r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers,
		Rules: set, Sinks: []sensor.EventSink{s}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Rules.TooMany > 0 {
		t.Logf("%d alerts were too many for their packet", r.Rules.TooMany)
	}
	return s
}

// dump shows a piece of traffic to a reader.
func dump(x *Traffic) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", x.Rule.Text)
	for _, s := range x.Setters {
		fmt.Fprintf(&b, "set by: %s\n", s.Text)
	}
	if x.Changed != "" {
		fmt.Fprintf(&b, "changed: %s\n", x.Changed)
	}
	for i, f := range x.Frames {
		if i == 12 {
			fmt.Fprintf(&b, "… %d frames\n", len(x.Frames))
			break
		}
		b.WriteString(hex.Dump(f[:min(len(f), 600)]))
	}
	return b.String()
}

// readFile reads the active rules of a file.
func readFile(t *testing.T, name string) []*Rule {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []*Rule
	for _, l := range strings.Split(string(b), "\n") {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
			continue
		}
		if r, err := Read(l); err == nil && r.SID > 0 {
			out = append(out, r)
		}
	}
	return out
}

const probeSID = 900000000

// probe is a rule that shows that a bit is set.
func probe(bit string, i int) string {
	return fmt.Sprintf(`alert ip any any <> any any (msg:"probe"; flowbits:isset,%s; sid:%d;)`, bit, probeSID+i)
}
