// Package eve writes EVE JSON lines, the form that Suricata's users have tools for: flow, anomaly, arp and the
// analyzers' records as they come, an alert record for each finding, one stats record at the end.
//
// The schema of EVE is closed. What a finding has beyond an alert stands in alert.metadata, whose values are lists of
// texts; the full finding has its own stream (output/jsonlines).
package eve

import (
	"bufio"
	"bytes"
	"hash/fnv"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "eve", About: "EVE JSON lines, as Suricata writes them", Events: true, Blocking: true,
	Drops: "findings below the wanted confidence, and muted ones; events that EVE has no record for",
	New:   func(s output.Setup) (output.Output, error) { return New(s), nil },
}

// Generator is the gid of alerts that are findings. A rule's alert has 1.
const Generator = 7476

// bufferSize is how much is collected before it is written.
const bufferSize = 64 << 10

// Output writes EVE. It uses Setup.Out, EVE and MinConfidence.
type Output struct {
	w     *bufio.Writer
	eve   event.EVE
	least finding.Confidence
	kinds *output.Records
	line  []byte
	stats stats
	more  func(add func(path string, n uint64))
	place output.Healthy // where it goes, if that knows how it is
}

// New returns an output that writes to s.Out.
func New(s output.Setup) *Output {
	place, _ := s.Out.(output.Healthy)
	return &Output{w: bufio.NewWriterSize(s.Out, bufferSize), eve: s.EVE, least: s.AtLeast(), kinds: s.Records, more: s.Counters, line: make([]byte, 0, 4096), place: place}
}

// Health says how the place is that records go to.
func (o *Output) Health() output.Health {
	if o.place == nil {
		return output.Health{Up: true}
	}
	return o.place.Health()
}

// Event writes e's record, if it has one.
func (o *Output) Event(e event.Event) error {
	o.stats.count(e)
	if e.Head().Quiet {
		return nil
	}
	o.line = e.AppendEVE(o.line[:0], &o.eve)
	if h := e.Head(); h.Kind >= event.FirstAnalyzerKind && len(o.line) > 0 {
		o.stats.transaction(o.word(`"event_type":"`), h.Proto)
	}
	if o.kinds != nil && !o.wanted() {
		return nil
	}
	return o.put()
}

// Finding writes f as an alert.
func (o *Output) Finding(f *finding.Finding) error {
	if f.Confidence < o.least || f.MutedBy != "" || !o.kinds.Has("finding") {
		return nil
	}
	o.stats.alerts++
	o.line = appendAlert(o.line[:0], f, &o.eve)
	return o.put()
}

// wanted reports whether the record at hand is of a kind that was asked for.
func (o *Output) wanted() bool {
	kind := o.word(`"event_type":"`)
	if (kind == "http" || kind == "dns") && o.word(`"http":{"version":"`) == "2" { // Suricata's settings call them otherwise
		if kind == "dns" && o.kinds.Has("doh2") {
			return true
		}
		if kind == "http" {
			kind = "http2"
		}
	}
	return o.kinds.Has(kind) && (kind != "anomaly" || o.kinds.Has("anomaly."+o.word(`"anomaly":{"type":"`)))
}

// word is the text of the record at hand between what comes before it and the next quote. What stands in packets is
// escaped in a record: a key with its quotes stands nowhere else.
func (o *Output) word(before string) string {
	_, rest, _ := bytes.Cut(o.line, []byte(before))
	word, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(word)
}

func (o *Output) put() error {
	if len(o.line) == 0 {
		return nil
	}
	o.line = append(o.line, '\n')
	_, err := o.w.Write(o.line)
	return err
}

// Flush writes what was collected.
func (o *Output) Flush() error { return o.w.Flush() }

// Close writes the stats record and flushes.
func (o *Output) Close() error {
	if o.stats.seen && o.kinds.Has("stats") {
		if o.more != nil {
			o.more(o.stats.add)
		}
		o.line = o.stats.append(o.line[:0])
		if err := o.put(); err != nil {
			return err
		}
	}
	return o.w.Flush()
}

// SignatureID is the number under which findings of a code appear as alerts: fixed for a code, above all ranges that
// rules use, and small enough for a signed 32-bit column.
func SignatureID(code string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(code))
	return 1<<30 | h.Sum32()>>2
}

// appendAlert writes a finding as an alert between its client and its server.
func appendAlert(dst []byte, f *finding.Finding, c *event.EVE) []byte {
	h := event.Head{Seen: f.First}
	h.Client, h.Server = ends(f)
	dst = event.AppendEVEHead(dst, &h, "alert", packet.ToServer, c)
	dst = event.AppendEVEDirection(dst, packet.ToServer)
	dst = append(dst, `,"alert":{"action":"allowed","gid":`...)
	dst = strconv.AppendInt(dst, Generator, 10)
	dst = append(dst, `,"signature_id":`...)
	dst = strconv.AppendUint(dst, uint64(SignatureID(f.Code.ID)), 10)
	dst = append(dst, `,"rev":`...)
	dst = strconv.AppendInt(dst, int64(max(f.Revision, 1)), 10)
	dst = append(dst, `,"signature":`...)
	dst = event.AppendJSONString(dst, "FIRESTORM "+f.Code.Title)
	dst = append(dst, `,"category":"Firestorm `...)
	dst = append(dst, f.Code.Kind...)
	dst = append(dst, `","severity":`...)
	dst = strconv.AppendInt(dst, severity(f.Severity), 10)
	dst = append(dst, `,"metadata":{"firestorm_code":[`...)
	dst = event.AppendJSONString(dst, f.Code.ID)
	dst = append(dst, `],"firestorm_confidence":[`...)
	dst = event.AppendJSONString(dst, f.Confidence.String())
	dst = append(dst, `],"firestorm_id":[`...)
	dst = event.AppendJSONString(dst, f.ID)
	dst = append(dst, `],"firestorm_remedy":[`...)
	for i, s := range f.Remedy {
		if i > 0 {
			dst = append(dst, ',')
		}
		line := string(s.Where) + ": " + s.Text
		for _, c := range s.Run {
			line += "; " + strings.TrimSpace(c.On+" "+c.Line)
		}
		dst = event.AppendJSONString(dst, line)
	}
	dst = append(dst, `],"firestorm_summary":[`...)
	summary := f.Title
	if f.Summary != "" {
		summary += ". " + f.Summary
	}
	dst = event.AppendJSONString(dst, summary)
	dst = append(dst, `]}}`...)
	return event.AppendEVETail(dst, &h, c)
}

// severity is EVE's: 1 is worst.
func severity(s finding.Severity) int64 {
	switch s {
	case finding.Critical, finding.High:
		return 1
	case finding.Medium:
		return 2
	case finding.Low:
		return 3
	}
	return 4
}

// ends picks the two parties an alert has room for.
func ends(f *finding.Finding) (client, server event.End) {
	var other []event.End
	for i := range f.Subjects {
		s := &f.Subjects[i]
		if s.Addr.IsZero() {
			continue
		}
		e := event.End{Addr: s.Addr, Port: s.Port}
		switch {
		case client.Addr.IsZero() && (s.Role == "client" || s.Role == "attacker" || s.Role == "sender"):
			client = e
		case server.Addr.IsZero() && (s.Role == "server" || s.Role == "victim" || s.Role == "receiver"):
			server = e
		default:
			other = append(other, e)
		}
	}
	for _, e := range other {
		if client.Addr.IsZero() {
			client = e
		} else if server.Addr.IsZero() {
			server = e
		}
	}
	return client, server
}
