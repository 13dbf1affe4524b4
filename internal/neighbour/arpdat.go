package neighbour

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/packet"
)

// ReadARPDat reads arpwatch's memory: a line for each pair, "MAC IP SECONDS [NAME [INTERFACE]]" separated by tabs, the
// time being that of the last sight. Lines that are no such pair are counted in bad.
func ReadARPDat(r io.Reader) (out []Neighbour, bad int, err error) {
	index := map[packet.Addr]int{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		ip, st, name, ok := parseARPDat(line)
		if !ok {
			bad++
			continue
		}
		i, known := index[ip]
		if !known {
			i = len(out)
			index[ip] = i
			out = append(out, Neighbour{Key: Key{IP: ip}})
		}
		n := &out[i]
		n.SetName(name)
		n.older(st)
	}
	return out, bad, s.Err()
}

// older puts a station at its place among those of the address, the last used first.
func (n *Neighbour) older(s Station) {
	at := int(n.N)
	for i := range n.Stations[:n.N] {
		if n.Stations[i].MAC == s.MAC {
			return
		}
		if s.Last > n.Stations[i].Last && at == int(n.N) {
			at = i
		}
	}
	if at == KeptStations {
		return
	}
	copy(n.Stations[at+1:], n.Stations[at:])
	n.Stations[at] = s
	n.N = min(n.N+1, KeptStations)
}

func parseARPDat(line string) (ip packet.Addr, s Station, name string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return ip, s, "", false
	}
	if s.MAC, ok = ParseMAC(f[0]); !ok {
		return ip, s, "", false
	}
	a, err := netip.ParseAddr(f[1])
	sec, err2 := strconv.ParseInt(f[2], 10, 64)
	if err != nil || err2 != nil || a.Zone() != "" || sec < 0 || sec > 1<<33 {
		return ip, s, "", false
	}
	s.Last = packet.Time(sec) * packet.Time(time.Second)
	s.First, s.Count = s.Last, 1
	if len(f) > 3 {
		name = f[3]
	}
	return packet.FromNetip(a), s, name, true
}

// ParseMAC reads a link-layer address of six parts of one or two hexadecimal digits, as arpwatch writes them ("0:c:29:a:b:c").
func ParseMAC(s string) (m packet.MAC, ok bool) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == '-' })
	if len(parts) != len(m) {
		return m, false
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(p) > 2 {
			return packet.MAC{}, false
		}
		m[i] = byte(v)
	}
	return m, true
}

// WriteARPDat writes the IPv4 neighbours as arpwatch's memory, each pair a line.
func WriteARPDat(w io.Writer, ns []*Neighbour) error {
	b := bufio.NewWriter(w)
	for _, n := range ns {
		if !n.IP.Is4() {
			continue
		}
		for _, s := range n.Stations[:n.N] {
			name := n.Name
			if !plainName(name) {
				name = ""
			}
			if _, err := fmt.Fprintf(b, "%s\t%s\t%d\t%s\n", s.MAC, n.IP, s.Last/packet.Time(time.Second), name); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}

// plainName reports a name that stays one field of a line: names come from packets.
func plainName(s string) bool {
	for _, c := range s {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
