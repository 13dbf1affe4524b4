// Package evidence leads from a finding back to its packets: which frames it needs, how they are fetched in a second
// pass over the input, and the annotated capture that carries them.
package evidence

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// Fetch calls give for each frame of want that it can find, each once, in the order of its input. A frame it cannot
// find is left out; others of the same conversations may be given beside. The packet's Data is as captured, and borrowed
// until give returns; Ref, Data, WireLen and Link are set. An error of give ends it and is returned.
type Fetch = func(want []packet.Ref, give func(p *packet.Packet) error) error

// Case is what an annotated capture holds.
type Case struct {
	Findings    []*finding.Finding
	Fetch       Fetch
	JSON        func(dst []byte, f *finding.Finding) []byte // the finding as it travels in the file; nil = it does not
	Summary     []byte                                      // JSON of the run, may be empty
	Name        func(source uint16) string                  // name of a source; nil = none
	Visible     func(string) string                         // makes hostile text safe to show
	Application string
	Redact      *Redactor // makes frames, findings and names fit to be given away; nil = all as it is. Summary is left out
}

// Result says what Write wrote.
type Result struct {
	Frames      int // written
	Missing     int // wanted, and not given by Fetch
	NotAttached int // findings whose JSON found no room in the file; their comments are there
}

const (
	// maxAttached bounds the JSON in the section header, bytes: one block must stay under pcapfile.MaxBlock.
	maxAttached = 8 << 20
	// maxHeld bounds the frames held to be put in order of time, bytes.
	maxHeld = 64 << 20
	// maxComments is how many findings one frame names.
	maxComments = 32
)

// Wanted returns the frames that tell the findings: evidence and what the facts rest on; each once, in order of
// source and frame.
func Wanted(findings []*finding.Finding) []packet.Ref {
	seen := map[place]bool{}
	var refs []packet.Ref
	for _, f := range findings {
		for _, s := range story(f) {
			if p := placeOf(s.Ref); !seen[p] {
				seen[p] = true
				refs = append(refs, s.Ref)
			}
		}
	}
	sort.Slice(refs, func(i, j int) bool { return before(refs[i], refs[j]) })
	return refs
}

// place is a frame's address without its time.
type place struct {
	source uint16
	frame  uint64
}

func placeOf(r packet.Ref) place { return place{r.Source, r.Frame} }

func before(a, b packet.Ref) bool {
	return a.Source < b.Source || a.Source == b.Source && a.Frame < b.Frame
}

// story returns the frames of a finding with their parts in it, in order, each once. A frame that only a fact names
// has the part "fact".
func story(f *finding.Finding) []finding.Proof {
	at := map[place]bool{}
	var all []finding.Proof
	add := func(r packet.Ref, role string) {
		if !r.IsZero() && !at[placeOf(r)] {
			at[placeOf(r)] = true
			all = append(all, finding.Proof{Ref: r, Role: role})
		}
	}
	for _, p := range f.Evidence {
		add(p.Ref, p.Role)
	}
	for _, x := range f.Facts {
		for _, r := range x.Refs {
			add(r, "fact")
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return before(all[i].Ref, all[j].Ref) })
	return all
}

// comments returns what each frame is annotated with: "FS <code> <role> n/m: <sentence>", one line per finding.
func (c *Case) comments() map[place][]string {
	out := map[place][]string{}
	for _, f := range c.Findings {
		s := story(f)
		for i, p := range s {
			at := placeOf(p.Ref)
			if len(out[at]) == maxComments {
				continue
			}
			sentence := f.Title
			if sentence == "" {
				sentence = f.Code.Title
			}
			out[at] = append(out[at], fmt.Sprintf("FS %s %s %d/%d: %s", f.Code.ID, c.show(p.Role), i+1, len(s), c.show(sentence)))
		}
	}
	return out
}

func (c *Case) show(s string) string {
	if c.Visible != nil {
		return c.Visible(s)
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// attachments returns the section's comments: the findings as JSON, as many as there is room for.
func (c *Case) attachments() (comments []string, left int, err error) {
	size := 0
	add := func(kind string, text []byte) (bool, error) {
		if size += len(text); size > maxAttached {
			return false, nil
		}
		parts, err := pcapfile.Attachment{Kind: kind, Text: string(text)}.Comments()
		comments = append(comments, parts...)
		return true, err
	}
	if len(c.Summary) > 0 {
		if _, err := add("summary", c.Summary); err != nil {
			return nil, 0, err
		}
	}
	if c.JSON == nil {
		return comments, 0, nil
	}
	var b []byte
	for i, f := range c.Findings {
		b = c.JSON(b[:0], f)
		ok, err := add("finding", b)
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			return comments, len(c.Findings) - i, nil
		}
	}
	return comments, 0, nil
}

// Write writes the case to w as pcapng: the wanted frames with their comments, the findings in the section header.
func (c *Case) Write(w io.Writer) (Result, error) {
	var res Result
	if c.Redact != nil {
		c = c.redacted()
	}
	section, left, err := c.attachments()
	if err != nil {
		return res, fmt.Errorf("evidence: %w", err)
	}
	res.NotAttached = left
	ng, err := pcapfile.NewWriter(w, pcapfile.WriterOptions{Application: c.Application, Comments: section})
	if err != nil {
		return res, err
	}
	want := Wanted(c.Findings)
	s := &sorter{ng: ng, c: c, notes: c.comments(), ifaces: map[ifaceKey]int{}, want: make(map[place]bool, len(want))}
	for _, r := range want {
		s.want[placeOf(r)] = true
	}
	if len(want) > 0 && c.Fetch != nil {
		s.hold = want[0].Source != want[len(want)-1].Source
		if err := c.Fetch(want, s.give); err != nil {
			return res, err
		}
		if err := s.release(); err != nil {
			return res, err
		}
	}
	res.Frames, res.Missing = s.n, len(want)-s.wanted
	return res, ng.Flush()
}

// redacted returns c with findings and names that may be given away.
func (c *Case) redacted() *Case {
	d := *c
	d.Summary, d.Findings = nil, nil
	for _, f := range c.Findings {
		d.Findings = append(d.Findings, c.Redact.Finding(f))
	}
	d.Name = func(source uint16) string { return fmt.Sprintf("capture %d", source+1) }
	return &d
}

// ifaceKey is an interface of the case: a source with a link type.
type ifaceKey struct {
	source uint16
	link   packet.LinkType
}

// sorter writes frames; those of several sources it holds, within limits, to write them in order of time.
type sorter struct {
	ng     *pcapfile.Writer
	c      *Case
	notes  map[place][]string
	ifaces map[ifaceKey]int
	hold   bool
	held   []packet.Packet
	bytes  int
	want   map[place]bool
	n      int
	wanted int // of n, those that tell a finding
}

func (s *sorter) give(p *packet.Packet) error {
	if !s.hold {
		return s.write(p)
	}
	q := packet.Packet{Data: append([]byte(nil), p.Data...), Time: p.Time, Frame: p.Frame, Source: p.Source, Link: p.Link, WireLen: p.WireLen}
	s.held = append(s.held, q)
	if s.bytes += len(q.Data); s.bytes > maxHeld {
		return s.release()
	}
	return nil
}

func (s *sorter) release() error {
	sort.SliceStable(s.held, func(i, j int) bool { return s.held[i].Time < s.held[j].Time })
	for i := range s.held {
		if err := s.write(&s.held[i]); err != nil {
			return err
		}
	}
	s.held, s.bytes = s.held[:0], 0
	return nil
}

func (s *sorter) write(p *packet.Packet) error {
	k := ifaceKey{p.Source, p.Link}
	i, ok := s.ifaces[k]
	if !ok {
		in := pcapfile.Interface{Link: p.Link}
		if s.c.Name != nil {
			in.Name = s.c.show(s.c.Name(p.Source))
		}
		var err error
		if i, err = s.ng.AddInterface(in); err != nil {
			return err
		}
		s.ifaces[k] = i
	}
	s.n++
	if s.want[placeOf(p.Ref())] {
		s.wanted++
	}
	data := p.Data
	if s.c.Redact != nil {
		data = s.c.Redact.Frame(p)
	}
	return s.ng.WritePacket(i, p.Time, data, p.WireLen, pcapfile.PacketOptions{Comments: s.notes[placeOf(p.Ref())]})
}

// SecondPass returns a Fetch that reads an input again from its start. next fills an empty batch, as capture.Source's
// Next does; it is read no further than the last wanted frame, and an end of the input, good or bad, ends the search.
func SecondPass(next func(b *packet.Batch) error) Fetch {
	return func(want []packet.Ref, give func(p *packet.Packet) error) error {
		left := make(map[place]bool, len(want))
		for _, r := range want {
			left[placeOf(r)] = true
		}
		var b packet.Batch
		for len(left) > 0 {
			end := next(&b)
			for i := range b.Packets {
				p := &b.Packets[i]
				if at := placeOf(p.Ref()); left[at] {
					delete(left, at)
					if err := give(p); err != nil {
						b.Release()
						return err
					}
				}
			}
			b.Release()
			if end != nil {
				return nil
			}
		}
		return nil
	}
}
