package ipsec

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/ipsecconf"
)

// memory is a set of files by name.
type memory map[string]string

func (m memory) Read(name string) ([]byte, fs.FileMode, error) {
	s, ok := m[name]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(s), 0o600, nil
}

func (m memory) Glob(pattern string) ([]string, error) {
	var out []string
	for _, n := range sorted(m) {
		ok, err := path.Match(pattern, n)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, n)
		}
	}
	return out, nil
}

func load(t *testing.T, m memory, opt Options, names ...string) *Side {
	t.Helper()
	s, err := Load(m, names, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// codes are the codes of notes, each once.
func codes(ns []Note) map[string]Note {
	out := map[string]Note{}
	for _, n := range ns {
		out[n.Code] = n
	}
	return out
}

const oneConn = "conn a\n\tleft=192.0.2.1\n\tright=192.0.2.9\n\tkeyexchange=ikev2\n\tauthby=psk\n\tauto=add\n"

func TestInclude(t *testing.T) {
	m := memory{"d/ipsec.conf": "include ipsec.d/*.conf\ninclude gone.conf\n", "d/ipsec.d/1.conf": "include ../ipsec.conf\n" + oneConn, "d/ipsec.d/2.conf": "conn b\n\talso=a\n\tright=192.0.2.10\n",
		"d/ipsec.secrets": "include more.secrets\n", "d/more.secrets": "192.0.2.1 192.0.2.9 : PSK \"W8q3Lr/0aZk72mXe9Tb5cVsHdYuJi\"\n"}
	s := load(t, m, Options{}, "d/ipsec.conf", "d/ipsec.secrets")
	if len(s.Conns) != 2 || len(s.Secrets) != 1 || s.Conns[1].Keys["authby"].File != "d/ipsec.d/1.conf" {
		t.Errorf("%d connections, %d keys", len(s.Conns), len(s.Secrets))
	}
	n := codes(s.Notes)
	if len(n) != 1 || n["include-missing"].Line != 2 || n["include-missing"].File != "d/ipsec.conf" {
		t.Errorf("%+v", n)
	}
}

// TestIncludeBounded: a chain without end, and very many files.
func TestIncludeBounded(t *testing.T) {
	m := memory{"0.conf": "conn x\n\tleft=192.0.2.1\n"}
	for i := range 40 {
		m[itoa(i)+".conf"] = "include " + itoa(i+1) + ".conf\nconn c" + itoa(i) + "\n"
	}
	_, err := Load(m, []string{"0.conf"}, Options{})
	if err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Errorf("chain: %v", err)
	}
	m = memory{"ipsec.conf": "include d/*\n"}
	for i := range ipsecconf.MaxFiles + 1 {
		m["d/"+itoa(i)] = oneConn
	}
	if _, err = Load(m, []string{"ipsec.conf"}, Options{}); err == nil || !strings.Contains(err.Error(), "one file too many") {
		t.Errorf("many files: %v", err)
	}
}

func TestDirectory(t *testing.T) {
	d := t.TempDir()
	for n, text := range map[string]string{"ipsec.conf": "include ipsec.d/*.conf\n", "ipsec.d/a.conf": oneConn, "ipsec.secrets": "192.0.2.1 192.0.2.9 : PSK \"W8q3Lr/0aZk72mXe9Tb5cVsHdYuJi\"\n",
		"swanctl/conf.d/x.conf": "connections {\n b {\n  remote_addrs = 192.0.2.7\n }\n}\n", "ipsec.d/other.secrets": "# nothing\n", "conf.d/x.conf": "not = ours\n"} {
		p := filepath.Join(d, n)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(Disk{}, []string{d}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Conns) != 2 || len(s.Secrets) != 1 {
		t.Errorf("%d connections, %d keys of %v", len(s.Conns), len(s.Secrets), s.Files)
	}
	if n := codes(s.Notes)["secrets-readable"]; n.Level != "high" || !strings.Contains(n.What, "0644") {
		t.Errorf("mode: %+v", n)
	}
	if err := os.Chmod(filepath.Join(d, "ipsec.secrets"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(d, "ipsec.d/other.secrets"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = Load(Disk{}, []string{d}, Options{})
	if n, ok := codes(s.Notes)["secrets-readable"]; ok {
		t.Errorf("mode 600: %+v", n)
	}
	if _, err := Load(Disk{}, []string{t.TempDir()}, Options{}); err == nil || !strings.Contains(err.Error(), "holds no ipsec.conf") {
		t.Errorf("empty folder: %v", err)
	}
	if s, err = Load(Disk{Stdin: strings.NewReader(oneConn)}, []string{"-"}, Options{}); err != nil || len(s.Conns) != 1 {
		t.Errorf("standard input: %v", err)
	}
}

func TestBroken(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"ipsec.conf", "conn a\n\tleft=1\n\tno setting\n", "ipsec.conf:3: is no setting"},
		{"ipsec.conf", "conn a\nleft=192.0.2.1\n", "ipsec.conf:2: a line that begins at the margin"},
		{"ipsec.conf", "conn\n", "ipsec.conf:1: conn without a name"},
		{"ipsec.conf", "include\nconn a\n", "ipsec.conf:1: include without a name"},
		{"ipsec.conf", "include [\nconn a\n", "ipsec.conf:1: include: the pattern"},
		{"swanctl.conf", "connections {\n a {\n", "ends before its closing brace"},
		{"swanctl.conf", "connections {\n}\n}\n", "swanctl.conf:3: a closing brace too many"},
		{"x.secrets", "a b : PSK \"swordfish\n", "x.secrets:1: is no entry"},
		{"x.secrets", ": RSA key.pem\nswordfish\n", "x.secrets:2: is no entry"},
		{"f.facts", "[sonicwall a]\npasswort = 1\n", "f.facts:2: no field of that name"},
		{"f.facts", "[sonicwall a]\nike encryption = ROT13\n", "f.facts:2: no cipher of that name"},
		{"f.facts", "[sonicwall a]\nike encryption = AES-256\nike authentication = CRC\n", "f.facts:3: no check value"},
		{"f.facts", "[sonicwall a]\nike encryption = AES-256\nike dh group = 99\n", "f.facts:3: no Diffie-Hellman group"},
		{"f.facts", "[sonicwall a]\nexchange = quick\n", "f.facts:2: exchange is none of"},
		{"f.facts", "[sonicwall a]\npfs = perhaps\n", "f.facts:2: pfs is yes or no"},
		{"f.facts", "[sonicwall a]\nauthentication method = handshake\n", "f.facts:2: authentication method"},
		{"f.facts", "[sonicwall a]\nhello\n", "f.facts:2: is no field"},
		{"f.facts", "[sonicwall a]\n[b]\n", "f.facts:2: a policy begins with"},
		{"hello", "hello\n", "hello: is neither ipsec.conf"},
		{"empty", "", "empty: is neither"},
		{"nul", "conn a\x00", "nul: is no text"},
	} {
		_, err := Load(memory{c.name: c.text}, []string{c.name}, Options{})
		var e *ipsecconf.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := Load(memory{}, []string{"gone"}, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestGuess(t *testing.T) {
	for text, want := range map[string]string{
		"version 2.0\nconfig setup\n\tklipsdebug=none\nconn a\n\tleft=%defaultroute\n":                             "FreeS/WAN 2",
		"version 2.0\nconfig setup\n\tnat_traversal=yes\n\tvirtual_private=x\nconn a\n\tleft=1\n\tphase2alg=aes\n": "Openswan 2.6.51",
		"conn a\n\tleft=192.0.2.1\n\tikev2=insist\n\tike=aes256-sha2;dh14\n":                                       "libreswan 4.10",
		"conn a\n\tleft=192.0.2.1\n\tkeyexchange=ikev1\n\tike=aes128-sha1-modp1024!\n":                             "strongSwan 5.9.8",
		"conn a\n\tleft=192.0.2.1\n":                                                 "strongSwan 5.9.8",
		"conn a\n\tleft=192.0.2.1\n\tauthby=secret\n\tpfs=no\n":                      "libreswan 4.10",
		"conn a\n\tleft=192.0.2.1\n\tleftauth=psk\n\tpfs=no\n":                       "strongSwan 5.9.8",
		"version 2\nconn a\n\tleft=192.0.2.1\n\tike=aes-sha1\n\tprotostack=netkey\n": "Openswan 2.6.51",
	} {
		s := load(t, memory{"ipsec.conf": text}, Options{}, "ipsec.conf")
		if got := s.Flavour.String(); got != want || s.Flavour.Guess == "" {
			t.Errorf("%q: %s (%s), want %s", text, got, s.Flavour.Guess, want)
		}
	}
	for _, bad := range []string{"racoon", "libreswan:x", "libreswan:1.2.3.4.5", "", "libreswan:"} {
		if _, err := ParseFlavour(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if f, err := ParseFlavour("FreeS/WAN:2.06"); err != nil || f.Program != FreeSWAN || f.Version.Before(2, 6) || !f.Version.Before(2, 7) {
		t.Errorf("%v %v", f, err)
	}
}
