// Package smblogon finds logons at a file server that fail again and again, and tells somebody who guesses passwords from
// a program that keeps an old one.
package smblogon

import (
	"strings"
	"time"

	"firestorm/internal/analyzer/smb"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "smb-logon-failures"

// How many failures within how long are more than people mistype.
const (
	manyFailures = 10
	window       = 5 * time.Minute
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "smblogon",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "logons at a file server fail again and again",
		Kind:     finding.Attack,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "other-reason", Name: "the other usual reason: guessing, or a program with an old password"},
			{ID: "people", Name: "people who mistype: one who forgot a password, or many behind one address"},
		},
		References: []string{"[MS-SMB2] 3.3.5.5 (session setup)", "[MS-ERREF] 2.3.1 (status codes)", "[MS-NLMP] 2.2.1.3 (who logs on)"},
		Settle:     30 * time.Second,
		About: "Ten or more logons (SMB session setups) of one client at one server are refused within five minutes. Several accounts are somebody guessing passwords; one account at even intervals is a service, task " +
			"or mapped drive that keeps a password which was changed; one account without a rhythm may be either, and stays possible. If a logon of the same client succeeds afterwards, that is said: the guess may have hit. Account " +
			"names are shown, what proves them is never read. Not this: a person who mistypes, encrypted logons by ticket, whose account is not visible.",
		Reproduce: "testbed: smb-guessing, smb-guessing-hit, smb-old-password",
	}},
	Wants: detect.Wants{Named: []string{smb.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, pairs: map[pair]*tally{}}
	},
}

type pair struct {
	vantage        uint16
	client, server packet.Addr
}

// Bounds of what is remembered of a pair; beyond, counts are lower bounds.
const (
	maxAccounts = 256
	maxTimes    = 64
)

// tally is what is known of the logons of one client at one server.
type tally struct {
	key       pair
	port      uint16
	failures  int
	first     packet.Ref
	last      packet.Ref
	refs      []packet.Ref // of the first failures
	times     []packet.Time
	fastest   time.Duration // shortest time in which manyFailures of them came; 0: not so many yet
	ring      [manyFailures]int64
	accounts  map[string]int // failures by account, in lower case
	order     []string       // accounts as they were first written, in order
	more      bool           // more accounts than there is room for
	statuses  map[uint32]int
	is        bool          // ten in five minutes
	hit       *smb.Exchange // first logon that succeeded after failures
	hitFailed int           // failures of its account before
	oks       int           // logons that succeeded
}

type detector struct {
	scope   *detect.Scope
	pairs   map[pair]*tally
	evicted uint64 // pairs forgotten for lack of room
}

// Handle counts logons.
func (d *detector) Handle(e event.Event) {
	x, ok := e.(*smb.Exchange)
	if !ok || x.Command != smb.SessionSetup || x.Answered.IsZero() {
		return
	}
	h := x.Head()
	k := pair{h.Vantage, h.Client.Addr, h.Server.Addr}
	t := d.pairs[k]
	switch {
	case smb.LogonFailed(x.Status):
		if t == nil {
			t = d.tally(k, x)
		}
		t.fail(x)
		d.scope.Report(&finding.Instance{Code: Code, Key: k.client.String() + " " + k.server.String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: k.client,
			Server: k.server, Port: h.Server.Port, First: x.Asked, Last: x.Answered, Data: t})
	case x.Status == smb.StatusOK && x.HasIdentity && x.User != "" && t != nil:
		t.oks++
		if t.hit == nil {
			t.hit, t.hitFailed = x, t.accounts[account(x)]
		}
	}
}

// tally returns a new tally. Where the table is full, the pair that rests longest is forgotten.
func (d *detector) tally(k pair, x *smb.Exchange) *tally {
	if len(d.pairs) >= max(d.scope.Limits.Entries, 1) {
		var oldest *tally
		for _, t := range d.pairs {
			if oldest == nil || t.last.Time < oldest.last.Time || t.last.Time == oldest.last.Time && t.last.Frame < oldest.last.Frame {
				oldest = t
			}
		}
		delete(d.pairs, oldest.key)
		d.scope.Forgot("smblogon", "pairs", oldest.key.client, oldest.key.server)
		d.evicted++
	}
	t := &tally{key: k, port: x.Head().Server.Port, first: x.Asked, accounts: map[string]int{}, statuses: map[uint32]int{}}
	d.pairs[k] = t
	return t
}

// account is the name to tell accounts apart by: Windows does not mind capitals.
func account(x *smb.Exchange) string {
	if !x.HasIdentity {
		return ""
	}
	return strings.ToLower(x.Domain + `\` + x.User)
}

func (t *tally) fail(x *smb.Exchange) {
	at := x.Answered
	t.failures++
	t.last = at
	if len(t.refs) < finding.MaxEvidence {
		t.refs = append(t.refs, at)
	}
	if len(t.times) < maxTimes {
		t.times = append(t.times, at.Time)
	}
	t.statuses[x.Status]++
	name := account(x)
	switch {
	case t.accounts[name] > 0:
		t.accounts[name]++
	case len(t.accounts) < maxAccounts:
		t.accounts[name] = 1
		t.order = append(t.order, x.User)
	default:
		t.more = true
	}
	i := (t.failures - 1) % manyFailures
	t.ring[i] = int64(at.Time)
	if t.failures >= manyFailures {
		took := time.Duration(int64(at.Time) - t.ring[(i+1)%manyFailures])
		if t.fastest == 0 || took < t.fastest {
			t.fastest = max(took, 1)
		}
		t.is = t.is || took <= window
	}
}

// Tick does nothing: a logon is complete when its answer comes.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
