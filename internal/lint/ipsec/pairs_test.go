package ipsec

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/ipsecconf"
)

const pairsDir = "testdata/pairs"

// pairFields reads what the file "pair" of a pair says.
func pairFields(t *testing.T, name string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(pairsDir, name, "pair"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		k, v, _ := strings.Cut(l, ":")
		out[k] = strings.TrimSpace(v)
	}
	return out
}

func pairNames(t *testing.T) []string {
	t.Helper()
	ds, err := os.ReadDir(pairsDir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range ds {
		out = append(out, d.Name())
	}
	return out
}

// ends loads both sides of a pair; of one that is migrated, what comes of the migration, with the keys put in.
func ends(t *testing.T, name string, f map[string]string) (here, peer *Side) {
	t.Helper()
	one := func(side, self string) *Side {
		opt := Options{Self: self}
		if v := f["flavour-"+side]; v != "" {
			var err error
			if opt.Flavour, err = ParseFlavour(v); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Load(Disk{}, []string{filepath.Join(pairsDir, name, side)}, opt)
		if err != nil {
			t.Fatal(err)
		}
		if f["run"] != "migrated" {
			return s
		}
		m := ToSwanctl(s, false)
		if len(m.Stopped) > 0 {
			t.Fatalf("left out: %+v", m.Stopped)
		}
		return load(t, memory{"swanctl.conf": withKey(m.Config, f["key-"+side])}, Options{}, "swanctl.conf")
	}
	return one("here", "192.0.2.1"), one("peer", "192.0.2.9")
}

// withKey puts a key where a migration left its place.
func withKey(conf, key string) string {
	var out []string
	for _, l := range strings.Split(conf, "\n") {
		if strings.Contains(l, "# secret = ") {
			l = `secret = "` + key + `"`
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

// TestPairs: what is said of each pair is what its file says; testbed/ipsec-pairs holds the same against real daemons.
func TestPairs(t *testing.T) {
	names := pairNames(t)
	if len(names) < 20 {
		t.Fatalf("%d pairs", len(names))
	}
	for _, name := range names {
		f := pairFields(t, name)
		here, peer := ends(t, name, f)
		vs, alone, _ := Compare(here, peer)
		if len(vs) != 1 || len(alone) > 0 {
			t.Errorf("%s: %d verdicts, alone %v", name, len(vs), alone)
			continue
		}
		v := vs[0]
		topic := ""
		if len(v.Mismatches) > 0 && v.Outcome != Narrower {
			topic = v.Mismatches[0].Topic
			if !strings.Contains(v.Mismatches[0].Here+v.Mismatches[0].Peer, ":") || v.Mismatches[0].Change == "" {
				t.Errorf("%s: no place or no change: %+v", name, v.Mismatches[0])
			}
		}
		if string(v.Outcome) != f["outcome"] || topic != f["topic"] {
			t.Errorf("%s: %s %q, want %s %q\n%+v", name, v.Outcome, topic, f["outcome"], f["topic"], v)
		}
	}
}

// TestPairsTurned: seen from the other end the outcome is the same, the sides exchanged.
func TestPairsTurned(t *testing.T) {
	for _, name := range pairNames(t) {
		f := pairFields(t, name)
		here, peer := ends(t, name, f)
		a, _, _ := Compare(here, peer)
		b, _, _ := Compare(peer, here)
		if len(a) != 1 || len(b) != 1 {
			t.Fatalf("%s: %d and %d verdicts", name, len(a), len(b))
		}
		if a[0].Begins == b[0].Begins && a[0].OtherWay == "" && a[0].Outcome != b[0].Outcome && f["outcome"] != string(Narrower) && name != "v1-first-only" {
			t.Errorf("%s: %s, turned %s", name, a[0].Outcome, b[0].Outcome)
		}
	}
}

// TestPairsTable: the table of the real runs has every pair, with the verdict of today, and says that all fit.
func TestPairsTable(t *testing.T) {
	b, err := os.ReadFile("../../../docs/ipsec-pairs.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, l := range strings.Split(string(b), "\n") {
		if c := strings.Split(l, " | "); len(c) >= 6 {
			rows[strings.TrimPrefix(c[0], "| ")] = c
		}
	}
	for _, name := range pairNames(t) {
		f := pairFields(t, name)
		c := rows[name]
		if c == nil {
			t.Errorf("%s: not in docs/ipsec-pairs.md: testbed/ipsec-pairs -w docs/ipsec-pairs.md", name)
			continue
		}
		if c[1] != f["run"] || c[2] != f["outcome"] || f["topic"] != "" && c[3] != f["topic"] || !strings.HasPrefix(c[5], "yes") {
			t.Errorf("%s: the table has %q", name, c)
		}
	}
}

// TestNoKeyIsShown: whatever is written of a pair, no key is in it.
func TestNoKeyIsShown(t *testing.T) {
	for _, name := range pairNames(t) {
		here, peer := ends(t, name, map[string]string{})
		var b bytes.Buffer
		r := &Report{Side: here, Peer: peer, Notes: append(Lint(here), Lint(peer)...), Upgrade: PlanUpgrade(here, Flavour{StrongSwan, newest[StrongSwan], ""})}
		r.Verdicts, r.Alone, r.AloneThere = Compare(here, peer)
		for _, err := range []error{r.Text(&b), r.JSON(&b), ToSwanctl(here, true).Text(&b), ToSwanctl(peer, false).JSON(&b), ToSwanctl(here, false).Text(&b)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if b.Len() < 500 {
			t.Errorf("%s: hardly anything was written: %s", name, &b)
		}
		if strings.Contains(b.String(), "horse battery") {
			t.Errorf("%s: a key is shown", name)
		}
	}
}

// TestFoundingPair: the words of the founding case before it worked.
func TestFoundingPair(t *testing.T) {
	here, peer := ends(t, "founding-pfs", map[string]string{})
	var b bytes.Buffer
	r := &Report{Side: here, Peer: peer, Notes: Lint(here)}
	r.Verdicts, _, _ = Compare(here, peer)
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"will not agree", "first PFS · quick mode", "PFS on, modp1536, modp1024 (default of FreeS/WAN 2)", "PFS off (testdata/pairs/founding-pfs/peer/sonicwall.facts:14)",
		"says the peer: NO_PROPOSAL_CHOSEN", "IKE proposals: 3des-md5-modp1024", "0 will agree, 1 will not"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

// TestOtherWay: IKEv1 begins with the first algorithm alone, so it matters who begins.
func TestOtherWay(t *testing.T) {
	here, peer := ends(t, "v1-first-only", map[string]string{})
	v, _, _ := Compare(here, peer)
	if v[0].Outcome != Refuse || !strings.Contains(v[0].OtherWay, "will agree") {
		t.Errorf("%+v", v[0])
	}
}

// TestUnknown: facts that leave everything out decide nothing.
func TestUnknown(t *testing.T) {
	a := load(t, memory{"ipsec.conf": oneConn}, Options{}, "ipsec.conf")
	b := load(t, memory{"f": "[peer x]\nown address = 192.0.2.9\n"}, Options{}, "f")
	v, _, _ := Compare(a, b)
	if len(v) != 1 || v[0].Outcome != Unclear || len(v[0].Unknown) < 4 {
		t.Errorf("%+v", v)
	}
}

// TestNAT: a private address on one side and a public one on the other mean a NAT; a side without NAT traversal fails.
func TestNAT(t *testing.T) {
	conf := func(left, extra string) string {
		return "version 2.0\nconn a\n\tauthby=secret\n\tleft=" + left + "\n\tleftid=@gw\n\tleftsubnet=10.1.0.0/24\n\tright=198.51.100.9\n\trightsubnet=10.9.0.0/24\n\tikev2=no\n\tphase2alg=aes128-sha1\n\tike=aes128-sha1;modp2048\n" + extra
	}
	peer := "conn a\n\tauthby=secret\n\tikev2=no\n\tleft=198.51.100.9\n\tleftsubnet=10.9.0.0/24\n\tright=203.0.113.5\n\trightid=@gw\n\trightsubnet=10.1.0.0/24\n\tike=aes128-sha1;modp2048\n\tphase2alg=aes128-sha1\n"
	for _, c := range []struct {
		left, extra string
		want        Outcome
		topic       string
	}{
		{"192.168.1.2", "\tnat_traversal=yes\n", Agree, ""},
		{"192.168.1.2", "", Refuse, "NAT traversal"},
		{"203.0.113.5", "", Agree, ""},
		{"203.0.113.6", "", Refuse, "addresses"},
	} {
		f, _ := ParseFlavour("openswan:2.6")
		a := load(t, memory{"ipsec.conf": conf(c.left, c.extra)}, Options{Flavour: f}, "ipsec.conf")
		g, _ := ParseFlavour("libreswan:4.10")
		b := load(t, memory{"ipsec.conf": peer}, Options{Flavour: g}, "ipsec.conf")
		v, _, _ := Compare(a, b)
		if len(v) != 1 || v[0].Outcome != c.want || c.topic != "" && v[0].Mismatches[0].Topic != c.topic {
			t.Errorf("%s %q: %+v", c.left, c.extra, v)
		}
	}
}

// TestCounterparts: of several connections each finds its own, and those without one are named.
func TestCounterparts(t *testing.T) {
	a := load(t, memory{"ipsec.conf": oneConn + "conn b\n\talso=a\n\tright=192.0.2.10\nconn c\n\talso=a\n\tright=192.0.2.11\n"}, Options{}, "ipsec.conf")
	b := load(t, memory{"ipsec.conf": "conn z\n\tleft=192.0.2.10\n\tright=192.0.2.1\n\tkeyexchange=ikev2\n\tauthby=psk\nconn y\n\tleft=192.0.2.10\n\tright=198.51.100.1\n\tkeyexchange=ikev2\n"}, Options{}, "ipsec.conf")
	v, alone, there := Compare(a, b)
	if len(v) != 1 || v[0].Here != "b (ipsec.conf:7)" || v[0].Peer != "z (ipsec.conf:1)" || v[0].Outcome != Agree {
		t.Errorf("%+v", v)
	}
	if len(alone) != 2 || len(there) != 1 || there[0] != "y (ipsec.conf:6)" {
		t.Errorf("%v %v", alone, there)
	}
}

func FuzzLint(f *testing.F) {
	for _, name := range []string{"founding", "v2-gcm", "libreswan-v1"} {
		for _, side := range []string{"here", "peer"} {
			fs, _ := filepath.Glob(filepath.Join(pairsDir, name, side, "*"))
			for _, x := range fs {
				b, err := os.ReadFile(x)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b, []byte("192.0.2.1 192.0.2.9 : PSK \"correct horse\"\n"))
			}
		}
	}
	f.Add([]byte("include *\nconn a\n\talso=a\n\tleft=%any\n\tleftsubnet=vhost:x\n\tike=aes_gcm_c_256;dh99\n"), []byte(": RSA {\n\t}\n"))
	f.Fuzz(func(t *testing.T, conf, secrets []byte) {
		m := memory{"d/ipsec.conf": string(conf), "d/x.secrets": string(secrets)}
		s, err := Load(m, []string{"d/ipsec.conf", "d/x.secrets"}, Options{})
		if err != nil {
			return
		}
		if len(s.Conns) > 3 {
			s.Conns = s.Conns[:3]
		}
		var b bytes.Buffer
		r := &Report{Side: s, Peer: s, Notes: Lint(s), Upgrade: PlanUpgrade(s, Flavour{Libreswan, newest[Libreswan], ""})}
		r.Verdicts, r.Alone, r.AloneThere = Compare(s, s)
		if err := r.Text(&b); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Bytes() {
			if c < ' ' && c != '\n' || c == 0x7f {
				t.Fatalf("a control character %#x in the report", c)
			}
		}
		for _, asIs := range []bool{false, true} {
			out := ToSwanctl(s, asIs).Config
			if _, err := ipsecconf.ParseTree("out", []byte(out)); err != nil {
				t.Fatalf("what was written cannot be read: %v\n%s", err, out)
			}
		}
	})
}
