// Package event holds what was observed: flows, ICMP errors, anomalies, the state of the capture itself.
//
// An event is immutable once emitted and owns its strings: it outlives the packets it came from. Events carry the
// frames that prove them and write themselves as EVE records.
package event

import "firestorm/internal/packet"

// Kind names the type of an event.
type Kind uint8

// Event kinds of the core. Analyzers have their own kinds from FirstAnalyzerKind on, given out at start-up.
const (
	KindNone Kind = iota
	KindFlow
	KindExchange
	KindICMPError
	KindAnomaly
	KindARP
	KindCapture
	KindRepeat
	KindTwin
	KindAlert
	KindStats
	KindNDP
	KindFile
	KindVerdict
	KindTracked
	KindTagged
	KindDatagram
	KindFrame
	FirstAnalyzerKind Kind = 32
)

// End is one end of a conversation.
type End struct {
	Addr packet.Addr
	Port uint16 // 0 where the protocol has none
}

// Head is what every event carries.
type Head struct {
	Seen     packet.Ref // the packet that completed the event; its Time is the event's time
	Released packet.Ref // where TCP data waited for an acknowledgement: the packet that released it; else zero
	Ordinal  uint64     // ordinal of the packet that completed the event: its place in the total order
	FlowID   uint64     // 0 when the event belongs to no flow
	Client   End        // flow events: who began; else the packet's source
	Server   End        // flow events: who was called; else the packet's destination
	Sub      uint32     // order among the events of one ordinal, set by the border
	Tunnel   uint32     // 0 outside any tunnel
	Vantage  uint16
	VLANs    [3]uint16
	SrcMAC   packet.MAC // of the packet Seen
	DstMAC   packet.MAC
	Kind     Kind
	Quiet    bool  // a rule switched its record off (config)
	Proto    uint8 // IP protocol, 0 for non-IP
	NVLAN    uint8

	// ICMP and ICMPv6: type and code of the first packet the client sent, valid when ICMPKnown.
	ICMPType, ICMPCode uint8
	ICMPKnown          bool
	// Via says how the packet Seen came before the sensor.
	Via packet.Via
}

// Event is one observation.
type Event interface {
	Head() *Head
	// AppendEVE appends the event as one EVE JSON record without the final newline, or nothing when the event
	// has no EVE form. Keys come in a fixed order.
	AppendEVE(dst []byte, c *EVE) []byte
}

// EVE is what an EVE record needs from outside the event. With copies of it made after the first record, it is for one goroutine
// at a time: it remembers what the next record may ask for again.
type EVE struct {
	Version  int                        // 7 or 8: shape of versioned records
	File     func(source uint16) string // name of the capture file; nil omits pcap_filename
	Iface    func(source uint16) string // name of the live interface; nil omits in_iface
	Checksum bool
	Inline   bool // pcap_cnt is the packet that carried what a record is about, not the one that had it read
	Ethernet bool // records of packets and of connections name their MACs
	// LongIPv6: an IPv6 address at either end of a record has all its digits, as Suricata 8 writes it; else RFC 5952.
	LongIPv6 bool
	Alert    AlertParts
	DNS      DNSParts
	HTTP     HTTPParts
	TLS      TLSParts
	// AnomalyHeaders: records of what is odd in packets show their headers; who makes them has to be told as well.
	AnomalyHeaders bool
	SMB            []string // kinds of exchanges of SMB that are recorded (smb.Exchange.Kind); nil: all

	memo *memo // nil until something is to be remembered
}

// before8 reports that records have the shape of Suricata 7.
func (c *EVE) before8() bool { return c.Version != 0 && c.Version < 8 }

// HTTPParts says what a record of HTTP has, as types.http of suricata.yaml does. The zero value is what Suricata's own file asks
// for.
type HTTPParts struct {
	Brief   bool     // without method, version, status, referrer, redirect and length: extended: no
	Headers [2]bool  // all fields of requests, of responses, by the direction travelled (dump-all-headers)
	Custom  []string // fields that are shown by name, in any case, "-" and "_" alike
}

// Fields reports whether records need the fields of heads.
func (p *HTTPParts) Fields() bool { return p.Headers[0] || p.Headers[1] || len(p.Custom) > 0 }

// TLSParts says which certificates a record of TLS carries whole, as types.tls.custom of suricata.yaml does.
type TLSParts struct {
	Certificate, Chain             bool // the server's own, all that it showed
	ClientCertificate, ClientChain bool
}

// Certificates reports whether records need certificates.
func (p *TLSParts) Certificates() bool { return *p != TLSParts{} }

// DNSParts says which messages of DNS are recorded and how, as types.dns of suricata.yaml does. The zero value is what
// Suricata does where nothing is said.
type DNSParts struct {
	Version               int // 2 or 3; 0: 2 for records of Suricata 7, else 3
	NoRequests            bool
	NoResponses           bool
	NoDetailed, NoGrouped bool     // answers without the list of records; without the data by type
	Types                 []string // of records that are asked for: only these, by mnemonic; nil: all
}
