// Package ftpdata finds FTP data connections that never come up though the login works: because the login is encrypted
// and the firewall cannot read where they go (a founding case of the program), or because an address was offered that
// only one side can reach.
package ftpdata

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Hidden  = "ftp-tls-hides-data-port"
	Private = "ftp-private-address"
)

const (
	// after is how long after the control channel's last packet a data connection may still belong to it: clients give up
	// within a minute (lftp and curl wait 30 to 60 s).
	after = 60 * time.Second
	// quiet is how long an encrypted control channel has to be silent before the silence means anything: people and
	// programs pause, and a listing takes less.
	quiet = 10 * time.Second
	// soon is how long after the last word on the control channel the data connection is asked for: a client connects as
	// soon as it knows where, and the last acknowledgement may be delayed.
	soon = 2 * time.Second
	// mostOfPair is how many control channels between two machines are looked through for a data connection: each
	// failure costs a look at all of them, and clients keep a handful.
	mostOfPair = 64
	// firstData is the lowest port that a passive server offers (RFC 1579; RFC 6056 2.1).
	firstData = 1024
	// implicit is the control port whose first byte is TLS (RFC 4217 2, IANA ftps).
	implicit = 990
)

var references = []string{"RFC 959 3.2, 4.1.2 (data connections)", "RFC 2428 (EPSV, EPRT)", "RFC 1579 (passive FTP and firewalls)"}

// symptoms are what the failure of one data connection looks like without its cause.
var symptoms = []string{"tcp-syn-silent-drop", "tcp-refused-by-middlebox", "icmp-admin-prohibited", "icmp-unreachable", "tcp-server-slow"}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "ftpdata",
	Codes: []*finding.Code{{
		ID:       Hidden,
		Title:    "FTP logs in but does not list: encryption hides the data port from the firewall",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "server-down", Name: "a server that went away meanwhile"},
			{ID: "always-blocked", Name: "a firewall that lets no FTP data connection through, encrypted or not"},
			{ID: "other", Name: "a connection of another program between the two"},
		},
		Absorbs:    symptoms,
		References: append([]string{"RFC 4217 4, 6, 7 (AUTH TLS, CCC, data connections)", "RFC 2577 (FTP security)", "Linux net/netfilter/nf_conntrack_ftp.c"}, references...),
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "FTP agrees on its control channel where each data connection goes. Firewalls read along and open that port (a helper). After AUTH TLS the channel is encrypted: nobody between can " +
			"read the port any more, and the data connection is dropped. Login works, listing and transfers hang. Looked for: AUTH answered by 234 (or a login on port 990), then a connection " +
			"between the same two machines to a high port (passive) or from the server (active) that is met by silence, by a reset that the server did not send, or by an ICMP error. An earlier " +
			"transfer in clear text between the same two that worked shows the helper and makes it certain. Seen from behind the firewall only the control channel is left, silent for ten " +
			"seconds or more: possible. Not this: AUTH refused (the channel stays readable), clear text that came back (CCC), a data connection that comes up, a reset by the server itself.",
		Reproduce: "testbed: ftp-tls-hidden, ftp-tls-hidden-icmp, ftp-tls-hidden-reset, ftp-tls-active, ftp-tls-implicit",
	}, {
		ID:       Private,
		Title:    "FTP offers a data connection at an address that the other side cannot reach",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "fxp", Name: "a transfer between two servers, arranged on purpose"},
			{ID: "reachable", Name: "an address that can be reached, and a filter for this port"},
		},
		Absorbs:    symptoms,
		References: append([]string{"RFC 1918 (private addresses)", "RFC 1123 4.1.2.6 (PASV)"}, references...),
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateSnap, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "In FTP the addresses of data connections stand in the text of the control channel (227 after PASV, PORT, EPRT). A server behind address translation that does not know its outer " +
			"address offers the inner one; a client behind it does the same with PORT. Looked for: an address in that text which is not the other end of the control channel, and a data connection to " +
			"it that is met by silence, reset or ICMP error, or a transfer that failed (425) with no such connection. Not this: EPSV (it names no address), a client that ignores the address, a " +
			"device that rewrites the text (a capture before it shows the inner address on both), a transfer between two servers.",
		Reproduce: "testbed: ftp-private-address, ftp-private-port",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Established, event.Silent, event.Refused, event.Closed, event.Ended}, Kinds: []event.Kind{event.KindICMPError}, Named: []string{"ftp"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, byFlow: map[uint64]*session{}, byPair: map[pair][]*session{}, offers: map[offerKey]*offer{}, clear: map[clearKey]inClear{}}
	},
}

type detector struct {
	scope   *detect.Scope
	byFlow  map[uint64]*session
	byPair  map[pair][]*session
	order   []*session // by begin
	evicted uint64     // control channels forgotten for lack of room: what fails after them is told without its cause
	now     packet.Time
	aged    packet.Time // last time that what is over was forgotten
	offers  map[offerKey]*offer
	queue   []offerKey // by age

	clear      map[clearKey]inClear
	clearOrder []clearKey // by first sight
}

// failure is how a data connection failed.
type failure struct {
	how    how
	flow   *event.Flow // nil for unseen and refused
	icmp   *event.ICMPError
	client packet.Addr // who asked for the data connection
	ses    *session
	offer  *offer
	reply  packet.Ref // of the failed transfer, or the refusal
	code   uint16
}

type how uint8

const (
	silent how = iota // requests without an answer
	reset             // a reset
	icmp              // an ICMP error
	unseen            // no data connection in the capture
)

func (f *failure) first() packet.Ref {
	if f.flow != nil {
		return f.flow.Start
	}
	if f.icmp != nil {
		return f.icmp.Head().Seen
	}
	return f.reply
}

// Tick forgets sessions and offers that are over, once a minute.
func (d *detector) Tick(now packet.Time) {
	d.now = max(d.now, now)
	if now.Sub(d.aged) >= time.Minute || now < d.aged {
		d.aged = now
		d.ageSessions(now)
		d.ageOffers(now)
	}
}

// End does nothing: the end of the input ends each connection.
func (d *detector) End(packet.Time) {}

// Handle follows control channels, and looks at each connection that failed.
func (d *detector) Handle(e event.Event) {
	d.now = max(d.now, e.Head().Seen.Time)
	switch x := e.(type) {
	case *event.Flow:
		d.flow(x)
	case *event.ICMPError:
		if x.QuotedDir == packet.ToServer && x.Head().FlowID != 0 && x.Head().Proto == packet.ProtoTCP && ends(x) {
			d.failed(&failure{how: icmp, icmp: x}, x.Head(), x.Head().Seen)
		}
	default:
		d.control(e)
	}
}

// ends reports an error that ends a connection attempt.
func ends(x *event.ICMPError) bool {
	if x.Version == 4 {
		return x.Type == 3 && x.Code != 4
	}
	return x.Type == 1
}

func (d *detector) flow(f *event.Flow) {
	h := f.Head()
	switch f.What {
	case event.Established:
		if h.Server.Port == implicit {
			d.open(h, f.Start).implicit = true
		}
	case event.Silent:
		d.failed(&failure{how: silent, flow: f.Keep()}, h, f.Start)
	case event.Refused:
		d.failed(&failure{how: reset, flow: f.Keep()}, h, f.Start)
	case event.Closed, event.Ended: // once both sides closed it there is nothing to wait for
		if s := d.byFlow[h.FlowID]; s != nil && s.end == nil {
			s.end = f.Keep()
			d.alone(s)
		}
	}
}

// failed reports a failed connection if it was to be an FTP data connection.
func (d *detector) failed(x *failure, h *event.Head, at packet.Ref) {
	if o := d.offers[offerKey{h.Vantage, h.Server}]; o != nil && o.foreign() && o.from == h.Client.Addr && at.Time >= o.seen.Time {
		x.offer, x.ses, x.client = o, o.ses, h.Client.Addr
		if o.ses.take(h.FlowID, x) {
			d.reportPrivate(x, h)
		}
		return
	}
	s := d.hidden(h, at)
	if s == nil {
		return
	}
	if x.ses, x.client = s, h.Client.Addr; !s.take(h.FlowID, x) {
		return
	}
	last := at
	if x.flow != nil {
		last = x.flow.Last
	}
	d.scope.Report(&finding.Instance{Code: Hidden, Key: s.key(), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr,
		Port: h.Server.Port, First: at, Last: last, Data: x, Covers: s.cover()})
}
