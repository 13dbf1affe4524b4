package filter

// protocol names one protocol qualifier of the language.
type protocol uint8

const (
	pNone protocol = iota
	pLink
	pIP
	pIP6
	pARP
	pRARP
	pTCP
	pUDP
	pSCTP
	pICMP
	pICMP6
	pIGMP
	pIGRP
	pPIM
	pVRRP
	pCARP
	pAH
	pESP
	pSTP
	pNetBEUI
	pATalk
	pAARP
	pDECnet
	pLAT
	pSCA
	pMOPRC
	pMOPDL
)

// protoWords are the words that qualify or name a protocol. The link-layer
// words all mean "the link layer of this capture", as in libpcap.
var protoWords = map[string]protocol{
	"link": pLink, "ether": pLink, "ppp": pLink, "slip": pLink, "fddi": pLink, "tr": pLink, "wlan": pLink,
	"ip": pIP, "ip6": pIP6, "arp": pARP, "rarp": pRARP,
	"tcp": pTCP, "udp": pUDP, "sctp": pSCTP, "icmp": pICMP, "icmp6": pICMP6,
	"igmp": pIGMP, "igrp": pIGRP, "pim": pPIM, "vrrp": pVRRP, "carp": pCARP,
	"ah": pAH, "esp": pESP, "stp": pSTP, "netbeui": pNetBEUI,
	"atalk": pATalk, "aarp": pAARP, "decnet": pDECnet, "lat": pLAT, "sca": pSCA,
	"moprc": pMOPRC, "mopdl": pMOPDL,
}

// EtherTypes of the protocols that a link-layer type alone identifies.
var etherTypes = map[protocol]uint32{
	pIP: etherIP, pIP6: etherIP6, pARP: etherARP, pRARP: etherRARP,
	pATalk: etherATalk, pAARP: etherAARP, pDECnet: 0x6003, pLAT: 0x6004,
	pSCA: 0x6007, pMOPRC: 0x6002, pMOPDL: 0x6001, pSTP: sapSTP, pNetBEUI: sapNetBEUI,
}

// IP protocol numbers (IANA protocol-numbers). both says that the bare word
// also covers IPv6.
var ipProtos = map[protocol]struct {
	num  uint32
	both bool
}{
	pTCP: {6, true}, pUDP: {17, true}, pSCTP: {132, true}, pPIM: {103, true},
	pAH: {51, true}, pESP: {50, true}, pICMP: {1, false}, pIGMP: {2, false},
	pIGRP: {9, false}, pVRRP: {112, false}, pCARP: {112, false},
}

// refusedWords are reserved in libpcap and not understood here.
var refusedWords = map[string]string{
	"protochain": `it needs a loop over headers, which the kernel refuses; try "ip proto", "ip6 proto" or the plain protocol name`,
	"gateway":    `it needs a resolver and an ethers file; try "ether host MAC and not host ADDRESS"`,
	"geneve":     `try "udp port 6081"`,
	"llc":        `try "ether proto" with a number below 1500`,
	"ipx":        `try "ether proto 0x8137"`,
	"radio":      `radio headers are not read`,
	"ifindex":    `capture on that interface instead`,
}

func init() {
	for _, w := range []string{"iso", "esis", "es-is", "isis", "is-is", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "clnp"} {
		refusedWords[w] = `OSI protocols are not read; try "ether proto 0xfe"`
	}
	for _, w := range []string{"type", "subtype", "direction", "dir", "address1", "addr1", "address2", "addr2",
		"address3", "addr3", "address4", "addr4", "ra", "ta"} {
		refusedWords[w] = `802.11 primitives are not read; try "ether[OFFSET]" on the captured header`
	}
	for _, w := range []string{"lane", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "vpi",
		"vci", "connectmsg", "metaconnect"} {
		refusedWords[w] = "ATM primitives are not read"
	}
	for _, w := range []string{"on", "ifname", "rset", "ruleset", "rnr", "rulenum", "srnr", "subrulenum", "reason", "action"} {
		refusedWords[w] = "pf log primitives are not read"
	}
	for _, w := range []string{"fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls",
		"hsio", "hopc", "hdpc", "hsls"} {
		refusedWords[w] = "SS7 primitives are not read"
	}
	for w := range refusedWords {
		reserved[w] = true
	}
	for w := range protoWords {
		reserved[w] = true
	}
}

// reserved words; a name equal to one must be written after a backslash.
var reserved = map[string]bool{
	"src": true, "dst": true, "host": true, "net": true, "mask": true, "port": true, "portrange": true,
	"proto": true, "less": true, "greater": true, "byte": true, "broadcast": true, "multicast": true,
	"and": true, "or": true, "not": true, "len": true, "length": true, "inbound": true, "outbound": true,
	"vlan": true, "mpls": true, "pppoed": true, "pppoes": true,
}

// constants are names that stand for numbers: offsets and values in the TCP,
// ICMP (RFC 792) and ICMPv6 (RFC 4443) headers.
var constants = map[string]uint32{
	"tcpflags": 13, "tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08,
	"tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,

	"icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4,
	"icmp-redirect": 5, "icmp-echo": 8, "icmp-routeradvert": 9, "icmp-routersolicit": 10,
	"icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13, "icmp-tstampreply": 14,
	"icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,

	"icmp6type": 0, "icmp6code": 1, "icmp6-destinationunreach": 1, "icmp6-packettoobig": 2,
	"icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4, "icmp6-echo": 128, "icmp6-echoreply": 129,
	"icmp6-multicastlistenerquery": 130, "icmp6-multicastlistenerreportv1": 131,
	"icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134,
	"icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
	"icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139, "icmp6-nodeinformationresponse": 140,
	"icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142,
	"icmp6-multicastlistenerreportv2": 143, "icmp6-homeagentdiscoveryrequest": 144,
	"icmp6-homeagentdiscoveryreply": 145, "icmp6-mobileprefixsolicit": 146,
	"icmp6-mobileprefixadvert": 147, "icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149,
	"icmp6-multicastrouteradvert": 151, "icmp6-multicastroutersolicit": 152,
	"icmp6-multicastrouterterm": 153,
}

// protoNames are IP protocol names for "proto NAME" (IANA protocol-numbers).
var protoNames = map[string]uint32{
	"icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "dccp": 33,
	"ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
	"ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "eigrp": 88, "ospf": 89, "ipip": 94,
	"etherip": 97, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132,
	"udplite": 136, "mpls-in-ip": 137,
}

// etherNames are names for "ether proto NAME".
var etherNames = map[string]uint32{
	"ip": etherIP, "ip6": etherIP6, "arp": etherARP, "rarp": etherRARP, "atalk": etherATalk,
	"aarp": etherAARP, "decnet": 0x6003, "lat": 0x6004, "loopback": 0x9000, "mopdl": 0x6001,
	"moprc": 0x6002, "sca": 0x6007, "iso": sapISO, "stp": sapSTP, "netbeui": sapNetBEUI,
}

const (
	onTCP  = 1
	onUDP  = 2
	onBoth = onTCP | onUDP
)

// service is a registered port and the transports it is used on.
type service struct {
	port uint32
	on   uint8
}

// services holds the well-known ports people type by name. The transports are
// those the service is really spoken on; "port NAME" looks at those alone.
var services = map[string]service{
	"echo": {7, onBoth}, "discard": {9, onBoth}, "daytime": {13, onBoth}, "chargen": {19, onBoth},
	"ftp-data": {20, onTCP}, "ftp": {21, onTCP}, "ssh": {22, onTCP}, "telnet": {23, onTCP},
	"smtp": {25, onTCP}, "time": {37, onBoth}, "whois": {43, onTCP}, "tacacs": {49, onBoth},
	"domain": {53, onBoth}, "bootps": {67, onUDP}, "bootpc": {68, onUDP}, "tftp": {69, onUDP},
	"gopher": {70, onTCP}, "finger": {79, onTCP}, "http": {80, onTCP}, "kerberos": {88, onBoth},
	"pop3": {110, onTCP}, "sunrpc": {111, onBoth}, "auth": {113, onTCP}, "nntp": {119, onTCP},
	"ntp": {123, onUDP}, "netbios-ns": {137, onUDP}, "netbios-dgm": {138, onUDP},
	"netbios-ssn": {139, onTCP}, "imap2": {143, onTCP}, "snmp": {161, onBoth},
	"snmp-trap": {162, onBoth}, "bgp": {179, onTCP}, "ldap": {389, onBoth},
	"https": {443, onBoth}, "microsoft-ds": {445, onTCP}, "submissions": {465, onTCP},
	"submission": {587, onTCP}, "isakmp": {500, onUDP}, "syslog": {514, onUDP}, "ipp": {631, onTCP},
	"ldaps": {636, onBoth}, "domain-s": {853, onBoth}, "rsync": {873, onTCP}, "ftps-data": {989, onTCP},
	"ftps": {990, onTCP}, "imaps": {993, onTCP}, "pop3s": {995, onTCP}, "socks": {1080, onTCP},
	"openvpn": {1194, onBoth}, "ms-sql-s": {1433, onTCP}, "radius": {1812, onBoth},
	"radius-acct": {1813, onBoth}, "nfs": {2049, onBoth}, "mysql": {3306, onTCP},
	"ipsec-nat-t": {4500, onUDP}, "sip": {5060, onBoth}, "sip-tls": {5061, onBoth},
	"xmpp-client": {5222, onTCP}, "mdns": {5353, onUDP}, "postgresql": {5432, onTCP},
	"x11": {6000, onTCP}, "git": {9418, onTCP},
}
