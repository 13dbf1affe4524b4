package ipsecconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const confText = `version 2.0
config setup
	nat_traversal=yes
include other.conf   # more
conn %default
	keyingtries=0
	pfs=yes
conn base
	left=192.0.2.1
	leftid=@one
	pfs=no
conn mirror
	alsoflip=base
	right=198.51.100.1   # ours wins
conn a
	also=base
	also=nowhere
	x-note=for people
	right=192.0.2.9
	right=192.0.2.10
	espenckey=0x1234
	leftid="C=DE, CN=a b"  
`

func TestConf(t *testing.T) {
	f, err := ParseConf("f", []byte(confText))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Includes, []Include{{"other.conf", "f", 4}}) {
		t.Errorf("includes %+v", f.Includes)
	}
	c := NewConfig(f.Sections)
	a := c.Conn("a")
	if !reflect.DeepEqual(a.Twice, []Twice{{"right", 19, 20}}) {
		t.Errorf("twice %+v", a.Twice)
	}
	keys, missing, circular := c.Resolve(a)
	want := map[string]Setting{"keyingtries": {"0", "f", 6}, "pfs": {"no", "f", 11}, "left": {"192.0.2.1", "f", 9}, "leftid": {"C=DE, CN=a b", "f", 22}, "right": {"192.0.2.10", "f", 20},
		"espenckey": {"(hidden)", "f", 21}}
	if !reflect.DeepEqual(keys, want) || circular || len(missing) != 1 || missing[0].Name != "nowhere" {
		t.Errorf("%+v %+v %v", keys, missing, circular)
	}
	keys, _, _ = c.Resolve(c.Conn("mirror"))
	if keys["right"].Value != "198.51.100.1" || keys["rightid"].Value != "@one" || keys["left"].Said() {
		t.Errorf("flipped: %+v", keys)
	}
}

// TestAlsoBounded: parts that take in each other, or fan out, end.
func TestAlsoBounded(t *testing.T) {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "conn c%d\n", i)
		for range 8 {
			fmt.Fprintf(&b, "\talso=c%d\n", i+1)
		}
	}
	b.WriteString("conn c60\n\tleft=192.0.2.1\n\talso=c0\n")
	f, err := ParseConf("f", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	c := NewConfig(f.Sections)
	c.Resolve(c.Conn("c0"))
	f, _ = ParseConf("f", []byte("conn a\n\talso=b\nconn b\n\talso=a\n"))
	c = NewConfig(f.Sections)
	if _, _, circular := c.Resolve(c.Conn("a")); !circular {
		t.Error("a circle is not seen")
	}
}

const treeText = `# comment
base { version = 2
  local { auth = psk
    id = "one # two" } }
include conf.d/*.conf
connections {
  a : base { remote_addrs = 192.0.2.9 # the peer
    local { id = own }
  }
}
secrets {
  ike-1 { id-1 = own
    secret = "of great } secrecy" }
}
`

func TestTree(t *testing.T) {
	root, err := ParseTree("f", []byte(treeText))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(root.Includes, []Include{{"conf.d/*.conf", "f", 5}}) {
		t.Errorf("%+v", root.Includes)
	}
	a := root.Section("connections").Section("a").Resolve(root)
	l := a.Section("local")
	if a.Get("version").Value != "2" || a.Get("remote_addrs").Value != "192.0.2.9" || l.Get("auth").Value != "psk" || l.Get("id").Value != "own" || l.Get("id").Line != 8 {
		t.Errorf("%+v %+v", a, l)
	}
	k := root.Section("secrets").Section("ike-1")
	if k.Get("id-1").Value != "own" || k.Get("secret").Value != "" || !k.Settings[1].Secret.Equal(NewSecret("of great } secrecy")) {
		t.Errorf("%+v", k)
	}
	if s := fmt.Sprintf("%+v %#v", root.Section("secrets"), k.Settings); strings.Contains(s, "secrecy") {
		t.Error("a key is shown")
	}
	if b, _ := json.Marshal(root); strings.Contains(string(b), "secrecy") {
		t.Error("a key is in JSON")
	}
}

func TestSecrets(t *testing.T) {
	es, in, err := ParseSecrets("f", []byte("include /etc/ipsec.d/*.secrets\n192.0.2.1 2001:db8::1: PSK \"a b\"\n@x %any : PSK 0x610062\n\n: RSA {\n\tModulus: 0x12\n\tPublicExponent: 3\n\t}\n@x : RSA key.pem \"phrase\"\nuser : XAUTH \"p\"\n: PSK 'a b'\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(in) != 1 || in[0].Pattern != "/etc/ipsec.d/*.secrets" || len(es) != 6 {
		t.Fatalf("%+v %+v", in, es)
	}
	if !reflect.DeepEqual(es[0].IDs, []string{"192.0.2.1", "2001:db8::1"}) || !es[0].Secret.Equal(es[5].Secret) || es[0].Secret.Equal(es[1].Secret) || len(es[5].IDs) != 0 || es[2].Kind != "RSA" || es[3].Line != 9 {
		t.Errorf("%+v", es)
	}
	if !es[1].Secret.Equal(NewSecret("a\x00b")) {
		t.Error("0x… is not read as bytes")
	}
	for _, bad := range []string{"192.0.2.1 : PSK \"endless\n", "hello swordfish\n", "a b : PSK\n"} {
		_, _, err := ParseSecrets("f", []byte(bad))
		var e *Error
		if !errors.As(err, &e) || e.Line != 1 || strings.Contains(err.Error(), "endless") || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTraits(t *testing.T) {
	for _, c := range []struct {
		key  string
		want Traits
	}{
		{"", Traits{Empty: true, Short: true, Plain: true}},
		{"secret", Traits{Short: true, Plain: true, Known: true}},
		{"MyVPN-Password1", Traits{Short: true, Known: true}},
		{"kfxqpwzmralt", Traits{Short: true, Plain: true}},
		{"k3fZ-9pwQm", Traits{Short: true}},
		{"W8vpnq3Lr/0aZk72mXe9Tb5cVsHdYuJi", Traits{}},
		{" W8q3Lr/0aZk72mXe9Tb5cVsHdYuJi", Traits{Blank: true}},
		{"W8q3Lr/0aZk72mXe9Tb5cVsHdYuJü", Traits{Outside: true}},
		{"0x00112233445566778899aabbccddeeff0123456789abcdef", Traits{}},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Traits{Plain: true}},
	} {
		if got := NewSecret(c.key).Traits; got != c.want {
			t.Errorf("%q: %+v, want %+v", c.key, got, c.want)
		}
	}
}

func TestProposals(t *testing.T) {
	for text, want := range map[string]Proposal{
		"3des-md5-96":                   {Encr: []string{"3des"}, Hash: []string{"md5"}},
		"aes-128-sha1":                  {Encr: []string{"aes128"}, Hash: []string{"sha1"}},
		"aes256-sha2_256;modp2048":      {Encr: []string{"aes256"}, Hash: []string{"sha256"}, Group: []string{"modp2048"}},
		"aes_gcm256-sha2;dh19":          {Encr: []string{"aes256gcm16"}, Hash: []string{"sha256"}, Group: []string{"ecp256"}},
		"aes128gcm128-prfsha256-x25519": {Encr: []string{"aes128gcm16"}, PRF: []string{"prfsha256"}, Group: []string{"curve25519"}},
		"aes_gcm_c_256-null":            {Encr: []string{"aes256gcm16"}},
		"aes+3des-sha1+sha2;dh14+dh5":   {Encr: []string{"aes", "3des"}, Hash: []string{"sha1", "sha256"}, Group: []string{"modp2048", "modp1536"}},
		"aes256-sha265-modp2048":        {Encr: []string{"aes256", "sha265"}, Unknown: []string{"sha265"}, Group: []string{"modp2048"}},
		"chacha20_poly1305;none":        {Encr: []string{"chacha20poly1305"}, Group: []string{"none"}},
		"aes128ctr-aesxcbc-aescmac":     {Encr: []string{"aes128ctr"}, Hash: []string{"aesxcbc", "aescmac"}},
		"aes128-sha256-esn":             {Encr: []string{"aes128"}, Hash: []string{"sha256"}, ESN: []string{"esn"}},
	} {
		want.Text = text
		if got := ParseProposals(text); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, got, want)
		}
	}
	if got := ParseProposals("aes128-sha1-modp1024, 3des-md5-modp1024!"); len(got) != 2 || got[1].Text != "3des-md5-modp1024" {
		t.Errorf("%+v", got)
	}
}

// TestLongProposal: a proposal of many algorithms is not cut.
func TestLongProposal(t *testing.T) {
	got := ParseProposals(strings.Repeat("aes256-aes128-sha256-modp2048-", 20) + "ecp521")
	if len(got) != 1 || len(got[0].Unknown) > 0 || got[0].Group[20] != "ecp521" {
		t.Errorf("%+v", got)
	}
	if n := len(ParseProposals(strings.Repeat("aes,", 1000))); n != MaxValues {
		t.Errorf("%d proposals", n)
	}
}

func TestKindOf(t *testing.T) {
	for text, want := range map[string]Kind{
		"conn a\n": Conf, "config setup\n": Conf, "connections {\n": Swanctl, "connections\n{\n": Swanctl, "secrets {\n ike { secret = x }\n}\n": Swanctl,
		"192.0.2.1 : PSK \"x\"\n": Secrets, ": RSA key.pem\n": Secrets, "connections are made here\n": Unknown, "": Unknown, "/srv *(ro)\n": Unknown,
	} {
		if got := KindOf(Split([]byte(text))); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func holds(t *testing.T, err error, text []byte) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Line < 0 || e.Line > strings.Count(string(text), "\n")+1) {
		t.Fatalf("error %v", err)
	}
}

func FuzzConf(f *testing.F) {
	f.Add([]byte(confText))
	f.Add([]byte("conn a\n\talso=a\n\talsoflip=a\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		KindOf(Split(b))
		x, err := ParseConf("f", b)
		if holds(t, err, b); err != nil {
			return
		}
		c := NewConfig(x.Sections)
		for i, s := range x.Sections {
			if i > 8 {
				break
			}
			c.Resolve(s)
		}
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(treeText))
	f.Add([]byte("a : a { b : a.b { } }"))
	f.Add([]byte("' '")) // a name of blanks
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := ParseTree("f", b)
		if holds(t, err, b); err != nil {
			return
		}
		for i, s := range root.Sections {
			if i > 8 {
				break
			}
			s.Resolve(root)
		}
	})
}

func FuzzSecrets(f *testing.F) {
	f.Add([]byte("192.0.2.1 2001:db8::1: PSK \"a b\"\n: RSA {\n\tModulus: 0x12\n\t}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		es, _, err := ParseSecrets("f", b)
		holds(t, err, b)
		if len(es) > MaxSections {
			t.Fatal("more than the bound")
		}
	})
}

func FuzzProposals(f *testing.F) {
	for _, s := range []string{"aes128-sha256-modp2048,3des-md5!", "aes_gcm_c_256-null;dh14+dh19", "aes-128-96"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		for _, p := range ParseProposals(s) {
			for _, e := range p.Encr {
				AEAD(e)
			}
		}
	})
}
