package event

import (
	"strconv"

	"firestorm/internal/packet"
)

// RuleInfo is what an alert says of its rule. It is shared by all alerts of the rule and never changes.
type RuleInfo struct {
	GID, SID, Rev uint32
	Action        string // EVE's word: "allowed", or "blocked" where a packet was dropped
	Msg           string
	Category      string // what classification.config calls its classtype; empty: none
	Severity      int    // its priority: 1 is worst
	Metadata      []RuleMeta
	References    []string // links
	Text          string   // the rule as it is written
	Target        Target
}

// RuleMeta is one key of a rule's metadata with its values, in the order of the rule.
type RuleMeta struct {
	Key    string
	Values []string
}

// Target is the side of a packet that a rule takes for the one attacked.
type Target uint8

// Targets.
const (
	NoTarget    Target = iota
	SourceIsHit        // target:src_ip
	DestIsHit          // target:dest_ip
)

// AlertFlow is what an alert says of the connection so far.
type AlertFlow struct {
	Packets, Bytes [2]uint64
	Start          packet.Time
}

// AlertParts is what records of alerts show, as types.alert of suricata.yaml switches it. The zero value is what Suricata
// shows where nothing is said.
type AlertParts struct {
	Payload, PayloadPrintable, PayloadLength bool // payload: in base64; payload_printable; payload_length
	PayloadMost                              int  // bytes of the payload that are shown; 0: DefaultPayload
	Packet                                   bool // packet: the frame in base64, packet_info
	References                               bool // alert.references
	RuleText                                 bool // alert.rule
	Verdict                                  bool
	NoApp, NoFlow, NoMetadata, NoVars        bool // without the protocol's object, flow, alert.metadata, metadata (flowbits)
}

// DefaultPayload is how many bytes of a payload are shown where nothing is said.
const DefaultPayload = 4096

// Most is how many bytes of a payload are kept; 0: none.
func (a *AlertParts) Most() int {
	switch {
	case !a.Payload && !a.PayloadPrintable && !a.PayloadLength:
		return 0
	case a.PayloadMost <= 0:
		return DefaultPayload
	}
	return a.PayloadMost
}

// Alert is a rule that matched. Head's Seen is the packet on which it did.
type Alert struct {
	head     Head
	Rule     *RuleInfo
	Dir      packet.Dir
	AppProto string // protocol of the connection as known then; empty: not known
	Flow     *AlertFlow
	Tx       uint64      // number of the transaction in its connection, from 0
	InTx     bool        // the alert is about a transaction: Tx holds
	App      []byte      // members that say what it is about, such as "http":{…}; empty: nothing
	Said     Event       // what the connection's protocol said with the same packet, for where App is empty; nil: nothing
	Bits     []string    // flowbits that are set, by name
	Texts    [][2]string // what rules caught on the connection, as FlowVars has it
	Passed   bool        // a pass rule took the packet, after this rule
	Stream   bool        // the rule matched in a stream, not in a packet's own payload
	Payload  []byte      // what it was found in, as far as it is kept; owned by the alert
	Frame    []byte      // the packet as captured, where it is asked for; owned by the alert
	Link     packet.LinkType
	InFrame  *FrameFacts // the frame that a rule with "frame" matched in; nil: none
	// Values are what rules ask tables about that are wider than a connection. The border decides with them whether there is an
	// alert at all; they are not written.
	Values []string
	// Context is what lists say of the values that matched: names and JSON in turn.
	Context []string
}

// Ends are the addresses that the packet came from and goes to.
func (x *Alert) Ends() (src, dst packet.Addr) {
	if x.Dir == packet.ToClient {
		return x.head.Server.Addr, x.head.Client.Addr
	}
	return x.head.Client.Addr, x.head.Server.Addr
}

// NewAlert returns an alert with head h.
func NewAlert(h Head, r *RuleInfo) *Alert {
	h.Kind = KindAlert
	return &Alert{head: h, Rule: r}
}

// Head returns the common part.
func (x *Alert) Head() *Head { return &x.head }

// AppendEVE writes the alert record.
func (x *Alert) AppendEVE(dst []byte, c *EVE) []byte {
	h, parts := &x.head, &c.Alert
	dst = AppendEVEHead(dst, h, "alert", x.Dir, c)
	var record []byte // of Said
	switch {
	case parts.NoApp && !x.InTx:
	case parts.NoApp:
		dst = append(dst, `,"tx_id":`...)
		dst = strconv.AppendUint(dst, x.Tx, 10)
	case x.InTx && len(x.App) > 0:
		dst = append(dst, `,"tx_id":`...)
		dst = strconv.AppendUint(dst, x.Tx, 10)
	case x.Said != nil:
		whole := *c // what is not recorded by itself belongs here all the same
		whole.DNS.NoRequests, whole.DNS.NoResponses, whole.DNS.Types, whole.SMB = false, false, nil, nil
		record = x.Said.AppendEVE(nil, &whole)
		dst = appendTx(dst, record, x.Stream && !x.InTx)
	case x.InTx:
		dst = append(dst, `,"tx_id":`...)
		dst = strconv.AppendUint(dst, x.Tx, 10)
	}
	dst = x.appendAlert(dst, c)
	if len(x.App) > 0 && !parts.NoApp {
		dst = append(append(dst, ','), x.App...)
	} else {
		dst = appendOwn(dst, record)
	}
	if x.AppProto != "" {
		dst = append(dst, `,"app_proto":`...)
		dst = AppendJSONString(dst, x.AppProto)
	}
	if f := x.Flow; f != nil {
		dst = AppendEVEDirection(dst, x.Dir)
		if !parts.NoFlow {
			dst = x.appendFlow(dst, f, c)
		}
	}
	dst = x.appendBytes(dst, parts)
	if x.InFrame != nil {
		dst = x.InFrame.AppendJSON(append(dst, `,"frame":`...))
	}
	if !parts.NoVars {
		dst = (&FlowVars{Bits: x.Bits, Texts: x.Texts}).append(dst)
	}
	switch {
	case parts.Verdict && x.Passed:
		dst = append(dst, `,"verdict":{"action":"pass"}`...)
	case parts.Verdict:
		dst = append(dst, `,"verdict":{"action":"alert"}`...)
	}
	return AppendEVETail(dst, h, c)
}

func (x *Alert) appendAlert(dst []byte, c *EVE) []byte {
	r, parts := x.Rule, &c.Alert
	dst = append(dst, `,"alert":{"action":`...)
	dst = AppendJSONString(dst, r.Action)
	dst = append(dst, `,"gid":`...)
	dst = strconv.AppendUint(dst, uint64(r.GID), 10)
	dst = append(dst, `,"signature_id":`...)
	dst = strconv.AppendUint(dst, uint64(r.SID), 10)
	dst = append(dst, `,"rev":`...)
	dst = strconv.AppendUint(dst, uint64(r.Rev), 10)
	dst = append(dst, `,"signature":`...)
	dst = AppendJSONString(dst, r.Msg)
	dst = append(dst, `,"category":`...)
	dst = AppendJSONString(dst, r.Category)
	dst = append(dst, `,"severity":`...)
	dst = strconv.AppendInt(dst, int64(r.Severity), 10)
	if r.Target != NoTarget {
		dst = x.appendTarget(dst, c)
	}
	if len(r.Metadata) > 0 && !parts.NoMetadata {
		dst = append(dst, `,"metadata":{`...)
		for i, m := range r.Metadata {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSONString(dst, m.Key)
			dst = append(dst, ':')
			dst = appendTexts(dst, m.Values)
		}
		dst = append(dst, '}')
	}
	if len(x.Context) > 0 {
		dst = append(dst, `,"context":{`...)
		for i := 0; i+1 < len(x.Context); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendJSONString(dst, x.Context[i]), ':')
			dst = append(dst, x.Context[i+1]...)
		}
		dst = append(dst, '}')
	}
	if len(r.References) > 0 && parts.References {
		dst = append(dst, `,"references":`...)
		dst = appendTexts(dst, r.References)
	}
	if r.Text != "" && parts.RuleText {
		dst = append(dst, `,"rule":`...)
		dst = AppendJSONString(dst, r.Text)
	}
	return append(dst, '}')
}

// appendTarget names the two sides of the packet by their part.
func (x *Alert) appendTarget(dst []byte, c *EVE) []byte {
	from, to := x.head.Client, x.head.Server
	if x.Dir == packet.ToClient {
		from, to = to, from
	}
	if x.Rule.Target == SourceIsHit {
		from, to = to, from
	}
	for _, e := range []struct {
		key string
		end End
	}{{`,"source":{"ip":`, from}, {`,"target":{"ip":`, to}} {
		dst = append(dst, e.key...)
		dst = c.appendAddr(dst, e.end.Addr)
		if hasPorts(x.head.Proto) {
			dst = append(dst, `,"port":`...)
			dst = strconv.AppendUint(dst, uint64(e.end.Port), 10)
		}
		dst = append(dst, '}')
	}
	return dst
}

func (x *Alert) appendFlow(dst []byte, f *AlertFlow, c *EVE) []byte {
	h := &x.head
	dst = append(dst, `,"flow":{"pkts_toserver":`...)
	dst = strconv.AppendUint(dst, f.Packets[packet.ToServer], 10)
	dst = append(dst, `,"pkts_toclient":`...)
	dst = strconv.AppendUint(dst, f.Packets[packet.ToClient], 10)
	dst = append(dst, `,"bytes_toserver":`...)
	dst = strconv.AppendUint(dst, f.Bytes[packet.ToServer], 10)
	dst = append(dst, `,"bytes_toclient":`...)
	dst = strconv.AppendUint(dst, f.Bytes[packet.ToClient], 10)
	dst = append(dst, `,"start":`...)
	dst = AppendEVETime(dst, f.Start)
	dst = append(dst, `,"src_ip":`...)
	dst = c.appendAddr(dst, h.Client.Addr)
	dst = append(dst, `,"dest_ip":`...)
	dst = c.appendAddr(dst, h.Server.Addr)
	if hasPorts(h.Proto) {
		dst = append(dst, `,"src_port":`...)
		dst = strconv.AppendUint(dst, uint64(h.Client.Port), 10)
		dst = append(dst, `,"dest_port":`...)
		dst = strconv.AppendUint(dst, uint64(h.Server.Port), 10)
	}
	return append(dst, '}')
}

// appendBytes writes what the alert was found in and the packet, as far as they are asked for and were kept.
func (x *Alert) appendBytes(dst []byte, parts *AlertParts) []byte {
	if most := parts.Most(); most > 0 && len(x.Payload) > 0 {
		b := x.Payload[:min(len(x.Payload), most)]
		if parts.Payload {
			dst = append(dst, `,"payload":"`...)
			dst = appendBase64(dst, b)
			dst = append(dst, '"')
		}
		if parts.PayloadPrintable {
			dst = append(dst, `,"payload_printable":`...)
			dst = AppendPrintable(dst, b)
		}
		if parts.PayloadLength {
			dst = append(dst, `,"payload_length":`...)
			dst = strconv.AppendInt(dst, int64(len(b)), 10)
		}
	}
	if parts.Most() > 0 || parts.Packet {
		dst = append(dst, `,"stream":`...)
		if x.Stream {
			dst = append(dst, '1')
		} else {
			dst = append(dst, '0')
		}
	}
	if parts.Packet && x.Frame != nil {
		dst = AppendEVEPacket(dst, x.Frame, x.Link)
	}
	return dst
}
