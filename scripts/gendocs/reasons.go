package main

// noCapture says, by code and column of the matrix, why there is no capture or no gate.
var noCapture = map[string]map[string]string{
	"icmp-admin-prohibited": {"near-miss": "no capture: the router says it in so many words; errors for packets that nobody saw, and errors without effect, are events made by hand (unit tests)"},
	"nfs-stale": {"positive": "events made by hand: the clients of NFS in user space take new handles with each command, so none outlives an export",
		"near-miss": "events made by hand: two stale handles, and refusals for want of rights (unit tests)",
		"remedied":  "no positive to remedy"},
	"tcp-asymmetric-path":         {"near-miss": "clean-one-sided, and every capture with one direction removed: there it is the capture that lacks a direction"},
	"tcp-out-of-window":           {"near-miss": "out-of-window-remedied: the same packets outside the window, without an effect; asymmetric-path, where a whole direction is missing"},
	"tcp-data-unanswered":         {"near-miss": "idle-timeout, pmtud-black-hole, zero-window, loss-*: each dies or stalls for a reason that has a code"},
	"tcp-half-open-reset":         {"remedied": "cannot be shown by packets: the remedy is a server that does not lose its memory, as half-open-restart (which closes properly) shows"},
	"tcp-timewait-nat-timestamps": {"near-miss": "timewait-newer-isn: the same reuse without clocks that disagree", "remedied": "the remedies are those of tcp-timewait-reuse: timewait-stale-ack-remedied"},
	"tcp-loss-where":              {"remedied": "cannot be scripted: the remedy is a better line; loss-none is the same path without the loss"},
	"wscale-stripped":             {"near-miss": "clean-nat and clean-wan, two places each: the option is the same on both sides"},
	"tcp-zero-window-stall":       {"remedied": "cannot be shown by packets: the remedy is a program that reads; zero-window-short comes nearest"},
}

func emptyReason(code, column string) string { return noCapture[code][column] }

// quiet says, by code and variant, why a damaged positive gives nothing and no gate is named. Each was looked up in the
// frames.
var quiet = map[string]map[string]string{
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
		"SYN removed":      "Requests that nobody answers are all there is; without them the capture is empty of it",
		"requests removed": "Requests that nobody answers are all there is; without them the capture is empty of it",
	},
	"tcp-asymmetric-path": {
		"requests removed": "Only requests pass this way; without them nothing is left",
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
	"plaintext-to-tls-port": {
		"first third cut": "The handshake that shows that TLS is spoken there lies before the cut; requests that are closed on may have another reason",
	},
	"syn-flood": {
		"SYN removed": "The flood is SYNs; without them nothing is left",
	},
}

func quietReason(code, variant string) string { return quiet[code][variant] }
