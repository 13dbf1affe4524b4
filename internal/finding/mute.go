package finding

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"firestorm/internal/packet"
)

// Mute hides what a person has judged: the findings of a code, or what a rule matched, between these ends, up to a time.
type Mute struct {
	Number      int64  // in the store, from 1; 0: it stands in a file
	Code        string // of findings; "*": all findings and all rules; empty: a rule, by SID
	GID, SID    uint32 // of the rule; GID 0 is 1
	Source      netip.Prefix
	Destination netip.Prefix // the zero prefix: any
	Until       packet.Time  // 0: for ever
	Reason      string
}

// ParseMute reads the line of a mutes file:
//
//	CODE|sid:N|*  SOURCE|*  DESTINATION|*  UNTIL|-  REASON…
//
// sid:N is a rule, sid:G:N one of generator G. SOURCE and DESTINATION are an address or prefix that must match a subject
// of the finding (client side and server side), or the ends of the packets that matched the rule. UNTIL is a date
// (2006-01-02) or RFC 3339 time compared with packet time.
func ParseMute(line string) (Mute, error) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return Mute{}, errors.New("a mute has five fields: code, source, destination, until, reason (use * and - for any)")
	}
	m := Mute{Code: fields[0]}
	var err error
	if rest, ok := strings.CutPrefix(fields[0], "sid:"); ok {
		if m.GID, m.SID, err = ruleNumber(rest); err != nil {
			return Mute{}, err
		}
		m.Code = ""
	}
	if m.Source, err = ParseEnd(fields[1]); err != nil {
		return Mute{}, fmt.Errorf("source: %w", err)
	}
	if m.Destination, err = ParseEnd(fields[2]); err != nil {
		return Mute{}, fmt.Errorf("destination: %w", err)
	}
	if m.Until, err = ParseUntil(fields[3]); err != nil {
		return Mute{}, fmt.Errorf("until: %w", err)
	}
	m.Reason = strings.Join(fields[4:], " ")
	return m, m.valid()
}

// maxReason bounds the reason of a mute in bytes.
const maxReason = 1024

func (m *Mute) valid() error {
	switch {
	case len(m.Reason) > maxReason:
		return fmt.Errorf("the reason is longer than %d bytes", maxReason)
	case !utf8.ValidString(m.Reason) || strings.ContainsFunc(m.Reason, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }):
		return errors.New("the reason has characters that are no text")
	}
	return nil
}

// ruleNumber reads N or G:N.
func ruleNumber(s string) (gid, sid uint32, err error) {
	g, n, both := strings.Cut(s, ":")
	if !both {
		g, n = "1", s
	}
	a, err1 := strconv.ParseUint(g, 10, 32)
	b, err2 := strconv.ParseUint(n, 10, 32)
	if err1 != nil || err2 != nil || b == 0 {
		return 0, 0, fmt.Errorf("%q is no rule: sid:2010935, or sid:1:2010935 with the generator", s)
	}
	return uint32(a), uint32(b), nil
}

// String is the mute as its line in a file.
func (m Mute) String() string {
	return m.Subject() + " " + endText(m.Source) + " " + endText(m.Destination) + " " + untilText(m.Until) + " " + m.Reason
}

// Subject is the first word of its line: the code, the rule, or *.
func (m Mute) Subject() string {
	switch {
	case m.Code != "":
		return m.Code
	case m.GID > 1:
		return fmt.Sprintf("sid:%d:%d", m.GID, m.SID)
	}
	return fmt.Sprintf("sid:%d", m.SID)
}

func endText(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return "*"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

func untilText(t packet.Time) string {
	if t == 0 {
		return "-"
	}
	return t.Std().Format(time.RFC3339Nano)
}

// ParseEnd reads one side of a mute: an address, a prefix, or * for any, which is the zero prefix.
func ParseEnd(s string) (netip.Prefix, error) {
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
	a = a.WithZone("").Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// ParseUntil reads the end of a mute; - is none, 0.
func ParseUntil(s string) (packet.Time, error) {
	if s == "-" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1678 && t.Year() < 2262 { // what int64 nanoseconds hold
			return packet.Time(t.UnixNano()), nil
		}
	}
	return 0, fmt.Errorf("%q is neither a date (2006-01-02), nor an RFC 3339 time, nor -", s)
}

// over reports that the mute had ended at now.
func (m *Mute) over(now packet.Time) bool { return m.Until != 0 && now > m.Until }

// Hides reports whether the mute hides a finding that is decided at now.
func (m *Mute) Hides(f *Finding, now packet.Time) bool {
	return m.Code != "" && (m.Code == "*" || m.Code == f.Code.ID) && !m.over(now) && fits(f, m.Source, 0) && fits(f, m.Destination, 1)
}

// fits reports whether p holds the address of the subject at side: the first subject is who it happened to (or who
// attacks), the second the other end; a finding with one subject is matched on either side by it.
func fits(f *Finding, p netip.Prefix, side int) bool {
	if !p.IsValid() {
		return true
	}
	if len(f.Subjects) == 0 {
		return false
	}
	return p.Contains(f.Subjects[min(side, len(f.Subjects)-1)].Addr.Netip())
}

// HidesHit reports whether the mute hides that a rule matched packets from one address to another at now.
func (m *Mute) HidesHit(gid, sid uint32, from, to packet.Addr, now packet.Time) bool {
	if m.Code != "*" && (m.Code != "" || m.SID != sid || max(m.GID, 1) != max(gid, 1)) || m.over(now) {
		return false
	}
	return (!m.Source.IsValid() || m.Source.Contains(from.Netip())) && (!m.Destination.IsValid() || m.Destination.Contains(to.Netip()))
}

// Mutes are all mutes that hold, from a file and from the store, and the rates of a file. Counting goes on: a muted finding is released with the
// mute's reason, and each mute counts what it hid. They may be replaced while others ask; the nil Mutes hide nothing.
type Mutes struct {
	list atomic.Pointer[[]*counted]
	mu   sync.Mutex // of those who replace the list
	// rates bound how many findings are told.
	rates []Rate
}

type counted struct {
	Mute
	hidden atomic.Uint64
}

// MaxMutes bounds how many mutes a file or a store may have.
const MaxMutes = 10_000

// ReadMutes reads a mutes file, one mute a line as ParseMute reads it. A line that begins with the word rate bounds how many
// findings of a code are told (see Rate); the first such line for a code holds:
//
//	rate  CODE|*  NUMBER/second|minute|hour|day  [burst NUMBER]  [by_src|by_dst|by_both|by_code]
//
// Without burst a bucket holds NUMBER tokens; without a track there is one for each code and source. # begins a comment.
// Errors name the line.
func ReadMutes(name string, r io.Reader) (*Mutes, error) {
	var ms []*counted
	var rates []Rate
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if fields := strings.Fields(line); fields[0] == "rate" {
			r, err := parseRate(fields[1:])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, n, err)
			}
			rates = append(rates, r)
			continue
		}
		m, err := ParseMute(line)
		if err == nil && len(ms) == MaxMutes {
			err = fmt.Errorf("more than %d mutes", MaxMutes)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		ms = append(ms, &counted{Mute: m})
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m := &Mutes{rates: rates}
	m.list.Store(&ms)
	return m, nil
}

// SetStored replaces the mutes of the store by ms, each with its Number; those of a file stay, and come first. What a
// mute that stays has counted stays with it.
func (m *Mutes) SetStored(ms []Mute) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next []*counted
	was := map[int64]*counted{}
	for _, c := range m.all() {
		if c.Number == 0 {
			next = append(next, c)
		} else {
			was[c.Number] = c
		}
	}
	for _, x := range ms {
		c := was[x.Number]
		if c == nil {
			c = &counted{Mute: x}
		}
		next = append(next, c)
	}
	m.list.Store(&next)
}

// SetFile replaces the mutes of a file by those of ms; those of the store stay. What a mute that stands in both has counted
// stays with it. Rates stay as they are: who keeps to them asked once.
func (m *Mutes) SetFile(ms *Mutes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := map[Mute]*counted{}
	for _, c := range m.all() {
		if c.Number == 0 {
			was[c.Mute] = c
		}
	}
	var next []*counted
	for _, x := range ms.all() {
		c := was[x.Mute]
		if c == nil {
			c = &counted{Mute: x.Mute}
		}
		next = append(next, c)
	}
	for _, c := range m.all() {
		if c.Number != 0 {
			next = append(next, c)
		}
	}
	m.list.Store(&next)
}

// SameRates reports that both bound how many findings are told alike.
func (m *Mutes) SameRates(o *Mutes) bool {
	var a, b []Rate
	if m != nil {
		a = m.rates
	}
	if o != nil {
		b = o.rates
	}
	return slices.Equal(a, b)
}

// TakeHidden returns how often each mute of the store hid something since it was last asked.
func (m *Mutes) TakeHidden() map[int64]uint64 {
	var out map[int64]uint64
	for _, c := range m.all() {
		if c.Number == 0 {
			continue
		}
		if n := c.hidden.Swap(0); n > 0 {
			if out == nil {
				out = map[int64]uint64{}
			}
			out[c.Number] += n
		}
	}
	return out
}

// all returns the list, which is never changed in place.
func (m *Mutes) all() []*counted {
	if m == nil {
		return nil
	}
	if p := m.list.Load(); p != nil {
		return *p
	}
	return nil
}

// Len is how many mutes there are.
func (m *Mutes) Len() int { return len(m.all()) }

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
	for _, u := range m.all() {
		if u.Code != "" && !known(u.Code) {
			return fmt.Errorf("mute names unknown code %q", u.Code)
		}
	}
	if m == nil {
		return nil
	}
	for _, r := range m.rates {
		if !known(r.Code) {
			return fmt.Errorf("rate names unknown code %q", r.Code)
		}
	}
	return nil
}

// Hides reports that a mute hides f. It counts nothing.
func (m *Mutes) Hides(f *Finding, now packet.Time) bool {
	for _, u := range m.all() {
		if u.Hides(f, now) {
			return true
		}
	}
	return false
}

// match returns the reason of the first mute that hides a finding. grew says that there is more of it than there was:
// that is counted.
func (m *Mutes) match(f *Finding, now packet.Time, grew bool) (string, bool) {
	for _, u := range m.all() {
		if u.Hides(f, now) {
			if grew {
				u.hidden.Add(1)
			}
			return u.Reason, true
		}
	}
	return "", false
}

// Hit returns the reason of the first mute that hides that a rule matched, and counts it.
func (m *Mutes) Hit(gid, sid uint32, from, to packet.Addr, now packet.Time) (reason string, muted bool) {
	for _, u := range m.all() {
		if u.HidesHit(gid, sid, from, to, now) {
			u.hidden.Add(1)
			return u.Reason, true
		}
	}
	return "", false
}
