// Package ftp looks for what makes an FTP server hard to put behind a firewall: passive ports without a range, addresses
// that only the server's own network knows, and encryption that blinds the firewall's helper.
package ftp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"firestorm/internal/lint"
)

// Settings are what a server's configuration says of data connections and encryption. Lines are 0 where it says nothing.
type Settings struct {
	Server      string // "vsftpd", "proftpd" or "pure-ftpd"
	File        string
	Port        uint16 // of the control channel
	Low, High   uint16 // passive range; 0: any
	RangeLine   int
	Address     string // what the server tells as its address; empty: that of the connection
	AddressLine int
	TLS         bool
	TLSLine     int
	OnlyTLS     bool // logins without encryption are refused
	Implicit    bool // TLS from the first byte (port 990)
	Passive     bool
	PassiveLine int
	NoReuse     bool // data connections need not resume the control channel's TLS session
	Anonymous   bool
	OldTLS      string // an outdated version that is switched on, as the file names it
	OldTLSLine  int
	problems    []lint.Problem
}

// Ports that Linux gives to connections of its own (net.ipv4.ip_local_port_range).
const (
	firstOwn = 32768
	lastOwn  = 60999
	// few is how many passive ports are few: each transfer holds one, and for a minute after its end.
	few = 10
	// many is how many are more than a firewall should let through.
	many = 2000
	// goodLow and goodHigh are a range outside of Linux's own that is large enough for most.
	goodLow, goodHigh = 61000, 61100
)

// ErrUnknown is a file that is none of the three servers'.
var ErrUnknown = errors.New("is no configuration of vsftpd, ProFTPD or Pure-FTPd")

// maxFile bounds a file in bytes.
const maxFile = 1 << 20

// Parse reads a configuration: vsftpd.conf, proftpd.conf or pure-ftpd.conf; which it is, its contents tell.
func Parse(name string, text []byte) (*Settings, error) {
	if len(text) > maxFile || bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s is no text", name)
	}
	lines := strings.Split(string(text), "\n")
	s := &Settings{File: name, Port: 21, Passive: true}
	switch kind(lines) {
	case "vsftpd":
		s.vsftpd(lines)
	case "proftpd":
		s.proftpd(lines)
	case "pure-ftpd":
		s.pureftpd(lines)
	default:
		return nil, fmt.Errorf("%s %w", name, ErrUnknown)
	}
	return s, nil
}

// kind counts the words that only one of the servers has.
func kind(lines []string) string {
	marks := map[string][]string{
		"vsftpd":    {"listen", "listen_ipv6", "pasv_min_port", "pasv_max_port", "pasv_enable", "pasv_address", "ssl_enable", "anonymous_enable", "local_enable", "listen_port", "write_enable", "secure_chroot_dir", "pam_service_name", "chroot_local_user"},
		"proftpd":   {"servername", "servertype", "passiveports", "masqueradeaddress", "tlsengine", "defaultserver", "maxinstances", "tlsrequired", "defaultroot", "useipv6"},
		"pure-ftpd": {"passiveportrange", "forcepassiveip", "chrooteveryone", "noanonymous", "maxclientsnumber", "maxclientsperip", "pamauthentication", "brokenclientscompatibility"},
	}
	best, most := "", 0
	for _, server := range []string{"vsftpd", "proftpd", "pure-ftpd"} {
		n := 0
		for _, l := range lines {
			k := strings.ToLower(strings.TrimSpace(l))
			if i := strings.IndexAny(k, "= \t"); i >= 0 {
				if (server == "vsftpd") != (k[i] == '=') {
					continue
				}
				k = k[:i]
			} else {
				continue
			}
			for _, m := range marks[server] {
				if k == m {
					n++
				}
			}
		}
		if n > most {
			best, most = server, n
		}
	}
	return best
}

func (s *Settings) odd(line int, format string, a ...any) {
	s.problems = append(s.problems, lint.Problem{Level: lint.Wrong, File: s.File, Line: line, What: fmt.Sprintf(format, a...)})
}

func (s *Settings) port(line int, v string) uint16 {
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 16)
	if err != nil {
		s.odd(line, "%q is no port", v)
	}
	return uint16(n)
}

func yes(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "yes", "on", "true", "1":
		return true
	}
	return false
}

// vsftpd reads KEY=VALUE; blanks around = are an error to vsftpd itself.
func (s *Settings) vsftpd(lines []string) {
	s.Server, s.Anonymous = "vsftpd", false
	force := map[string]bool{"force_local_logins_ssl": true, "force_local_data_ssl": true}
	for i, l := range lines {
		n := i + 1
		l = strings.TrimRight(l, "\r \t")
		if l == "" || l[0] == '#' {
			continue
		}
		k, v, ok := strings.Cut(l, "=")
		if !ok {
			s.odd(n, "%q is no setting: vsftpd does not start with it", l)
			continue
		}
		if k != strings.TrimSpace(k) || v != strings.TrimLeft(v, " \t") {
			s.odd(n, "blanks around = of %q: vsftpd does not start with them", strings.TrimSpace(k))
		}
		v = strings.TrimSpace(v)
		switch strings.TrimSpace(k) {
		case "listen_port":
			s.Port = s.port(n, v)
		case "pasv_enable":
			s.Passive, s.PassiveLine = yes(v), n
		case "pasv_min_port":
			s.Low, s.RangeLine = s.port(n, v), n
		case "pasv_max_port":
			s.High, s.RangeLine = s.port(n, v), n
		case "pasv_address":
			s.Address, s.AddressLine = v, n
		case "ssl_enable":
			s.TLS, s.TLSLine = yes(v), n
		case "implicit_ssl":
			s.Implicit = yes(v)
		case "require_ssl_reuse":
			s.NoReuse = !yes(v)
		case "anonymous_enable":
			s.Anonymous = yes(v)
		case "force_local_logins_ssl", "force_local_data_ssl":
			force[strings.TrimSpace(k)] = yes(v)
		case "ssl_sslv2", "ssl_sslv3":
			if yes(v) {
				s.OldTLS, s.OldTLSLine = k, n
			}
		}
	}
	s.OnlyTLS = s.TLS && force["force_local_logins_ssl"]
}

// words splits a line of the other two; a comment begins with #.
func words(l string) []string {
	l, _, _ = strings.Cut(l, "#")
	return strings.Fields(l)
}

func (s *Settings) proftpd(lines []string) {
	s.Server = "proftpd"
	for i, l := range lines {
		n, w := i+1, words(l)
		if len(w) < 2 {
			continue
		}
		switch strings.ToLower(w[0]) {
		case "port":
			s.Port = s.port(n, w[1])
		case "passiveports":
			if len(w) != 3 {
				s.odd(n, "PassivePorts takes the first and the last port")
				continue
			}
			s.Low, s.High, s.RangeLine = s.port(n, w[1]), s.port(n, w[2]), n
		case "masqueradeaddress":
			s.Address, s.AddressLine = w[1], n
		case "tlsengine":
			s.TLS, s.TLSLine = yes(w[1]), n
		case "tlsrequired":
			s.OnlyTLS = yes(w[1])
		case "tlsoptions":
			for _, o := range w[1:] {
				s.NoReuse = s.NoReuse || strings.EqualFold(o, "NoSessionReuseRequired")
				s.Implicit = s.Implicit || strings.EqualFold(o, "UseImplicitSSL")
			}
		case "tlsprotocol":
			for _, o := range w[1:] {
				if strings.EqualFold(o, "SSLv3") || strings.EqualFold(o, "SSLv23") || strings.EqualFold(o, "TLSv1") || strings.EqualFold(o, "TLSv1.1") {
					s.OldTLS, s.OldTLSLine = "TLSProtocol "+o, n
				}
			}
		case "<anonymous":
			s.Anonymous = true
		}
	}
	s.OnlyTLS = s.OnlyTLS && s.TLS
}

func (s *Settings) pureftpd(lines []string) {
	s.Server, s.Anonymous = "pure-ftpd", true
	for i, l := range lines {
		n, w := i+1, words(l)
		if len(w) < 2 {
			continue
		}
		switch strings.ToLower(w[0]) {
		case "bind":
			_, p, ok := strings.Cut(w[1], ",")
			if ok && p != "" && p != "21" {
				s.Port = s.port(n, p)
			}
		case "passiveportrange":
			if len(w) == 2 {
				w = append(w[:1], strings.FieldsFunc(w[1], func(r rune) bool { return r == ':' || r == '-' })...)
			}
			if len(w) != 3 {
				s.odd(n, "PassivePortRange takes the first and the last port")
				continue
			}
			s.Low, s.High, s.RangeLine = s.port(n, w[1]), s.port(n, w[2]), n
		case "forcepassiveip":
			s.Address, s.AddressLine = w[1], n
		case "noanonymous":
			s.Anonymous = !yes(w[1])
		case "tls":
			s.TLS, s.TLSLine = w[1] != "0", n
			s.OnlyTLS = w[1] == "2" || w[1] == "3"
		}
	}
}

// Range returns the passive ports to let through; set: the configuration narrows them.
func (s *Settings) Range() (low, high uint16, set bool) {
	if s.Low == 0 && s.High == 0 {
		return 1024, 65535, false
	}
	low, high = s.Low, s.High
	if low == 0 {
		low = 1024
	}
	if high == 0 {
		high = 65535
	}
	return low, high, low <= high
}

// inside is the address of a network that the world does not reach.
func inside(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified())
}
