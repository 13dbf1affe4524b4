package tracker

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Log is what "conntrack -E -o timestamp,extended" printed, read line by line.
type Log struct {
	in  *bufio.Scanner
	err error
	n   int // lines read
	bad int // that are no events
	got Counts
}

// longestLine bounds a line: conntrack's have some 300 characters.
const longestLine = 4096

// NewLog reads a log from r. Lines that tell a change, or nothing that is understood, are passed over; the latter are
// counted by Unread.
func NewLog(r io.Reader) *Log {
	l := &Log{in: bufio.NewScanner(r)}
	l.in.Buffer(make([]byte, longestLine), longestLine)
	return l
}

// Next returns the next event in the order of the log, nil at its end or where it cannot be read on: see Err.
func (l *Log) Next() *event.Tracked {
	for l.in.Scan() {
		l.n++
		s := strings.TrimSpace(l.in.Text())
		if s == "" {
			continue
		}
		x, ok := parseLine(s)
		if !ok {
			l.bad++
		}
		if x == nil {
			continue
		}
		l.got.Events++
		return x
	}
	if err := l.in.Err(); err != nil && l.err == nil {
		l.err = fmt.Errorf("line %d: %w", l.n+1, err)
	}
	return nil
}

// Err says why the log could not be read to its end; nil: it was.
func (l *Log) Err() error { return l.err }

// Unread is how many lines were not understood.
func (l *Log) Unread() int { return l.bad }

// Counts returns what was read so far.
func (l *Log) Counts() Counts { return l.got }

// parseLine reads one line; nil and true for a line about a change.
func parseLine(s string) (_ *event.Tracked, ok bool) {
	f := strings.Fields(s)
	if len(f) < 4 || !strings.HasPrefix(f[0], "[") {
		return nil, false
	}
	at, ok := parseStamp(strings.Trim(f[0], "[]"))
	if !ok {
		return nil, false
	}
	var what event.TrackerSays
	switch f[1] {
	case "[NEW]":
		what = event.TrackerNew
	case "[DESTROY]":
		what = event.TrackerForgot
	case "[UPDATE]":
		return nil, true
	default:
		return nil, false
	}
	var ts [2]tuple
	k := -1
	for i, w := range f[2:] {
		name, v, pair := strings.Cut(w, "=")
		if !pair {
			// "ipv4 2 tcp 6", or "tcp 6" without "extended": the number behind the protocol's name.
			if n, err := strconv.ParseUint(w, 10, 8); err == nil && i > 0 && k < 0 && ts[0].proto == 0 && !strings.HasPrefix(f[i+1], "ipv") {
				ts[0].proto = uint8(n)
			}
			continue
		}
		if name == "src" {
			k++
		}
		if k < 0 || k > 1 {
			continue
		}
		switch name {
		case "src", "dst":
			a, err := netip.ParseAddr(v)
			if err != nil {
				return nil, false
			}
			ts[k].set(name == "src", packet.Addr(a.As16()))
		case "sport", "dport":
			n, err := strconv.ParseUint(v, 10, 16)
			if err != nil {
				return nil, false
			}
			if name == "sport" {
				ts[k].sport = uint16(n)
			} else {
				ts[k].dport = uint16(n)
			}
		}
	}
	x := tracked(&ts[0], &ts[1], what, at)
	return x, x != nil
}

// parseStamp reads seconds since 1970 with up to nine digits behind the point.
func parseStamp(s string) (packet.Time, bool) {
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(sec, 10, 33)
	if err != nil || len(frac) > 9 {
		return 0, false
	}
	var ns uint64
	if frac != "" {
		if ns, err = strconv.ParseUint((frac + "000000000")[:9], 10, 32); err != nil {
			return 0, false
		}
	}
	return packet.Time(n*1e9 + ns), true
}
