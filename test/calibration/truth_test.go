package calibration_test

// alsoTrue are codes that are true of a capture though its script was made for another, with the reason. Each was read
// from the frames and from what the machines said (truth.md), not from what the detectors find.
var alsoTrue = map[string]map[string]string{
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
	"snat-exhausted": {
		"tcp-syn-silent-drop": "the SYNs of twelve of twenty connections enter gw and never leave it; that the ports ran out is why, and another code's to say",
	},
	"syn-flood-remedied": {
		"syn-flood": "the 3000 forged requests are sent and seen inside all the same; the filter keeps them from the server, not from the wire before it",
	},
}

// madeTrue are codes that a variant makes true of every capture.
var madeTrue = map[string]map[string]string{
	"doubled": {"duplicate-on-wire": "each frame is there twice"},
}
