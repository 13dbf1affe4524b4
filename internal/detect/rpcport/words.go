package rpcport

import (
	"fmt"
	"sort"
	"strings"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// story is what the texts of one finding are made of.
type story struct {
	scope   *detect.Scope
	bs      []*blocked
	b       *blocked // the first
	client  packet.Addr
	server  packet.Addr
	what    string         // "mountd (TCP port 44411)"
	clients []packet.Addr  // that were blocked
	works   detect.Control // ports 111 and 2049 of the server meanwhile, anybody
	own     detect.Control // the same clients
	errs    []*event.ICMPError
	between bool // a second capture never saw the requests
	died    uint16
}

// Compose writes the finding for the blocked ports of one server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := story{scope: d.scope}
	for i := range g.Kept {
		if x := g.Kept[i].Data.(*blocked); !x.answered {
			s.bs = append(s.bs, x)
		}
	}
	if len(s.bs) == 0 {
		return false
	}
	s.b = s.bs[0]
	s.client, s.server = s.b.head.Client.Addr, s.b.head.Server.Addr
	s.collect()
	s.look()
	b.Subject(finding.Subject{Role: "client", Addr: s.client})
	b.Subject(finding.Subject{Role: "server", Addr: s.server, Port: s.b.head.Server.Port})
	if s.b.callback {
		s.back(b)
	} else {
		s.forth(b)
	}
	s.facts(b)
	s.alternatives(b)
	b.WrongIf("a capture beside %s that shows the requests arriving", s.server)
	s.evidence(b)
	return true
}

// collect names the programs and clients, each once.
func (s *story) collect() {
	type port struct {
		proto uint8
		port  uint16
	}
	seen, who := map[port]bool{}, map[packet.Addr]bool{}
	var names []string
	for _, x := range s.bs {
		k := port{x.where.at.proto, x.where.at.port}
		if !seen[k] {
			seen[k] = true
			names = append(names, s.program(x))
		}
		if a := x.head.Client.Addr; !who[a] {
			who[a] = true
			s.clients = append(s.clients, a)
		}
		if x.err != nil && len(s.errs) < 4 {
			s.errs = append(s.errs, x.err)
		}
	}
	sort.Strings(names)
	s.what = detect.List(names, 4)
}

func (s *story) program(x *blocked) string {
	name := rpc.ProgramName(x.where.program)
	if name == "" {
		name = fmt.Sprintf("program %d", x.where.program)
	}
	return fmt.Sprintf("%s (%s port %d)", name, protoName(x.where.at.proto), x.where.at.port)
}

func protoName(p uint8) string {
	if p == packet.ProtoTCP {
		return "TCP"
	}
	return "UDP"
}

// look asks the ledger what worked meanwhile, and a second capture whether the requests passed.
func (s *story) look() {
	from, to := s.b.where.ref.Time, s.b.head.Seen.Time
	if s.b.where.ref.IsZero() {
		from = s.b.head.Seen.Time
	}
	for _, x := range s.bs {
		to = max(to, x.head.Seen.Time)
	}
	from, to = from.Add(-control), to.Add(control)
	own := map[packet.Addr]bool{}
	for _, c := range s.clients {
		own[c] = true
	}
	v := s.b.head.Vantage
	s.works = s.scope.Ledger.Server(v, s.server, func(a *detect.Attempt) bool { return a.Service.Port != 111 && a.Service.Port != 2049 }, from, to)
	s.own = s.scope.Ledger.Server(v, s.server, func(a *detect.Attempt) bool { return !own[a.Client.Addr] }, from, to)
	asked := 0
	s.between = true
	for _, x := range s.bs {
		for _, r := range x.tries {
			switch t := s.scope.Twins.Trace(r); {
			case t.Seen:
				s.between = false
			case t.Known: // else the other capture was over by then, and its silence means nothing
				asked++
				s.died = t.Vantage
			}
		}
	}
	s.between = s.between && asked > 1
}

func (s *story) tries() []packet.Ref {
	var out []packet.Ref
	for _, x := range s.bs {
		out = append(out, x.tries...)
	}
	if len(out) > 8 {
		out = out[:8]
	}
	return out
}

// fate says in words what the blocked requests met.
func (s *story) fate() string {
	switch s.b.how {
	case byICMP:
		return fmt.Sprintf("refused by %s", s.b.err.Sender)
	case byRST:
		return "reset by a device on the way"
	}
	return "dropped"
}

func (s *story) who() string {
	var names []string
	for _, c := range s.clients {
		names = append(names, c.String())
	}
	return detect.List(names, 3)
}

func (s *story) forth(b *finding.Builder) {
	b.Title("a firewall lets the port directory of %s through, but not %s", s.server, s.what)
	b.Why("the directory (port 111) said where the service lives; requests to that port were %s, while the ports that the firewall knows work", s.fate())
	b.Summary("%s asked the port directory of %s where a service lives and was told %s. The firewall lets the question through, but not the requests to that number: they were %s. "+
		"That number is drawn anew when the service starts, so a rule for today's number fails after the next restart.%s",
		s.who(), s.server, s.what, s.fate(), s.movedText())
	if s.ofNFS() {
		b.Impact("%s; a mount over NFS version 3 hangs or fails", s.attempts())
		b.Remedy(finding.AtClient, "use NFS version 4: it needs port 2049 only, no directory and no mountd").
			Run("Linux", "mount -t nfs4 %s:/ /mnt", s.server)
		s.fixed(b, finding.AtServer)
		s.rule(b, s.client, s.server)
	} else {
		b.Impact("%s; what asked for the service does not get it", s.attempts())
		b.Remedy(finding.AtServer, "give the service a fixed port (its own option), and allow that port")
		b.Remedy(finding.AtFirewall, "until its next restart this number is enough").
			Run("nftables", "nft insert rule inet filter forward %s saddr %s %s daddr %s %s dport %d accept", family(s.server), s.client, family(s.server), s.server,
				strings.ToLower(protoName(s.b.where.at.proto)), s.b.where.at.port)
	}
	version := s.b.where.version
	if version == 0 {
		version = 2 // the directory itself
	}
	b.Check(fmt.Sprintf("rpcinfo -t %s %d %d", s.server, s.b.where.program, version), fmt.Sprintf("from %s; rpcinfo -p %s shows the ports of the day", s.client, s.server))
}

func (s *story) back(b *finding.Builder) {
	b.Title("%s, a server of NFS, cannot call back its client %s: %s", s.client, s.server, s.what)
	b.Why("locks need both directions: the server calls the lock manager and status monitor of its client; those calls were %s", s.fate())
	b.Summary("%s uses files of %s. The server calls it back to grant a lock that it waited for, or to say that it restarted; these calls go to %s of %s and were %s. "+
		"Reading and writing works; programs that wait for a lock hang, and locks are lost when a machine restarts.", s.server, s.client, s.what, s.server, s.fate())
	b.Impact("%s; waiting for file locks hangs", s.attempts())
	b.Remedy(finding.AtClient, "use NFS version 4: locks need no calls back").
		Run("Linux", "mount -t nfs4 %s:/ /mnt", s.client)
	s.fixed(b, finding.AtClient)
	s.rule(b, s.client, s.server)
	b.Check(fmt.Sprintf("rpcinfo -t %s 100021 4", s.server), "from "+s.client.String()+", the server of NFS")
}

func (s *story) attempts() string {
	return fmt.Sprintf("%s of %s failed", detect.Plural(len(s.bs), "attempt", "attempts"), s.who())
}

// The fixed ports that Red Hat's documents made customary.
const (
	portMountd = 892
	portStatd  = 662
	portQuota  = 875
	portLockT  = 32803
	portLockU  = 32769
)

// fixed prints the settings that nail the ports down.
func (s *story) fixed(b *finding.Builder, at finding.Where) {
	b.Remedy(at, "if version 3 has to stay, give the services fixed ports, then restart them").
		Run("Debian 12, RHEL 8 and later", `printf '[mountd]\nport=%d\n[statd]\nport=%d\n[lockd]\nport=%d\nudp-port=%d\n' >/etc/nfs.conf.d/fixed-ports.conf`, portMountd, portStatd, portLockT, portLockU).
		Run("the lock manager, where the kernel loads it first", `echo 'options lockd nlm_tcpport=%d nlm_udpport=%d' >/etc/modprobe.d/lockd.conf`, portLockT, portLockU).
		Run("Debian 11 and before", `echo 'RPCMOUNTDOPTS="--manage-gids -p %d"' >>/etc/default/nfs-kernel-server; echo 'STATDOPTS="-p %d"' >>/etc/default/nfs-common`, portMountd, portStatd).
		Run("Debian, quota", `echo 'RPCRQUOTADOPTS="-p %d"' >>/etc/default/quota`, portQuota).
		Run("RHEL 7 and before", `printf 'MOUNTD_PORT=%d\nSTATD_PORT=%d\nRQUOTAD_PORT=%d\nLOCKD_TCPPORT=%d\nLOCKD_UDPPORT=%d\n' >>/etc/sysconfig/nfs`, portMountd, portStatd, portQuota, portLockT, portLockU).
		Run("restart", "systemctl restart nfs-server rpc-statd").
		Run("nfs-ganesha (in its configuration)", "NFS_CORE_PARAM { MNT_Port = %d; NLM_Port = %d; Rquota_Port = %d; }", portMountd, portLockT, portQuota).
		Run("which still float", "firestorm lint nfs --ask %s", s.server)
}

// rule prints what the firewall has to pass then.
func (s *story) rule(b *finding.Builder, from, to packet.Addr) {
	fam := family(to)
	b.Remedy(finding.AtFirewall, "then allow exactly these ports, and the two that work already").
		Run("nftables, from the server's own list", "firestorm rpc firewall --ask %s --client %s", to, from).
		Run("nftables", "nft insert rule inet filter forward %s saddr %s %s daddr %s tcp dport { 111, 2049, %d, %d, %d, %d } accept", fam, from, fam, to, portMountd, portStatd, portQuota, portLockT).
		Run("nftables", "nft insert rule inet filter forward %s saddr %s %s daddr %s udp dport { 111, 2049, %d, %d, %d, %d } accept", fam, from, fam, to, portMountd, portStatd, portQuota, portLockU)
}

// family is what nftables calls the address's family.
func family(a packet.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}

// ofNFS reports that a blocked program is one that NFS version 3 needs.
func (s *story) ofNFS() bool {
	for _, x := range s.bs {
		switch x.where.program {
		case rpc.Mount, rpc.NLM, rpc.NSM, rpc.RQuota, rpc.NFS:
			return true
		}
	}
	return false
}

// movedText says where the service was before.
func (s *story) movedText() string {
	m := s.b.where.before
	if m.port == 0 {
		return ""
	}
	c := s.answeredAt(m.port)
	if c.Answered > 0 {
		return fmt.Sprintf(" That is why it worked before: until the restart it was port %d, which answered %s.", m.port, detect.Plural(c.Answered, "request", "requests"))
	}
	return fmt.Sprintf(" It was port %d before.", m.port)
}

func (s *story) answeredAt(port uint16) detect.Control {
	return s.scope.Ledger.Others(s.b.head.Vantage, detect.Service{Addr: s.server, Port: port, Proto: s.b.where.at.proto}, nil, 0, s.b.head.Seen.Time)
}

func (s *story) facts(b *finding.Builder) {
	x := s.b
	if !x.where.ref.IsZero() {
		b.Fact(detect.Refs(x.where.ref), "the directory of %s answered at %s s: %s, version %d, is at %s port %d", s.server, s.scope.Since(x.where.ref), programText(x.where.program), x.where.version,
			protoName(x.where.at.proto), x.where.at.port)
	}
	if m := x.where.before; m.port != 0 {
		c := s.answeredAt(m.port)
		b.Fact(append(detect.Refs(m.ref), c.AnsweredRefs...), "at %s s the directory had said port %d, which answered %s: the port moved", s.scope.Since(m.ref), m.port, detect.Plural(c.Answered, "time", "times"))
	}
	switch x.how {
	case byICMP:
		var refs []packet.Ref
		for _, e := range s.errs {
			refs = append(refs, e.Head().Seen)
		}
		b.Fact(append(detect.Refs(x.tries...), refs...), "%s, a device on the way, answered a request to the port with ICMP (type %d, code %d)", x.err.Sender, x.err.Type, x.err.Code)
	case byRST:
		b.Fact(append(detect.Refs(x.tries...), x.flow.Refusal.Ref), "the request to the port was reset by a packet with TTL %d; the server's own packets have another", x.flow.Refusal.TTL)
	default:
		b.Fact(x.tries, "requests from %s to the port at %s, no reply", detect.EndText(x.head.Client), s.scope.Times(x.tries, 4))
	}
	if s.between {
		b.Fact(s.tries(), "none of the requests came to %s: the device between dropped them", s.scope.Twins.Name(s.died))
	}
	if s.works.Answered > 0 {
		b.Fact(s.works.AnsweredRefs, "ports 111 and 2049 of %s answered %s meanwhile", s.server, detect.Plural(s.works.Answered, "time", "times"))
	} else {
		b.Fact(nil, "no connection to port 111 or 2049 of %s was answered within a minute", s.server)
	}
}

func programText(p uint32) string {
	if n := rpc.ProgramName(p); n != "" {
		return fmt.Sprintf("%s (program %d)", n, p)
	}
	return fmt.Sprintf("program %d", p)
}

func (s *story) alternatives(b *finding.Builder) {
	tries := s.tries()
	if s.b.how != silent || s.between {
		var refs []packet.Ref
		for _, e := range s.errs {
			refs = append(refs, e.Head().Seen)
		}
		why := "the device on the way says itself that it refuses"
		switch {
		case s.b.how == byRST:
			refs, why = append(refs, s.b.flow.Refusal.Ref), "the reset came from another machine than the server"
		case s.between:
			refs, why = tries, "the requests never came to the server's side of the device"
		}
		for _, id := range []string{"server-down", "busy", "return-path"} {
			b.RuledOut(id, refs, "%s", why)
		}
		return
	}
	up := s.works.AnsweredRefs
	if len(up) == 0 {
		up = detect.Refs(s.b.where.ref)
	}
	if len(s.b.mount) > 0 {
		b.RuledOut("server-down", s.b.mount, "it uses files of %s meanwhile", s.client)
	} else if len(up) > 0 {
		b.RuledOut("server-down", up, "its other ports answered, and a port where nothing listens would be refused, not silent")
	} else {
		b.Open("server-down", "ping it, or look whether its link is up")
	}
	b.Open("busy", "ss -ltn on %s shows whether the queue of port %d is full", s.server, s.b.head.Server.Port)
	switch {
	case len(s.b.mount) > 0:
		b.RuledOut("return-path", s.b.mount, "both talk to each other meanwhile, over the connection that the client began")
	case s.own.Answered > 0:
		b.RuledOut("return-path", s.own.AnsweredRefs, "the same client got answers from other ports of it")
	case s.b.where.asker == s.client && !s.b.where.ref.IsZero():
		b.RuledOut("return-path", detect.Refs(s.b.where.ref), "the directory's answer came back to the same client")
	default:
		b.Open("return-path", "a capture at the server decides")
	}
}

func (s *story) evidence(b *finding.Builder) {
	x := s.b
	b.Evidence(x.where.before.ref, "the directory named another port")
	b.Evidence(x.where.ref, "the directory names the port")
	for _, r := range s.tries() {
		b.Evidence(r, "request to that port")
	}
	for _, e := range s.errs {
		b.Evidence(e.Head().Seen, "refused on the way")
	}
	if x.flow != nil && x.how == byRST {
		b.Evidence(x.flow.Refusal.Ref, "reset on the way")
	}
	b.Ladder(finding.LadderRow{Ref: x.where.ref, Dir: packet.ToClient, Label: "port " + fmt.Sprint(x.where.at.port), Note: strings.TrimSpace("where " + rpc.ProgramName(x.where.program) + " lives")})
	for i, r := range x.tries {
		row := finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: "request", Lost: x.how == silent, Note: "to that port"}
		if i > 0 {
			row.Gap = r.Time.Sub(x.tries[i-1].Time)
		}
		b.Ladder(row)
	}
	if x.err != nil {
		b.Ladder(finding.LadderRow{Ref: x.err.Head().Seen, Dir: packet.ToClient, Label: "ICMP", Note: "refused on the way"})
	}
}
