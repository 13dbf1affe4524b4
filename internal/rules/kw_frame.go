package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// frameTypes are the frames that readers mark (analyzer.Context.Frame), by EVE's word for the protocol. Beside them, all that
// one side of a connection sends is a frame of each protocol over TCP.
var frameTypes = map[string]string{
	"dcerpc": "pdu hdr data",
	"dns":    "pdu",
	"http":   "request response",
	"http2":  "pdu hdr data",
	"ldap":   "pdu",
	"mqtt":   "pdu header data",
	"nfs":    "rpc.pdu rpc.hdr rpc.data rpc.creds nfs.pdu nfs.status nfs4.pdu nfs4.hdr nfs4.ops nfs4.status",
	"rfb":    "pdu",
	"sip":    "pdu request.line response.line request.headers response.headers request.body response.body",
	"smb":    "nbss.pdu nbss.hdr nbss.data smb1.pdu smb1.hdr smb1.data smb2.pdu smb2.hdr smb2.data smb3.pdu smb3.hdr smb3.data",
	"smtp":   "command_line data response_line",
	"ssh":    "record.hdr record.data record.pdu",
	"telnet": "pdu ctl data",
	"tls":    "pdu hdr data alert heartbeat ssl2.hdr ssl2.pdu",
}

// FrameTypes are the names of all frames that rules may ask for, with the protocol before them, sorted; beside them, "stream".
func FrameTypes() (all []string) {
	for app, names := range frameTypes {
		for _, n := range strings.Fields(names) {
			all = append(all, app+"."+n)
		}
	}
	slices.Sort(all)
	return all
}

// frameStream is the frame that is all of one direction.
const frameStream = "stream"

// frameKeywords have contents lie in frames.
var frameKeywords = []keyword{{"frame", func(c *compiler, o *lang.Option) error {
	if o.Negated {
		return errors.New("that a frame is not there cannot be asked")
	}
	app, name, err := c.frameOf(strings.ToLower(strings.TrimSpace(o.Value)))
	if err != nil {
		return err
	}
	s := c.s
	switch full := framePart(app, name); {
	case s.frame != "" && s.frame != full:
		return errors.New("a rule is about one kind of frames")
	case s.packet:
		return errors.New("frames lie in streams: a rule about packets has none")
	default:
		s.frame = full
	}
	s.app = app
	for i := range s.parts {
		if p := &s.parts[i]; p.name == s.frame && len(p.transforms) == 0 {
			c.at = i
			return nil
		}
	}
	c.at = len(s.parts)
	s.parts = append(s.parts, part{buffer: buffer{s.frame, []string{"frame"}, eitherWay}})
	return nil
}}}

// frameOf reads the name of a frame: in short within a rule of its protocol, else with the protocol before it.
func (c *compiler) frameOf(text string) (app, name string, err error) {
	name, app = text, ofFrames(c.s.app)
	over := protocols{}
	if first, rest, ok := strings.Cut(text, "."); ok && appProtocols[first] != nil {
		if name, app = rest, ofFrames(appWord(first)); c.s.app != "" && ofFrames(c.s.app) != app {
			return "", "", fmt.Errorf("a rule of %s has no frames of %s", c.s.app, first)
		}
	}
	if app == "" {
		return "", "", fmt.Errorf("the rule names no protocol: which one has frames of the name %q?", text)
	}
	for _, n := range appProtocols[app] {
		if c.s.proto.has(n) {
			over.add(n)
		}
	}
	switch {
	case over == protocols{}:
		return "", "", fmt.Errorf("%s does not run over that", app)
	case name == frameStream && over.has(packet.ProtoTCP):
	case frameTypes[app] == "":
		return "", "", fmt.Errorf("no frames of %s are marked here", app)
	case !slices.Contains(strings.Fields(frameTypes[app]), name):
		return "", "", fmt.Errorf("%s has no frame %q", app, name)
	}
	return app, name, nil
}

// ofFrames is EVE's word for the protocol whose reader marks the frames of one that a rule names: HTTP/1 is "http" there.
func ofFrames(app string) string {
	if app == "http1" {
		return "http"
	}
	return app
}

// framePart is the name of the part that is a frame.
func framePart(app, name string) string { return "frame:" + app + "." + name }

// placeFrame checks that the rule asks for nothing beside its frame.
func (s *sig) placeFrame() error {
	if len(s.payload) > 0 {
		return errors.New("a rule about a frame has no contents elsewhere")
	}
	for i := range s.parts {
		p := &s.parts[i]
		switch {
		case p.name != s.frame:
			return fmt.Errorf("a rule about a frame cannot ask for %s as well", p.name)
		case p.absent != present:
			return errors.New("that a frame is absent cannot be asked")
		case len(p.checks) == 0:
			return errors.New("nothing is asked of the frame")
		}
	}
	return nil
}

// framesOf lists the frames that rules ask for.
func framesOf(sigs []*sig) map[string][]string {
	var all map[string][]string
	for _, s := range sigs {
		if s.frame == "" {
			continue
		}
		name := strings.TrimPrefix(s.frame, framePart(s.app, ""))
		if all == nil {
			all = map[string][]string{}
		}
		if !slices.Contains(all[s.app], name) {
			all[s.app] = append(all[s.app], name)
		}
	}
	for _, names := range all {
		slices.Sort(names)
	}
	return all
}

// Frames reports whether a rule asks for frames of any protocol.
func (s *Set) Frames() bool { return len(s.frames) > 0 }

// FrameNames are the frames of a protocol that rules ask for (analyzer.FrameSink).
func (e *Engine) FrameNames(app string) []string { return e.set.frames[app] }

// framed marks the number of a frame, where numbers of transactions stand.
const framed = 1 << 63

// Frame looks at what there is of a frame (analyzer.FrameSink). A rule alerts once for a frame.
func (e *Engine) Frame(h flow.Handle, head *event.Head, p *packet.Packet, v *event.FrameView) {
	if e.passed(h.Index) {
		return
	}
	if p != nil && p == e.now.p && !e.now.done && p.IPVersion != 0 {
		e.look()
	}
	e.parts, e.may, e.x.m.little, e.done = e.parts[:0], e.may[:0], false, v.Done
	name := framePart(v.App, v.Facts.Type)
	l := e.set.parts[name]
	if l == nil {
		return
	}
	for _, x := range v.Pieces {
		e.parts = append(e.parts, seenPart{name: name, b: x.B, base: int64(x.At), open: x.Open})
		e.may = l.found.scan(appendAll(e.may, l.always, 0), e.set.rare, &e.found, x.B)
	}
	e.consider(h, head, p, &event.Inspection{Dir: h.Dir, Tx: framed | v.Facts.ID, Done: v.Done}, v)
}

// frameFacts are what an alert says of a frame, and the number of its transaction, -1: none.
func frameFacts(v *event.FrameView) (*event.FrameFacts, int64) {
	f := v.Facts
	f.Payload = v.Shown()
	if !f.InTx {
		return &f, -1
	}
	return &f, int64(f.Tx)
}
