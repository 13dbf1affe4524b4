package ftp

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/lint"
)

func text(ps []lint.Problem) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&b, "%s %s: %s | %s | %s\n", p.Level, p.Place(), p.What, p.Why, strings.Join(p.Do, " / "))
	}
	return b.String()
}

func TestServers(t *testing.T) {
	for _, c := range []struct {
		name, in, server string
		low, high, port  uint16
		tls, only        bool
		address          string
	}{
		{"vsftpd", "listen=YES\nlisten_port=2121\npasv_min_port=61000\npasv_max_port=61010\nssl_enable=YES\npasv_address=203.0.113.5\n", "vsftpd", 61000, 61010, 2121, true, true, "203.0.113.5"},
		{"vsftpd, both", "listen=YES\nssl_enable=YES\nforce_local_logins_ssl=NO\n", "vsftpd", 0, 0, 21, true, false, ""},
		{"proftpd", "ServerName \"x\"\nPassivePorts 61000 61010 # few\nMasqueradeAddress ftp.example\n<IfModule mod_tls.c>\n TLSEngine on\n TLSRequired on\n</IfModule>\n", "proftpd", 61000, 61010, 21, true, true, "ftp.example"},
		{"pure-ftpd", "ChrootEveryone yes\nPassivePortRange 61000 61010\nTLS 2\nForcePassiveIP 203.0.113.5\nBind 192.0.2.1,2121\n", "pure-ftpd", 61000, 61010, 2121, true, true, "203.0.113.5"},
		{"pure-ftpd, Debian", "NoAnonymous yes\nPassivePortRange 61000:61010\nTLS 1\n", "pure-ftpd", 61000, 61010, 21, true, false, ""},
	} {
		s, err := Parse("f", []byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s.Server != c.server || s.Low != c.low || s.High != c.high || s.Port != c.port || s.TLS != c.tls || s.OnlyTLS != c.only || s.Address != c.address || len(s.problems) > 0 {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	for _, bad := range []string{"", "hello\n", "[mountd]\nport=892\n", "a\x00b"} {
		if _, err := Parse("f", []byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestCheck(t *testing.T) {
	const good = "listen=YES\npasv_min_port=61000\npasv_max_port=61100\nssl_enable=YES\nrequire_ssl_reuse=NO\n"
	for _, c := range []struct{ name, in, outer, has, hasNot string }{
		{"good", good, "", "", ":"},
		{"no range, TLS", "listen=YES\nssl_enable=YES\n", "", "wrong f:2: passive connections have no range", ""},
		{"no range, clear", "listen=YES\nanonymous_enable=YES\n", "", "warning f: passive connections have no range", "wrong"},
		{"one end", "listen=YES\npasv_min_port=61000\n", "", "has one end only: 61000 to 65535", ""},
		{"the wrong way round", "listen=YES\npasv_min_port=62000\npasv_max_port=61000\n", "", "ends before it begins", ""},
		{"few", strings.Replace(good, "61100", "61003", 1), "", "4 passive ports are few", ""},
		{"many", "listen=YES\nssl_enable=YES\npasv_min_port=1024\npasv_max_port=65000\n", "", "passive ports are many", ""},
		{"Linux's own", strings.Replace(strings.Replace(good, "61000", "50000", 1), "61100", "50100", 1), "", "ip_local_reserved_ports=50000-50100", ""},
		{"of other services", "listen=YES\npasv_min_port=900\npasv_max_port=950\n", "", "belong to other services", ""},
		{"inner address", good + "pasv_address=192.168.0.5\n", "", "wrong f:6: the server tells clients to connect to 192.168.0.5, an address that exists only inside", ""},
		{"translated", good, "203.0.113.5", "pasv_address=203.0.113.5", ""},
		{"another address", good + "pasv_address=203.0.113.6\n", "203.0.113.5", "is reached at 203.0.113.5", ""},
		{"clear logins", "listen=YES\npasv_min_port=61000\npasv_max_port=61100\n", "", "logins are not encrypted", ""},
		{"active only", good + "pasv_enable=NO\n", "", "passive mode is off", ""},
		{"outdated", good + "ssl_sslv3=YES\n", "", "ssl_sslv3 switches an outdated version on", ""},
		{"blanks", "listen=YES\npasv_min_port = 61000\n", "", "vsftpd does not start with them", ""},
		{"reuse", strings.Replace(good, "require_ssl_reuse=NO\n", "", 1), "", "have to resume the TLS session", "warning"},
		{"proftpd", "ServerName x\nPassivePorts 61100 61000\n", "", "PassivePorts 61000 61100", ""},
		{"pure-ftpd", "ChrootEveryone yes\nTLS 1\n", "", "PassivePortRange", ""},
	} {
		s, err := Parse("f", []byte(c.in))
		if err != nil {
			t.Fatal(c.name, err)
		}
		if got := text(s.Check(c.outer)); !strings.Contains(got, c.has) || c.hasNot != "" && strings.Contains(got, c.hasNot) {
			t.Errorf("%s:\n%s", c.name, got)
		}
		if strings.Contains(text(s.Check(c.outer)), "ssl_enable=NO") {
			t.Errorf("%s: it says to switch encryption off", c.name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("listen=YES\npasv_min_port=61000\npasv_max_port=x\n"), "203.0.113.5")
	f.Add([]byte("ServerName x\nPassivePorts 1\nTLSProtocol SSLv3\n"), "")
	f.Add([]byte("ChrootEveryone yes\nPassivePortRange 1:2\nBind ,\n"), "")
	f.Fuzz(func(t *testing.T, b []byte, outer string) {
		s, err := Parse("f", b)
		if err != nil {
			return
		}
		s.Check(outer)
		if low, high, set := s.Range(); set && low > high {
			t.Errorf("%d to %d", low, high)
		}
	})
}
