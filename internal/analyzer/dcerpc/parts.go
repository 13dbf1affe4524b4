package dcerpc

import "encoding/binary"

// Parts is what rules see of one side of a call (event.Parts): the whole stub of its fragments, lent. SMB shows them of the
// calls that pipes carry.
type Parts struct {
	*Call
	Stub   []byte
	Little bool // the byte order of the sender's numbers
}

// EachBuffer gives the parts. "dcerpc.iface" is the interface that the call's context stands for, if the server took it: its
// identifier, then its major version. "dcerpc.order" is 1 where numbers are little-endian.
func (x *Parts) EachBuffer(f func(name string, b []byte)) {
	order := []byte{0}
	if x.Little {
		order[0] = 1
	}
	f("dcerpc.order", order)
	if !x.Asked.IsZero() && x.Request == PRequest {
		f("dcerpc.opnum", binary.BigEndian.AppendUint16(nil, x.Opnum))
		if x.Iface != (UUID{}) && x.Result == 0 {
			f("dcerpc.iface", binary.BigEndian.AppendUint16(x.Iface[:len(x.Iface):len(x.Iface)], uint16(x.Version)))
		}
	}
	f("dcerpc.stub_data", x.Stub)
}

// AppendAppObject writes what an alert says of the call (event.AppObject).
func (x *Parts) AppendAppObject(dst []byte) []byte {
	return x.appendObject(append(dst, `"dcerpc":`...))
}
