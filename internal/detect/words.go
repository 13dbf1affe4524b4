package detect

import (
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Since writes when something happened, in seconds since the input began: "68.26".
func (s *Scope) Since(r packet.Ref) string { return Seconds(r.Time.Sub(s.Begin)) }

// Files are the names of the inputs by packet.Ref.Source, as reports print them.
type Files []string

// Frame writes a frame for a sentence: "frame 9", with several inputs "frame 9 of outside.pcap".
func (f Files) Frame(r packet.Ref) string {
	s := "frame " + strconv.FormatUint(r.Frame, 10)
	if r.Source == packet.Earlier {
		s += " of an earlier run"
	} else if len(f) > 1 && int(r.Source) < len(f) {
		s += " of " + f[r.Source]
	}
	return s
}

// Frame writes a frame for a sentence: "frame 9", with several inputs "frame 9 of outside.pcap".
func (s *Scope) Frame(r packet.Ref) string { return s.Files.Frame(r) }

// Device writes which interface has a number: "eth0", or "interface 3" where its name is not known.
func (s *Scope) Device(index uint32) string {
	if s.Devices != nil {
		if name := s.Devices(index); name != "" {
			return name
		}
	}
	return "interface " + strconv.FormatUint(uint64(index), 10)
}

// Seconds writes a duration in seconds with two digits after the point, as captures are read: "67.95".
func Seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) }

// Span writes a duration for a sentence: "35 µs", "12 ms", "3.40 s", "68.0 s", "14 min", "3.5 h".
func Span(d time.Duration) string {
	neg := ""
	if d < 0 {
		neg, d = "-", -d
	}
	switch {
	case d < time.Millisecond:
		return neg + strconv.FormatInt(int64(d/time.Microsecond), 10) + " µs"
	case d < 10*time.Millisecond:
		return neg + strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + " ms"
	case d < time.Second:
		return neg + strconv.FormatInt(int64(d/time.Millisecond), 10) + " ms"
	case d < 10*time.Second:
		return neg + strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < 10*time.Minute:
		return neg + strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 3*time.Hour:
		return neg + strconv.FormatInt(int64(d/time.Minute), 10) + " min"
	}
	return neg + strconv.FormatFloat(d.Hours(), 'f', 1, 64) + " h"
}

// AtLeast writes a lower bound, cut down to a tenth of a second so that it stays true: "76.8 s".
func AtLeast(d time.Duration) string {
	return strconv.FormatFloat((d-d%(100*time.Millisecond)).Seconds(), 'f', 1, 64) + " s"
}

// EndText writes address and port: "10.0.0.254:80", "[2001:db8::1]:443"; without a port the address alone.
func EndText(e event.End) string {
	if e.Addr.IsZero() { // a listing that shows no addresses
		return fmt.Sprintf("port %d", e.Port)
	}
	if e.Port == 0 {
		return e.Addr.String()
	}
	return netip.AddrPortFrom(e.Addr.Netip(), e.Port).String()
}

// Times writes several moments in one go: "68.26, 71.18, 77.13 s"; at most max, then "and n more".
func (s *Scope) Times(refs []packet.Ref, max int) string {
	var b strings.Builder
	for i, r := range refs {
		if i == max {
			fmt.Fprintf(&b, " s and %d more", len(refs)-max)
			return b.String()
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.Since(r))
	}
	b.WriteString(" s")
	return b.String()
}

// Plural writes a count with its noun: "1 attempt", "3 attempts".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// List joins a few items: "a, b and c"; at most max, then "and n more".
func List(items []string, max int) string {
	switch {
	case len(items) == 0:
		return ""
	case len(items) == 1:
		return items[0]
	case len(items) > max:
		return strings.Join(items[:max], ", ") + fmt.Sprintf(" and %d more", len(items)-max)
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// Ports writes port numbers in order without repeats.
func Ports(ps []uint16) string {
	ps = append([]uint16(nil), ps...)
	sort.Slice(ps, func(i, j int) bool { return ps[i] < ps[j] })
	var items []string
	for i, p := range ps {
		if i == 0 || p != ps[i-1] {
			items = append(items, strconv.Itoa(int(p)))
		}
	}
	return List(items, 6)
}

// PortsText writes port numbers with their noun: "port 80", "ports 80 and 8443".
func PortsText(ps []uint16) string {
	list := Ports(ps)
	if strings.ContainsRune(list, ' ') {
		return "ports " + list
	}
	return "port " + list
}

// Refs collects the marks that were set, in the order given, without repeats.
func Refs(rs ...packet.Ref) []packet.Ref {
	var out []packet.Ref
next:
	for _, r := range rs {
		if r.IsZero() {
			continue
		}
		for _, o := range out {
			if o == r {
				continue next
			}
		}
		out = append(out, r)
	}
	return out
}
