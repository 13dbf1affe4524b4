package nftset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"firestorm/internal/packet"
)

// A process in the sandbox may not change the firewall. It asks one that may, which answers one question at a time. What it can
// ask for is little: that a source is put in, or taken out of, the sets of this package's table. It does not say for how long,
// nor in which set, and who is never blocked is judged by the process that has the right, not by the one that asks.

// question is all that can be asked. What has more in it is none.
type question struct {
	Do      string     `json:"do"` // list, may, add or remove
	Addr    netip.Addr `json:"addr,omitzero"`
	Card    string     `json:"card,omitempty"`
	Finding string     `json:"finding,omitempty"` // add: why, for the comment
	From    int        `json:"from,omitempty"`    // list: from this one on
}

// reply answers.
type reply struct {
	Refused string   `json:"refused,omitempty"` // why the source is never blocked
	Error   string   `json:"error,omitempty"`   // why it cannot be done
	Entries []listed `json:"entries,omitempty"`
	More    bool     `json:"more,omitempty"` // there are entries after these
}

type listed struct {
	Addr    netip.Addr    `json:"addr,omitzero"`
	Card    string        `json:"card,omitempty"`
	Finding string        `json:"finding,omitempty"`
	Left    time.Duration `json:"left,omitempty"`
}

const (
	// listAtOnce is how many entries one reply holds.
	listAtOnce = 30
	// mostAsked bounds a question in bytes.
	mostAsked = 512
)

// Guard answers the questions of a process that may not change the firewall, within what o allows. It is not for use by several
// goroutines.
type Guard struct {
	o   Options
	old []Entry // what was there at the beginning
}

// NewGuard makes the sets, unless this is a dry run.
func NewGuard(o Options) (*Guard, error) {
	o.fill()
	g := &Guard{o: o}
	if o.DryRun {
		return g, nil
	}
	old, err := o.Open()
	if err != nil {
		return nil, fmt.Errorf("nftset: %w", err)
	}
	g.old = old
	return g, nil
}

// Answer does what a question asks for, where it is allowed, and returns the reply.
func (g *Guard) Answer(text []byte) []byte {
	r, err := g.answer(text)
	if err != nil {
		r = &reply{Error: err.Error()}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return []byte(`{"error":"no reply"}`)
	}
	return b
}

func (g *Guard) answer(text []byte) (*reply, error) {
	q, err := parseQuestion(text)
	if err != nil {
		return nil, err
	}
	if q.Do == "list" {
		return g.list(q)
	}
	src, err := q.source()
	if err != nil {
		return nil, err
	}
	switch q.Do {
	case "may":
		return &reply{Refused: g.o.never(src)}, nil
	case "add":
		switch {
		case g.o.DryRun:
			return nil, errors.New("this is a dry run")
		case !isFinding(q.Finding):
			return nil, errors.New("no finding is the reason")
		}
		if why := g.o.never(src); why != "" {
			return &reply{Refused: why}, nil
		}
		return &reply{}, g.o.Add(Entry{src, q.Finding, g.o.Timeout})
	case "remove":
		if g.o.DryRun {
			return nil, errors.New("this is a dry run")
		}
		return &reply{}, g.o.Remove(src)
	}
	return nil, errors.New("a question that is none")
}

func (g *Guard) list(q *question) (*reply, error) {
	if q.Addr.IsValid() || q.Card != "" || q.Finding != "" || q.From < 0 {
		return nil, errors.New("a question that is none")
	}
	r := &reply{}
	for _, e := range g.old[min(q.From, len(g.old)):] {
		if len(r.Entries) == listAtOnce {
			r.More = true
			break
		}
		l := listed{Addr: e.Addr, Left: e.Timeout}
		if !e.Addr.IsValid() {
			l.Card = e.Card.String()
		}
		if isFinding(e.Finding) { // people may have put in others, with words of theirs
			l.Finding = e.Finding
		}
		r.Entries = append(r.Entries, l)
	}
	return r, nil
}

func parseQuestion(text []byte) (*question, error) {
	if len(text) > mostAsked {
		return nil, errors.New("a question that is too long")
	}
	q := &question{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return nil, errors.New("a question that is none")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("a question that is none")
	}
	return q, nil
}

// source is whom the question is about: an address or a card, not both.
func (q *question) source() (s Source, err error) {
	bad := errors.New("no source is named")
	if q.From != 0 || q.Do != "add" && q.Finding != "" || q.Addr.IsValid() == (q.Card != "") {
		return s, bad
	}
	if q.Card != "" {
		m, err := net.ParseMAC(q.Card)
		if err != nil || len(m) != 6 {
			return s, bad
		}
		return Source{Card: packet.MAC(m)}, nil
	}
	if q.Addr.Zone() != "" || q.Addr.Is4In6() {
		return s, bad
	}
	return Source{Addr: q.Addr}, nil
}

// isFinding reports that a text is the name of a finding, and nothing else.
func isFinding(s string) bool {
	rest, ok := strings.CutPrefix(s, "FS-")
	return ok && len(rest) >= 4 && len(rest) <= 16 && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// Remote is the firewall of a process that may not change it: Ask gives a question to a Guard and returns its reply. It
// implements Firewall, and is an Options.May.
type Remote struct {
	Ask func(question []byte) (reply []byte, err error)
}

func (r *Remote) ask(q *question) (*reply, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	text, err := r.Ask(b)
	if err != nil {
		return nil, err
	}
	a := &reply{}
	if err := json.Unmarshal(text, a); err != nil {
		return nil, errors.New("the process that may change the firewall answers nonsense")
	}
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	return a, nil
}

func (q *question) about(s Source) *question {
	if q.Addr = s.Addr; !s.Addr.IsValid() {
		q.Card = s.Card.String()
	}
	return q
}

// Open implements Firewall.
func (r *Remote) Open() (old []Entry, err error) {
	for len(old) <= 3*mostBlocked {
		a, err := r.ask(&question{Do: "list", From: len(old)})
		if err != nil {
			return nil, err
		}
		for _, l := range a.Entries {
			e := Entry{Source: Source{Addr: l.Addr}, Finding: l.Finding, Timeout: l.Left}
			if m, err := net.ParseMAC(l.Card); err == nil && len(m) == 6 {
				e.Card = packet.MAC(m)
			}
			old = append(old, e)
		}
		if !a.More || len(a.Entries) == 0 {
			break
		}
	}
	return old, nil
}

// Add implements Firewall.
func (r *Remote) Add(e Entry) error {
	q := (&question{Do: "add", Finding: e.Finding}).about(e.Source)
	a, err := r.ask(q)
	if err == nil && a.Refused != "" {
		err = errors.New(a.Refused)
	}
	return err
}

// Remove implements Firewall.
func (r *Remote) Remove(s Source) error {
	_, err := r.ask((&question{Do: "remove"}).about(s))
	return err
}

// May says why a source is never blocked; empty: it may be. Who gets no answer blocks nobody.
func (r *Remote) May(s Source) string {
	a, err := r.ask((&question{Do: "may"}).about(s))
	if err != nil {
		return "nobody says whether it may be: " + err.Error()
	}
	return a.Refused
}
