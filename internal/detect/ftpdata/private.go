package ftpdata

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (d *detector) composePrivate(g *finding.Group, b *finding.Builder) bool {
	var fs []*failure
	requests := 0
	for i := range g.Kept {
		x := g.Kept[i].Data.(*failure)
		if x.how == reset && d.own(x.flow) {
			continue // a machine has that address, and says no
		}
		fs = append(fs, x)
		if x.flow != nil {
			requests += int(max(x.flow.SYNTries, 1))
		} else if x.icmp != nil {
			requests++
		}
	}
	if len(fs) == 0 {
		return false
	}
	f := fs[0]
	o, s := f.offer, f.ses
	heard := d.scope.Hosts.Get(s.vantage, o.to.Addr)
	unreachable := heard == nil || heard.TTLs[0] == 0
	if unreachable && o.passive && f.how == unseen && d.reached(s) {
		return false // the client went to the right address by itself
	}
	offerer, caller := "server", "client"
	if !o.passive {
		offerer, caller = caller, offerer
	}
	what := "another address than its own"
	if private(o.to.Addr) {
		what = "an address that exists only inside its own network"
	}
	b.Subject(finding.Subject{Role: "client", Addr: s.client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: s.server.Addr, Port: s.server.Port})
	said := map[string]string{"PASV": "227"}[o.command]
	if said == "" {
		said = o.command
	}
	b.Title("FTP: the %s told the %s to connect to %s, %s", offerer, caller, o.to.Addr, what)
	b.Why("the %s is reached at %s, but offered %s for the data connection (%s, %s)", offerer, o.true, detect.EndText(o.to), said, d.scope.Frame(o.seen))
	b.Summary("FTP writes the address of the data connection into its text. The %s (%s) named %s there, %s, and nothing translates it on the way. The login works; the listing waits for a connection that cannot be made.",
		offerer, o.true, o.to.Addr, what)
	if f.how == unseen {
		b.Impact("%s failed (%d)", detect.Plural(len(fs), "listing or transfer", "listings or transfers"), f.code)
	} else {
		b.Impact("%s failed, %s in vain", detect.Plural(len(fs), "listing or transfer", "listings or transfers"), detect.Plural(requests, "connection request", "connection requests"))
	}
	b.Fact(detect.Refs(o.seen), "the text at %s s names %s; the %s's packets on the control channel have the address %s", d.scope.Since(o.seen), detect.EndText(o.to), offerer, o.true)
	w := hiddenStory{d: d}
	for i, x := range fs {
		if i == 3 {
			b.Fact(nil, "%s more failed the same way", detect.Plural(len(fs)-i, "data connection", "data connections"))
			break
		}
		if x.how == unseen {
			b.Fact(detect.Refs(x.reply), "the server answered %d at %s s: no data connection", x.code, d.scope.Since(x.reply))
		} else {
			w.failureFact(b, x)
		}
	}
	if unreachable {
		b.Fact(nil, "no packet from %s was ever seen here", o.to.Addr)
	}
	conf := d.configured(s, true, s.server.Addr, o.to.Addr)
	conf.addressFact(b, o)
	d.privateAlternatives(b, fs, requests, unreachable)
	privateRemedy(b, o, s, &conf)
	b.WrongIf("%s answers connections from %s", o.to.Addr, f.client)
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	dir := packet.ToClient
	if !o.passive {
		dir = packet.ToServer
	}
	for _, x := range fs[:min(len(fs), 2)] {
		add(x.offer.seen, dir, said, "the text names "+x.offer.to.Addr.String(), false)
		if x.how == unseen {
			add(x.reply, packet.ToClient, fmt.Sprint(x.code), "no data connection", false)
			continue
		}
		if x.icmp != nil {
			add(x.icmp.Head().Seen, packet.ToClient, "ICMP", "not there", false)
		}
		for j, t := range x.tries() {
			note := "the connection to it"
			if j > 0 {
				note = "again, no answer"
			}
			add(t, dir.Other(), "SYN", note, true)
		}
	}
	return true
}

// reached reports whether the client had a data connection to the server's real address answered in the session.
func (d *detector) reached(s *session) bool {
	w := &hiddenStory{d: d, s: &session{vantage: s.vantage, client: s.client, server: s.server, implicit: true, begin: s.begin, end: s.end}}
	return d.cameUp(w)
}

func (d *detector) privateAlternatives(b *finding.Builder, fs []*failure, requests int, unreachable bool) {
	f := fs[0]
	o := f.offer
	switch {
	case f.how == unseen:
		b.RuledOut("loss", detect.Refs(f.reply), "the server itself said that there was no data connection (%d)", f.code)
	case requests >= 2 || f.how != silent:
		b.RuledOut("loss", detect.Refs(f.first()), "%s in a row met the same fate while the control channel worked", detect.Plural(requests, "request", "requests"))
	default:
		b.Open("loss", "one request alone may be lost: capture longer")
	}
	switch {
	case o.passive && f.how != unseen:
		b.RuledOut("fxp", detect.Refs(f.first()), "the client itself tried to connect there")
	case private(o.to.Addr):
		b.RuledOut("fxp", detect.Refs(o.seen), "a transfer between servers names a server's address, not a private one")
	default:
		b.Open("fxp", "ask whether %s is an FTP server that was meant", o.to.Addr)
	}
	switch {
	case unreachable && private(o.to.Addr) && !private(o.true):
		b.RuledOut("reachable", detect.Refs(o.seen), "nothing was ever heard from it, and it is private while the control channel runs over public addresses")
	case unreachable:
		b.Open("reachable", "ping %s from the side that has to connect", o.to.Addr)
	default:
		b.Open("reachable", "packets of %s were seen here", o.to.Addr)
		b.Cap(finding.Possible)
	}
}

func privateRemedy(b *finding.Builder, o *offer, s *session, conf *settings) {
	if !o.passive {
		b.Remedy(finding.AtClient, "let the client connect (passive mode): then it need not know its outer address").
			Run("lftp", "set ftp:passive-mode on").
			Run("curl", "curl --ftp-pasv -u USER ftp://%s/", s.server.Addr)
		b.Remedy(finding.AtNAT, "or switch the FTP helper on for port %d (works only while the login is not encrypted)", s.server.Port)
		b.Check(fmt.Sprintf("curl -v --ftp-pasv --connect-timeout 10 -u USER ftp://%s/", detect.EndText(s.server)), "on the client: it lists in passive mode")
		return
	}
	lo, hi, _ := conf.ports()
	step := b.Remedy(finding.AtServer, "tell the server the address that clients reach, and forward its passive ports (%d to %d)", lo, hi).Run("vsftpd", "%s", conf.addressRemedy(o.true))
	if !conf.counts() {
		step.Run("proftpd", `printf 'MasqueradeAddress %s\nPassivePorts 50000 50100\n' >/etc/proftpd/conf.d/passive.conf && systemctl restart proftpd`, o.true)
	}
	b.Remedy(finding.AtClient, "let the client use EPSV, which names no address, or ignore the one in the text").
		Run("lftp", "set ftp:prefer-epsv on; set ftp:fix-pasv-address on").
		Run("curl", "curl --ftp-skip-pasv-ip -u USER ftp://%s/", detect.EndText(s.server))
	b.Remedy(finding.AtNAT, "or switch the FTP helper on for port %d, which rewrites the text (works only while the login is not encrypted)", s.server.Port).
		Run("nftables", `nft add table ip ftphelp; nft 'add ct helper ip ftphelp ftp { type "ftp" protocol tcp; }'; nft 'add chain ip ftphelp pre { type filter hook prerouting priority filter; }'; nft 'add rule ip ftphelp pre tcp dport %d ct helper set "ftp"'`, s.server.Port)
	b.Check(fmt.Sprintf("curl -v --disable-epsv --connect-timeout 10 -u USER ftp://%s/", detect.EndText(s.server)), "on the client: the line 227 has to name "+o.true.String())
}
