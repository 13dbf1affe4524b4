package tcpodd

import "firestorm/internal/finding"

var codes = []*finding.Code{{
	ID: Flags, Title: "segments with sets of flags that no TCP sends", Kind: finding.Attack, Severity: finding.Medium, Tier: 1,
	Alternatives: []finding.Alt{
		{ID: "damage", Name: "packets that were damaged on the way"},
		{ID: "borrowed", Name: "somebody else who uses this address as sender"},
	},
	References: []string{"RFC 9293 3.10 (what each flag means in each state)", "Linux net/netfilter/nf_conntrack_proto_tcp.c, tcp_valid_flags", "nmap: TCP/IP fingerprinting methods"},
	Settle:     settle,
	About: "A TCP segment carries one of a few sets of flags: SYN, SYN with ACK, ACK, FIN with ACK, RST (PSH, URG and the ECN flags aside). Others (SYN with FIN, SYN with RST, FIN alone, none at all) are made by " +
		"hand, to pass a filter that looks at one flag only or to learn which operating system answers. Connection trackers drop them. One finding for each sender. What is part of a search for open " +
		"doors (scan-ports, scan-hosts) is told there. What fools it: a device that damages packets and writes the checksum anew.",
	Reproduce: "testbed: odd-flags, odd-flags-os",
}, {
	ID: Forged, Title: "two different answers to one connection request", Kind: finding.Attack, Severity: finding.High, Tier: 1,
	Alternatives: []finding.Alt{
		{ID: "proxy", Name: "a SYN proxy or load balancer before the server"},
		{ID: "twins", Name: "two machines that both have the server's address"},
		{ID: "restart", Name: "a server that restarted between its two answers"},
	},
	References: []string{"RFC 9293 3.5 (one SYN/ACK, sent again with the same number)", "RFC 5961 (blind attacks)", "RFC 6528 (initial sequence numbers)"},
	Settle:     settle,
	About: "A server that sends its SYN/ACK again uses the same sequence number. A second SYN/ACK with another number, from another distance (TTL), is somebody else's: he wants to be the server for this client. " +
		"Looked for: two SYN/ACKs to one request with different numbers. With equal TTLs it stays possible: then two machines with one address, or a restart, look the same.",
	Reproduce: "testbed: odd-handshake",
}, {
	ID: Midstream, Title: "a connection request inside a standing connection", Kind: finding.Diagnosis, Severity: finding.Low, Tier: 1,
	Alternatives: []finding.Alt{
		{ID: "other", Name: "the other of the two causes: a client that restarted, or somebody who writes in its name"},
		{ID: "nat", Name: "a NAT that gave the port of a living connection to another client"},
	},
	References: []string{"RFC 9293 3.5.1 (half-open connections)", "RFC 5961 4 (challenge ACK)"},
	Needs:      []finding.Gate{finding.GateHandshake},
	Settle:     settle,
	About: "A SYN with a new sequence number comes on the addresses and ports of a connection that stands. Either the client lost the connection (restart, power cut): the server's acknowledgement of the old " +
		"connection makes it send a reset, and the next SYN succeeds. Or somebody else guesses at connections of the client: the SYNs have another TTL, the connection goes on. Which of the two is told.",
	Reproduce: "testbed: odd-syn-reboot, odd-syn-blind",
}, {
	ID: AfterClose, Title: "data behind the end of its own stream", Kind: finding.Attack, Severity: finding.Medium, Tier: 1,
	Alternatives: []finding.Alt{
		{ID: "device", Name: "a device on the way that changes lengths or numbers"},
		{ID: "lost", Name: "an end of stream that the capture took from somewhere else"},
	},
	References: []string{"RFC 9293 3.6 (a side that sent FIN sends no more data)", "Ptacek, Newsham: Insertion, Evasion, and Denial of Service, 1998"},
	Needs:      []finding.Gate{finding.GateHandshake},
	Settle:     settle,
	About: "A side says by FIN that its stream is over and then sends data behind that number. No TCP does; a program with raw sockets does it to show a sensor or filter other data than the receiver takes. " +
		"What fools it: a gateway that rewrites an application's messages and forgets to move the numbers.",
	Reproduce: "testbed: odd-after-fin",
}, {
	ID: Overlap, Title: "the same part of a stream is sent twice with different bytes", Kind: finding.Attack, Severity: finding.High, Tier: 1,
	Alternatives: []finding.Alt{
		{ID: "device", Name: "a device on the way that changes data in one of the two"},
	},
	References: []string{"Ptacek, Newsham: Insertion, Evasion, and Denial of Service, 1998", "RFC 9293 3.10.7.4", "RFC 1122 4.2.3.6 (a keep-alive may carry one old byte)"},
	Needs:      []finding.Gate{finding.GateLoss, finding.GateOffload},
	Settle:     settle,
	About: "What a TCP sends again is what it sent before. Two segments that cover the same sequence numbers with different bytes, both with right checksums, let the receiver and a sensor or filter see different " +
		"data: evasion. Seen where a protocol's bytes are read. Not this: the old byte of a keep-alive. What fools it: gateways that rewrite an application's messages.",
	Reproduce: "testbed: overlap-held, overlap-tail, overlap-fin",
}, {
	ID: Injected, Title: "connections are cut by resets that the other end did not send", Kind: finding.Attack, Severity: finding.High, Tier: 2,
	Alternatives: []finding.Alt{
		{ID: "endpoint", Name: "the end itself, with another TTL for its resets"},
		{ID: "idle", Name: "a device that forgot the connection during a pause"},
		{ID: "forwarder", Name: "a proxy or port forwarder that closes its own half"},
	},
	References: []string{"Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009", "RFC 5961 3", "RFC 3360"},
	Needs:      []finding.Gate{finding.GateHandshake, finding.GateClock},
	Settle:     settle,
	About: "A connection that was set up and used ends by a reset whose TTL shows another distance than all other packets of its supposed sender: a device or attacker on the way cut it, in the name of one end or " +
		"both. A sender that goes on after its own reset says the same. Not this: the reset of an end itself; a device that forgot an idle connection (tcp-idle-timeout-drop); a request that is refused " +
		"(tcp-refused-by-middlebox).",
	Reproduce: "testbed: rst-middlebox, rst-middlebox-ipv6, rst-tcpkill",
}}
