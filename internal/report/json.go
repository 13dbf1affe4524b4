package report

import (
	"io"
	"time"

	"firestorm/internal/finding"
)

// Version is the version of the JSON forms. docs/schema/finding.schema.json describes them.
const Version = 1

// AppendFinding appends f as one JSON object on one line, without the line's end. Keys are always present and always
// in this order.
func AppendFinding(dst []byte, r *Report, f *finding.Finding) []byte {
	w := &jsonw{b: dst, first: true}
	w.open('{')
	w.str("type", "finding")
	w.num("version", Version)
	w.str("id", f.ID)
	w.num("revision", int64(f.Revision))
	w.str("state", string(f.State))
	w.str("code", f.Code.ID)
	w.str("kind", string(f.Code.Kind))
	w.str("severity", f.Severity.String())
	w.str("confidence", f.Confidence.String())
	w.str("title", title(f))
	w.str("summary", f.Summary)
	w.str("why", f.Why)
	w.str("impact", f.Impact)
	w.array("facts", len(f.Facts), func(i int) {
		w.object(func() {
			w.str("text", f.Facts[i].Text)
			w.frames(r, "frames", f.Facts[i].Refs)
		})
	})
	alternatives := func(k string, list []finding.Alternative) {
		w.array(k, len(list), func(i int) {
			w.object(func() {
				w.str("id", list[i].ID)
				w.str("name", list[i].Name)
				w.str("text", list[i].Text)
				w.frames(r, "frames", list[i].Refs)
			})
		})
	}
	alternatives("ruled_out", f.RuledOut)
	alternatives("could_still_be", f.CouldBe)
	w.str("wrong_if", f.WrongIf)
	where, by := places(f.Remedy)
	w.array("remedy", len(where), func(i int) {
		w.object(func() {
			w.str("where", string(where[i]))
			steps := by[where[i]]
			w.array("steps", len(steps), func(k int) {
				w.object(func() {
					w.str("text", steps[k].Text)
					w.array("run", len(steps[k].Run), func(n int) {
						w.object(func() {
							w.str("on", steps[k].Run[n].On)
							w.str("line", steps[k].Run[n].Line)
						})
					})
				})
			})
		})
	})
	w.key("check")
	w.open('{')
	w.str("command", f.Check)
	w.str("note", f.CheckNote)
	w.close('}')
	w.list("references", f.References)
	w.array("subjects", len(f.Subjects), func(i int) { w.object(func() { w.subject(r, &f.Subjects[i]) }) })
	w.array("evidence", len(f.Evidence), func(i int) {
		w.object(func() {
			w.frame(r, f.Evidence[i].Ref)
			w.str("role", f.Evidence[i].Role)
		})
	})
	w.array("gates", len(f.Gates), func(i int) { w.object(func() { w.gate(&f.Gates[i]) }) })
	w.str("first", stamp(f.First.Time))
	w.str("last", stamp(f.Last.Time))
	w.num("count", int64(f.Count))
	w.array("explains", len(f.Explains), func(i int) {
		w.object(func() {
			w.str("code", f.Explains[i].Code)
			w.num("count", int64(f.Explains[i].Count))
			w.str("text", f.Explains[i].Text)
		})
	})
	w.str("muted_by", f.MutedBy)
	if f.Suppressed > 0 {
		w.num("suppressed", int64(f.Suppressed))
	}
	w.close('}')
	return w.b
}

func (w *jsonw) subject(r *Report, s *finding.Subject) {
	w.str("role", s.Role)
	if s.Addr.IsZero() {
		w.null("address")
	} else {
		w.str("address", s.Addr.String())
	}
	if s.Port == 0 {
		w.null("port")
	} else {
		w.num("port", int64(s.Port))
	}
	if s.MAC.IsZero() {
		w.null("mac")
	} else {
		w.str("mac", s.MAC.String())
	}
	name := s.Name
	if n, _ := r.name(s.Addr); name == "" {
		name = n
	}
	if name == "" {
		w.null("name")
	} else {
		w.str("name", name)
	}
}

func (w *jsonw) gate(g *finding.GateResult) {
	w.str("gate", g.Gate.String())
	w.str("text", g.Text)
	w.str("how", g.How)
	w.str("at_most", g.Caps.String())
}

// AppendSummary appends the last line of the JSON lines: what was read, and what could not be.
func AppendSummary(dst []byte, r *Report, o Options) []byte {
	v := newView(r, &o)
	w := &jsonw{b: dst, first: true}
	w.open('{')
	w.str("type", "summary")
	w.num("version", Version)
	w.str("verdict", string(v.verdict))
	n, bytes := r.packets()
	w.unum("packets", n)
	w.unum("bytes", bytes)
	w.num("conversations", int64(r.Conversations))
	if n == 0 {
		w.null("first")
		w.null("last")
	} else {
		w.str("first", stamp(r.start()))
		w.str("last", stamp(r.start().Add(r.span())))
	}
	w.array("files", len(r.Files), func(i int) {
		f := &r.Files[i]
		w.object(func() {
			w.str("name", r.FileName(uint16(i)))
			w.unum("packets", f.Packets)
			w.unum("bytes", f.Bytes)
			w.str("link", f.Link)
			w.str("damaged", f.Damaged)
		})
	})
	w.str("home_net", r.HomeNet)
	w.bool("home_net_default", r.HomeNetDefault)
	w.list("warnings", r.Warnings)
	w.list("notes", r.Notes)
	if len(r.Hits) > 0 {
		w.array("rule_hits", len(r.Hits), func(i int) { w.object(func() { w.hit(&r.Hits[i]) }) })
	}
	w.counts(r)
	w.capture(&r.Capture)
	w.array("gates", len(r.Gates), func(i int) {
		w.object(func() {
			w.str("where", r.Gates[i].Where)
			w.gate(&r.Gates[i].GateResult)
		})
	})
	w.list("checked", r.Checked)
	w.list("undecided", r.Undecided)
	w.array("services", len(r.Services), func(i int) { w.object(func() { w.service(&r.Services[i]) }) })
	w.close('}')
	return w.b
}

// counts writes how many findings there are by severity (likely or surer) and by what keeps the others back.
func (w *jsonw) counts(r *Report) {
	var by [finding.Critical + 1]int64
	var possible, cannot int64
	for _, f := range r.Findings {
		switch f.Confidence {
		case finding.Possible:
			possible++
		case finding.CannotTell:
			cannot++
		default:
			by[f.Severity]++
		}
	}
	w.key("findings")
	w.open('{')
	for s := finding.Critical; s >= finding.Info; s-- {
		w.num(s.String(), by[s])
	}
	w.num("possible", possible)
	w.num("cannot_tell", cannot)
	w.num("muted", int64(len(r.Muted)))
	if n := r.limited(); n > 0 {
		w.num("limited", int64(n))
	}
	w.close('}')
}

func (w *jsonw) capture(c *Capture) {
	w.key("capture")
	w.open('{')
	w.unum("dropped", c.Dropped)
	w.bool("dropped_known", c.DroppedKnown)
	w.unum("truncated", c.Truncated)
	w.unum("undecoded", c.Undecoded)
	w.unum("duplicates", c.Duplicates)
	w.array("not_used", len(c.Reasons), func(i int) {
		w.object(func() {
			w.str("why", c.Reasons[i].What)
			w.unum("count", c.Reasons[i].Count)
		})
	})
	w.close('}')
}

func (w *jsonw) service(s *Service) {
	w.str("address", s.Addr.String())
	w.num("port", int64(s.Port))
	w.str("proto", s.Proto)
	w.str("app", s.App)
	w.num("clients", int64(s.Clients))
	w.num("attempts", int64(s.Attempts))
	w.num("answered", int64(s.Answered))
	w.num("refused", int64(s.Refused))
	w.num("silent", int64(s.Silent))
	for _, d := range []struct {
		k string
		d time.Duration
	}{{"connect_median_s", s.ConnectMedian}, {"connect_max_s", s.ConnectMax}, {"answer_mean_s", s.AnswerMean}, {"answer_max_s", s.AnswerMax}} {
		if d.d == 0 {
			w.null(d.k)
		} else {
			w.seconds(d.k, int64(d.d))
		}
	}
}

// WriteJSON writes findings as JSON lines, worst first, then muted ones, then the summary. All confidences are
// written: a program filters for itself.
func WriteJSON(out io.Writer, r *Report, o Options) error {
	var b []byte
	for _, f := range append(sorted(r.Findings), sorted(r.Muted)...) {
		b = append(AppendFinding(b, r, f), '\n')
	}
	b = append(AppendSummary(b, r, o), '\n')
	_, err := out.Write(b)
	return err
}
