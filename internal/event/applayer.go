package event

import (
	"strconv"

	"firestorm/internal/packet"
)

// AppLayer is something odd in what a connection says, in the words of its protocol. Its kind is KindAnomaly.
type AppLayer struct {
	head Head
	App  string // EVE's word for the protocol
	Name string // Suricata's name of the event, without the protocol: "invalid_content_length_field_in_request"
	Dir  packet.Dir
	Tx   uint64 // number of the transaction in its connection, from 0
	// Detect: it is about which protocol a connection speaks, and about no transaction. Name is then written as Suricata writes it.
	Detect bool
}

// NewAppLayer returns an event with head h.
func NewAppLayer(h Head) *AppLayer {
	h.Kind = KindAnomaly
	return &AppLayer{head: h}
}

// Head returns the common part.
func (x *AppLayer) Head() *Head { return &x.head }

// AppendEVE writes an anomaly record of type applayer.
func (x *AppLayer) AppendEVE(dst []byte, c *EVE) []byte {
	dst = AppendEVEHead(dst, &x.head, "anomaly", x.Dir, c)
	if !x.Detect {
		dst = append(dst, `,"tx_id":`...)
		dst = strconv.AppendUint(dst, x.Tx, 10)
	}
	if x.App != "" {
		dst = append(dst, `,"app_proto":`...)
		dst = AppendJSONString(dst, x.App)
	}
	dst = append(dst, `,"anomaly":{"type":"applayer","event":`...)
	dst = AppendJSONString(dst, x.Name)
	if x.App != "" {
		dst = append(dst, `,"app_proto":`...)
		dst = AppendJSONString(dst, x.App)
	}
	if x.Detect {
		dst = append(dst, `,"layer":"proto_detect"}`...)
	} else {
		dst = append(dst, `,"layer":"proto_parser"}`...)
	}
	return AppendEVETail(dst, &x.head, c)
}
