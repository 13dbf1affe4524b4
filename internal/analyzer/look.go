package analyzer

const (
	// MaxLook is how many first bytes of a content rules look at, Suricata's content-limit.
	MaxLook = 100_000
	// firstLook is how many bytes have to be there before a content that goes on is looked at, Suricata's
	// content-inspect-min-size. From then on it is looked at each time as many are there again as before.
	firstLook = 32 << 10
)

// Look collects the first bytes of a content for rules, and says when they should look at it. When that is depends on the
// content alone, never on how its bytes come. The zero Look is ready.
type Look struct {
	b    []byte
	next int
	// Cut says that more than MaxLook bytes came.
	Cut bool
}

// Add takes bytes. It returns those that it did not take yet, and whether rules should look before they are given again.
func (l *Look) Add(b []byte) (rest []byte, look bool) {
	if l.next == 0 {
		l.next = firstLook
	}
	room := l.next - len(l.b)
	if len(b) < room || room == 0 {
		l.Cut = l.Cut || room == 0 && len(b) > 0
		if room > 0 {
			l.b = append(l.b, b...)
		}
		return nil, false
	}
	l.b = append(l.b, b[:room]...)
	l.next = min(2*l.next, MaxLook)
	return b[room:], true
}

// Bytes are those that are there, at most MaxLook.
func (l *Look) Bytes() []byte { return l.b }

// Ready reports that a content which goes on has enough to be looked at.
func (l *Look) Ready() bool { return len(l.b) >= firstLook }

// Held is how many bytes l has room for.
func (l *Look) Held() int { return cap(l.b) }

// Reset makes l as new.
func (l *Look) Reset() {
	if cap(l.b) > firstLook {
		l.b = nil
	}
	*l = Look{b: l.b[:0]}
}
