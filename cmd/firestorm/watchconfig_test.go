//go:build linux

package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/config"
	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/store"
)

// everyKey has another value than the default for each key of the configuration.
const everyKey = `network: {home-net: [192.0.2.0/24]}
capture: {interfaces: [eth7], taps: [eth1+eth2], filter: tcp, checksums: none, ring: 8M, rings: 3, conntrack: true}
analysis: {max-memory: 64M, stream-depth: 1M, workers: 3}
rules: {files: [/r/a.rules], suricata-settings: /r/s.yaml, strict: true}
findings: {min-confidence: possible, mutes-file: /r/mutes, mutes: [{code: arp-scan, reason: "ours, known"}]}
outputs: {eve: /r/eve.json, syslog: ["udp:192.0.2.5:514"], webhook: [https://hooks.example.net/x], metrics: "127.0.0.1:9469", metrics-remote: true}
mail: {server: "mail.example.net:465", tls: tls, ca-file: /r/ca.pem, user: me, password-file: /r/secret, from: s@example.net, to: [a@example.net], at-once: medium, digest-hour: 5, per-hour: 9}
blocking: {mode: dry-run, timeout: 2h, allow: [192.0.2.0/28]}
evidence: {spool: /r/spool, spool-size: 1G, spool-file-size: 8M, spool-minutes: 7, encrypt-to: [/r/recipients]}
backup: {max-age: 26h, state: /r/backup}
service: {state: /r/state, status: /r/status, status-every: 9s}
`

// TestEveryKeyIsUsed: each key of the configuration changes what watch does, and a flag that is given goes before it.
func TestEveryKeyIsUsed(t *testing.T) {
	none := func(string) bool { return false }
	filled := func(text string, given func(string) bool) watchFlags {
		c, err := config.Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var w watchFlags
		w.fill(c, given)
		return w
	}
	plain := filled("", none)
	if plain.minConf != "" || len(plain.interfaces)+len(plain.rules) != 0 {
		t.Errorf("the defaults change %+v", plain)
	}
	all := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(everyKey), "\n") {
		c, err := config.Parse("f.yaml", []byte(line))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]map[string]any
		if err := json.Unmarshal(c.JSON(), &m); err != nil {
			t.Fatal(err)
		}
		section, rest, _ := strings.Cut(line, ": {")
		for _, s := range config.Sections {
			if s.Name != section {
				continue
			}
			for _, k := range s.Keys {
				if !strings.Contains(rest, k.Name+": ") {
					t.Errorf("%s.%s is not tried here", section, k.Name)
				}
				all[section+"."+k.Name] = true
			}
		}
	}
	for _, s := range config.Sections {
		for _, k := range s.Keys {
			if !all[s.Name+"."+k.Name] {
				t.Errorf("%s.%s is not tried here", s.Name, k.Name)
			}
		}
	}
	w := filled(everyKey, none)
	want := watchFlags{config: "", status: "/r/status", every: 9 * time.Second, ring: "8M", rings: 3, interfaces: []string{"eth7"}, mutesToo: []string{"arp-scan * * - ours, known"},
		far: farFlags{syslog: []string{"udp:192.0.2.5:514"}, webhook: []string{"https://hooks.example.net/x"}}}
	want.far.blocking = config.Blocking{Mode: "dry-run", Timeout: 2 * time.Hour, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}}
	want.far.metrics, want.far.metricsRemote = "127.0.0.1:9469", true
	want.far.mail = config.Mail{Server: "mail.example.net:465", TLS: "tls", CAFile: "/r/ca.pem", User: "me", PasswordFile: "/r/secret", From: "s@example.net", To: []string{"a@example.net"},
		AtOnce: "medium", DigestHour: 5, PerHour: 9}
	want.taps, want.filter, want.checksums, want.memory, want.workers = []string{"eth1+eth2"}, "tcp", "none", "64M", 3
	want.homeNet, want.rules, want.settings, want.strict = []string{"192.0.2.0/24"}, []string{"/r/a.rules"}, "/r/s.yaml", true
	want.tracked, want.depth = true, "1M"
	want.minConf, want.mutes, want.eve, want.state = "possible", "/r/mutes", "/r/eve.json", "/r/state"
	want.spool = spoolFlags{"/r/spool", "1G", "8M", 7, []string{"/r/recipients"}}
	want.backupAge, want.backupIn = 26*time.Hour, "/r/backup"
	if !reflect.DeepEqual(w, want) {
		t.Errorf("got  %+v\nwant %+v", w, want)
	}
	if w := filled(everyKey, func(string) bool { return true }); w.filter != "" || w.rules != nil || w.far.syslog != nil || w.homeNet != nil || w.workers != 0 || w.far.blocking.Mode != "" {
		t.Errorf("flags that were given are overruled: %+v", w)
	}
}

// TestStatusFile: the file never looks healthy while an interface is blind or packets are lost.
func TestStatusFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "status.json")
	for _, c := range []struct {
		s       sensor.Status
		healthy bool
	}{
		{sensor.Status{Now: 1e18, Links: []capture.Link{{Name: "eth0"}}}, true},
		{sensor.Status{Now: 1e18, Lost: 1, Links: []capture.Link{{Name: "eth0", Lost: 1}}}, false},
		{sensor.Status{Now: 1e18, Links: []capture.Link{{Name: "eth0"}, {Name: "eth1", Blind: 9e17, Why: "gone"}}}, false},
	} {
		f := newStatusFile(name, time.Second)
		f.rules.Store(&health.Rules{Active: 3})
		if err := f.write(&c.s, false); err != nil {
			t.Fatal(err)
		}
		v, err := health.Read(name)
		if err != nil || v.Healthy != c.healthy || len(v.Interfaces) != len(c.s.Links) || (c.s.Links[len(c.s.Links)-1].Blind != 0) == v.Interfaces[len(v.Interfaces)-1].BlindSince.IsZero() || v.Rules.Active != 3 {
			t.Errorf("%v, %+v", err, v)
		}
		// The next one has rates; the last one says that it is.
		next := c.s
		next.Now, next.Packets, next.Bytes, next.Busy = c.s.Now.Add(2e9), 100, 4000, []sensor.Busy{{Addr: packet.Addr{15: 1}, Bytes: 12.34}}
		f.status(&next)
		// So soon after it that it would not be written, but for the end.
		last := next
		last.Now, last.Packets = next.Now.Add(1e8), 120
		f.status(&last)
		if w := f.end(); w != nil {
			t.Fatal(w)
		}
		if v, err = health.Read(name); err != nil || !v.Ended || v.Healthy || v.Packets != 120 || len(v.Talkers) != 0 {
			t.Errorf("%v, %+v", err, v)
		}
		f.before = &c.s
		if err := f.write(&next, false); err != nil {
			t.Fatal(err)
		}
		if v, err = health.Read(name); err != nil || v.Rate == nil || *v.Rate != (health.Rate{Seconds: 2, Packets: 50, Bytes: 2000}) || len(v.Talkers) != 1 || v.Talkers[0].Bytes != 12 {
			t.Errorf("%v, %+v", err, v)
		}
	}
	f := newStatusFile(filepath.Join(name, "not", "there"), time.Second)
	f.status(&sensor.Status{})
	if w := f.end(); len(w) != 1 || !strings.Contains(w[0], "the status could not be written") {
		t.Errorf("%q", w)
	}
}

// TestWatchStore: the store of a watch gets what is muted and every revision; a mute that was made meanwhile reaches the
// engine.
func TestWatchStore(t *testing.T) {
	dir := t.TempDir()
	a := &app{stderr: os.Stderr, getenv: func(string) string { return "" }}
	opt := &sensor.Options{}
	x, err := a.farOutputs(&farFlags{}, &readOptions{StoreIn: dir}, "eth0", opt)
	if err != nil {
		t.Fatal(err)
	}
	code := &finding.Code{ID: "arp-scan"}
	at := finding.Finding{ID: "FS-aaaaaa", Code: code, Severity: finding.Low, Confidence: finding.Likely, Title: "one", Revision: 1, Count: 1}
	muted := finding.Finding{ID: "FS-bbbbbb", Code: code, Severity: finding.Low, Confidence: finding.Likely, Title: "hidden", Revision: 1, Count: 1, MutedBy: "known"}
	grown := at
	grown.Revision, grown.Count = 2, 3
	for _, f := range []finding.Finding{at, muted, grown} {
		x.decided(&f)
	}
	if err := x.store.Flush(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, _, err := s.List(store.Filter{Any: true})
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v %+v", err, rows)
	}
	for _, r := range rows {
		if r.ID == "FS-aaaaaa" && (r.Count != 3 || r.Revision != 2) || r.ID == "FS-bbbbbb" && r.MutedBy != "known" {
			t.Errorf("%+v", r)
		}
	}
	m, err := finding.ParseMute("arp-scan * * - later")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AddMute(m); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); opt.Mutes.Len() == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the engine never heard of the mute")
		}
	}
	if w := x.end(nil, nil); len(w) != 0 {
		t.Errorf("%q", w)
	}
}
