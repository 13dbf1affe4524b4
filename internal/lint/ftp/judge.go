package ftp

import (
	"fmt"

	"firestorm/internal/lint"
)

// Check says what is to be changed. outer is the address that clients reach, where the server stands behind address
// translation; empty: it does not, as far as is known.
func (s *Settings) Check(outer string) []lint.Problem {
	out := append([]lint.Problem(nil), s.problems...)
	add := func(l lint.Level, line int, what, why string, do ...string) {
		out = append(out, lint.Problem{Level: l, File: s.File, Line: line, What: what, Why: why, Do: do})
	}
	s.ranges(add)
	s.address(outer, add)
	s.encryption(add)
	return out
}

type adder func(l lint.Level, line int, what, why string, do ...string)

func (s *Settings) ranges(add adder) {
	if !s.Passive {
		add(lint.Warn, s.PassiveLine, "passive mode is off: the server connects to the client", "that passes no client's firewall, and with TLS no helper can see the port", "pasv_enable=YES, with a range")
		return
	}
	low, high, set := s.Range()
	switch {
	case s.Low == 0 && s.High == 0:
		level, why := lint.Warn, "a firewall has to let all ports through, or to read the control channel for the number (the FTP helper)"
		if s.TLS {
			level, why = lint.Wrong, "with TLS the firewall's helper cannot read which port is offered: logins work, listings hang"
		}
		add(level, s.TLSLine, "passive connections have no range: any port from 1024 on", why, s.rangeLine(goodLow, goodHigh))
		return
	case !set:
		add(lint.Wrong, s.RangeLine, fmt.Sprintf("the passive range ends before it begins: %d to %d", low, high), "", s.rangeLine(goodLow, goodHigh))
		return
	case s.Low == 0 || s.High == 0:
		add(lint.Warn, s.RangeLine, fmt.Sprintf("the passive range has one end only: %d to %d", low, high), "a firewall has to let all of that through", s.rangeLine(goodLow, goodHigh))
	}
	n := int(high) - int(low) + 1
	switch {
	case low < 1024:
		add(lint.Wrong, s.RangeLine, fmt.Sprintf("the passive range begins at %d: ports below 1024 belong to other services, and vsftpd leaves them alone", low), "", s.rangeLine(goodLow, goodHigh))
	case n < few:
		add(lint.Warn, s.RangeLine, fmt.Sprintf("%d passive ports are few", n), "each transfer holds one, and for a minute after its end: more clients, or many small files, get none", s.rangeLine(goodLow, goodHigh))
	case n > many:
		add(lint.Warn, s.RangeLine, fmt.Sprintf("%d passive ports are many", n), "whatever else listens on one of them is reachable too", s.rangeLine(goodLow, goodHigh))
	}
	if low <= lastOwn && high >= firstOwn {
		add(lint.Note, s.RangeLine, fmt.Sprintf("passive ports %d to %d lie where Linux takes the ports of its own connections from (%d to %d)", low, high, firstOwn, lastOwn),
			"now and then one is taken, and a transfer fails", fmt.Sprintf("sysctl -w net.ipv4.ip_local_reserved_ports=%d-%d, or %s", low, high, s.rangeLine(goodLow, goodHigh)))
	}
}

// rangeLine is the setting that makes a range.
func (s *Settings) rangeLine(low, high int) string {
	switch s.Server {
	case "proftpd":
		return fmt.Sprintf("PassivePorts %d %d", low, high)
	case "pure-ftpd":
		return fmt.Sprintf("PassivePortRange %d %d   (Debian: echo %d %d >/etc/pure-ftpd/conf/PassivePortRange)", low, high, low, high)
	}
	return fmt.Sprintf("pasv_min_port=%d and pasv_max_port=%d", low, high)
}

func (s *Settings) addressLine(a string) string {
	switch s.Server {
	case "proftpd":
		return "MasqueradeAddress " + a
	case "pure-ftpd":
		return "ForcePassiveIP " + a + "   (Debian: echo " + a + " >/etc/pure-ftpd/conf/ForcePassiveIP)"
	}
	return "pasv_address=" + a
}

func (s *Settings) address(outer string, add adder) {
	switch {
	case s.Address != "" && inside(s.Address):
		add(lint.Wrong, s.AddressLine, "the server tells clients to connect to "+s.Address+", an address that exists only inside", "clients outside get nowhere", s.addressLine("THE-OUTER-ADDRESS"))
	case outer != "" && s.Address == "":
		why := "the helper of the address translation rewrites it, as long as it can read it"
		level := lint.Warn
		if s.TLS {
			level, why = lint.Wrong, "with TLS nobody on the way can correct it"
		}
		add(level, 0, "the server tells clients its inner address", why, s.addressLine(outer))
	case outer != "" && s.Address != outer:
		add(lint.Wrong, s.AddressLine, fmt.Sprintf("the server tells clients to connect to %s, and is reached at %s", s.Address, outer), "", s.addressLine(outer))
	}
}

func (s *Settings) encryption(add adder) {
	switch {
	case !s.TLS && !s.Anonymous:
		add(lint.Warn, s.TLSLine, "logins are not encrypted: passwords travel in the clear", "RFC 4217, RFC 8314", s.tlsLine()+"; or offer SFTP, which is part of SSH and needs no second port")
	case !s.TLS:
		add(lint.Note, s.TLSLine, "nothing is encrypted: the firewall's helper can read the ports, and so can everybody", "", "a helper only for this server: nft ct helper set \"ftp\", tcp dport "+fmt.Sprint(s.Port))
	case !s.OnlyTLS:
		add(lint.Note, s.TLSLine, "logins without TLS are taken too", "for those a helper at the firewall works; for the others only the range does", s.onlyLine())
	}
	if s.TLS && !s.NoReuse {
		add(lint.Note, 0, "data connections have to resume the TLS session of the control channel", "it proves that both are of one client; clients that cannot do so fail at the first transfer with a TLS error, which no firewall causes")
	}
	if s.OldTLS != "" {
		add(lint.Wrong, s.OldTLSLine, s.OldTLS+" switches an outdated version on", "RFC 8996", "TLS 1.2 and later only")
	}
	if s.Implicit {
		add(lint.Note, 0, "TLS from the first byte (port 990): no helper ever sees a port", "")
	}
}

func (s *Settings) tlsLine() string {
	switch s.Server {
	case "proftpd":
		return "TLSEngine on, TLSRequired on"
	case "pure-ftpd":
		return "TLS 2   (Debian: echo 2 >/etc/pure-ftpd/conf/TLS)"
	}
	return "ssl_enable=YES"
}

func (s *Settings) onlyLine() string {
	switch s.Server {
	case "proftpd":
		return "TLSRequired on"
	case "pure-ftpd":
		return "TLS 2"
	}
	return "force_local_logins_ssl=YES and force_local_data_ssl=YES"
}
