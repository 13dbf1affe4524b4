package amplification

import (
	"net/netip"

	"firestorm/internal/finding"
)

// remedy says how the service is closed to those who need not use it, by what it is.
func (s *story) remedy(b *finding.Builder) {
	if !s.inside {
		b.Remedy(finding.AtServer, "if %s is not yours, tell its owner; if it is, name its network with --home-net and do as follows", s.server)
	}
	switch s.port {
	case 53:
		b.Remedy(finding.AtServer, "a resolver serves its own networks only (put yours in place of %s); others get a short refusal", s.net()).
			Run("unbound (in server:)", "access-control: 0.0.0.0/0 refuse").
			Run("unbound (in server:)", "access-control: ::0/0 refuse").
			Run("unbound (in server:)", "access-control: %s allow", s.net()).
			Run("BIND (in options)", "allow-recursion { localnets; localhost; }; allow-query-cache { localnets; localhost; };")
		b.Remedy(finding.AtServer, "a server of zones must answer everybody: limit how often it gives one address the same answer, and how long its answers are").
			Run("BIND (in options)", "rate-limit { responses-per-second 5; window 5; }; minimal-responses yes; minimal-any yes; max-udp-size 1232;").
			Run("unbound (in server:)", "ip-ratelimit: 20").
			Run("unbound (in server:)", "max-udp-size: 1232")
	case 123:
		b.Remedy(finding.AtServer, "answer questions for the time, and nothing about the server itself").
			Run("ntpd (ntp.conf)", "restrict default kod limited nomodify notrap nopeer noquery").
			Run("ntpd (ntp.conf)", "restrict -6 default kod limited nomodify notrap nopeer noquery").
			Run("ntpd (ntp.conf)", "disable monitor")
	case 161:
		b.Remedy(finding.AtServer, "let the management station alone ask, and with SNMPv3; no community that everybody knows (put its address in place of %s)", s.net()).
			Run("net-snmp (snmpd.conf)", "rocommunity a-long-secret %s", s.net())
	case 389:
		b.Remedy(finding.AtServer, "no directory needs to be asked over UDP from outside: close the port there; clients outside use TCP with TLS")
	case 1900:
		b.Remedy(finding.AtServer, "SSDP is for the own network only: switch UPnP off on the outer interface, or altogether").
			Run("Linux, miniupnpd", "systemctl disable --now miniupnpd")
	case 11211:
		b.Remedy(finding.AtServer, "memcached needs no UDP, and no listener outside: options of its start").
			Run("memcached", "memcached -U 0 -l 127.0.0.1")
	}
	fam := "ip"
	if !s.server.Is4() {
		fam = "ip6"
	}
	b.Remedy(finding.AtFirewall, "let only own networks reach the service (put yours in place of %s), or limit what one address may ask", s.net()).
		Run("nftables", "nft insert rule inet filter forward %s daddr %s udp dport %d %s saddr != %s drop", fam, s.server, s.port, fam, s.net()).
		Run("nftables, instead, where everybody must be served", "nft insert rule inet filter forward %s daddr %s udp dport %d meter asked { %s saddr limit rate over 10/second } drop", fam, s.server, s.port, fam)
	b.Remedy(finding.AtRouter, "where own machines forge addresses, drop at the edge what leaves with foreign ones (BCP 38)")
	b.Check(s.check())
}

// net is the network that the server's own clients are taken to be in.
func (s *story) net() string {
	bits := 64
	if s.server.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(s.server.Netip(), bits).Masked().String()
}

func (s *story) check() (command, note string) {
	from := "from an address outside; no long answer may come"
	a := s.server.String()
	switch s.port {
	case 53:
		return "dig +bufsize=4096 @" + a + " . ANY", from
	case 123:
		return "ntpq -n -c mrulist " + a, from
	case 161:
		return "snmpbulkget -v2c -c public " + a + " 1.3.6.1.2.1", from
	case 389:
		return "nmap -sU -p 389 --script ldap-rootdse " + a, from
	case 1900:
		return "nmap -sU -p 1900 --script upnp-info " + a, from
	}
	return "nmap -sU -p 11211 --script memcached-info " + a, from
}
