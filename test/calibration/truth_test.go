package calibration_test

// alsoTrue are codes that are true of a capture though its script was made for another, with the reason. Each was read
// from the frames and from what the machines said (truth.md), not from what the detectors find.
var alsoTrue = map[string]map[string]string{
	"arp-spoof-both": {
		"duplicate-on-wire": "what the poser passes on is there twice; that it posed is another code's to say, where its claims are seen",
	},
	"arp-spoof-one-way": {
		"duplicate-on-wire":  "what the poser passes on is there twice; that it posed is another code's to say, where its claims are seen",
		"arp-ether-mismatch": "the poser puts the gateway's card into the ARP with which it tidies up, and sends it from its own; that it posed is another code's to say, where its claims and who relays are seen",
		"icmp-unreachable":   "the poser asks the victim's UDP port 67 to learn its card, and the victim's kernel says that nothing listens there",
	},
	"arp-conflict-gateway": {
		"tcp-syn-silent-drop": "who believes the machine with the gateway's address reaches nothing: its requests die there; that two have the address is another code's to say",
	},
	"arp-spoof-ettercap": {
		"duplicate-on-wire":  "what the poser passes on is there twice; that it posed is another code's to say, where its claims are seen",
		"arp-ether-mismatch": "the poser puts the owners' cards into the ARP with which it tidies up, and sends it from its own; that it posed is another code's to say, where its claims and who relays are seen",
	},
	"bad-gateway-timeout": {
		"tcp-server-slow": "the application hangs, and the proxy keeps its clients waiting for a second; that it answers 504 is another code's to say, where the answers are whole and enough",
	},
	"dns-server-silent-names": {
		"icmp-unreachable": "the resolver asks the dead server of the name, to which gw has no route; gw says so",
	},
	"dns-tc-no-tcp": {
		"tcp-syn-silent-drop": "gw drops TCP port 53; that cut answers led there is another code's to say, where they are seen",
	},
	"mac-flood-ettercap": {
		"arp-scan": "ettercap begins by asking for every address of the network; where the flood is gone, that is what is left",
	},
	"nd-spoof": {
		"duplicate-on-wire": "what the poser passes on is there twice; that it posed is another code's to say, where its claims are seen",
	},
	"nd-spoof-vlan": {
		"duplicate-on-wire": "what the poser passes on is there twice; that it posed is another code's to say, where its claims are seen",
	},
	"nd-spoof-one": {
		"duplicate-on-wire": "what the poser passes on is there twice; that it posed is another code's to say, where its claims are seen",
	},
	"ike-natt-blocked-v1": {
		"icmp-unreachable": "gw refuses UDP 4500 with ICMP; that a key exchange died there is another code's to say, where its begin is seen",
	},
	"out-of-window-ipv6": {
		"tcp-data-unanswered": "the connection dies in its middle, as its client says; that the window is why is another code's to say, from two captures",
	},
	"messenger-announcement": {
		"icmp-unreachable": "nothing listens on the receiver's port 1026, and its kernel says so",
	},
	"messenger-spam-closed": {
		"icmp-unreachable": "nothing listens on the receiver's ports, and its kernel says so; what the datagrams are is another code's to say, where they are whole",
	},
	"messenger-spam-inside": {
		"icmp-unreachable": "nothing listens on the receiver's port 1026, and its kernel says so; what the datagrams are is another code's to say, where they are whole",
	},
	"nfs-moved": {
		"tcp-syn-silent-drop": "gw drops the requests to mountd's new port; that a directory named it is another code's to say, where its answer is whole",
	},
	"nfs-mountd-dropped": {
		"tcp-syn-silent-drop": "gw drops the requests to mountd's port; that a directory named it is another code's to say, where its answer is whole",
	},
	"nfs-mountd-prohibited": {
		"icmp-admin-prohibited": "gw refuses the request to mountd's port by rule; that a directory named it is another code's to say, where its answer is whole",
	},
	"snat-limit": {
		"tcp-syn-silent-drop": "the rule drops the requests of a client that has its share of connections; the situation is there for another code, which it looks like",
	},
	"snat-exhausted": {
		"tcp-syn-silent-drop": "the SYNs of twelve of twenty connections enter gw and never leave it; that the ports ran out is why, and another code's to say",
	},
	"wg-port-closed": {
		"icmp-unreachable": "the peer itself says that nothing listens there; where the handshake is cut or gone nobody knows that it was WireGuard's",
	},
	"ftp-tls-hidden": {
		"tcp-syn-silent-drop": "gw drops the client's connections to the data ports; that it cannot read them is another code's to say",
	},
	"ftp-tls-hidden-icmp": {
		"icmp-admin-prohibited": "gw says so for each data connection",
	},
	"ftp-tls-hidden-reset": {
		"tcp-refused-by-middlebox": "gw resets each data connection in the server's name",
	},
	"ftp-tls-active": {
		"tcp-syn-silent-drop": "gw drops the server's connection to the client",
	},
	"ftp-tls-implicit": {
		"tcp-syn-silent-drop": "gw drops the client's connection to the data port",
	},
	"ftp-private-address-2121": {
		"tcp-syn-silent-drop": "gw drops what goes to the inner address",
	},
	"ftp-private-address": {
		"tcp-syn-silent-drop": "gw drops what goes to the inner address",
	},
	"dns-tc-prohibited": {
		"icmp-admin-prohibited": "gw refuses TCP port 53 by rule and says so; that cut answers led there is another code's to say, where they are seen",
	},
	"smtp-ident-submission": {
		"tcp-syn-silent-drop": "c drops the mail server's questions to port 113; that greetings wait for them is another code's to say",
	},
	"smtp-ident-silent": {
		"tcp-syn-silent-drop": "gw drops the mail server's questions to port 113; that greetings wait for them is another code's to say",
	},
	"out-of-window": {
		"tcp-data-unanswered": "the connection dies in its middle, as its client says; that the window is why is another code's to say, from two captures",
	},
	"out-of-window-ack": {
		"tcp-data-unanswered": "the connection dies in its middle, as its client says; that the window is why is another code's to say, from two captures",
	},
	"odd-flags-os": {
		"tcp-closed-port":  "Nmap tries port 81 on purpose because nothing listens there, and the server's own reset says so",
		"icmp-unreachable": "and a UDP port likewise; the server's own ICMP error says so",
	},
	"scan-syn-remedied": {
		"scan-background": "the search is made all the same, and counted; it finds nothing that others do not use",
	},
	"scan-nothing-one": {
		"tcp-closed-port": "the doors are closed, and the server's own resets say so; that strangers knock is another code's to say, where there are a hundred of them",
	},
	"syn-flood-one": {
		"tcp-syn-silent-drop": "two clients' requests are ignored while the queue is full; that a flood fills it is another code's to say, where it is seen",
	},
	"scan-slow-stranger": {
		"scan-background": "a stranger tries doors in vain; with the answers removed, or the end cut, that is all that can be told",
	},
	"ssh-shut-out": {
		"tcp-syn-silent-drop": "the server's own filter drops the requests of one client, and lets another in",
	},
	"scan-stealth": {
		"tcp-flags-illegal": "FIN alone, no flag, and FIN with PSH and URG are such sets; with the answers removed the search itself cannot be told",
	},
	"syn-flood-remedied": {
		"syn-flood": "the 3000 forged requests are sent and seen inside all the same; the filter keeps them from the server, not from the wire before it",
	},
}

// madeTrue are codes that a variant makes true of every capture.
var madeTrue = map[string]map[string]string{
	"doubled": {"duplicate-on-wire": "each frame is there twice"},
}
