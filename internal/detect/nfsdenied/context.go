package nfsdenied

import (
	"fmt"
	"path"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
)

// answer is what the server's own exports say of a client and a path.
type answer uint8

const (
	notGiven   answer = iota // no file, or one that the packets contradict
	nowhere                  // neither the path nor a directory above it is exported
	notNamed                 // it is, to others
	byName                   // it is, to names that only the server's resolver knows
	wrongPort                // it is to this client, but for calls from a privileged port
	allowed                  // it is to this client
	contradict               // somebody was given it whom the file does not name
)

// exports is the answer for one refusal.
type exports struct {
	answer answer
	r      *refusal
	export *hostconf.Export       // that the path lies in; nil: none
	entry  *hostconf.ExportClient // that names the client; nil: none
	files  string
	other  *mounted // contradict: who was given it
}

// look searches the exports for a path and a client. mountd takes any export of the path or of a directory above it that
// names the client.
func look(all []hostconf.Export, name string, client packet.Addr) (a answer, e *hostconf.Export, entry *hostconf.ExportClient) {
	a = nowhere
	for i := range all {
		x := &all[i]
		if !x.Covers(name) {
			continue
		}
		for j := range x.Clients {
			switch c := &x.Clients[j]; c.Matches(client) {
			case hostconf.Yes:
				return allowed, x, c
			case hostconf.Unsaid:
				if a != byName {
					a, e = byName, x
				}
			case hostconf.No:
				if a == nowhere {
					a, e = notNamed, x
				}
			}
		}
		if len(x.Clients) == 0 { // to everybody, with what the program has for defaults
			return allowed, x, &everybody
		}
	}
	return a, e, nil
}

var everybody = hostconf.ExportClient{Host: "*"}

// exported asks the server's exports about a refusal; m is who was given the same path.
func (d *detector) exported(r *refusal, m *mounted) *exports {
	x := &exports{r: r}
	f := d.scope.Context.For(r.key.server)
	if f == nil || len(f.Exports) == 0 || !strings.HasPrefix(r.key.path, "/") {
		return x
	}
	name := path.Clean(r.key.path)
	x.files = f.Exports[0].File
	if m != nil && m.client != r.client.Addr {
		if a, _, _ := look(f.Exports, name, m.client); a == nowhere || a == notNamed {
			x.answer, x.other = contradict, m
			return x
		}
	}
	x.answer, x.export, x.entry = look(f.Exports, name, r.client.Addr)
	if x.answer == allowed && r.client.Port >= reserved && x.entry.Has("secure", "insecure", true) {
		x.answer = wrongPort
	}
	return x
}

// line names the export for people.
func (x *exports) line() string { return fmt.Sprintf("%s:%d", x.export.File, x.export.Line) }

// list writes to whom the path is exported.
func (x *exports) list() string {
	var out []string
	for i := range x.export.Clients {
		out = append(out, optioned(&x.export.Clients[i]))
	}
	return detect.List(out, 4)
}

func optioned(c *hostconf.ExportClient) string {
	if len(c.Options) == 0 {
		return c.Host
	}
	return c.Host + "(" + strings.Join(c.Options, ",") + ")"
}

// facts says what the file has.
func (x *exports) facts(b *finding.Builder) {
	client := x.r.client.Addr
	switch x.answer {
	case nowhere:
		b.Fact(nil, "%s of %s exports neither that path nor a directory above it", x.files, x.r.key.server)
	case notNamed:
		b.Fact(nil, "%s exports %s to %s: %s is not among them", x.line(), quote(x.export.Path), x.list(), client)
	case byName:
		b.Fact(nil, "%s exports %s to %s: %s is meant only if the server's resolver says so", x.line(), quote(x.export.Path), x.list(), client)
	case wrongPort:
		b.Fact(detect.Refs(x.r.x.Asked), "%s lets %s mount it, %s, without the option insecure: a call from port %d, not below %d, is refused%s", x.line(), client, optioned(x.entry), x.r.client.Port, reserved, x.squash())
	case allowed:
		b.Fact(detect.Refs(x.r.x.Answered), "%s lets %s mount it, %s, and the server refused: the file is not loaded yet, or the server sees the call from another address%s", x.line(), client, optioned(x.entry), x.squash())
	case contradict:
		b.Fact(detect.Refs(x.other.first), "%s is not what the server runs with: it does not let %s mount this path, and the server did", x.files, x.other.client)
	}
}

// squash adds what becomes of root, which is no reason for a refusal.
func (x *exports) squash() string {
	if x.entry.Has("root_squash", "no_root_squash", true) || x.entry.Has("all_squash", "no_all_squash", false) {
		return " (root of the client is squashed: that shows after the mount, not here)"
	}
	return ""
}

// decidesPath settles the alternative of a path that is exported to nobody. It is false where the file does not.
func (x *exports) decidesPath(b *finding.Builder) bool {
	switch x.answer {
	case nowhere:
		b.Open("path", "by %s it is so; exportfs -v on %s tells whether that is what is loaded", x.files, x.r.key.server)
	case notNamed, byName, wrongPort:
		b.RuledOut("path", detect.Refs(x.r.x.Asked), "%s exports it", x.line())
	default:
		return false
	}
	return true
}

// decidesPort settles the alternative of an unprivileged port.
func (x *exports) decidesPort(b *finding.Builder) bool {
	switch x.answer {
	case nowhere, notNamed:
		b.RuledOut("port", detect.Refs(x.r.x.Asked), "%s names %s for no port", x.files, x.r.client.Addr)
	case wrongPort:
		b.Open("port", "by %s it is so; exportfs -v on %s tells whether that is what is loaded", x.line(), x.r.key.server)
	default:
		return false
	}
	return true
}

// why replaces the cause by the one that the file shows.
func (x *exports) why(b *finding.Builder, name string, status uint32) {
	switch x.answer {
	case nowhere:
		b.Why("mountd was reached and answered %s (%d): by %s the path is exported to nobody", name, status, x.files)
	case notNamed:
		b.Why("mountd was reached and answered %s (%d): %s exports the path to %s, not to %s", name, status, x.line(), x.list(), x.r.client.Addr)
	case wrongPort:
		b.Why("mountd was reached and answered %s (%d): %s allows %s, but not from port %d (without insecure it has to be below %d)", name, status, x.line(), x.r.client.Addr, x.r.client.Port, reserved)
	case allowed:
		b.Why("mountd was reached and answered %s (%d), and %s allows %s: the server does not run with this file, or sees another address", name, status, x.line(), x.r.client.Addr)
	}
}

// remedy writes what to do, the list of the server first.
func (x *exports) remedy(b *finding.Builder) {
	client := x.r.client.Addr
	switch x.answer {
	case wrongPort:
		b.Remedy(finding.AtClient, "mount as root, so that the call comes from a port below %d", reserved)
		b.Remedy(finding.AtServer, "or add insecure to the options of %s, and load the list anew (then every user of the client may speak NFS, not root alone)", x.line()).Run("Linux", "exportfs -ra")
		return
	case allowed:
		b.Remedy(finding.AtServer, "load the list anew, and see what is loaded").Run("Linux", "exportfs -ra && exportfs -v")
		b.Remedy(finding.AtServer, "if it was loaded, the server sees another address than %s: name the one that its log has", client).Run("Linux", "journalctl -u nfs-mountd -n 20")
		return
	}
	b.Remedy(finding.AtServer, "if %s is meant to mount it, name the client or its network for that path, and load the list anew", client).
		Run("Linux", "exportfs -o rw,sync,no_subtree_check %s:%s", client, shell(x.r.key.path)).
		Run("for ever: add the same to /etc/exports, then", "exportfs -ra").
		Run("nfs-ganesha, in the EXPORT", "CLIENT { Clients = %s; Access_Type = RW; }", client)
	if x.answer != notNamed && x.answer != nowhere {
		b.Remedy(finding.AtServer, "if the list names it by host name, see whether the server resolves it so").
			Run("Linux", "getent hosts %s", client)
	}
	b.Remedy(finding.AtClient, "if it is not, nothing is wrong: take the mount out of /etc/fstab")
}
