package dcerpc

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Call is one transaction: a request with its answer, or a bind with its.
type Call struct {
	head     event.Head
	Asked    packet.Ref // the request; zero when only the answer was seen
	Answered packet.Ref // the answer; zero: none
	Request  PType      // valid with Asked
	Response PType      // valid with Answered
	ID       uint32     // of the call; over UDP its sequence number
	Activity UUID       // over UDP only
	Iface    UUID       // of a request; zero when the bind was not seen
	Version  uint32     // of the interface
	Result   int32      // of the request's context (Context.Result)
	Offered  []Context  // of a bind
	Status   uint32     // of a fault or reject (C706 appendix E)
	Minor    uint8      // of the protocol
	Opnum    uint16
	AskFrags uint32 // data units of the request
	AskBytes uint32 // bytes of its stub
	AnsFrags uint32
	AnsBytes uint32
	number   uint64
}

// Number is that of the call in its connection or pipe, from 0.
func (x *Call) Number() uint64 { return x.number }

// Head returns the common part.
func (x *Call) Head() *event.Head { return &x.head }

// Popup is a NetrSendMessage request of the Windows Messenger service. Its texts are as they came: hostile, in an
// unknown code page.
type Popup struct {
	head     event.Head
	From     string
	To       string
	Text     string
	Dir      packet.Dir // the way it travelled
	Size     uint32     // of the IP packet, bytes; 0 where it came over a connection
	Seq      uint32
	TTL      uint8 // 0 where it came over a connection
	Whole    bool  // all three strings were complete
	Fragment bool  // part of a longer request, which was not put together
}

// Head returns the common part.
func (x *Popup) Head() *event.Head { return &x.head }

// Sender is the end that sent the pop-up.
func (x *Popup) Sender() event.End {
	if x.Dir == packet.ToClient {
		return x.head.Server
	}
	return x.head.Client
}

// Receiver is the end that it was sent to.
func (x *Popup) Receiver() event.End {
	if x.Dir == packet.ToClient {
		return x.head.Client
	}
	return x.head.Server
}

// AppendEVE writes nothing: the call's own record stands for it.
func (x *Popup) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }

// AppendEVE writes a dcerpc record in Suricata's shape.
func (x *Call) AppendEVE(dst []byte, c *event.EVE) []byte {
	h := &x.head
	dst = event.AppendEVEHead(dst, h, "dcerpc", packet.ToServer, c)
	dst = x.appendObject(append(dst, `,"dcerpc":`...))
	return event.AppendEVETail(dst, h, c)
}

// appendObject writes the object of a record, or of an alert.
func (x *Call) appendObject(dst []byte) []byte {
	dst = append(dst, `{"request":`...)
	if x.Asked.IsZero() {
		dst = append(dst, `"REQUEST_LOST"`...)
	} else {
		dst = event.AppendJSONString(dst, x.Request.String())
		switch x.Request {
		case PRequest:
			dst = append(dst, `,"req":{"opnum":`...)
			dst = strconv.AppendUint(dst, uint64(x.Opnum), 10)
			dst = appendSizes(append(dst, ','), x.AskFrags, x.AskBytes)
			if x.Iface != (UUID{}) && x.head.Proto != packet.ProtoUDP {
				dst = appendInterfaces(dst, []Context{{Iface: x.Iface, Version: x.Version, Result: x.Result}}, false)
			}
		case PBind, PAlter:
			dst = appendInterfaces(dst, x.Offered, false)
		}
	}
	dst = append(dst, `,"response":`...)
	if x.Answered.IsZero() {
		dst = append(dst, `"UNREPLIED"`...)
	} else {
		dst = event.AppendJSONString(dst, x.Response.String())
		if x.Response == PResponse {
			dst = appendSizes(append(dst, `,"res":{`...), x.AnsFrags, x.AnsBytes)
		}
	}
	if x.head.Proto == packet.ProtoUDP {
		dst = append(dst, `,"activityuuid":"`...)
		dst = x.Activity.append(dst)
		dst = append(dst, `","seqnum":`...)
		dst = strconv.AppendUint(dst, uint64(x.ID), 10)
		return append(dst, `,"rpc_version":"4"}`...)
	}
	dst = append(dst, `,"call_id":`...)
	dst = strconv.AppendUint(dst, uint64(x.ID), 10)
	dst = append(dst, `,"rpc_version":"5.`...)
	dst = strconv.AppendUint(dst, uint64(x.Minor), 10)
	return append(dst, `"}`...)
}

// AppendInSMB writes the object that an smb record has of a call.
func (x *Call) AppendInSMB(dst []byte) []byte {
	request, response := "REQUEST_LOST", "UNREPLIED"
	if !x.Asked.IsZero() {
		request = x.Request.String()
	}
	if !x.Answered.IsZero() {
		response = x.Response.String()
	}
	dst = append(dst, `{"request":"`...)
	dst = append(dst, request...)
	dst = append(dst, `","response":"`...)
	dst = append(dst, response...)
	dst = append(dst, '"')
	if !x.Asked.IsZero() && x.Request == PRequest {
		dst = append(dst, `,"opnum":`...)
		dst = strconv.AppendUint(dst, uint64(x.Opnum), 10)
		dst = appendSizes(append(dst, `,"req":{`...), x.AskFrags, x.AskBytes)
	} else if !x.Asked.IsZero() {
		dst = appendInterfaces(dst, x.Offered, true)
	}
	if !x.Answered.IsZero() && x.Response == PResponse {
		dst = appendSizes(append(dst, `,"res":{`...), x.AnsFrags, x.AnsBytes)
	}
	dst = append(dst, `,"call_id":`...)
	dst = strconv.AppendUint(dst, uint64(x.ID), 10)
	return append(dst, '}')
}

func appendInterfaces(dst []byte, cs []Context, reasons bool) []byte {
	dst = append(dst, `,"interfaces":[`...)
	for i, o := range cs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"uuid":"`...)
		dst = o.Iface.append(dst)
		dst = append(dst, `","version":"`...)
		dst = strconv.AppendUint(dst, uint64(o.Version&0xffff), 10)
		dst = append(dst, '.')
		dst = strconv.AppendUint(dst, uint64(o.Version>>16), 10)
		dst = append(dst, '"')
		if o.Result >= 0 {
			dst = append(dst, `,"ack_result":`...)
			dst = strconv.AppendInt(dst, int64(o.Result), 10)
			if reasons {
				dst = append(dst, `,"ack_reason":`...)
				dst = strconv.AppendUint(dst, uint64(o.Reason), 10)
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendSizes(dst []byte, frags, bytes uint32) []byte {
	dst = append(dst, `"frag_cnt":`...)
	dst = strconv.AppendUint(dst, uint64(frags), 10)
	dst = append(dst, `,"stub_data_size":`...)
	dst = strconv.AppendUint(dst, uint64(bytes), 10)
	return append(dst, '}')
}

// NewPopup returns an empty pop-up with head h.
func NewPopup(h event.Head) *Popup { return &Popup{head: h} }

// NewCall returns an empty transaction with head h.
func NewCall(h event.Head) *Call { return &Call{head: h} }
