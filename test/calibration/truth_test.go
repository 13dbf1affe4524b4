package calibration_test

// alsoTrue are codes that are true of a capture though its script was made for another, with the reason. Each was read
// from the frames and from what the machines said (truth.md), not from what the detectors find.
var alsoTrue = map[string]map[string]string{
	"snat-exhausted": {
		"tcp-syn-silent-drop": "the SYNs of twelve of twenty connections enter gw and never leave it; that the ports ran out is why, and another code's to say",
	},
	"odd-flags-os": {
		"tcp-closed-port":  "Nmap tries port 81 on purpose because nothing listens there, and the server's own reset says so",
		"icmp-unreachable": "and a UDP port likewise; the server's own ICMP error says so",
	},
	"scan-syn-remedied": {
		"scan-background": "the search is made all the same, and counted; it finds nothing that others do not use",
	},
	"scan-masscan": {
		"scan-trw": "with the last third cut the silence of fewer than 25 machines is long enough; of those it is, nearly all fail",
	},
	"scan-stealth": {
		"tcp-flags-illegal": "FIN alone, no flag, and FIN with PSH and URG are such sets; with the answers removed the search itself cannot be told",
	},
	"scan-udp": {
		"icmp-unreachable": "each closed port does say so; with the first third cut too few are left for a search",
	},
	"syn-flood-remedied": {
		"syn-flood": "the 3000 forged requests are sent and seen inside all the same; the filter keeps them from the server, not from the wire before it",
	},
}

// madeTrue are codes that a variant makes true of every capture.
var madeTrue = map[string]map[string]string{
	"doubled": {"duplicate-on-wire": "each frame is there twice"},
}
