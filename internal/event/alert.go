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
}

// RuleMeta is one key of a rule's metadata with its values, in the order of the rule.
type RuleMeta struct {
	Key    string
	Values []string
}

// AlertFlow is what an alert says of the connection so far.
type AlertFlow struct {
	Packets, Bytes [2]uint64
	Start          packet.Time
}

// Alert is a rule that matched. Head's Seen is the packet on which it did.
type Alert struct {
	head     Head
	Rule     *RuleInfo
	Dir      packet.Dir
	AppProto string // protocol of the connection as known then; empty: not known
	Flow     *AlertFlow
	Tx       uint64 // number of the transaction in its connection, from 0
	InTx     bool   // the alert is about a transaction: Tx holds
	// Values are what rules ask tables about that are wider than a connection. The border decides with them whether there is an
	// alert at all; they are not written.
	Values []string
	// Context is what lists say of the values that matched: names and JSON in turn.
	Context []string
	App     []byte // members that say what it is about, such as "http":{…}; empty: nothing
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
	h := &x.head
	dst = AppendEVEHead(dst, h, "alert", x.Dir, c)
	r := x.Rule
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
	if len(r.Metadata) > 0 {
		dst = append(dst, `,"metadata":{`...)
		for i, m := range r.Metadata {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSONString(dst, m.Key)
			dst = append(dst, ":["...)
			for j, v := range m.Values {
				if j > 0 {
					dst = append(dst, ',')
				}
				dst = AppendJSONString(dst, v)
			}
			dst = append(dst, ']')
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
	dst = append(dst, '}')
	if x.AppProto != "" {
		dst = append(dst, `,"app_proto":`...)
		dst = AppendJSONString(dst, x.AppProto)
	}
	if x.InTx {
		dst = append(dst, `,"tx_id":`...)
		dst = strconv.AppendUint(dst, x.Tx, 10)
	}
	if len(x.App) > 0 {
		dst = append(dst, ',')
		dst = append(dst, x.App...)
	}
	if f := x.Flow; f != nil {
		dst = AppendEVEDirection(dst, x.Dir)
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
		dst = AppendJSONAddr(dst, h.Client.Addr)
		dst = append(dst, `,"dest_ip":`...)
		dst = AppendJSONAddr(dst, h.Server.Addr)
		if hasPorts(h.Proto) {
			dst = append(dst, `,"src_port":`...)
			dst = strconv.AppendUint(dst, uint64(h.Client.Port), 10)
			dst = append(dst, `,"dest_port":`...)
			dst = strconv.AppendUint(dst, uint64(h.Server.Port), 10)
		}
		dst = append(dst, '}')
	}
	return AppendEVETail(dst, h, c)
}
