package rpc

import (
	"encoding/binary"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Transaction is a call with its reply.
type Transaction struct {
	head      event.Head
	Asked     packet.Ref // the call; zero when only the reply was seen
	Answered  packet.Ref // the reply; zero: none
	Dir       packet.Dir // the way the call travelled
	Call      Header     // valid with Asked
	Reply     Header     // valid with Answered
	Repeats   uint32     // how often the call was sent again with the same number
	Lookup    Mapping    // of a call to the port directory: what it asks for
	Ports     []Mapping  // what the directory answered
	Name      string     // path of a mount, name of an NFS operation, path of a COMPOUND: hostile text
	Handle    uint32     // CRC-32 of the file handle that an NFSv3 call speaks of; valid with HasHandle
	HasHandle bool
	FirstOp   uint32 // of an NFSv4 COMPOUND
	Status    uint32 // of a mount, NFS or lock reply; valid with HasStatus
	HasStatus bool   // the reply carries a status
	Machine   string // name of the caller's machine in an AUTH_SYS credential, its first 64 bytes: hostile text
	ID        uint64 // number of the transaction in its flow, from 1
}

// Head returns the common part.
func (x *Transaction) Head() *event.Head { return &x.head }

// New returns an empty transaction with head h.
func New(h event.Head) *Transaction { return &Transaction{head: h} }

// Client is the end that called.
func (x *Transaction) Client() event.End {
	if x.Dir == packet.ToClient {
		return x.head.Server
	}
	return x.head.Client
}

// Server is the end that was called.
func (x *Transaction) Server() event.End {
	if x.Dir == packet.ToClient {
		return x.head.Client
	}
	return x.head.Server
}

// Accepted reports a reply that carries out the call.
func (x *Transaction) Accepted() bool {
	return !x.Answered.IsZero() && !x.Reply.Denied && x.Reply.Stat == Success
}

// AppendEVE writes a record in Suricata's shape: type nfs with the objects rpc and nfs, type rpc for other programs. Only
// answered calls have one.
func (x *Transaction) AppendEVE(dst []byte, c *event.EVE) []byte {
	if x.Answered.IsZero() || x.Asked.IsZero() {
		return dst
	}
	h := &x.head
	name := "rpc"
	if x.Call.Program == NFS {
		name = "nfs"
	}
	dst = event.AppendEVEHead(dst, h, name, 1-x.Dir, c) // the record is of the reply
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, max(x.ID, 1)-1, 10)
	dst = x.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, h, c)
}

// EachBuffer gives the numbers of a call of NFS (event.Parts); of a COMPOUND the first operation.
func (x *Transaction) EachBuffer(f func(name string, b []byte)) {
	f("nfs.version", binary.BigEndian.AppendUint32(nil, x.Call.Version))
	op := x.Call.Procedure
	if x.Call.Version == 4 && op == 1 {
		op = x.FirstOp
	}
	f("nfs.procedure", binary.BigEndian.AppendUint32(nil, op))
}

// AppendAppObject writes the objects of a record, or of an alert (event.AppObject).
func (x *Transaction) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"rpc":{"xid":`...)
	dst = strconv.AppendUint(dst, uint64(x.Call.XID), 10)
	dst = append(dst, `,"status":"`...)
	if x.Reply.Denied {
		dst = append(dst, `DENIED`...)
	} else {
		dst = append(dst, `ACCEPTED`...)
	}
	dst = append(dst, `","auth_type":"`...)
	switch x.Call.Auth {
	case AuthNone:
		dst = append(dst, `NULL"`...)
	case AuthSys:
		dst = append(dst, `UNIX"`...)
		if x.Call.HasUID {
			dst = append(dst, `,"creds":{"uid":`...)
			dst = strconv.AppendUint(dst, uint64(x.Call.UID), 10)
			dst = append(dst, `,"gid":`...)
			dst = strconv.AppendUint(dst, uint64(x.Call.GID), 10)
			dst = append(dst, `,"machine_name":`...)
			dst = append(event.AppendJSONString(dst, x.Machine), '}')
		}
	case AuthGSS:
		dst = append(dst, `GSS"`...)
	default:
		dst = strconv.AppendUint(dst, uint64(x.Call.Auth), 10)
		dst = append(dst, '"')
	}
	dst = append(dst, '}')
	if x.Call.Program == NFS {
		dst = x.appendNFS(dst)
	}
	return dst
}

func (x *Transaction) appendNFS(dst []byte) []byte {
	dst = append(dst, `,"nfs":{"version":`...)
	dst = strconv.AppendUint(dst, uint64(x.Call.Version), 10)
	dst = append(dst, `,"procedure":`...)
	dst = event.AppendJSONString(dst, ProcedureName(NFS, x.Call.Version, x.Call.Procedure))
	dst = append(dst, `,"filename":`...)
	dst = event.AppendJSONString(dst, x.Name)
	if x.HasHandle {
		dst = append(dst, `,"hhash":"`...)
		dst = strconv.AppendUint(dst, uint64(x.Handle), 16)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"id":`...)
	dst = strconv.AppendUint(dst, x.ID, 10)
	dst = append(dst, `,"file_tx":false,"type":"response","status":"`...)
	if x.HasStatus && x.Status != 0 {
		dst = append(dst, `ERR_`...)
	}
	dst = append(dst, statusWord(x.Call.Version, x.Status)...)
	return append(dst, `"}`...)
}
