package ipsec

import (
	"strings"
	"testing"
)

// base is a connection in which nothing is wrong, for strongSwan; body replaces or adds settings.
func base(body string) string {
	keys := map[string]string{"left": "192.0.2.1", "leftsubnet": "10.1.0.0/24", "right": "192.0.2.9", "rightsubnet": "10.9.0.0/24", "keyexchange": "ikev2", "authby": "psk",
		"ike": "aes256gcm16-prfsha384-ecp384!", "esp": "aes256gcm16-ecp384!", "auto": "add"}
	for _, l := range strings.Split(body, ";;") {
		if k, v, ok := strings.Cut(strings.TrimSpace(l), "="); ok {
			keys[k] = v
		}
	}
	var b strings.Builder
	b.WriteString("conn a\n")
	for _, k := range sorted(keys) {
		if keys[k] != "" {
			b.WriteString("\t" + k + "=" + keys[k] + "\n")
		}
	}
	return b.String()
}

const goodKey = "W8q3Lr/0aZk72mXe9Tb5cVsHdYuJi"

// TestRules: each note where it belongs, at its setting, and not on what is nearly the same.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		code, flavour, bad, good string
		level, at                string // at: part of the line that is named
	}{
		{"pfs-off", "strongswan", "esp=aes256-sha256!", "", "low", "esp="},
		{"pfs-off", "libreswan", "pfs=no;;esp=aes256-sha2_256;;ike=;;keyexchange=", "pfs=yes;;esp=aes256-sha2_256;;ike=;;keyexchange=", "low", "pfs="},
		{"pfs-ignored", "strongswan", "pfs=yes", "", "medium", "pfs="},
		{"pfs-ignored", "strongswan:4.4", "pfs=yes", "", "", ""},
		{"pfs-contradiction", "libreswan:3.25", "pfs=no;;esp=aes256-sha2;dh14", "pfs=no;;esp=aes256-sha2", "high", "pfs="},
		{"pfs-contradiction", "libreswan:4.10", "pfs=no;;esp=aes256-sha2;dh14", "pfs=yes;;esp=aes256-sha2;dh14", "medium", "pfs="},
		{"pfs-contradiction", "libreswan:3.23", "pfs=no;;esp=aes256-sha2;dh14", "", "", ""},
		{"weak-suite", "strongswan", "ike=3des-md5-modp1024!", "ike=aes256-sha256-modp2048!", "medium", "ike="},
		{"weak-suite", "strongswan", "ike=des-md5-modp768!", "", "high", "ike="},
		{"weak-suite", "strongswan", "esp=3des-sha1-modp2048!", "esp=aes128-sha256-modp2048!", "medium", "esp="},
		{"weak-suite", "strongswan", "ike=aes256-sha256-modp2048s256!", "", "medium", "ike="},
		{"weak-suite", "strongswan", "esp=null-sha256-modp2048!", "", "high", "esp="},
		{"unknown-algorithm", "strongswan", "ike=aes256-sha265-modp2048!", "ike=aes256-sha256-modp2048!", "high", "ike="},
		{"suite-mixed", "strongswan", "ike=aes256gcm16-aes256-sha256-ecp384!", "ike=aes256gcm16-prfsha256-ecp384,aes256-sha256-ecp384!", "high", "ike="},
		{"suite-no-prf", "strongswan", "ike=aes256gcm16-ecp384!", "", "high", "ike="},
		{"suite-no-hash", "strongswan", "ike=aes256-modp2048!", "", "high", "ike="},
		{"suite-no-group", "strongswan", "ike=aes256-sha256!", "", "high", "ike="},
		{"suite-open", "strongswan", "esp=aes256gcm16-ecp384", "", "info", "esp="},
		{"suite-not-built", "libreswan", "keyexchange=;;ikev2=no;;ike=aes256-sha1;modp1024;;esp=", "keyexchange=;;ikev2=no;;ike=aes256-sha1;modp2048;;esp=", "high", "ike="},
		{"suite-not-built", "libreswan:3.29", "keyexchange=;;ikev2=no;;ike=aes256-sha1;modp1024;;esp=", "", "", ""},
		{"aggressive-mode", "strongswan", "keyexchange=ikev1;;ike=aes256-sha256-modp2048!;;aggressive=yes", "keyexchange=ikev1;;ike=aes256-sha256-modp2048!;;aggressive=no", "high", "aggressive="},
		{"ikev1", "strongswan", "keyexchange=ikev1;;ike=aes256-sha256-modp2048!", "", "low", "keyexchange="},
		{"ikev1", "libreswan:3.27", "keyexchange=;;ike=;;esp=", "ikev2=insist;;keyexchange=;;ike=;;esp=", "low", ""},
		{"left-implicit", "libreswan", "left=;;keyexchange=", "left=%defaultroute;;keyexchange=", "high", ""},
		{"left-implicit", "libreswan", "left=%any;;keyexchange=", "", "medium", "left="},
		{"left-implicit", "libreswan:3.22", "left=;;keyexchange=", "", "medium", ""},
		{"left-implicit", "strongswan", "left=", "", "", ""},
		{"id-not-address", "strongswan", "keyexchange=ikev1;;leftid=@gw;;ike=aes256-sha256-modp2048!", "keyexchange=ikev1;;leftid=192.0.2.1;;ike=aes256-sha256-modp2048!", "low", "leftid="},
		{"id-not-address", "strongswan", "keyexchange=ikev2;;leftid=@gw", "", "", ""},
		{"anybody-with-key", "strongswan", "right=%any", "", "medium", "right="},
		{"anybody-with-key", "strongswan", "right=%any;;authby=pubkey", "", "", ""},
		{"auth-uneven", "strongswan", "keyexchange=ikev1;;authby=;;leftauth=psk;;rightauth=pubkey;;ike=aes256-sha256-modp2048!", "leftauth=psk;;rightauth=pubkey", "medium", "leftauth="},
		{"authby-unsaid", "strongswan", "authby=", "", "high", ""},
		{"unknown-setting", "strongswan", "lefsubnet=10.0.0.0/8", "leftsubnet=10.1.0.0/24", "medium", "lefsubnet="},
		{"key-in-wrong-file", "strongswan", "psk=swordfish", "", "high", "psk="},
		{"subnet-host-bits", "strongswan", "leftsubnet=10.1.0.5/24", "leftsubnet=10.1.0.5/32", "low", "leftsubnet="},
		{"subnet-unreadable", "strongswan", "leftsubnet=10.1.0/33", "leftsubnet=10.1.0.0/255.255.255.0", "high", "leftsubnet="},
		{"subnets-overlap", "strongswan", "rightsubnet=10.1.0.128/25", "rightsubnet=0.0.0.0/0", "medium", "rightsubnet="},
		{"networks-v1", "strongswan", "keyexchange=ikev1;;leftsubnet=10.1.0.0/24,10.2.0.0/24;;ike=aes256-sha256-modp2048!", "leftsubnet=10.1.0.0/24,10.2.0.0/24", "medium", "leftsubnet="},
		{"dpd-off", "strongswan", "auto=start", "auto=start;;dpdaction=restart;;dpddelay=30s", "low", "auto="},
		{"never-loaded", "strongswan", "auto=", "auto=ignore", "low", ""},
		{"rekey-off", "strongswan", "rekey=no", "rekey=yes", "low", "rekey="},
		{"time-unreadable", "strongswan", "ikelifetime=soon", "ikelifetime=8h", "medium", "ikelifetime="},
		{"lifetime-long", "strongswan", "ikelifetime=7d", "ikelifetime=24h", "low", "ikelifetime="},
		{"compression", "strongswan", "compress=yes", "compress=no", "low", "compress="},
	} {
		f, err := ParseFlavour(c.flavour)
		if err != nil {
			t.Fatal(err)
		}
		keys := memory{"k": "192.0.2.1 192.0.2.9 : PSK \"" + goodKey + "\"\n"}
		notes := func(body string) (map[string]Note, string) {
			m := memory{"ipsec.conf": base(body), "k": keys["k"]}
			return codes(Lint(load(t, m, Options{Flavour: f}, "ipsec.conf", "k"))), m["ipsec.conf"]
		}
		ns, text := notes(c.bad)
		n, ok := ns[c.code]
		if (c.level != "") != ok || ok && n.Level != c.level {
			t.Errorf("%s on %q (%s): %+v", c.code, c.bad, c.flavour, n)
		}
		if ok {
			if n.What == "" || n.Why == "" || n.Change == "" || n.File != "ipsec.conf" || n.Conn != "a" {
				t.Errorf("%s: something is missing: %+v", c.code, n)
			}
			if line := strings.Split(text, "\n")[n.Line-1]; !strings.Contains(line, c.at) {
				t.Errorf("%s: line %d is %q, not %s", c.code, n.Line, line, c.at)
			}
			if strings.Contains(n.What+n.Why+n.Change, "swordfish") {
				t.Errorf("%s shows a key", c.code)
			}
		}
		if ns, _ := notes(c.good); c.good != "" || c.level != "" {
			if n, ok := ns[c.code]; ok {
				t.Errorf("%s on %q (%s): %+v", c.code, c.good, c.flavour, n)
			}
		}
	}
	if ns := Lint(load(t, memory{"ipsec.conf": base(""), "k": "192.0.2.1 192.0.2.9 : PSK \"" + goodKey + "\"\n"}, Options{}, "ipsec.conf", "k")); len(ns) != 0 {
		t.Errorf("a good connection: %+v", ns)
	}
}

func TestKeys(t *testing.T) {
	const two = "192.0.2.1 192.0.2.9 : PSK \"" + goodKey + "\"\n"
	for _, c := range []struct {
		code, keys, level string
	}{
		{"psk-weak", "192.0.2.1 192.0.2.9 : PSK \"secret\"\n", "high"},
		{"psk-weak", "192.0.2.1 192.0.2.9 : PSK \"\"\n", "high"},
		{"psk-weak", "192.0.2.1 192.0.2.9 : PSK \"k3fZ-9pwQm\"\n", "medium"},
		{"psk-weak", two, ""},
		{"psk-blank", "192.0.2.1 192.0.2.9 : PSK \"" + goodKey + " \"\n", "medium"},
		{"psk-not-ascii", "192.0.2.1 192.0.2.9 : PSK \"" + goodKey + "é\"\n", "medium"},
		{"psk-shared", two + "192.0.2.1 192.0.2.10 : PSK \"" + goodKey + "\"\n", "medium"},
		{"psk-shared", two + "192.0.2.1 192.0.2.10 : PSK \"" + goodKey + "x\"\n", ""},
		{"psk-for-anybody", ": PSK \"" + goodKey + "\"\n", "medium"},
		{"psk-for-anybody", "192.0.2.1 %any : PSK \"" + goodKey + "\"\n", "medium"},
		{"psk-for-anybody", two, ""},
		{"psk-missing", "198.51.100.1 198.51.100.2 : PSK \"" + goodKey + "\"\n", "high"},
		{"psk-missing", two, ""},
		{"psk-missing", ": PSK \"" + goodKey + "\"\n", ""},
	} {
		n, ok := codes(Lint(load(t, memory{"ipsec.conf": base(""), "k": c.keys}, Options{}, "ipsec.conf", "k")))[c.code]
		if (c.level != "") != ok || ok && n.Level != c.level {
			t.Errorf("%s on %q: %+v", c.code, c.keys, n)
		}
		if strings.Contains(n.What+n.Why+n.Change, "0aZk72") {
			t.Errorf("%s shows a key", c.code)
		}
	}
}

// TestWriting: what is wrong with the writing itself.
func TestWriting(t *testing.T) {
	for _, c := range []struct {
		code, text string
		line       int
	}{
		{"setting-twice", oneConn + "\tauto=start\n", 7},
		{"conn-twice", oneConn + oneConn, 7},
		{"also-missing", oneConn + "\talso=nobody\n", 7},
		{"also-circle", oneConn + "\talso=b\nconn b\n\talso=a\n", 8},
		{"conn-without-ends", oneConn + "conn b\n\tauto=add\n", 7},
	} {
		n := codes(Lint(load(t, memory{"ipsec.conf": c.text}, Options{}, "ipsec.conf")))
		if n[c.code].Line != c.line {
			t.Errorf("%s: %+v", c.code, n)
		}
	}
	if n := codes(Lint(load(t, memory{"ipsec.conf": oneConn + "\talso=b\nconn b\n\tleftid=@x\n"}, Options{}, "ipsec.conf"))); n["conn-without-ends"].Line != 0 {
		t.Error("a part for others is no fault")
	}
}

// TestSwanctlRules: the same rules read swanctl.conf.
func TestSwanctlRules(t *testing.T) {
	text := "connections {\n a {\n  version = 1\n  aggressive = yes\n  propsals = x\n  proposals = 3des-md5-modp1024\n  remote_addrs = 192.0.2.9\n  local {\n   auth = psk\n   id = gw\n  }\n  remote {\n   auth = psk\n  }\n  children {\n   c {\n    esp_proposals = aes128-sha1\n    start_action = start\n   }\n  }\n }\n}\nsecrets {\n ike-a {\n  secret = vpn123\n }\n}\n"
	ns := codes(Lint(load(t, memory{"swanctl.conf": text}, Options{}, "swanctl.conf")))
	for code, line := range map[string]int{"weak-suite": 17, "aggressive-mode": 4, "ikev1": 3, "unknown-setting": 5, "pfs-off": 17, "dpd-off": 18, "psk-weak": 25, "psk-for-anybody": 25} {
		if n, ok := ns[code]; !ok || n.Line != line {
			t.Errorf("%s: line %d, want %d", code, n.Line, line)
		}
	}
}

func TestUpgrade(t *testing.T) {
	for _, c := range []struct {
		from, to, body string
		want           string // part of a change; "" none at high
		line           string
	}{
		{"libreswan:3.22", "libreswan:3.23", "left=;;keyexchange=", "left= must be said", ""},
		{"libreswan:3.23", "libreswan:4.10", "left=;;keyexchange=;;ikev2=insist", "ikev2= takes yes and no alone", "ikev2="},
		{"libreswan:3.22", "libreswan:3.25", "keyexchange=;;pfs=no;;esp=aes-sha1;modp1024", "may no longer stand together", "pfs="},
		{"libreswan:3.27", "libreswan:4.10", "keyexchange=;;ike=aes128-sha1;modp1024", "without group 2", "ike="},
		{"libreswan:3.27", "libreswan:3.28", "keyexchange=;;ike=;;esp=", "IKEv2 is the default", ""},
		{"libreswan:3.28", "libreswan:3.29", "keyexchange=;;ike=;;esp=", "", ""},
		{"libreswan:4.10", "libreswan:4.10", "keyexchange=;;ike=aes128-sha1;modp1024", "", ""},
		{"openswan:2.4", "strongswan:5.9", "keyexchange=;;ike=;;esp=;;authby=secret", "pfs= and pfsgroup= have no effect", ""},
		{"openswan:2.4", "strongswan:5.9", "keyexchange=;;ike=aes128-sha1;modp1024;;esp=;;authby=secret", "the spelling of suites differs", "ike="},
		{"freeswan", "strongswan:5.9", "keyexchange=;;ike=;;esp=;;pfs=no;;authby=secret", "IKEv2 is the default", ""},
		{"strongswan:4.4", "strongswan:5.9", "keyexchange=ikev1;;aggressive=yes", "aggressive mode with a pre-shared key is refused", "aggressive="},
		{"strongswan:5.9", "strongswan:6.0", "", "no longer built by default", ""},
		{"strongswan:5.8", "strongswan:5.9", "", "", ""},
	} {
		from, _ := ParseFlavour(c.from)
		to, _ := ParseFlavour(c.to)
		text := base(c.body)
		u := PlanUpgrade(load(t, memory{"ipsec.conf": text}, Options{Flavour: from}, "ipsec.conf"), to)
		found := false
		for _, x := range u.Changes {
			if c.want == "" && x.Level == "high" {
				t.Errorf("%s to %s %q: %+v", c.from, c.to, c.body, x)
			}
			if c.want != "" && strings.Contains(x.What, c.want) {
				found = true
				if !strings.Contains(strings.Split(text, "\n")[x.Line-1], c.line) || x.Ref == "" || x.Since == "" {
					t.Errorf("%s: %+v", c.want, x)
				}
			}
		}
		if c.want != "" && !found {
			t.Errorf("%s to %s %q: no %q in %+v", c.from, c.to, c.body, c.want, u.Changes)
		}
	}
}

// TestDefaultsAreKnown: the programs' own proposals are made of algorithms that are known.
func TestDefaultsAreKnown(t *testing.T) {
	for _, f := range []Flavour{{StrongSwan, Version{5, 9}, ""}, {Libreswan, Version{4, 10}, ""}, {Openswan, Version{2, 6}, ""}, {FreeSWAN, Version{2}, ""}} {
		for v := 1; v <= 2; v++ {
			for _, esp := range []bool{false, true} {
				for _, p := range own(f, v, esp).List {
					if len(p.Unknown) > 0 || len(p.Encr) == 0 || !esp && (len(p.Group) == 0 || len(p.PRF) == 0) {
						t.Errorf("%s, IKEv%d: %+v", f, v, p)
					}
				}
			}
		}
	}
}
