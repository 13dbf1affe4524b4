package main

// Reasons that several codes share.
const (
	needsMemory = "needs a memory over restarts: events made by hand (TestWords of arpwatch)"
	knownThen   = "nothing to remedy in the network: the new pair is known from then on, and told no more (TestWords of arpwatch)"
	oddNear     = "twelve captures of connections that are lossy, doubled, reordered, half seen or closed in every way give none (TestNothingOdd of tcpodd)"
	oddSender   = "nothing to remedy in the network: who sends it is an attacker or a broken TCP, and to be found by hand"
)

// noCapture says, by code and column of the matrix, why there is no capture or no gate.
var noCapture = map[string]map[string]string{
	"arp-bogon": {"near-miss": "arp-proxy, vrrp-failover and span-routed-twice give none; a longer network mask, link-local addresses and a second network that is alive are events made by hand (TestEvents of arpodd)"},
	"arp-changed": {"positive": needsMemory, "near-miss": "without a memory arp-nic-swap gives none; a lease, learning, phones, a sleep proxy and addresses that routers share are events made by hand (TestWords of arpwatch)",
		"remedied": knownThen},
	"arp-ether-mismatch": {"near-miss": "arp-proxy, arp-spoof-both and vrrp-failover give none (TestNothingOdd of arpodd); HSRP's address is an event made by hand"},
	"arp-flip-flop": {"positive": needsMemory, "near-miss": "without a memory arp-conflict-flip gives none; a sleeper that wakes and addresses that routers share are events made by hand (TestWords of arpwatch)",
		"remedied": knownThen},
	"arp-mac-expired": {"positive": "needs a memory of many days: events made by hand (TestWords of arpwatch)",
		"near-miss": "events made by hand: machines that are still heard are not told of (TestWords of arpwatch)", "remedied": "nothing to remedy: a machine is gone, and the word says so"},
	"arp-new-station": {"positive": "needs a memory over restarts: test/cli/neighbours.txtar reads arp-conflict after arp-nic-swap; events made by hand in TestWords of arpwatch",
		"near-miss": "test/cli/neighbours.txtar: a memory that is new says nothing, and nothing is told twice; a lease and learning are events made by hand (TestWords of arpwatch)",
		"remedied":  "nothing to remedy in the network: once known it is told no more (test/cli/neighbours.txtar)"},
	"arp-reused-old": {"positive": needsMemory, "near-miss": "without a memory arp-conflict-flip gives none; phones, a sleep proxy and addresses that routers share are events made by hand (TestWords of arpwatch)",
		"remedied": knownThen},
	"backup-stale": {"positive": "it is about the machine, not about packets: test/cli/backup.txtar", "near-miss": "a recent backup, also after an old one (TestLife of backupstale; test/cli/backup.txtar)",
		"remedied": "test/cli/backup.txtar runs the printed line; TestLife of backupstale: nothing is told any more after a new backup"},
	"dhcp-no-offer": {"near-miss": "dhcp-two-servers and dhcp-nak-once give none; neither do captures of one direction (TestOneDirection of dhcpfaults)"},
	"dns-tc-no-tcp": {"near-miss": "dns-tc-no-tcp-remedied: cut answers, and the client gets them over TCP; dns-tc-no-tcp outside, where the requests never come by"},
	"ftp-private-address": {"near-miss": "ftp-auth-refused, ftp-tls-ccc, and ftp-private-port before the translation give none; the server's own address, and an inner one that works, are events made by hand " +
		"(TestWhatIsClaimed of ftpdata)"},
	"mac-source-illegal":     {"near-miss": "arp-proxy and vrrp-failover give none (TestNothingOdd of arpodd); an announcement to everybody is an event made by hand"},
	"nd-spoof":               {"near-miss": "nd-dad-conflict, ra-normal, ra-rogue and vrrp-failover give none (TestNeighbourDiscovery of arpspoof)"},
	"ntp-silent-or-unsync":   {"near-miss": "icmp-unreachable-port and clean-wan give none, nor does ntp-silent with two questions only (TestNearMisses of ntpfaults)"},
	"policy-plaintext-login": {"remedied": "logins-encrypted: the same services with TLS before the password, as the remedy asks; it counts as the near-miss"},
	"scan-background":        {"near-miss": "scan-monitor, scan-outage and syn-flood-crowd give none (TestNoScan of scan)", "remedied": "nothing to remedy: strangers who find nothing"},
	"tcp-data-after-close":   {"near-miss": oddNear, "remedied": oddSender},
	"tcp-flags-illegal":      {"near-miss": oddNear, "remedied": oddSender},
	"tcp-handshake-forged":   {"near-miss": "accept-queue-synack-loss, span-routed-twice and reorder: answers sent, seen or delivered again (TestNothingOdd of tcpodd)", "remedied": oddSender},
	"tcp-midstream-syn":      {"near-miss": "timewait-stale-ack and clean-midstream give none (TestNothingOdd of tcpodd)", "remedied": "nothing to remedy in the network: a client that restarted is served at its second request (odd-syn-reboot), an attacker is to be found by hand"},
	"tcp-nagle-delack":       {"near-miss": "server-slow, ssh-logins, a long way (clean-wan, server-slow-path) and loss give none (TestSilent of nagle); another delay, loss and a small window are events made by hand (TestWords)"},
	"icmp-admin-prohibited":  {"near-miss": "no capture: the router says it in so many words; errors for packets that nobody saw, and errors without effect, are events made by hand (unit tests)"},
	"nfs-stale": {"positive": "events made by hand: the clients of NFS in user space take new handles with each command, so none outlives an export",
		"near-miss": "events made by hand: two stale handles, and refusals for want of rights (unit tests)",
		"remedied":  "no positive to remedy"},
	"tcp-asymmetric-path":         {"near-miss": "clean-one-sided, and every capture with one direction removed: there it is the capture that lacks a direction"},
	"tcp-out-of-window":           {"near-miss": "out-of-window-remedied: the same packets outside the window, without an effect; asymmetric-path, where a whole direction is missing"},
	"tcp-data-unanswered":         {"near-miss": "idle-timeout, pmtud-black-hole, zero-window, loss-*: each dies or stalls for a reason that has a code"},
	"tcp-half-open-reset":         {"remedied": "cannot be shown by packets: the remedy is a server that does not lose its memory, as half-open-restart (which closes properly) shows"},
	"tcp-timewait-nat-timestamps": {"near-miss": "timewait-newer-isn: the same reuse without clocks that disagree", "remedied": "the remedies are those of tcp-timewait-reuse: timewait-stale-ack-remedied"},
	"wscale-stripped":             {"near-miss": "clean-nat and clean-wan, two places each: the option is the same on both sides"},
}

func emptyReason(code, column string) string { return noCapture[code][column] }

// quiet says, by code and variant, why a damaged positive gives nothing and no gate is named. Each was looked up in the
// frames.
var quiet = map[string]map[string]string{
	"tcp-data-unanswered": {
		"first third cut": "The connection lies before the cut, or too little of it after to tell that data went unanswered",
	},
	"tcp-out-of-window": {
		"first third cut": "The handshake lies before the cut: without it neither the windows nor their scale are known",
		"last third cut":  "The dropped packets lie in the part that is gone, or the connection has not died yet",
	},
	"ip-fragment-lost": {
		"answers removed": "The first fragments of the answers are what is removed",
		"first third cut": "Fewer than five such packets are left",
		"last third cut":  "Fewer than five such packets are left",
	},
	"mss-too-big-for-tunnel": {
		"joined as by GRO": "Joined frames are larger than the router said, so that nothing small is seen to arrive",
		"first third cut":  "The packets that were too large lie before the cut",
	},
	"amplification": {
		"answers removed":  "Without the answers there is nothing long: how many bytes a request brings needs both directions",
		"requests removed": "Without the requests nothing says how many bytes of answers each brings; refusals go with them",
		"first third cut":  "Of 24 requests fewer than twenty are left: too few to speak of a flood",
		"last third cut":   "Of 24 requests fewer than twenty are left: too few to speak of a flood",
	},
	"vrrp-dup-master": {
		"answers removed":  "The other router's advertisements are removed: one master alone is as it should be",
		"requests removed": "The other router's advertisements are removed: one master alone is as it should be",
	},
	"tcp-midstream-syn": {
		"first third cut": "The connection that the server still has lies before the cut",
		"last third cut":  "The second request lies in the part that is gone",
	},
	"tcp-flags-illegal": {
		"last third cut": "The odd segments lie in the part that is gone",
	},
	"scan-ports": {
		"answers removed":  "The errors of the closed ports are removed: the silence is not long enough to count",
		"requests removed": "The requests of the search are removed: errors alone may answer anybody",
		"first third cut":  "The search lies before the cut, or fewer than fifteen ports of it after",
	},
	"scan-hosts": {
		"requests removed": "The requests of the search are removed: errors alone may answer anybody",
		"first third cut":  "The requests of the search lie before the cut: errors alone may answer anybody",
		"last third cut":   "The capture ends while the search goes on: the silence of most machines is not long enough to count",
	},
	"scan-trw": {
		"answers removed": "Without answers the stranger found nothing: he is one of those whom scan-background counts",
		"last third cut":  "The stranger's find lies in the part that is gone: he is one of those whom scan-background counts",
	},
	"scan-background": {
		"first third cut": "The strangers' attempts lie before the cut",
	},
	"ra-rogue": {
		"answers removed":  "The router's own advertisements are removed: one router alone is nobody's rival",
		"requests removed": "The second router's advertisements are among what is removed",
	},
	"policy-plaintext-login": {
		"each 20th lost":  "The user's name is among what is lost: what follows on that connection is not read",
		"first third cut": "The log-in lies before the cut",
	},
	"ntp-silent-or-unsync": {
		"last third cut": "The questions that are left span less than nine seconds: answers could still come",
	},
	"nd-spoof": {
		"first third cut": "Two unasked advertisements are left: no habit",
		"last third cut":  "Two unasked advertisements are left: no habit",
	},
	"nd-dad-conflict": {
		"answers removed":  "The questions whether the address is free are among what is removed",
		"requests removed": "Who has the address is heard no more: a question without an answer is no conflict",
	},
	"mac-source-illegal": {
		"requests removed": "The odd questions are what is removed",
		"last third cut":   "The odd frames lie in the part that is gone",
	},
	"mac-flood": {
		"answers removed":  "Of 1401 frames one is left: the flood is what is removed",
		"requests removed": "The flood is what is removed",
		"last third cut":   "The flood lies in the part that is gone, behind a search for machines",
	},
	"icmp-unreachable": {
		"answers removed":  "The resolver's packets that the errors quote are removed: errors for packets that nobody saw are not counted",
		"requests removed": "The errors are among what is removed",
		"first third cut":  "The error lies before the cut",
		"last third cut":   "The UDP port is asked in the part that is gone",
	},
	"ftp-tls-hides-data-port": {
		"first third cut": "The log-in and AUTH TLS lie before the cut",
		"last third cut":  "The silence that follows lies in the part that is gone, and the server's request over the data port does not come by inside",
	},
	"ftp-private-address": {
		"each 20th lost": "The user's name is among what is lost: what follows on that connection is not read",
		"last third cut": "PORT and its refusal lie in the part that is gone",
	},
	"duplicate-on-wire": {
		"answers removed":  "The poser's frames are among what is removed, and with them the second copies",
		"requests removed": "The poser's frames go one way and the victims' another: one copy of each packet is left",
	},
	"dns-tc-no-tcp": {
		"answers removed":  "The answer that is cut is what it is known by",
		"requests removed": "The requests over TCP that nobody answers are among what is removed",
		"SYN removed":      "The requests over TCP that nobody answers are SYNs",
	},
	"dns-servfail": {
		"answers removed": "The failures are the answers; without them there are queries",
		"first third cut": "Fewer than three failures of the zone are left",
	},
	"dns-server-silent": {
		"requests removed": "Queries that nobody answers are what shows it; without them only answers are left",
		"first third cut":  "Most queries that failed lie before the cut: too few are left",
	},
	"dhcp-rogue-server": {
		"answers removed":  "Both servers are known by their answers only",
		"requests removed": "One of the two servers is what is removed: the one that is left contradicts nobody",
		"last third cut":   "The second server comes late: its offers lie in the part that is gone",
	},
	"dhcp-no-offer": {
		"requests removed": "Requests that nobody answers are all there is; without them the capture is empty of it",
	},
	"dhcp-nak-loop": {
		"answers removed": "The refusals are the answers; without them there are requests",
		"last third cut":  "Fewer than three refusals of one machine are left: no loop",
	},
	"arp-spoof-mitm": {
		"answers removed": "The poser's frames are among what is removed",
		"first third cut": "The gateway's own answers lie before the cut: nothing left shows whose address the poser takes",
	},
	"arp-scan": {
		"answers removed":  "The questions of the search are among what is removed",
		"requests removed": "The capture ends within a second of the questions: answers could still come",
		"last third cut":   "The capture ends within a second of the last questions, all asked within 1.03 s: answers could still come",
	},
	"arp-ip-conflict": {
		"answers removed":  "Nothing of the two machines is left, only the gateway's answers to them",
		"requests removed": "Only the frames of the machine that took the gateway's address are left: nobody contradicts it",
	},
	"tcp-nagle-delack": {
		"last third cut": "Fewer than ten waits are left",
	},
	"tcp-timewait-nat-timestamps": {
		"first third cut": "The refusal, or the connection before it from the same port, lies before the cut",
	},
	"arp-ether-mismatch": {
		"answers removed":  "The packets in the name of another card are among what is removed",
		"requests removed": "The packets in the name of another card are among what is removed",
		"last third cut":   "The odd packets lie in the part that is gone",
	},
	"arp-bogon": {
		"requests removed": "The stranger's questions are among what is removed",
		"last third cut":   "The other machines of the network, by which a stranger is known, speak after the cut",
	},
	"tcp-accept-queue-full": {
		"first third cut": "The connections that the program never took up lie before the cut; requests that meet silence may be filtered as well",
	},
	"messenger-popup-spam": {
		"requests removed": "founding-messenger holds nothing but the pop-ups; without them it is empty",
	},
	"nfs-mount-denied": {
		"first third cut": "The refusal lies before the cut; later mounts of another client work",
	},
	"rpc-dynamic-port-blocked": {
		"first third cut": "The directory's answer lies before the cut: what is left is silence, or nothing",
		"last third cut":  "The refusal, or the second request in vain, lies in the part that is gone",
	},
	"smb-logon-failures": {
		"first third cut": "Fewer than ten failures are left: a person may have mistyped them",
		"last third cut":  "Fewer than ten failures are left: a person may have mistyped them",
	},
	"tcp-half-open-reset": {
		"last third cut": "The resets lie in the part that is gone",
	},
	"tcp-timewait-reuse": {
		"first third cut": "The connection that the server remembers lies before the cut",
		"last third cut":  "The request that is ignored lies in the part that is gone",
	},
	"tcp-loss-where": {
		"first third cut": "Fewer than five losses are left on any one way: too few to be worth a word",
		"last third cut":  "Fewer than five losses are left on any one way: too few to be worth a word",
	},
	"tcp-syn-silent-drop": {
		"first third cut":  "Of the requests that nobody answered one is left, and its silence is too short",
		"SYN removed":      "Requests that nobody answers are all there is; without them the capture is empty of it",
		"requests removed": "Requests that nobody answers are all there is; without them the capture is empty of it",
	},
	"tcp-asymmetric-path": {
		"requests removed": "Only requests pass this way; without them nothing is left",
		"answers removed":  "Only answers pass this way; without them nothing is left",
	},
	"esp-one-way": {
		"answers removed":  "Nothing of the other gateway is left, not even IKE: the capture may show one direction",
		"requests removed": "Without the packets of the sender nothing is left that goes unanswered",
		"first third cut":  "IKE lies before the cut and the other gateway is not heard: the capture may show one direction",
		"last third cut":   "Outside UDP an association is told of every five seconds: what is told covers less than ten seconds then",
	},
	"ike-fragment-lost": {
		"answers removed":  "The initiator goes on with answers that this capture does not show: of such an exchange nothing is said",
		"requests removed": "Without the initiator the exchange has no begin: only exchanges whose first message was seen are judged",
		"first third cut":  "The begin of the exchange lies before the cut: only exchanges whose first message was seen are judged",
	},
	"ike-id-mismatch": {
		"answers removed":  "The refusal is the only answer; without it there is one request",
		"requests removed": "Without the initiator the exchange has no begin: only exchanges whose first message was seen are judged",
		"first third cut":  "The begin of the exchange lies before the cut: only exchanges whose first message was seen are judged",
		"last third cut":   "The refusal lies in the part that is gone",
	},
	"ike-natt-blocked": {
		"answers removed":  "The initiator goes on with answers that this capture does not show: of such an exchange nothing is said",
		"requests removed": "Without the initiator the exchange has no begin: only exchanges whose first message was seen are judged",
		"first third cut":  "The begin of the exchange lies before the cut: only exchanges whose first message was seen are judged",
	},
	"ike-no-answer": {
		"requests removed": "Requests that nobody answers are all there is; without them the capture is empty of it",
		"first third cut":  "Fewer than three requests are left",
	},
	"ike-phase2-refused": {
		"answers removed":  "The initiator goes on with answers that this capture does not show: of such an exchange nothing is said",
		"requests removed": "Without the initiator the exchange has no begin: only exchanges whose first message was seen are judged",
		"first third cut":  "The begin of the exchange lies before the cut: only exchanges whose first message was seen are judged",
		"last third cut":   "The refusal lies in the part that is gone",
	},
	"ike-proposal-mismatch": {
		"answers removed":  "The refusal is the only answer; without it there is one request",
		"requests removed": "Without the initiator the exchange has no begin: only exchanges whose first message was seen are judged",
		"first third cut":  "The begin of the exchange lies before the cut: only exchanges whose first message was seen are judged",
		"last third cut":   "The refusal lies in the part that is gone",
	},
	"ike-psk-mismatch": {
		"answers removed":  "The initiator goes on with answers that this capture does not show: of such an exchange nothing is said",
		"requests removed": "Without the initiator the exchange has no begin: only exchanges whose first message was seen are judged",
		"first third cut":  "The begin of the exchange lies before the cut: only exchanges whose first message was seen are judged",
		"last third cut":   "The refusal lies in the part that is gone",
	},
	"wg-no-response": {
		"requests removed": "Initiations are all there is; without them the capture is empty of it",
		"last third cut":   "Fewer than three initiations are left",
	},
	"http-5xx-burst": {
		"last third cut": "Fewer than ten failures are left: no burst",
	},
	"tls-to-plaintext-port": {
		"first third cut": "The hellos that the server answered lie before the cut; of the connection that is left the client went when it read the greeting",
	},
	"plaintext-to-tls-port": {
		"first third cut": "The handshake that shows that TLS is spoken there lies before the cut; requests that are closed on may have another reason",
	},
	"syn-flood": {
		"SYN removed":     "The flood is SYNs; without them nothing is left",
		"first third cut": "The flood lies before the cut, or too little of it after",
	},
}

func quietReason(code, variant string) string { return quiet[code][variant] }
