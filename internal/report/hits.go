package report

import (
	"fmt"
)

// mostHits bounds the rows of rules that a report shows.
const mostHits = 40

// hitCount says how much of what rules matched is shown.
func (v *view) hitCount() string {
	var n uint64
	rules := map[[2]uint32]bool{}
	for i := range v.Hits {
		n += v.Hits[i].Count
		rules[[2]uint32{v.Hits[i].GID, v.Hits[i].SID}] = true
	}
	return fmt.Sprintf("%s matched %s", plural(uint64(len(rules)), "rule", "rules"), plural(n, "time", "times"))
}

// hitLines are the rows, the most severe first.
func (v *view) hitLines() []string {
	var lines []string
	for i := range v.Hits {
		if i == mostHits {
			lines = append(lines, fmt.Sprintf("and %d more rows: --json has up to 10 000, --eve every match", len(v.Hits)-i))
			break
		}
		h := &v.Hits[i]
		to := v.host(h.To)
		if h.Port != 0 {
			to += fmt.Sprintf(" (%s port %d)", h.Proto, h.Port)
		} else if h.Proto != "" {
			to += " (" + h.Proto + ")"
		}
		s := fmt.Sprintf("%s [%d:%d:%d, priority %d]: %s to %s", h.Msg, h.GID, h.SID, h.Rev, h.Severity, v.host(h.From), to)
		if h.Count > 1 {
			s += fmt.Sprintf(", %d times in %s, from", h.Count, plural(uint64(h.Conversations), "conversation", "conversations"))
		} else {
			s += ","
		}
		lines = append(lines, s+" frame "+fmt.Sprint(h.First.Frame))
	}
	return lines
}

// hit writes a row.
func (w *jsonw) hit(h *RuleHit) {
	w.unum("gid", uint64(h.GID))
	w.unum("sid", uint64(h.SID))
	w.unum("rev", uint64(h.Rev))
	w.str("msg", h.Msg)
	w.str("category", h.Category)
	w.num("severity", int64(h.Severity))
	w.str("from", h.From.String())
	w.str("to", h.To.String())
	w.str("proto", h.Proto)
	w.num("port", int64(h.Port))
	w.unum("count", h.Count)
	w.num("conversations", int64(h.Conversations))
	w.unum("first_frame", h.First.Frame)
	w.unum("last_frame", h.Last.Frame)
}
