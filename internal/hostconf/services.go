package hostconf

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/ipsecconf"
	"firestorm/internal/packet"
)

// FTP is what vsftpd.conf says of passive data connections. Lines are 0 where a setting is not in the file.
type FTP struct {
	File         string
	Port         uint16 // listen_port; 21 unless said
	Passive      Tri    // pasv_enable
	MinPort      uint16 // pasv_min_port; 0: any
	MaxPort      uint16
	MinLine      int
	MaxLine      int
	Address      string // pasv_address: what 227 tells; empty: the address of the connection
	AddressLine  int
	TLS          Tri // ssl_enable
	TLSLine      int
	RequireReuse Tri // require_ssl_reuse
}

var ftpKeys = []string{"listen_port", "pasv_enable", "pasv_min_port", "pasv_max_port", "pasv_address", "ssl_enable", "require_ssl_reuse", "anonymous_enable",
	"local_enable", "listen", "listen_ipv6", "write_enable", "connect_from_port_20", "force_local_data_ssl", "force_local_logins_ssl", "pasv_addr_resolve",
	"rsa_cert_file", "chroot_local_user", "xferlog_enable"}

func ftpKey(k string) bool { return slices.Contains(ftpKeys, k) }

// vsftpd reads vsftpd.conf: KEY=VALUE without blanks.
func (f *Facts) vsftpd(file string, lines []ipsecconf.Line) error {
	x := &FTP{File: file, Port: 21}
	for _, l := range lines {
		k, v, ok := strings.Cut(l.Text, "=")
		if !ok {
			return &Error{File: file, Line: l.N, What: "is no setting (KEY=VALUE)"}
		}
		var err error
		switch k {
		case "listen_port":
			x.Port, err = port(file, l, v)
		case "pasv_enable":
			x.Passive = tri(v)
		case "pasv_min_port":
			x.MinLine = l.N
			x.MinPort, err = port(file, l, v)
		case "pasv_max_port":
			x.MaxLine = l.N
			x.MaxPort, err = port(file, l, v)
		case "pasv_address":
			x.Address, x.AddressLine = bounded(v), l.N
		case "ssl_enable":
			x.TLS, x.TLSLine = tri(v), l.N
		case "require_ssl_reuse":
			x.RequireReuse = tri(v)
		}
		if err != nil {
			return err
		}
	}
	f.FTP = x
	return nil
}

func port(file string, l ipsecconf.Line, v string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 16)
	if err != nil {
		return 0, &Error{File: file, Line: l.N, What: "is no port: " + bounded(v)}
	}
	return uint16(n), nil
}

// Range returns the passive ports that vsftpd offers: all from 1024 on, narrowed by what the file says as far as the
// program takes it. set: the file narrows them.
func (x *FTP) Range() (lo, hi uint16, set bool) {
	lo, hi = 1024, 65535
	if x.MinPort > lo {
		lo, set = x.MinPort, true
	}
	if x.MaxPort >= lo && x.MaxPort < hi {
		hi, set = x.MaxPort, true
	}
	return lo, hi, set
}

// Export is a line of exports: a path and who may mount it, with which options.
type Export struct {
	Path    string
	Clients []ExportClient
	File    string
	Line    int
}

// ExportClient is a host, network, wildcard or netgroup of an export.
type ExportClient struct {
	Host    string // "*" for everybody
	Options []string
}

// exports reads /etc/exports: PATH HOST(OPTIONS) HOST(OPTIONS) …; a backslash goes on in the next line.
func (f *Facts) exports(file string, lines []ipsecconf.Line) error {
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		text := l.Text
		for strings.HasSuffix(text, `\`) && i+1 < len(lines) && len(text) < MaxSize {
			i++
			text = strings.TrimSuffix(text, `\`) + " " + lines[i].Text
		}
		path, rest, quoted := text, "", false
		if text[0] == '"' {
			if path, rest, quoted = strings.Cut(text[1:], `"`); !quoted {
				return &Error{File: file, Line: l.N, What: "a quote that does not end"}
			}
		} else {
			path, rest, _ = strings.Cut(strings.Replace(text, "\t", " ", 1), " ")
		}
		if path == "" || path[0] != '/' {
			return &Error{File: file, Line: l.N, What: "an export begins with a path"}
		}
		if len(f.Exports) >= maxSections {
			return &Error{File: file, Line: l.N, What: "too many exports"}
		}
		e := Export{Path: bounded(path), File: file, Line: l.N}
		var defaults []string
		for _, w := range strings.Fields(rest) {
			if w[0] == '#' {
				break
			}
			if w[0] == '-' {
				defaults = list(w[1:]) // of all that follow
				continue
			}
			host, opts, _ := strings.Cut(w, "(")
			if host == "" {
				host = "*"
			}
			if len(e.Clients) >= maxValues {
				return &Error{File: file, Line: l.N, What: "too many clients"}
			}
			e.Clients = append(e.Clients, ExportClient{bounded(host), slices.Concat(defaults, list(strings.TrimSuffix(opts, ")")))})
		}
		f.Exports = append(f.Exports, e)
	}
	return nil
}

// Covers reports whether a path is the export's, or lies below it: mountd gives those out as well.
func (e *Export) Covers(path string) bool {
	own, path := strings.TrimRight(e.Path, "/"), strings.TrimRight(path, "/")
	return own == path || strings.HasPrefix(path, own+"/")
}

// Matches says whether the entry means the address: by itself, its network, or everybody. Unsaid: it is a name, a
// pattern of names or a netgroup, and what that means only the server's resolver knows.
func (c *ExportClient) Matches(a packet.Addr) Tri {
	host := c.Host
	if host == "*" || host == "0.0.0.0/0" && a.Is4() || host == "::/0" && !a.Is4() {
		return Yes
	}
	if p, ok := network(host); ok {
		if p.Contains(a.Netip()) {
			return Yes
		}
		return No
	}
	return Unsaid
}

// network reads an address, a prefix, or an address with a mask (10.0.0.0/255.255.255.0).
func network(s string) (netip.Prefix, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.WithZone(""), a.BitLen()), true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	addr, mask, _ := strings.Cut(s, "/")
	a, err := netip.ParseAddr(addr)
	m, err2 := netip.ParseAddr(mask)
	if err != nil || err2 != nil || !a.Is4() || !m.Is4() {
		return netip.Prefix{}, false
	}
	b := m.As4()
	bits, size := net.IPMask(b[:]).Size()
	if size == 0 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, bits), true
}

// Has returns whether an option is switched on: the last one said of opt and its opposite counts.
func (c *ExportClient) Has(opt, opposite string, unless bool) bool {
	on := unless
	for _, o := range c.Options {
		switch o {
		case opt:
			on = true
		case opposite:
			on = false
		}
	}
	return on
}
