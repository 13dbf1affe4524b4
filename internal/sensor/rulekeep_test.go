package sensor_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// folder is a state in memory.
type folder map[string][]byte

func (f folder) Load(name string, read func(io.Reader) error) (bool, error) {
	b, ok := f[name]
	if !ok {
		return false, nil
	}
	return true, read(bytes.NewReader(b))
}

func (f folder) Save(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	f[name] = b.Bytes()
	return nil
}

// TestRulesOverRestart: counts of thresholds, bits of hosts and of pairs of hosts, and lists that rules change outlive the run
// that made them. One run sees the requests of a client, the next one those of another, or of the first again.
func TestRulesOverRestart(t *testing.T) {
	list, bad, err := lang.Parse("x", strings.NewReader(`
alert tcp 10.1.0.11 any -> any any (content:"GET"; xbits:set,asked,track ip_dst,expire 6000; noalert; sid:1;)
alert tcp 10.1.0.12 any -> any any (content:"GET"; xbits:isset,asked,track ip_dst; sid:2;)
alert tcp any any -> any any (content:"shop"; nocase; xbits:set,pair,track ip_pair,expire 6000; noalert; sid:3;)
alert tcp any any -> any any (flags:S; xbits:isset,pair,track ip_pair; sid:4;)
alert http 10.1.0.11 any -> any any (http.uri; dataset:set,uris,type string; noalert; sid:5;)
alert http 10.1.0.12 any -> any any (http.uri; dataset:isset,uris; sid:6;)
alert tcp any any -> any any (content:"GET"; threshold:type both, track by_dst, count 12, seconds 6000; sid:7;)
`))
	if err != nil || len(bad) != 0 {
		t.Fatal(err, bad)
	}
	src, err := capture.OpenFile(filepath.Join("../../testdata/captures", "maintenance-503", "inside.pcap"), capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	frames, err := capture.ReadAll(src)
	if err != nil {
		t.Fatal(err)
	}
	of := func(last byte) (out []capture.Frame) { // of the client 10.1.0.last
		for _, f := range frames {
			if bytes.Contains(f.Data, []byte{10, 1, 0, last}) {
				out = append(out, f)
			}
		}
		return out
	}
	life := func(s sensor.State, fs []capture.Frame) (sids []string) {
		t.Helper()
		set, bad := rules.Compile(list, rules.Options{Vars: rules.DefaultVars()})
		if len(bad) != 0 {
			t.Fatal(bad)
		}
		l := &alertLog{}
		r, err := sensor.Run(context.Background(), sensor.Options{Source: capture.NewMemory(fs, capture.Interfaces(src)...), Workers: 2, Seed: 1, Checksums: packet.ChecksumsAuto,
			Analyzers: standard.Analyzers, Rules: set, Sinks: []sensor.EventSink{l}, State: s, Continues: true, OnFindings: func(sensor.Decided) {}})
		if err != nil || r.StateErr != nil {
			t.Fatal(err, r.StateErr)
		}
		for _, line := range l.lines {
			if sid, _, _ := strings.Cut(line, " "); !slices.Contains(sids, sid) {
				sids = append(sids, sid)
			}
		}
		slices.Sort(sids)
		return sids
	}
	requests := of(11)
	requests = slices.DeleteFunc(requests, func(f capture.Frame) bool { return len(f.Data) < 48 || f.Data[47] != 2 }) // SYN
	for _, c := range []struct {
		what string
		then []capture.Frame
		more string // the rules that alert because of what the first run kept
	}{{"the other client", of(12), "[2 6 7]"}, {"the same one's first packets", requests, "[4]"}} {
		s := folder{}
		life(s, of(11))
		alone := life(folder{}, c.then)
		more := slices.DeleteFunc(life(s, c.then), func(sid string) bool { return slices.Contains(alone, sid) })
		if fmt.Sprint(more) != c.more {
			t.Errorf("%s: what was kept makes %v alert, not %s; alone %v do", c.what, more, c.more, alone)
		}
	}
}
