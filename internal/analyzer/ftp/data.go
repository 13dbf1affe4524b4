package ftp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// DataDef reads data connections. Nothing in them says what they are: the control channel announces them.
var DataDef = analyzer.Def{
	Name:   DataKind,
	Over:   []analyzer.Transport{analyzer.TCP},
	Probe:  func(packet.Dir, []byte) analyzer.Answer { return analyzer.No },
	Kinds:  []string{DataKind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &data{kind: o.Kind(DataKind)}, nil },
}

// Transfer is what the control channel says of a data connection (analyzer.Expectation.About).
type Transfer struct {
	Command string
	File    string // empty: a listing, or the server gives the name
}

// Data is a data connection that ended.
type Data struct {
	head event.Head
	Transfer
}

// NewData returns an event with head h.
func NewData(h event.Head, t Transfer) *Data { return &Data{h, t} }

// Head returns the common part.
func (x *Data) Head() *event.Head { return &x.head }

// AppendEVE writes a record of type ftp_data.
func (x *Data) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &x.head, "ftp_data", packet.ToServer, c)
	dst = append(dst, `,"tx_id":0,"app_proto":"ftp-data",`...)
	return event.AppendEVETail(x.Transfer.AppendAppObject(dst), &x.head, c)
}

// AppendAppObject writes the object of the record (event.AppObject).
func (t *Transfer) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"ftp_data":{`...)
	if t.File != "" {
		dst = append(event.AppendJSONString(append(dst, `"filename":`...), t.File), ',')
	}
	return append(event.AppendJSONString(append(dst, `"command":`...), t.Command), '}')
}

// data follows one data connection.
type data struct {
	kind  event.Kind
	t     *Transfer
	dir   packet.Dir
	begun bool
	over  bool
	file  analyzer.OpenFile // nil: nobody wants it
	look  analyzer.Look
}

// lists reports whether the bytes are a listing, not a file.
func (t *Transfer) lists() bool {
	switch t.Command {
	case "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

// begin looks at who announced the connection.
func (s *data) begin(c *analyzer.Context, d packet.Dir) {
	s.begun, s.dir = true, d
	if s.t, _ = c.Expected().(*Transfer); s.t == nil {
		s.over = true
		return
	}
	if !s.t.lists() {
		s.file = c.File(s.kind, event.File{Dir: d, Name: []byte(s.t.File), Size: -1})
	}
	if c.Inspected(s.kind) { // the command is asked for both ways, whichever the file goes
		c.Inspect(s.kind, event.Inspection{Dir: 1 - d, Done: true, Parts: commandOnly{s}})
		c.Inspect(s.kind, event.Inspection{Dir: d, Parts: s})
	}
}

// Data reads the next bytes of the file.
func (s *data) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if !s.begun {
		s.begin(c, d)
	}
	if s.over || d != s.dir {
		return
	}
	if s.file == nil { // nothing more is asked
		s.end(c, false)
		c.Done()
		return
	}
	s.file.Data(c, b)
	if !c.Inspected(s.kind) {
		return
	}
	for more := true; more; {
		if b, more = s.look.Add(b); more {
			c.Inspect(s.kind, event.Inspection{Dir: d, Parts: s})
		}
	}
}

// Gap loses bytes of the file.
func (s *data) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	if s.file != nil && d == s.dir {
		s.file.Gap(c, n)
	}
}

// Close ends the file with the direction it came from.
func (s *data) Close(c *analyzer.Context, d packet.Dir, why stream.End) {
	if s.begun && d == s.dir {
		s.end(c, why == stream.EndFIN)
	}
}

func (s *data) end(c *analyzer.Context, whole bool) {
	if s.over {
		return
	}
	s.over = true
	if s.file != nil {
		s.file.Stop(c, whole)
		c.Inspect(s.kind, event.Inspection{Dir: s.dir, Done: true, Parts: s})
		s.file.End(c, whole, s.t)
	}
	if c.Wanted(s.kind) {
		c.Emit(NewData(c.Head(s.kind), *s.t))
	}
}

// EachBuffer gives what rules can ask of the transfer (event.Parts).
func (s *data) EachBuffer(f func(name string, b []byte)) {
	f("ftpdata_command", []byte(s.t.Command))
	if s.file == nil {
		return
	}
	s.file.EachBuffer(f)
	if s.over || s.look.Ready() {
		if b := s.look.Bytes(); len(b) > 0 {
			f("file.data", b)
		}
	}
}

// AppendAppObject writes what an alert says of the transfer (event.AppObject).
func (s *data) AppendAppObject(dst []byte) []byte {
	dst = s.t.AppendAppObject(dst)
	if t, ok := s.file.(event.FileTeller); ok {
		facts := t.Facts()
		dst = facts.AppendJSON(append(dst, `,"files":[`...))
		dst = append(dst, ']')
	}
	return dst
}

// KeepFile passes on that a rule wants the file kept (event.FileKeeper).
func (s *data) KeepFile(sid uint32) {
	if k, ok := s.file.(event.FileKeeper); ok {
		k.KeepFile(sid)
	}
}

// commandOnly is what rules see of the direction in which nothing travels.
type commandOnly struct{ s *data }

func (x commandOnly) EachBuffer(f func(name string, b []byte)) {
	f("ftpdata_command", []byte(x.s.t.Command))
}

func (x commandOnly) AppendAppObject(dst []byte) []byte { return x.s.t.AppendAppObject(dst) }

// Reset forgets the connection.
func (s *data) Reset() {
	look := s.look
	look.Reset()
	*s = data{kind: s.kind, look: look}
}

// Held is what the reader keeps (analyzer.Holder).
func (s *data) Held() int { return s.look.Held() }
