// Package tlsfaults finds out why TLS connections come to nothing: certificates, names, versions, cipher suites, and the
// wrong port.
package tlsfaults

import (
	"strings"
	"time"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Tunables.
const (
	// clockSlack is how far the capture's clock may be from a server's Date to be believed.
	clockSlack = time.Hour
	// maxKept bounds what is kept of one fault and of one service.
	maxKept    = 8
	maxClients = 64
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "tlsfaults",
	Codes: codes,
	Wants: detect.Wants{Named: []string{"tls", "http"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, services: map[serviceKey]*service{}, faults: map[string]*fault{}}
	},
}

type serviceKey struct {
	vantage uint16
	server  event.End
}

// service is what is known to work at one server: the control group.
type service struct {
	good     []*tls.Handshake // handshakes that came to data: each with another version, suite, group or name
	goodN    int
	askedN   int                  // of them, after words in clear: STARTTLS
	clients  map[packet.Addr]bool // of them
	plain    *http.Transaction    // a request in clear that was served
	plainN   int
	refused  int // requests in clear that were not
	withCert *tls.Handshake
	without  *tls.Handshake // asked for a certificate, sent none, and got on
}

// fault is one cause at one server.
type fault struct {
	service *service
	server  event.End
	hs      []*tls.Handshake
	txs     []*http.Transaction
	clients map[packet.Addr]bool
	count   int
	onward  int        // handshakes that came to data all the same
	data    packet.Ref // the first of these data
	left    int        // those that the client ended
}

type detector struct {
	scope    *detect.Scope
	services map[serviceKey]*service
	order    []serviceKey // by first sight: the oldest gives way
	faults   map[string]*fault
	keys     []string
	date     dateSeen
}

// dateSeen is a server's clock beside the capture's.
type dateSeen struct {
	ref  packet.Ref
	diff time.Duration
	ok   bool
}

// Handle sorts handshakes and requests.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *tls.Handshake:
		d.handshake(x)
	case *http.Transaction:
		d.request(x)
	}
}

func (d *detector) service(h *event.Head) *service {
	k := serviceKey{h.Vantage, h.Server}
	s := d.services[k]
	if s == nil {
		if len(d.services) >= d.scope.Limits.Entries && len(d.order) > 0 {
			d.scope.Forgot("tlsfaults", "services", d.order[0].server.Addr)
			delete(d.services, d.order[0])
			d.order = d.order[1:]
		}
		s = &service{clients: map[packet.Addr]bool{}}
		d.services[k] = s
		d.order = append(d.order, k)
	}
	return s
}

func (d *detector) handshake(x *tls.Handshake) {
	s := d.service(x.Head())
	up, down := x.Alert[packet.ToServer], x.Alert[packet.ToClient]
	if x.Data { // protected records of both sides alone are no proof: the client may not have judged yet
		s.works(x)
	}
	if x.Plain != "" && !x.Hello.IsZero() && x.Answer.IsZero() {
		d.report(CodeToPlain, "", s, x, nil)
		return
	}
	seen := !x.Certificate.IsZero() && x.NotAfter != 0
	expired := seen && x.NotAfter < x.Head().Seen.Time
	switch {
	case expired, fatal(up, tls.AlertCertificateExpired) && !x.Answer.IsZero():
		d.report(CodeExpired, x.SNI, s, x, nil) // TLS 1.3 hides the serial number that TLS 1.2 shows
	case fatal(down, tls.AlertUnrecognizedName) && !x.Established:
		d.report(CodeName, x.SNI, s, x, nil)
	case wrongName(x):
		d.report(CodeName, x.SNI, s, x, nil)
	case fatal(up, tls.AlertProtocolVersion), fatal(down, tls.AlertProtocolVersion):
		d.report(CodeVersion, tls.VersionName(x.ClientVersion), s, x, nil)
	case x.Answer.IsZero() && (fatal(down, tls.AlertHandshakeFailure) || fatal(down, tls.AlertInsufficientSecurity)),
		x.Retried && x.Group == 0 && (fatal(down, tls.AlertHandshakeFailure) || fatal(up, tls.AlertHandshakeFailure)):
		d.report(CodeCipher, x.JA3Hash, s, x, nil)
	case x.EmptyCertificate() && down.Fatal && !x.Established && (!x.CertRequest.IsZero() || down.Encrypted):
		d.report(CodeClientCert, "", s, x, nil)
	}
}

// outcome notes what the client made of a handshake. One that did neither was cut short: its end is not in the capture.
func (f *fault) outcome(x *tls.Handshake) {
	switch {
	case x.Data:
		if f.onward++; f.data.IsZero() {
			f.data = x.Head().Seen
		}
	case x.ClientLeft():
		f.left++
	}
}

func fatal(a tls.Alert, description uint8) bool {
	return !a.Ref.IsZero() && a.Fatal && !a.Encrypted && a.Description == description
}

// wrongName reports that the client left because of a certificate that is not for the name it asked for.
func wrongName(x *tls.Handshake) bool {
	covers, ok := x.Covers(x.SNI)
	if x.SNI == "" || !ok || covers || !x.ClientLeft() {
		return false
	}
	a := x.Alert[packet.ToServer]
	if x.Established || a.Ref.IsZero() {
		return x.Established
	}
	return a.Description == tls.AlertBadCertificate || a.Description == tls.AlertCertificateUnknown || a.Description == tls.AlertUnsupportedCertificate || a.Encrypted
}

// works notes a handshake that came to data.
func (s *service) works(x *tls.Handshake) {
	s.goodN++
	if x.Asked {
		s.askedN++
	}
	if len(s.clients) < maxClients {
		s.clients[x.Head().Client.Addr] = true
	}
	if x.FullCertificate() {
		s.withCert = x
	} else if x.EmptyCertificate() {
		s.without = x
	}
	for _, g := range s.good {
		if g.Version == x.Version && g.Cipher == x.Cipher && g.Group == x.Group && g.SNI == x.SNI {
			return
		}
	}
	if len(s.good) < maxKept {
		s.good = append(s.good, x)
	}
}

// speaksTLS are the words of servers that got plain HTTP where TLS is spoken: nginx, Apache, Go.
var speaksTLS = []string{"plain http request was sent to https port", "speaking plain http to an ssl-enabled", "sent an http request to an https server"}

func saysTLS(t *http.Transaction) bool {
	low := strings.ToLower(t.Title + " " + t.Text)
	for _, w := range speaksTLS {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

func (d *detector) request(x *http.Transaction) {
	if x.Date != "" {
		if t, err := time.Parse(time.RFC1123, x.Date); err == nil && x.Age == "" {
			d.date = dateSeen{x.Head().Seen, time.Unix(0, int64(x.Head().Seen.Time)).Sub(t).Abs(), true}
		}
	}
	if x.Method == "" {
		return
	}
	s := d.service(x.Head())
	switch {
	case x.TLSAnswer, x.Status == 400 && saysTLS(x):
		s.refused++
		d.report(CodeToTLS, "", s, nil, x)
	case x.Unanswered:
		s.refused++
		d.report(CodeToTLS, "", s, nil, x)
	case x.Status >= 100 && x.Status != 400:
		s.plainN++
		if s.plain == nil {
			s.plain = x
		}
	}
}

func (d *detector) report(code, key string, s *service, x *tls.Handshake, t *http.Transaction) {
	var h *event.Head
	var begin packet.Ref
	if x != nil {
		h, begin = x.Head(), x.Hello
	} else {
		h, begin = t.Head(), t.Request
	}
	if begin.IsZero() {
		begin = h.Seen
	}
	key = detect.EndText(h.Server) + " " + key
	id := code + " " + key + string(rune('a'+h.Vantage&15))
	f := d.faults[id]
	if f == nil {
		if len(d.faults) >= d.scope.Limits.Entries && len(d.keys) > 0 {
			d.scope.Forgot("tlsfaults", "faults", d.faults[d.keys[0]].server.Addr)
			delete(d.faults, d.keys[0])
			d.keys = d.keys[1:]
		}
		f = &fault{service: s, server: h.Server, clients: map[packet.Addr]bool{}}
		d.faults[id] = f
		d.keys = append(d.keys, id)
	}
	f.count++
	if len(f.clients) < maxClients {
		f.clients[h.Client.Addr] = true
	}
	if x != nil {
		f.outcome(x)
		if len(f.hs) < maxKept {
			f.hs = append(f.hs, x)
		}
	}
	if t != nil && len(f.txs) < maxKept {
		f.txs = append(f.txs, t)
	}
	d.scope.Report(&finding.Instance{Code: code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: begin, Last: h.Seen, Data: f})
}

// Tick does nothing: handshakes report themselves.
func (d *detector) Tick(packet.Time) {}

// End does nothing: a handshake that the input cut off is no fault.
func (d *detector) End(packet.Time) {}
