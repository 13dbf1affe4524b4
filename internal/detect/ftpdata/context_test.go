package ftpdata_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

// TestContextHidden: the server's own file tells FTP's ports from others, and which range to open.
func TestContextHidden(t *testing.T) {
	const tls = "listen=YES\nssl_enable=YES\n"
	for _, c := range []struct {
		name, dir, conf string
		want            finding.Confidence
		says, not       []string
	}{
		{"a range", "ftp-tls-hidden", tls + "pasv_min_port=50000\npasv_max_port=50010\n", finding.Certain,
			[]string{"vsftpd.conf of 10.2.0.2 (conf-of-10.2.0.2): line 3 says pasv_min_port=50000, line 4 pasv_max_port=50010; ports 50002 and 50004 lie in it: a firewall can simply open that range",
				"keeps these ports for FTP's data", "allow exactly the passive range of vsftpd.conf of 10.2.0.2", "tcp dport 50000-50010 accept", "--dport 50000:50010"}, []string{"50100", "proftpd  "}},
		{"no range", "ftp-tls-hidden", tls, finding.Certain, []string{"no line names a passive range", "any port from 1024 to 65535", "tcp dport 50000-50100 accept", "pasv_min_port=50000"},
			[]string{"/etc/proftpd/conf.d", "not what this server runs"}},
		{"a wide range", "ftp-tls-hidden", tls + "pasv_min_port=20000\n", finding.Certain, []string{"line 3 says pasv_min_port=20000, and no line pasv_max_port", "any port from 20000 to 65535, too many"}, nil},
		{"another range", "ftp-tls-hidden", tls + "pasv_min_port=40000\npasv_max_port=40100\n", finding.Likely,
			[]string{"ports 50002 and 50004 lie outside of that", "or: a connection of another program between the two: by vsftpd.conf of 10.2.0.2 (conf-of-10.2.0.2) the server offers other ports", "tcp dport 40000-40100"}, nil},
		{"passive forbidden", "ftp-tls-hidden", tls + "pasv_enable=NO\n", finding.Likely, []string{"forbids passive connections (pasv_enable=NO)"}, nil},
		{"without TLS", "ftp-tls-hidden", "listen=YES\npasv_min_port=40000\npasv_max_port=40100\n", finding.Certain,
			[]string{"is not what this server runs: it does not switch encryption on (ssl_enable), and the server accepted it", "50000-50100"}, []string{"40000"}},
		{"another port", "ftp-tls-hidden", tls + "listen_port=2121\npasv_min_port=40000\npasv_max_port=40100\n", finding.Certain,
			[]string{"it is for port 2121, and this login went to port 21"}, []string{"40000"}},
		{"the server calls", "ftp-tls-active", tls + "pasv_min_port=40000\npasv_max_port=40100\n", finding.Certain, []string{"line 2 switches encryption on; line 3 says pasv_min_port=40000"}, []string{"outside of that"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.dir + "/inside.pcap"
			if c.dir == "ftp-tls-active" {
				file = c.dir + "/outside.pcap"
			}
			f := find(t, detecttest.RunWith(t, map[string]string{"10.2.0.2": c.conf}, file).Findings, hidden, c.want)
			detecttest.Says(t, f, c.says...)
			detecttest.SaysNot(t, f, c.not...)
		})
	}
	// a file makes no finding where the packets show none, and nothing surer where only the control channel is seen
	conf := map[string]string{"10.2.0.2": tls + "pasv_min_port=50000\npasv_max_port=50010\n"}
	detecttest.None(t, detecttest.RunWith(t, conf, "ftp-tls-hidden-remedied/inside.pcap"), hidden, private)
	detecttest.Says(t, find(t, detecttest.RunWith(t, conf, "ftp-tls-hidden/outside.pcap").Findings, hidden, finding.Possible), "data connections go to ports 50000 to 50010")
}

// TestContextPrivate: the file says why the server offered the address, and which line to change.
func TestContextPrivate(t *testing.T) {
	for _, c := range []struct {
		name, host, conf string
		says, not        []string
	}{
		{"no address", "198.51.100.1", "listen=YES\npasv_min_port=50000\npasv_max_port=50010\n",
			[]string{"has no pasv_address", `printf 'pasv_address=198.51.100.1\n' >>/etc/vsftpd.conf`, "passive ports (50000 to 50010)"}, []string{"50100"}},
		{"under its inner address", "10.2.0.2", "listen=YES\n", []string{"vsftpd.conf of 10.2.0.2 (conf-of-10.2.0.2) has no pasv_address", "pasv_min_port=50000"}, nil},
		{"the inner address", "198.51.100.1", "listen=YES\npasv_address=10.2.0.2\n",
			[]string{"line 2 says pasv_address=10.2.0.2: the server offers what it was told", "sed -i 's/^pasv_address=.*/pasv_address=198.51.100.1/' /etc/vsftpd.conf"}, nil},
		{"not loaded", "198.51.100.1", "listen=YES\npasv_address=198.51.100.1\n", []string{"and 10.2.0.2 was offered: the file is not loaded yet"}, []string{"printf 'pasv_address", "sed -i"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := find(t, detecttest.RunWith(t, map[string]string{c.host: c.conf}, "ftp-private-address/inside.pcap").Findings, private, finding.Certain)
			detecttest.Says(t, f, c.says...)
			detecttest.SaysNot(t, f, c.not...)
		})
	}
	// the client's own offer is no matter of the server's file
	f := find(t, detecttest.RunWith(t, map[string]string{"203.0.113.2": "listen=YES\npasv_address=10.1.0.11\n"}, "ftp-private-port/outside.pcap").Findings, private, finding.Certain)
	detecttest.SaysNot(t, f, "vsftpd.conf of")
}
