package ipsec

import (
	"strings"
	"testing"

	"firestorm/internal/ipsecconf"
)

// TestMigrateLists: every change of meaning is said, with its place.
func TestMigrateLists(t *testing.T) {
	text := `version 2.0
conn a b
	authby=secret
	left=%defaultroute
	leftnexthop=192.0.2.254
	leftid=@gw.example
	leftsubnet=10.1.0.0/24
	right=192.0.2.9
	rightsubnet=10.9.0.0/24
	pfs=no
	aggrmode=yes
	keylife=2h
	dpddelay=20
	dpdtimeout=60
	dpdaction=hold
	leftfirewall=yes
	auto=ignore
`
	f, _ := ParseFlavour("openswan:2.4")
	s := load(t, memory{"ipsec.conf": text, "k": "@gw.example 192.0.2.9 : PSK \"swordfish\"\n"}, Options{Flavour: f}, "ipsec.conf", "k")
	m := ToSwanctl(s, false)
	if len(m.Stopped) > 0 {
		t.Fatalf("%+v", m.Stopped)
	}
	var said []string
	for _, c := range m.Changes {
		said = append(said, c.What+" "+itoa(c.Line))
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"IKEv2 instead of IKEv1", "aggressive mode is gone: IKEv2 has none 11", "no local_addrs: the address that the route to the peer has 4", "IKE suites " + modernIKE,
		"ESP suites " + modernESP, "PFS is on, and was off: the peer must have it as well, or the first rekey fails 10", "dpdtimeout= is dropped: IKEv2 gives up after its retransmissions 14",
		"the firewall is opened by strongSwan's script, with iptables 16", "leftnexthop= is dropped: the routing table tells the next hop 5", "it is loaded with the others, so that the peer may begin; it was not loaded by itself before 17"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	for _, want := range []string{"  a-b {", "version = 2", "remote_addrs = 192.0.2.9", "proposals = " + modernIKE, `id = "fqdn:gw.example"`, `id = "192.0.2.9"`, "local_ts = 10.1.0.0/24", "dpd_delay = 20s", "dpd_action = trap",
		"life_time = 7200s", "rekey_time = 6660s", "start_action", "# secret = \"…\"   # type here the key of k:1"} {
		if strings.Contains(m.Config, want) == (want == "start_action") {
			t.Errorf("%q:\n%s", want, m.Config)
		}
	}
	if strings.Contains(m.Config, "swordfish") || strings.Contains(m.Config, "aggressive =") || strings.Contains(m.Config, "\n    secret") {
		t.Error(m.Config)
	}
}

// TestMigrateStops: where the meaning cannot be kept, nothing is written, and the reason is said.
func TestMigrateStops(t *testing.T) {
	for body, want := range map[string]string{
		"type=passthrough":             "mode = pass or drop by hand",
		"espenckey=0x1234":             "manual keying",
		"right=%opportunistic":         "opportunistic encryption",
		"authby=xauthpsk":              "authentication by xauth",
		"authby=pubkey":                "no leftcert=",
		"auth=ah":                      "AH instead of ESP",
		"leftid=@#deadbeef":            "key-id",
		"rightsourceip=10.3.0.0/24":    "rightsourceip= (ipsec.conf:",
		"mark=12":                      "mark= (ipsec.conf:",
		"authby=rsasig;;flavour=libre": "certificates and raw keys lie in another place",
	} {
		opt := Options{}
		if b, ok := strings.CutSuffix(body, ";;flavour=libre"); ok {
			body = b
			opt.Flavour, _ = ParseFlavour("libreswan")
		}
		m := ToSwanctl(load(t, memory{"ipsec.conf": base(body)}, opt, "ipsec.conf"), false)
		if len(m.Stopped) != 1 || !strings.Contains(m.Stopped[0].What, want) || m.Stopped[0].Line != 1 || strings.Contains(m.Config, "connections") || !strings.Contains(m.Config, "# LEFT OUT: a (ipsec.conf:1)") {
			t.Errorf("%s: %+v\n%s", body, m.Stopped, m.Config)
		}
	}
	m := ToSwanctl(load(t, memory{"swanctl.conf": "connections {\n a {\n }\n}\n"}, Options{}, "swanctl.conf"), false)
	if len(m.Stopped) != 1 {
		t.Errorf("%+v", m)
	}
}

// TestMigrateKeepsMeaning: what is written as it was agrees with the peer just as the files did.
func TestMigrateKeepsMeaning(t *testing.T) {
	n := 0
	for _, name := range pairNames(t) {
		f := pairFields(t, name)
		if f["run"] == "migrated" {
			continue
		}
		here, peer := ends(t, name, f)
		m := ToSwanctl(here, true)
		if len(m.Stopped) > 0 {
			continue // swanctl.conf already
		}
		n++
		before, _, _ := Compare(here, peer)
		s := load(t, memory{"swanctl.conf": withKey(m.Config, "correct horse battery staple 17")}, Options{}, "swanctl.conf")
		after, _, _ := Compare(s, peer)
		if len(after) != 1 || after[0].Outcome != before[0].Outcome || len(after[0].Mismatches) != len(before[0].Mismatches) || len(after[0].Mismatches) > 0 && after[0].Mismatches[0].Topic != before[0].Mismatches[0].Topic {
			t.Errorf("%s:\nbefore %+v\nafter  %+v\n%s", name, before, after, m.Config)
		}
	}
	if n < 20 {
		t.Errorf("only %d pairs", n)
	}
}

// TestMigrateHostile: names and values from a file cannot break out of what is written.
func TestMigrateHostile(t *testing.T) {
	text := base("leftid=@x\";;leftsubnet=10.0.0.0/8} secrets { ike { secret=x")
	text = strings.Replace(text, "conn a", "conn a{}\x1b[31m\"", 1)
	m := ToSwanctl(load(t, memory{"ipsec.conf": text}, Options{}, "ipsec.conf"), true)
	root, err := ipsecconf.ParseTree("out", []byte(m.Config))
	if err != nil {
		t.Fatalf("%v\n%s", err, m.Config)
	}
	if strings.Contains(m.Config, "\x1b") || len(root.Sections) > 2 || len(root.Section("connections").Sections) != 1 {
		t.Errorf("%s", m.Config)
	}
}
