package ftpdata

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
)

// narrow is how many ports a passive range may have to tell a data connection from others by its port alone, and to be
// opened in a firewall as it is: one in thirty of the ports that a program gets by chance.
const narrow = 2048

// settings is what the server's own vsftpd.conf says, as far as it can be the file that the server runs.
type settings struct {
	*hostconf.FTP             // nil: no such file
	host          packet.Addr // whose
	lo, hi        uint16      // passive ports
	set           bool        // the file narrows them
	doubt         string      // why the file is not the one in use; then nothing else of it counts
}

// configured asks for the file under each address of the server. forwarded: its port may be another one inside.
func (d *detector) configured(s *session, forwarded bool, addrs ...packet.Addr) settings {
	for _, a := range addrs {
		f := d.scope.Context.For(a)
		if f == nil || f.FTP == nil {
			continue
		}
		c := settings{FTP: f.FTP, host: a}
		c.lo, c.hi, c.set = f.FTP.Range()
		switch {
		case !forwarded && c.Port != s.server.Port:
			c.doubt = fmt.Sprintf("it is for port %d, and this login went to port %d", c.Port, s.server.Port)
		case !s.encrypted().IsZero() && c.TLS != hostconf.Yes:
			c.doubt = "it does not switch encryption on (ssl_enable), and the server accepted it"
		}
		return c
	}
	return settings{}
}

// counts reports that there is a file and nothing speaks against it.
func (c *settings) counts() bool { return c.FTP != nil && c.doubt == "" }

// file names it for people: the program's name for it, and the one given on the command line where that differs.
func (c *settings) file() string {
	if c.File == "vsftpd.conf" {
		return fmt.Sprintf("vsftpd.conf of %s", c.host)
	}
	return fmt.Sprintf("vsftpd.conf of %s (%s)", c.host, c.File)
}

// rangeSaid writes the lines of the passive range.
func (c *settings) rangeSaid() string {
	switch {
	case c.MinLine != 0 && c.MaxLine != 0:
		return fmt.Sprintf("line %d says pasv_min_port=%d, line %d pasv_max_port=%d", c.MinLine, c.MinPort, c.MaxLine, c.MaxPort)
	case c.MinLine != 0:
		return fmt.Sprintf("line %d says pasv_min_port=%d, and no line pasv_max_port", c.MinLine, c.MinPort)
	case c.MaxLine != 0:
		return fmt.Sprintf("line %d says pasv_max_port=%d, and no line pasv_min_port", c.MaxLine, c.MaxPort)
	}
	return "no line names a passive range (pasv_min_port, pasv_max_port)"
}

// small reports a passive range that a firewall can open as it is.
func (c *settings) small() bool { return c.counts() && c.set && int(c.hi)-int(c.lo) < narrow }

// doubtFact says why the file does not count.
func (c *settings) doubtFact(b *finding.Builder) {
	b.Fact(nil, "%s is not what this server runs: %s", c.file(), c.doubt)
}

// inRange reports whether all ports lie within the passive range of the file, and the file lets the client connect.
func (c *settings) inRange(ports []uint16) bool {
	for _, p := range ports {
		if p < c.lo || p > c.hi {
			return false
		}
	}
	return c.Passive != hostconf.No
}

// contextFact says what the file adds to data connections that encryption hides.
func (w *hiddenStory) contextFact(b *finding.Builder) {
	c := &w.conf
	switch {
	case c.FTP == nil:
	case c.doubt != "":
		c.doubtFact(b)
	case w.alone:
		b.Fact(nil, "%s: line %d switches encryption on, %s: data connections go to ports %d to %d", c.file(), c.TLSLine, c.rangeSaid(), c.lo, c.hi)
	case w.active:
		b.Fact(nil, "%s: line %d switches encryption on; %s", c.file(), c.TLSLine, c.rangeSaid())
	case c.Passive == hostconf.No:
		b.Fact(nil, "%s forbids passive connections (pasv_enable=NO), and %s asked for one", c.file(), w.s.client.Addr)
	case !c.inRange(w.ports):
		b.Fact(w.firsts(), "%s: %s; %s lie outside of that", c.file(), c.rangeSaid(), detect.PortsText(w.ports))
	case c.small():
		b.Fact(w.firsts(), "%s: %s; %s lie in it: a firewall can simply open that range, without reading along", c.file(), c.rangeSaid(), detect.PortsText(w.ports))
	default:
		b.Fact(nil, "%s: %s: the server may offer any port from %d to %d, too many for a firewall to open", c.file(), c.rangeSaid(), c.lo, c.hi)
	}
}

// otherByContext settles by the file whether the connections were FTP's. It is false where the file does not decide.
func (w *hiddenStory) otherByContext(b *finding.Builder) bool {
	c := &w.conf
	switch {
	case !c.counts() || w.active:
		return false
	case !c.inRange(w.ports):
		b.Open("other", "by %s the server offers other ports: either it runs with another file (systemctl restart vsftpd loads this one), or these were not for FTP", c.file())
		return true
	case c.small():
		b.RuledOut("other", w.firsts(), "%s keeps these ports for FTP's data: %s", c.file(), c.rangeSaid())
		return true
	}
	return false
}

// ports returns the range to open in a firewall, and whether the server has it already.
func (c *settings) ports() (lo, hi uint16, has bool) {
	if c.small() {
		return c.lo, c.hi, true
	}
	return 50000, 50100, false
}

// addressFact says why the server offered an address, by its own file.
func (c *settings) addressFact(b *finding.Builder, o *offer) {
	switch {
	case c.FTP == nil || !o.passive:
	case c.doubt != "":
		c.doubtFact(b)
	case c.Address == "":
		b.Fact(detect.Refs(o.seen), "%s has no pasv_address: the server offers the address that the connection reached it at, %s", c.file(), o.to.Addr)
	case c.Address == o.to.Addr.String():
		b.Fact(detect.Refs(o.seen), "%s line %d says pasv_address=%s: the server offers what it was told", c.file(), c.AddressLine, c.Address)
	default:
		b.Fact(detect.Refs(o.seen), "%s line %d says pasv_address=%s, and %s was offered: the file is not loaded yet (systemctl restart vsftpd), or something between writes another address into the text",
			c.file(), c.AddressLine, c.Address, o.to.Addr)
	}
}

// addressRemedy is the line that makes vsftpd offer the right address, and the passive range if the file lacks one.
func (c *settings) addressRemedy(right packet.Addr) string {
	const conf, restart = "/etc/vsftpd.conf", "systemctl restart vsftpd"
	switch {
	case c.counts() && c.Address == right.String():
		return restart
	case c.counts() && c.AddressLine != 0:
		return fmt.Sprintf("sed -i 's/^pasv_address=.*/pasv_address=%s/' %s && %s", right, conf, restart)
	case c.small():
		return fmt.Sprintf(`printf 'pasv_address=%s\n' >>%s && %s`, right, conf, restart)
	}
	return fmt.Sprintf(`printf 'pasv_address=%s\npasv_min_port=50000\npasv_max_port=50100\n' >>%s && %s`, right, conf, restart)
}
