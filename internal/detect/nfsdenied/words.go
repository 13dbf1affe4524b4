package nfsdenied

import (
	"fmt"
	"strings"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the refusals of one client and path, or for its stale handles.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code.ID == Stale {
		return d.composeStale(g, b)
	}
	r := g.Kept[0].Data.(*refusal)
	x, client, server := r.x, r.client.Addr, r.key.server
	path := quote(r.key.path)
	status := rpc.StatusName(rpc.Mount, x.Call.Version, x.Status)
	var refs []packet.Ref
	for i := range g.Kept {
		if len(refs) < 6 {
			refs = append(refs, g.Kept[i].Last)
		}
	}
	m := d.mounts[r.key]
	conf := d.exported(r, m)
	b.Subject(finding.Subject{Role: "client", Addr: client})
	b.Subject(finding.Subject{Role: "server", Addr: server, Port: x.Server().Port})
	b.Title("%s refuses to let %s mount %s", server, client, path)
	b.Why("mountd was reached and answered %s (%d): the exports of the server do not name this client for this path", status, x.Status)
	served := ""
	if m != nil && m.client != client {
		served = fmt.Sprintf(" The same path was given to %s, so it is exported, only not to this client.", m.client)
	}
	b.Summary("%s asked %s to mount %s and was refused (%s). Network and service are in order: the server's list of exports does not allow this client.%s", client, server, path, status, served)
	b.Impact("%s of %s refused", detect.Plural(g.Count, "mount", "mounts"), client)
	b.Fact(detect.Refs(x.Asked, x.Answered), "the call for %s from %s was answered with %s", path, detect.EndText(r.client), status)
	conf.facts(b)
	switch {
	case m != nil && m.client != client:
		b.Fact(detect.Refs(m.first), "%s was given the same path at %s s", m.client, d.scope.Since(m.first))
		b.RuledOut("path", detect.Refs(m.first), "%s was given it", m.client)
	case m != nil:
		b.Fact(detect.Refs(m.first, m.newest), "the same client was given the path at %s s: the exports changed in between", d.scope.Since(m.newest))
		b.RuledOut("path", detect.Refs(m.first), "the client itself was given it before or after")
	case conf.decidesPath(b):
		b.Fact(nil, "nobody was given this path in the capture")
	default:
		b.Fact(nil, "nobody was given this path in the capture")
		b.Open("path", "showmount -e %s from the client lists what is exported", server)
	}
	switch {
	case r.client.Port < reserved:
		b.RuledOut("port", detect.Refs(x.Asked), "it called from port %d, below %d", r.client.Port, reserved)
	case conf.decidesPort(b):
	default:
		b.Open("port", "it called from port %d; a server without the option insecure wants one below %d: mount as root", r.client.Port, reserved)
	}
	b.WrongIf("the server's own log (journalctl -u nfs-mountd) naming another reason")
	conf.why(b, status, x.Status)
	conf.remedy(b)
	b.Check(fmt.Sprintf("showmount -e %s", server), "from "+client.String()+"; on the server: exportfs -v")
	b.Evidence(x.Asked, "the client asks for the path")
	for _, ref := range refs {
		b.Evidence(ref, "refused")
	}
	if m != nil {
		b.Evidence(m.first, "given to "+m.client.String())
	}
	b.Ladder(finding.LadderRow{Ref: x.Asked, Dir: packet.ToServer, Label: "MNT", Note: "the client asks for the path"})
	b.Ladder(finding.LadderRow{Ref: x.Answered, Dir: packet.ToClient, Label: status, Note: "refused", Gap: x.Answered.Time.Sub(x.Asked.Time)})
	return true
}

func (d *detector) composeStale(g *finding.Group, b *finding.Builder) bool {
	s := g.Kept[0].Data.(*handles)
	if s.n < staleEnough || !s.several {
		return false
	}
	x := s.first
	client, server := x.Client().Addr, x.Server().Addr
	status := rpc.StatusName(rpc.NFS, x.Call.Version, x.Status)
	b.Subject(finding.Subject{Role: "client", Addr: client})
	b.Subject(finding.Subject{Role: "server", Addr: server, Port: x.Server().Port})
	b.Title("%s no longer knows the file handles of %s", server, client)
	b.Why("%s were answered with %s: what the client holds belongs to an export that is no more", detect.Plural(s.n, "operation", "operations"), status)
	b.Summary("%s works with file handles that %s gave out earlier and now calls stale (%s). The export was replaced: another disk, another identity, or a file system made anew. The client goes on failing until it mounts again.",
		client, server, status)
	b.Impact("%s failed; programs see \"Stale file handle\"", detect.Plural(s.n, "operation", "operations"))
	b.Fact(s.refs, "%s of %s answered with %s, the first at %s s", detect.Plural(s.n, "call", "calls"), client, status, d.scope.Since(x.Answered))
	b.Fact(detect.Refs(x.Asked), "the first of them was %s, version %d", rpc.ProcedureName(rpc.NFS, x.Call.Version, x.Call.Procedure), x.Call.Version)
	b.Open("removed", "ls of the mount's top on %s: if it works, only single files are gone", client)
	b.WrongIf("other files of the same mount that work meanwhile")
	b.Remedy(finding.AtClient, "mount again").Run("Linux", "umount -f -l /mnt && mount /mnt")
	b.Remedy(finding.AtServer, "give the export a fixed identity, so that handles survive the next move: fsid= in /etc/exports, then").Run("Linux", "exportfs -ra")
	b.Check("nfsstat -m; ls /mnt", "on "+client.String()+" (with its own mount point)")
	b.Evidence(x.Asked, "works with a handle")
	for _, r := range s.refs {
		b.Evidence(r, "stale")
	}
	return true
}

// maxQuote is how much of a path stands in a sentence, in bytes.
const maxQuote = 120

// quote writes a path, which is hostile text, on one line and within quotation marks that it cannot close.
func quote(s string) string {
	cut := ""
	if len(s) > maxQuote {
		s, cut = s[:maxQuote], "…"
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case event.Unprintable(r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return `"` + s + cut + `"`
}

// shell writes a path for a line to paste: as it is where it is plain, else as a word that the reader fills in.
func shell(s string) string {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/._-+", c) >= 0) {
			return "THE_PATH"
		}
	}
	if s == "" || s[0] != '/' || len(s) > maxQuote {
		return "THE_PATH"
	}
	return s
}
