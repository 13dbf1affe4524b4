package report

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Frames writes frame numbers as ranges, "1-3, 9-17"; with several files the first of each file has its
// name before it: "inside.pcap:9, 14-16, outside.pcap:3". The names are not yet escaped.
func (r *Report) Frames(refs []packet.Ref) string {
	s := make([]packet.Ref, 0, len(refs))
	for _, x := range refs {
		if !x.IsZero() {
			s = append(s, x)
		}
	}
	sort.Slice(s, func(i, j int) bool {
		return s[i].Source < s[j].Source || s[i].Source == s[j].Source && s[i].Frame < s[j].Frame
	})
	var b strings.Builder
	runs := 0
	for i := 0; i < len(s); {
		j := i
		for j+1 < len(s) && s[j+1].Source == s[i].Source && s[j+1].Frame-s[j].Frame <= 1 {
			j++
		}
		if runs == maxRuns {
			fmt.Fprintf(&b, " and %d more", len(s)-i)
			break
		}
		if runs > 0 {
			b.WriteString(", ")
		}
		if (r.MultiSource() || s[i].Source == packet.Earlier) && (runs == 0 || s[i].Source != s[i-1].Source) {
			b.WriteString(r.FileName(s[i].Source))
			b.WriteByte(':')
		}
		b.WriteString(strconv.FormatUint(s[i].Frame, 10))
		if s[j].Frame > s[i].Frame {
			b.WriteByte('-')
			b.WriteString(strconv.FormatUint(s[j].Frame, 10))
		}
		runs++
		i = j + 1
	}
	return b.String()
}

// maxRuns is how many runs of frame numbers one list prints.
const maxRuns = 12

// Clock writes when a frame came, counted from the first packet, as finely as the length of the capture makes sense.
func (r *Report) Clock(t packet.Time) string {
	d := t.Sub(r.start())
	switch span := r.span(); {
	case span < 10*time.Second:
		return fmt.Sprintf("%.3f s", d.Seconds())
	case span < 1000*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case span < 24*time.Hour:
		sign := ""
		if d < 0 {
			sign, d = "-", -d
		}
		return fmt.Sprintf("%s%d:%02d:%04.1f", sign, d/time.Hour, d/time.Minute%60, (d % time.Minute).Truncate(100*time.Millisecond).Seconds())
	}
	return r.local(t).Format("2006-01-02 15:04:05")
}

// local is t in the zone of the report.
func (r *Report) local(t packet.Time) time.Time {
	if r.Zone == nil {
		return t.Std()
	}
	return t.Std().In(r.Zone)
}

// stamp writes an absolute time for a person, with its zone.
func (r *Report) stamp(t packet.Time) string { return r.local(t).Format(time.RFC3339Nano) }

// stamp writes an absolute time for a program: always UTC.
func stamp(t packet.Time) string { return t.Std().Format("2006-01-02T15:04:05.999999999Z07:00") }

// Duration writes a length of time with three figures or so.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return strconv.FormatInt(int64(d/time.Microsecond), 10) + " µs"
	case d < 10*time.Millisecond:
		return trim(d.Seconds()*1000, 1) + " ms"
	case d < time.Second:
		return strconv.FormatInt(int64((d+time.Millisecond/2)/time.Millisecond), 10) + " ms"
	case d < 120*time.Second:
		return trim(d.Seconds(), 2) + " s"
	}
	return Coarse(d)
}

// Coarse writes a length of time to whole seconds or above: "98 s", "12 min 3 s", "4 d 2 h".
func Coarse(d time.Duration) string {
	if d < time.Second {
		return Duration(d)
	}
	s := int64((d + time.Second/2) / time.Second)
	two := func(a int64, au string, b int64, bu string) string {
		if b == 0 {
			return fmt.Sprintf("%d %s", a, au)
		}
		return fmt.Sprintf("%d %s %d %s", a, au, b, bu)
	}
	switch {
	case s < 120:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return two(s/60, "min", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "min")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}

func trim(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Size writes a number of bytes in decimal units.
func Size(n uint64) string {
	switch {
	case n < 1000:
		return plural(n, "byte", "bytes")
	case n < 1e6:
		return trim(float64(n)/1e3, 1) + " kB"
	case n < 1e9:
		return trim(float64(n)/1e6, 1) + " MB"
	}
	return trim(float64(n)/1e9, 1) + " GB"
}

// number groups thousands with commas.
func number[T ~int | ~uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	if len(s) < 5 {
		return s
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

func plural[T ~int | ~uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// endpoint writes address and port as one would type them.
func endpoint(a packet.Addr, port uint16) string {
	if port == 0 {
		return a.String()
	}
	if a.Is4() {
		return a.String() + ":" + strconv.Itoa(int(port))
	}
	return "[" + a.String() + "]:" + strconv.Itoa(int(port))
}

// party writes a subject with its name and the frame that told it: "client 192.168.0.1:2268 (laptop.lan, frame 3)".
func (r *Report) party(s *finding.Subject) string {
	var p []string
	if s.Role != "" {
		p = append(p, s.Role)
	}
	if !s.Addr.IsZero() {
		p = append(p, endpoint(s.Addr, s.Port))
	}
	if !s.MAC.IsZero() {
		p = append(p, s.MAC.String())
	}
	name, ref := s.Name, packet.Ref{}
	if n, at := r.name(s.Addr); n != "" && (name == "" || name == n) {
		name, ref = n, at
	}
	if name != "" {
		if f := r.Frames([]packet.Ref{ref}); f != "" {
			name += ", frame " + f
		}
		p = append(p, "("+name+")")
	}
	return strings.Join(p, " ")
}

// host writes an address with its name.
func (r *Report) host(a packet.Addr) string {
	if n, ref := r.name(a); n != "" {
		if f := r.Frames([]packet.Ref{ref}); f != "" {
			return a.String() + " (" + n + ", frame " + f + ")"
		}
		return a.String() + " (" + n + ")"
	}
	return a.String()
}

// with puts frames behind a sentence.
func (r *Report) with(text string, refs []packet.Ref) string {
	if f := r.Frames(refs); f != "" {
		return text + " (" + f + ")"
	}
	return text
}

// places returns the steps of a remedy by place, in the order of the first step of each.
func places(steps []finding.Step) (where []finding.Where, by map[finding.Where][]finding.Step) {
	by = map[finding.Where][]finding.Step{}
	for _, s := range steps {
		if _, ok := by[s.Where]; !ok {
			where = append(where, s.Where)
		}
		by[s.Where] = append(by[s.Where], s)
	}
	return where, by
}

// refsOf returns the frames of the story: the evidence and what the facts rest on.
func refsOf(f *finding.Finding) []packet.Ref {
	var refs []packet.Ref
	for _, p := range f.Evidence {
		refs = append(refs, p.Ref)
	}
	for _, x := range f.Facts {
		refs = append(refs, x.Refs...)
	}
	if len(refs) == 0 {
		refs = append(refs, f.First, f.Last)
	}
	return refs
}

// durationOf turns seconds into a length of time.
func durationOf(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
