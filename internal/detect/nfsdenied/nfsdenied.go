// Package nfsdenied finds mounts that an NFS server refuses, and file handles that it no longer knows.
package nfsdenied

import (
	"time"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Denied = "nfs-mount-denied"
	Stale  = "nfs-stale"
)

// Status codes of the mount protocol and of NFS (RFC 1813 5.1.5, 2.6; RFC 8881 15.1).
const (
	statusPerm  = 1
	statusAcces = 13
	statusStale = 70
)

// staleEnough is how many stale handles of one client make a finding: one or two are a file that another client removed.
const staleEnough = 3

// reserved is the first port that needs no privilege (RFC 6335 6): servers demand a lower one unless told otherwise.
const reserved = 1024

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "nfsdenied",
	Codes: []*finding.Code{{
		ID:       Denied,
		Title:    "an NFS server refuses a mount",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "path", Name: "a path that is exported to nobody"},
			{ID: "port", Name: "a client that calls from an unprivileged port"},
		},
		References: []string{"RFC 1813 5.2.1 (MNT), 5.1.5 (mountstat3)", "exports(5)"},
		Needs:      []finding.Gate{finding.GateSnap},
		Settle:     30 * time.Second,
		About: "mountd answered a mount with MNT3ERR_ACCES or MNT3ERR_PERM: the server is reached and runs, and its list of exports does not name this client for this path. Whether others may mount the same path, " +
			"and from which port the client called, tell which of the usual reasons it is. Not this: root squash and file permissions after the mount, NFS version 4 (it hides what is not exported).",
		Reproduce: "testbed: nfs-mount-denied",
	}, {
		ID:       Stale,
		Title:    "an NFS server no longer knows the handles of its clients",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "removed", Name: "files that another client removed meanwhile"},
		},
		References: []string{"RFC 1813 2.6 (NFS3ERR_STALE)", "RFC 8881 15.1.2.9 (NFS4ERR_STALE)"},
		Needs:      []finding.Gate{finding.GateSnap},
		Settle:     30 * time.Second,
		About: "The server answered three or more operations of a client with STALE: it no longer knows the file handles that it gave out. The export was moved to another disk, exported anew with another identity, or " +
			"the file system behind it was made anew. Not this: a program that goes on with one file that somebody removed.",
		Reproduce: "by events made by hand in the detector's tests",
	}},
	Wants: detect.Wants{Named: []string{rpc.KindRPC, rpc.KindNFSError}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, mounts: map[mountKey]*mounted{}, stale: map[pair]*handles{}}
	},
}

// mountKey is a path of a server.
type mountKey struct {
	vantage uint16
	server  packet.Addr
	path    string
}

// mounted remembers who was served a path.
type mounted struct {
	first  packet.Ref
	client packet.Addr // of first
	newest packet.Ref
	by     packet.Addr // of newest
}

// refusal is one denied mount.
type refusal struct {
	key    mountKey
	x      *rpc.Transaction
	client event.End
}

type pair struct {
	vantage        uint16
	client, server packet.Addr
}

// handles counts stale answers of a server to a client.
type handles struct {
	n       int
	first   *rpc.Transaction
	refs    []packet.Ref
	several bool // more than one handle, or one of a folder: not just one file that was removed
}

// ofFolder are the procedures of version 3 that speak of a folder, or of the whole file system (RFC 1813 3.3).
var ofFolder = map[uint32]bool{3: true, 8: true, 9: true, 10: true, 11: true, 12: true, 13: true, 14: true, 16: true, 17: true, 18: true, 19: true, 20: true}

type detector struct {
	scope   *detect.Scope
	mounts  map[mountKey]*mounted
	stale   map[pair]*handles
	skipped uint64 // paths and pairs not remembered for lack of room
}

// Handle takes answers to mounts, and errors of NFS.
func (d *detector) Handle(e event.Event) {
	x, ok := e.(*rpc.Transaction)
	if !ok || !x.Accepted() || !x.HasStatus {
		return
	}
	switch {
	case x.Call.Program == rpc.Mount && x.Call.Procedure == 1:
		d.mount(x)
	case x.Call.Program == rpc.NFS && x.Status == statusStale:
		d.handle(x)
	}
}

func (d *detector) mount(x *rpc.Transaction) {
	h := x.Head()
	k := mountKey{h.Vantage, x.Server().Addr, x.Name}
	switch x.Status {
	case 0:
		m := d.mounts[k]
		if m == nil {
			if len(d.mounts) >= d.scope.Limits.Entries {
				d.skipped++
				d.scope.Forgot("nfsdenied", "mounts") // a refusal at a path that is not known is less sure by itself
				return
			}
			m = &mounted{first: x.Answered, client: x.Client().Addr}
			d.mounts[k] = m
		}
		m.newest, m.by = x.Answered, x.Client().Addr
	case statusPerm, statusAcces:
		d.scope.Report(&finding.Instance{Code: Denied, Key: k.server.String() + " " + x.Client().Addr.String() + " " + x.Name, FlowID: h.FlowID, Vantage: h.Vantage,
			Client: x.Client().Addr, Server: k.server, Port: x.Server().Port, First: x.Asked, Last: x.Answered, Data: &refusal{k, x, x.Client()}})
	}
}

func (d *detector) handle(x *rpc.Transaction) {
	h := x.Head()
	k := pair{h.Vantage, x.Client().Addr, x.Server().Addr}
	s := d.stale[k]
	if s == nil {
		if len(d.stale) >= d.scope.Limits.Entries {
			d.skipped++
			d.scope.Forgot("nfsdenied", "pairs with stale handles", x.Client().Addr, x.Server().Addr)
			return
		}
		s = &handles{first: x}
		d.stale[k] = s
	}
	s.several = s.several || !x.HasHandle || x.Handle != s.first.Handle || ofFolder[x.Call.Procedure]
	if s.n++; len(s.refs) < finding.MaxEvidence {
		s.refs = append(s.refs, x.Answered)
	}
	d.scope.Report(&finding.Instance{Code: Stale, Key: k.client.String() + " " + k.server.String(), FlowID: h.FlowID, Vantage: h.Vantage,
		Client: k.client, Server: k.server, Port: x.Server().Port, First: x.Asked, Last: x.Answered, Data: s})
}

// Tick does nothing: an answer is complete when it comes.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
