package lang

// EVELog is an eve-log of outputs.
type EVELog struct {
	Filename, FileType string
	CommunityID        bool
	CommunityIDSeed    uint32
	Ethernet           bool // records name MACs
	Metadata           bool // records have flowbits and the like
	PCAPFile           bool // records name the capture
	IPv6Compress       bool
	XFF                XFF
	Types              []EVEType // those that are switched on
}

// XFF is how the address behind a proxy is found.
type XFF struct {
	Enabled    bool
	Mode       string // "extra-data", "overwrite"
	Deployment string // "reverse", "forward"
	Header     string
}

// EVEType is an item of an eve-log's types. Of the options only those of its own name mean anything.
type EVEType struct {
	Name    string // "alert", "http", …
	Alert   EVEAlert
	Anomaly EVEAnomaly
	DNS     EVEDNS
	Drop    EVEDrop
	Files   EVEFiles
	Stats   EVEStats
	// Extended of http, tls, smtp, dhcp.
	Extended bool
	// Custom: further fields of http, tls, smtp, dns. Hashed: those of smtp that are shown as MD5 (smtp.md5).
	Custom, Hashed []string
	DumpHeaders    string // http.dump-all-headers: "both", "request", "response"; empty: none
	XFF            XFF    // of alert, http, files, drop
	// Of tls.
	JA3, JA4, SessionResumption bool
	// Kinds of records where a protocol has several: smb.types.
	Kinds           []string
	StringLogLimit  uint64 // mqtt.string-log-limit in bytes; 0: not given
	ExceptionPolicy bool   // flow.exception-policy
}

// EVEAlert is what an alert's record has beside the alert.
type EVEAlert struct {
	Payload, PayloadPrintable, PayloadLength bool
	PayloadBuffer                            uint64 // bytes
	Packet                                   bool
	HTTPBody, HTTPBodyPrintable              bool
	WebsocketPayload, WebsocketPrintable     bool
	TaggedPackets, Verdict                   bool
	// Parts of metadata.
	AppLayer, Flow, RuleMetadata, RuleRaw, RuleReference bool
}

// EVEAnomaly is which anomalies are recorded.
type EVEAnomaly struct{ Decode, Stream, AppLayer, PacketHeader bool }

// EVEDNS is how DNS is recorded.
type EVEDNS struct {
	Version             uint32 // 1, 2 or 3
	Requests, Responses bool
	Formats             []string // "detailed", "grouped"
	RRTypes             []string // empty: all
}

// EVEDrop is what a drop record has.
type EVEDrop struct {
	Alerts, Verdict bool
	Flows           string // "all", "start"; empty: not given
}

// EVEFiles is how files are recorded.
type EVEFiles struct {
	ForceMagic bool
	ForceHash  []string // "md5", "sha1", "sha256"
}

// EVEStats is which counters are recorded.
type EVEStats struct{ Totals, Threads, Deltas, NullValues bool }

// newEVEType has what a type has where no option is given.
func newEVEType(name string) EVEType {
	return EVEType{
		Name:    name,
		Alert:   EVEAlert{PayloadBuffer: 4096, AppLayer: true, Flow: true, RuleMetadata: true},
		Anomaly: EVEAnomaly{AppLayer: true},
		DNS:     EVEDNS{Version: 3, Requests: true, Responses: true, Formats: []string{"detailed", "grouped"}},
		Stats:   EVEStats{Totals: true},
	}
}
