package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/packet"
)

// maxListing bounds a listing: it is pasted by a person, rows.
const maxListing = 1 << 20

// Listing is a source over the rows of a packet listing as tshark and Wireshark print it: number, time, perhaps
// source and destination, protocol, perhaps length, info. It yields packets without bytes. What the rows do not show
// is set in Packet.Missing and never made up; a row that cannot be placed is left out and counted.
type Listing struct {
	rows  []packet.Packet
	iface Interface
	stats Stats
	pos   int
}

// OpenListing reads a whole listing from r; name is used in messages. It fails when no row can be used.
func OpenListing(name string, r io.Reader) (*Listing, error) {
	l := &Listing{iface: Interface{Name: name, Link: packet.LinkUnspecified}}
	p := listingParser{talks: map[[2]netip.Addr]*talk{}}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	var offset int64
	for sc.Scan() {
		line := sc.Text()
		at := offset
		offset += int64(len(sc.Bytes())) + 1
		row, why := p.row(line)
		switch {
		case why == errNoRow:
			continue
		case why != nil:
			l.skip(at, why.Error())
			continue
		case len(l.rows) == maxListing:
			return nil, fmt.Errorf("%s: a listing of more than %d rows; read the capture itself", name, maxListing)
		}
		l.rows = append(l.rows, row)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", name, len(l.rows)+int(l.stats.Skipped)+1, err)
	}
	if len(l.rows) == 0 {
		return nil, fmt.Errorf("%s: no row of a packet listing in it: expected number, time, protocol, info", name)
	}
	p.settle(l.rows)
	l.stats.InputBytes, l.stats.InputTotal = offset, offset
	return l, nil
}

func (l *Listing) skip(at int64, why string) {
	l.stats.Skipped++
	if len(l.stats.SkippedNotes) < maxNotes {
		l.stats.SkippedNotes = append(l.stats.SkippedNotes, Note{at, why})
	}
}

// Next implements Source.
func (l *Listing) Next(b *packet.Batch) error {
	if l.pos == len(l.rows) {
		return io.EOF
	}
	room(b)
	b.OnRelease(nil)
	n := min(packet.BatchSize, len(l.rows)-l.pos)
	b.Packets = append(b.Packets, l.rows[l.pos:l.pos+n]...)
	l.pos += n
	l.stats.Received += uint64(n)
	return nil
}

// Stats implements Source.
func (l *Listing) Stats() Stats { return l.stats }

// Close implements Source.
func (l *Listing) Close() error { return nil }

// Interfaces implements Lister.
func (l *Listing) Interfaces() []Interface { return []Interface{l.iface} }

// errNoRow marks lines that are no rows: headings, blank lines, talk around the listing.
var errNoRow = errors.New("not a row")

// notShown is what no listing shows.
const notShown = packet.NoTTL | packet.NoMAC | packet.NoPayload | packet.NoChecksum

type listingParser struct {
	talks    map[[2]netip.Addr]*talk // newest connection between two addresses; zero addresses when none are shown
	relative bool                    // a SYN with sequence number 0 was seen: numbers count from each connection's start
}

// talk is what a row without ports is matched with.
type talk struct {
	client               netip.Addr
	clientPort, servPort uint16
}

// row reads one line.
func (p *listingParser) row(line string) (packet.Packet, error) {
	f := strings.Fields(strings.TrimRight(line, "\r"))
	if len(f) < 3 {
		return packet.Packet{}, errNoRow
	}
	num, err := strconv.ParseUint(f[0], 10, 63)
	if err != nil || num == 0 {
		return packet.Packet{}, errNoRow
	}
	t, n, ok := listingTime(f[1:])
	if !ok {
		return packet.Packet{}, errNoRow
	}
	f = f[1+n:]
	pk := packet.Packet{Frame: num, Time: t, Link: packet.LinkUnspecified, Missing: notShown}
	var src, dst netip.Addr
	if src, dst, n = listingAddrs(f); n > 0 {
		f = f[n:]
		if src.Is4() != dst.Is4() {
			return pk, fmt.Errorf("row %d: source and destination are not of one family", num)
		}
		pk.Src, pk.Dst, pk.IPVersion = packet.FromNetip(src), packet.FromNetip(dst), 6
		if src.Is4() {
			pk.IPVersion = 4
		}
	} else {
		pk.Missing |= packet.NoAddrs
	}
	if len(f) == 0 {
		return pk, fmt.Errorf("row %d: no protocol", num)
	}
	proto := f[0]
	f = f[1:]
	if len(f) > 1 && !isArrow(f[1]) {
		if n, err := strconv.ParseUint(f[0], 10, 16); err == nil {
			pk.WireLen = uint32(n)
			f = f[1:]
		}
	}
	for len(f) > 0 && strings.HasPrefix(f[0], "[TCP") { // Wireshark's remarks, not the packet's
		i := 0
		for i < len(f) && !strings.HasSuffix(f[i], "]") {
			i++
		}
		f = f[min(i+1, len(f)):]
	}
	return pk, p.transport(&pk, proto, f, src, dst)
}

// transport reads ports, flags and numbers of the info column.
func (p *listingParser) transport(pk *packet.Packet, proto string, f []string, src, dst netip.Addr) error {
	key := [2]netip.Addr{src, dst}
	if dst.Less(src) {
		key = [2]netip.Addr{dst, src}
	}
	if len(f) >= 3 && isArrow(f[1]) {
		sp, ok1 := portOf(f[0])
		dp, ok2 := portOf(f[2])
		if !ok1 || !ok2 {
			return fmt.Errorf("row %d: ports %q and %q are not known by number", pk.Frame, f[0], f[2])
		}
		pk.SrcPort, pk.DstPort = sp, dp
		f = f[3:]
		if proto == "UDP" {
			pk.Proto = packet.ProtoUDP
			pk.PayloadWire, _ = valueOf(f, "Len")
			return nil
		}
		flags, rest, ok := listingFlags(f)
		if !ok {
			return fmt.Errorf("row %d: %s without TCP flags", pk.Frame, proto)
		}
		pk.Proto, pk.TCPFlags = packet.ProtoTCP, flags
		p.numbers(pk, rest)
		if flags&(packet.SYN|packet.ACK) == packet.SYN {
			p.talks[key] = &talk{src, sp, dp}
		} else if p.talks[key] == nil {
			t := &talk{src, sp, dp}
			if sp < dp {
				t = &talk{dst, dp, sp}
			}
			p.talks[key] = t
		}
		return nil
	}
	// A row of an application protocol: it belongs to the newest connection between the two, when its side is known.
	t := p.talks[key]
	if t == nil || !overTCP[proto] {
		return fmt.Errorf("row %d: %s shows no ports", pk.Frame, proto)
	}
	fromClient, ok := src == t.client, pk.Missing&packet.NoAddrs == 0
	if !ok {
		fromClient, ok = sideOf(f)
	}
	if !ok {
		return fmt.Errorf("row %d: %s without addresses does not show who sent it", pk.Frame, proto)
	}
	pk.Proto, pk.TCPFlags = packet.ProtoTCP, packet.PSH|packet.ACK
	pk.SrcPort, pk.DstPort = t.clientPort, t.servPort
	if !fromClient {
		pk.SrcPort, pk.DstPort = t.servPort, t.clientPort
	}
	pk.Missing |= packet.NoSeq | packet.NoWindow | packet.NoOptions
	const headers = 14 + 20 + 20 // Ethernet, IPv4 and TCP without options: what is beyond is data
	if pk.WireLen > headers {
		pk.PayloadWire = pk.WireLen - headers
	}
	return nil
}

// numbers reads Seq=, Ack=, Win=, Len= and the options.
func (p *listingParser) numbers(pk *packet.Packet, f []string) {
	seq, ok := valueOf(f, "Seq")
	ack, ackOK := valueOf(f, "Ack")
	pk.Seq, pk.Ack = seq, ack
	if !ok || pk.TCPFlags&packet.ACK != 0 && !ackOK {
		pk.Missing |= packet.NoSeq
	}
	if pk.TCPFlags&packet.SYN != 0 && ok && seq == 0 {
		p.relative = true
	}
	if w, ok := valueOf(f, "Win"); ok && w <= 0xffff {
		pk.Window = uint16(w)
	} else {
		pk.Missing |= packet.NoWindow
	}
	// Wireshark prints the scaled window once it knows the scale: only a SYN's is as on the wire.
	if pk.TCPFlags&packet.SYN == 0 {
		pk.Missing |= packet.NoWindow
	}
	pk.PayloadWire, _ = valueOf(f, "Len")
	if !ok {
		pk.Missing |= packet.NoOptions
		return
	}
	if v, ok := valueOf(f, "MSS"); ok && v <= 0xffff {
		pk.TCPOpts, pk.MSS = pk.TCPOpts|packet.OptMSS, uint16(v)
	}
	if v, ok := valueOf(f, "TSval"); ok {
		pk.TCPOpts, pk.TSVal = pk.TCPOpts|packet.OptTS, v
		pk.TSEcr, _ = valueOf(f, "TSecr")
	}
	for _, w := range f {
		if strings.HasPrefix(w, "SACK_PERM") {
			pk.TCPOpts |= packet.OptSACKOK
		}
	}
}

// settle marks what is known only when all rows were seen: relative sequence numbers say nothing across connections.
func (p *listingParser) settle(rows []packet.Packet) {
	if !p.relative {
		return
	}
	for i := range rows {
		rows[i].Missing |= packet.NoSeq
	}
}

// overTCP lists protocols whose rows are data of a TCP connection.
var overTCP = map[string]bool{"HTTP": true, "TLSv1": true, "TLSv1.2": true, "TLSv1.3": true, "SSL": true, "SSLv3": true, "SMTP": true,
	"FTP": true, "FTP-DATA": true, "SSH": true, "SSHv2": true, "POP": true, "IMAP": true, "TELNET": true}

// sideOf tells a request from an answer by HTTP's first line.
func sideOf(info []string) (fromClient, ok bool) {
	if len(info) == 0 {
		return false, false
	}
	switch info[0] {
	case "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE":
		return true, true
	case "HTTP/1.0", "HTTP/1.1":
		return false, true
	}
	return false, false
}

func isArrow(s string) bool { return s == ">" || s == "→" || s == "->" }

// listingTime reads seconds, or a date and time of day, and says how many fields it took.
func listingTime(f []string) (packet.Time, int, bool) {
	sec, frac, _ := strings.Cut(f[0], ".")
	if s, err := strconv.ParseUint(sec, 10, 32); err == nil && len(frac) <= 9 {
		ns := uint64(0)
		if frac != "" {
			if ns, err = strconv.ParseUint(frac+strings.Repeat("0", 9-len(frac)), 10, 32); err != nil {
				return 0, 0, false
			}
		}
		return packet.Time(s*1e9 + ns), 1, true
	}
	if len(f) > 1 {
		if t, err := time.Parse("2006-01-02 15:04:05.999999999", f[0]+" "+f[1]); err == nil && t.Year() > 1970 && t.Year() < 2262 {
			return packet.Time(t.UnixNano()), 2, true
		}
	}
	return 0, 0, false
}

// listingAddrs reads source and destination, with or without an arrow, and says how many fields they took.
func listingAddrs(f []string) (src, dst netip.Addr, n int) {
	if len(f) < 2 {
		return src, dst, 0
	}
	src, err := netip.ParseAddr(f[0])
	if err != nil {
		return netip.Addr{}, netip.Addr{}, 0
	}
	n = 1
	if isArrow(f[1]) {
		n = 2
	}
	if n >= len(f) {
		return netip.Addr{}, netip.Addr{}, 0
	}
	dst, err = netip.ParseAddr(f[n])
	if err != nil {
		return netip.Addr{}, netip.Addr{}, 0
	}
	return src.WithZone("").Unmap(), dst.WithZone("").Unmap(), n + 1
}

// listingFlags reads "[SYN, ACK]" and returns what follows.
func listingFlags(f []string) (flags uint16, rest []string, ok bool) {
	if len(f) == 0 || !strings.HasPrefix(f[0], "[") {
		return 0, f, false
	}
	for i, w := range f {
		end := strings.HasSuffix(w, "]")
		name := strings.Trim(w, "[],")
		bit, known := flagBits[name]
		if !known && name != "<None>" {
			return 0, f, false
		}
		flags |= bit
		if end {
			return flags, f[i+1:], true
		}
	}
	return 0, f, false
}

var flagBits = map[string]uint16{"FIN": packet.FIN, "SYN": packet.SYN, "RST": packet.RST, "PSH": packet.PSH, "ACK": packet.ACK,
	"URG": packet.URG, "ECE": packet.ECE, "ECN": packet.ECE, "CWR": packet.CWR, "NS": packet.NS, "AE": packet.NS}

// valueOf finds name=number.
func valueOf(f []string, name string) (uint32, bool) {
	for _, w := range f {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			n, err := strconv.ParseUint(v, 10, 32)
			return uint32(n), err == nil
		}
	}
	return 0, false
}

// portNames are the services older listings print by name.
var portNames = map[string]uint16{"ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "pop3": 110,
	"sunrpc": 111, "ntp": 123, "imap": 143, "snmp": 161, "ldap": 389, "https": 443, "microsoft-ds": 445, "imaps": 993, "pop3s": 995}

// portOf reads a port: a number, a known name, or "name(number)".
func portOf(s string) (uint16, bool) {
	if i := strings.IndexByte(s, '('); i >= 0 && strings.HasSuffix(s, ")") {
		s = s[i+1 : len(s)-1]
	}
	if p, ok := portNames[s]; ok {
		return p, true
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0
}
