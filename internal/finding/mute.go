package finding

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"firestorm/internal/packet"
)

// Mutes hides findings that a person has judged, and those of which there are too many. Counting goes on: a muted finding
// is released with its reason and shown in the count of muted ones.
type Mutes struct {
	rules []mute
	rates []Rate
}

type mute struct {
	code   string // "*" = any
	src    netip.Prefix
	dst    netip.Prefix
	until  packet.Time // 0 = for ever
	reason string
}

// ReadMutes reads a mutes file: one mute a line, fields separated by blanks:
//
//	CODE|*  SOURCE|*  DESTINATION|*  UNTIL|-  REASON…
//
// SOURCE and DESTINATION are an address or prefix that must match a subject of the finding (client side and server
// side), UNTIL is a date (2006-01-02) or RFC 3339 time compared with packet time. A line that begins with the word rate
// bounds how many findings of a code are told (see Rate); the first such line for a code holds:
//
//	rate  CODE|*  NUMBER/second|minute|hour|day  [burst NUMBER]  [by_src|by_dst|by_both|by_code]
//
// Without burst a bucket holds NUMBER tokens; without a track there is one for each code and source. # begins a comment.
// Errors name the line.
func ReadMutes(name string, r io.Reader) (*Mutes, error) {
	m := &Mutes{}
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		bad := func(what string) error { return fmt.Errorf("%s:%d: %s", name, n, what) }
		if fields[0] == "rate" {
			r, err := parseRate(fields[1:])
			if err != nil {
				return nil, bad(err.Error())
			}
			m.rates = append(m.rates, r)
			continue
		}
		if len(fields) < 5 {
			return nil, bad("a mute has five fields: code, source, destination, until, reason (use * and - for any)")
		}
		var u mute
		u.code = fields[0]
		var err error
		if u.src, err = prefix(fields[1]); err != nil {
			return nil, bad("source: " + err.Error())
		}
		if u.dst, err = prefix(fields[2]); err != nil {
			return nil, bad("destination: " + err.Error())
		}
		if u.until, err = until(fields[3]); err != nil {
			return nil, bad("until: " + err.Error())
		}
		u.reason = strings.Join(fields[4:], " ")
		m.rules = append(m.rules, u)
	}
	return m, sc.Err()
}

// Check returns an error that names the first mute or rate whose code is not in codes.
func (m *Mutes) Check(codes []*Code) error {
	known := func(id string) bool {
		for _, c := range codes {
			if c.ID == id {
				return true
			}
		}
		return id == "*"
	}
	for _, u := range m.rules {
		if !known(u.code) {
			return fmt.Errorf("mute names unknown code %q", u.code)
		}
	}
	for _, r := range m.rates {
		if !known(r.Code) {
			return fmt.Errorf("rate names unknown code %q", r.Code)
		}
	}
	return nil
}

func prefix(s string) (netip.Prefix, error) {
	if s == "*" {
		return netip.Prefix{}, nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address, nor a prefix, nor *", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func until(s string) (packet.Time, error) {
	if s == "-" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return packet.Time(t.UnixNano()), nil
		}
	}
	return 0, fmt.Errorf("%q is neither a date (2006-01-02), nor an RFC 3339 time, nor -", s)
}

func (m *Mutes) match(f *Finding, now packet.Time) (string, bool) {
	for _, u := range m.rules {
		if u.code != "*" && u.code != f.Code.ID || u.until != 0 && now > u.until {
			continue
		}
		if u.hits(f, u.src, 0) && u.hits(f, u.dst, 1) {
			return u.reason, true
		}
	}
	return "", false
}

// hits reports whether p holds the address of the subject at side: the first subject is who it happened to (or who
// attacks), the second the other end; a finding with one subject is matched on either side by it.
func (mute) hits(f *Finding, p netip.Prefix, side int) bool {
	if !p.IsValid() {
		return true
	}
	if len(f.Subjects) == 0 {
		return false
	}
	if side >= len(f.Subjects) {
		side = len(f.Subjects) - 1
	}
	return p.Contains(f.Subjects[side].Addr.Netip())
}
