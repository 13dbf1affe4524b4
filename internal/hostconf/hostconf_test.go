package hostconf

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

var here = packet.MustAddr("192.0.2.1")

func read(t *testing.T, text string) *Facts {
	t.Helper()
	c := &Context{}
	if err := c.Add(here, "file", []byte(text)); err != nil {
		t.Fatal(err)
	}
	if c.For(packet.MustAddr("192.0.2.2")) != nil || (*Context)(nil).For(here) != nil {
		t.Error("facts of a host that was not named")
	}
	return c.For(here)
}

// The founding case's shape: a FreeS/WAN gateway and a SonicWall.
const ipsecConf = `# /etc/ipsec.conf
version 2.0
config setup
	interfaces=%defaultroute
conn %default
	keyingtries=0
	authby=secret
conn fswn-swll
	left=192.0.2.9
	leftsubnet=10.9.0.0/24
	right=192.0.2.1
	rightsubnet=10.1.0.0/24   # ours
	rightid=@gw.example
	keyexchange=ikev1
	ike=3des-md5-modp1024!
	esp=3des-md5
	pfs=no
	auto=start
conn part
	ike=aes256-sha2_512;dh19,aes128-sha1
conn other
	also=part
	left=192.0.2.1
	right=%any
	ikev2=insist
	pfs=yes
`

func TestIPsec(t *testing.T) {
	f := read(t, ipsecConf)
	if len(f.Connections) != 2 {
		t.Fatalf("%d connections", len(f.Connections))
	}
	c := f.Connections[0]
	want := Connection{Name: "fswn-swll", File: "file", Line: 8, Version: 1, LocalID: "gw.example", LocalAddr: []string{"192.0.2.1"}, RemoteAddr: []string{"192.0.2.9"},
		Proposals: []Proposal{{Text: "3des-md5-modp1024", Encr: []string{"3des"}, Hash: []string{"md5"}, Group: []string{"modp1024"}}},
		Children: []Child{{Name: "fswn-swll", Line: 8, PFS: No, LocalNets: []string{"10.1.0.0/24"}, RemoteNets: []string{"10.9.0.0/24"},
			Proposals: []Proposal{{Text: "3des-md5", Encr: []string{"3des"}, Hash: []string{"md5"}}}}}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n got %+v\nwant %+v", c, want)
	}
	o := f.Connections[1]
	if o.Version != 2 || len(o.Proposals) != 2 || o.Proposals[0].Group[0] != "ecp256" || o.Proposals[0].Hash[0] != "sha512" || o.Children[0].PFS != Yes {
		t.Errorf("%+v", o)
	}
	if !o.Matches(packet.MustAddr("198.51.100.7")) || c.Matches(packet.MustAddr("198.51.100.7")) || !c.Matches(packet.MustAddr("192.0.2.9")) {
		t.Error("peers are matched wrongly")
	}
}

const swanctlConf = `# a comment
connections {
  gw {
    version = 2
    local_addrs = 192.0.2.1
    remote_addrs = 192.0.2.9, 192.0.2.10
    proposals = aes128-sha256-modp2048,aes256gcm16-prfsha384-ecp384
    local-1 { auth = psk
      id = gw.example }
    remote { auth = psk
      id = "peer.example" }
    children {
      a { local_ts = 10.1.0.0/24
        remote_ts = 10.9.0.0/24
        esp_proposals = aes128-sha256-modp2048 }
      b {
        esp_proposals = aes128gcm16 # no PFS
      }
    }
  }
}
secrets {
  ike-1 { secret = "very secret } word {" }
}
`

func TestSwanctl(t *testing.T) {
	f := read(t, swanctlConf)
	if len(f.Connections) != 1 {
		t.Fatalf("%d connections", len(f.Connections))
	}
	c := f.Connections[0]
	if c.Name != "gw" || c.Line != 3 || c.Version != 2 || c.LocalID != "gw.example" || c.RemoteID != "peer.example" || len(c.RemoteAddr) != 2 || len(c.Children) != 2 {
		t.Errorf("%+v", c)
	}
	if p := c.Proposals[1]; p.Encr[0] != "aes256gcm16" || p.PRF[0] != "prfsha384" || p.Group[0] != "ecp384" || len(p.Hash) != 0 {
		t.Errorf("%+v", p)
	}
	if a, b := c.Children[0], c.Children[1]; a.PFS != Yes || b.PFS != No || a.RemoteNets[0] != "10.9.0.0/24" || a.Line != 13 {
		t.Errorf("%+v %+v", a, b)
	}
}

// TestNoSecrets: nothing of a key is kept, whichever file it stands in.
func TestNoSecrets(t *testing.T) {
	for _, text := range []string{swanctlConf, ipsecConf + "conn x\n\tleft=1.2.3.4\n\tleftrsasigkey=0sverysecret\n\tpsk=very\n", "listen=YES\nrsa_private_key_file=/very/secret\n"} {
		if s := fmt.Sprintf("%+v", read(t, text)); strings.Contains(s, "very") || strings.Contains(s, "secret") {
			t.Errorf("kept: %s", s)
		}
	}
	err := (&Context{}).Add(here, "ipsec.secrets", []byte("192.0.2.1 192.0.2.9 : PSK \"very secret\"\n"))
	if err == nil || strings.Contains(err.Error(), "very") || !strings.Contains(err.Error(), "holds keys") {
		t.Errorf("a file of keys: %v", err)
	}
}

func TestFTP(t *testing.T) {
	f := read(t, "# vsftpd\nlisten=YES\nlisten_port=2121\npasv_enable=YES\npasv_min_port=50000\npasv_max_port=50100\npasv_address=198.51.100.4\nssl_enable=YES\n").FTP
	want := &FTP{File: "file", Port: 2121, Passive: Yes, MinPort: 50000, MaxPort: 50100, MinLine: 5, MaxLine: 6, Address: "198.51.100.4", AddressLine: 7, TLS: Yes, TLSLine: 8}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v", f)
	}
}

// TestRange: one bound alone, bounds that the program ignores, none.
func TestRange(t *testing.T) {
	for _, c := range []struct {
		text   string
		lo, hi uint16
		set    bool
	}{
		{"listen=YES\n", 1024, 65535, false},
		{"pasv_min_port=50000\n", 50000, 65535, true},
		{"pasv_max_port=2000\n", 1024, 2000, true},
		{"pasv_min_port=0\npasv_max_port=0\n", 1024, 65535, false},
		{"pasv_min_port=500\npasv_max_port=600\n", 1024, 65535, false},
		{"pasv_min_port=6000\npasv_max_port=5000\n", 6000, 65535, true},
		{"pasv_min_port=50000\npasv_max_port=50000\n", 50000, 50000, true},
	} {
		if lo, hi, set := read(t, c.text).FTP.Range(); lo != c.lo || hi != c.hi || set != c.set {
			t.Errorf("%q: %d to %d, %v", c.text, lo, hi, set)
		}
	}
}

func TestExportsMatch(t *testing.T) {
	for _, c := range []struct {
		host, addr string
		want       Tri
	}{
		{"*", "10.1.0.11", Yes}, {"10.1.0.11", "10.1.0.11", Yes}, {"10.1.0.12", "10.1.0.11", No}, {"10.1.0.0/24", "10.1.0.11", Yes}, {"10.1.1.0/24", "10.1.0.11", No},
		{"10.1.0.0/255.255.255.0", "10.1.0.11", Yes}, {"10.1.0.0/255.255.255.0", "10.1.1.11", No}, {"10.1.0.0/255.0.255.0", "10.1.0.11", Unsaid}, {"0.0.0.0/0", "10.1.0.11", Yes},
		{"0.0.0.0/0", "2001:db8::1", No}, {"2001:db8::/32", "2001:db8::1", Yes}, {"[2001:db8::1]", "2001:db8::1", Yes}, {"2001:db8::/32", "10.1.0.11", No},
		{"web.example", "10.1.0.11", Unsaid}, {"*.example", "10.1.0.11", Unsaid}, {"@group", "10.1.0.11", Unsaid},
	} {
		x := ExportClient{Host: c.host}
		if got := x.Matches(packet.MustAddr(c.addr)); got != c.want {
			t.Errorf("%s for %s: %d, want %d", c.host, c.addr, got, c.want)
		}
	}
	f := read(t, "/srv -ro,insecure 10.0.0.0/24(rw) (sync,secure)\n/ 10.0.0.1\n")
	a, b := f.Exports[0].Clients[0], f.Exports[0].Clients[1]
	if !reflect.DeepEqual(a.Options, []string{"ro", "insecure", "rw"}) || a.Has("secure", "insecure", true) || b.Host != "*" || !b.Has("secure", "insecure", true) || b.Has("rw", "ro", false) {
		t.Errorf("%+v %+v", a, b)
	}
	for path, want := range map[string]bool{"/srv": true, "/srv/": true, "/srv/a": true, "/srva": false, "/": false} {
		if got := f.Exports[0].Covers(path); got != want {
			t.Errorf("/srv covers %s: %v", path, got)
		}
	}
	if !f.Exports[1].Covers("/x") {
		t.Error("/ does not cover /x")
	}
}

func TestExports(t *testing.T) {
	f := read(t, "# exports\n/srv/a  10.0.0.0/24(rw,sync) \\\n  10.9.0.1(ro)\n\"/srv/with blank\" *(ro) # all\n/bare\n")
	if len(f.Exports) != 3 {
		t.Fatalf("%+v", f.Exports)
	}
	a, b := f.Exports[0], f.Exports[1]
	if a.Path != "/srv/a" || a.Line != 2 || len(a.Clients) != 2 || a.Clients[1].Host != "10.9.0.1" || a.Clients[0].Options[1] != "sync" {
		t.Errorf("%+v", a)
	}
	if b.Path != "/srv/with blank" || b.Line != 4 || b.Clients[0].Host != "*" {
		t.Errorf("%+v", b)
	}
}

// TestErrors: file and line are said, and a broken file leaves nothing behind.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"conn\n", "file:1: conn without a name"},
		{"conn a\n\tleft=1.2.3.4\n\tno setting\n", "file:3: is no setting"},
		{"conn a\n\tleft=1.2.3.4\nbroken line\n", "file:3: a line that begins at the margin"},
		{"connections {\n  a {\n", "ends before its closing brace"},
		{"connections {\n  a {\n  = 5 }\n}\n", "file:3: a setting or section without a name"},
		{"connections {\n", "ends within connections"},
		{"listen=YES\npasv_min_port=many\n", "file:2: is no port: many"},
		{"listen=YES\nnonsense\n", "file:2: is no setting"},
		{"/a *(ro)\nb\n", "file:2: an export begins with a path"},
		{"hello\n", "file: is neither ipsec.conf"},
		{"", "file: is neither"},
		{"a\x00b", "file: is no text"},
		{strings.Repeat("conn a\n", MaxSize/7+2), "file: is larger than"},
		{strings.Repeat("conn a\n\tleft=1\n", maxSections+1), "too many connections"},
		{"connections {\n x { " + strings.Repeat("a { ", 100) + "}", "nested too deeply"},
	} {
		x := &Context{}
		err := x.Add(here, "file", []byte(c.text))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.30q: %v, want %q", c.text, err, c.want)
		}
		if x.For(here) != nil {
			t.Errorf("%.30q left facts", c.text)
		}
	}
}

// TestAlsoGoesRound: parts that name each other end.
func TestAlsoGoesRound(t *testing.T) {
	f := read(t, "conn a\n\tleft=192.0.2.1\n\talso=b\nconn b\n\talso=a\n\tleft=192.0.2.1\n\talso=b\n")
	if len(f.Connections) != 2 || len(f.Connections[0].Proposals) != 0 {
		t.Errorf("%+v", f.Connections)
	}
}

func FuzzAdd(f *testing.F) {
	for _, s := range []string{ipsecConf, swanctlConf, "listen=YES\npasv_min_port=1\n", "/a b(c)\\\n d\n", "connections\n{ a { children { b { } } } }", "conn a\n\talso=a\n\tleft=%any\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &Context{}
		if err := c.Add(here, "file", b); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 0 || e.Line > strings.Count(string(b), "\n")+1 {
				t.Fatalf("error %v", err)
			}
			return
		}
		x := c.For(here)
		if len(x.Connections) > maxSections || len(x.Exports) > maxSections {
			t.Fatal("more than the bound")
		}
		for i := range x.Connections {
			for _, s := range []string{x.Connections[i].Name, x.Connections[i].LocalID, x.Connections[i].RemoteID} {
				if len(s) > maxText {
					t.Fatalf("a text of %d bytes", len(s))
				}
			}
		}
	})
}
