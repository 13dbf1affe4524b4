// Package mail sends findings to people by e-mail: at once what is severe, the rest once a day.
//
// mail.go decides what goes when, message.go writes a mail, digest.go keeps what waits for the day's mail, smtp.go brings
// mails to the server.
package mail

import (
	"cmp"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"sync"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "mail", About: "findings by e-mail: severe ones at once, the others once a day", Blocking: true,
	Drops: "findings below the wanted confidence and severity, and muted ones; what a server refuses, or does not take within two days",
	New: func(s output.Setup) (output.Output, error) {
		o, _ := s.Options.(Options)
		return New(o, s)
	},
}

// Bounds of what is kept.
const (
	outboxMails = 64   // mails that wait for the server; those beyond are lost, and counted
	toldIDs     = 4096 // findings whose mail went out, remembered so that growth alone brings no second one
)

// Options say who gets mail, and how.
type Options struct {
	Server       string   // HOST:PORT
	TLS          TLS      // empty: STARTTLS
	CAFile       string   // certificates that may sign the server's, PEM; empty: the system's
	User         string   // empty: no login
	PasswordFile string   // its first line is the password; read for each connection, never shown
	From         string   // address, or NAME <ADDRESS>
	To           []string // the same; at least one
	Host         string   // who speaks, for the subject: the machine's name
	// AtOnce is the severity from which a finding has a mail of its own; 0: high.
	AtOnce finding.Severity
	// MinSeverity leaves findings below out, of the day's mail too; 0: low.
	MinSeverity finding.Severity
	// Hour is when the day's mail goes, 0 to 23, in the machine's zone.
	Hour int
	// PerHour is how many mails about findings, and how many alarms, may go in an hour, and at once after a quiet time;
	// 0: 6. What is beyond waits for the day's mail.
	PerHour int
	Backoff output.Backoff   // zero: for two days
	Now     func() time.Time // for tests; nil: the clock
}

// Output mails. It uses Setup.MinConfidence, FindingText, Application, Context, and Dir: there it keeps what waits for the
// day's mail over restarts.
type Output struct {
	o         Options
	s         output.Setup
	from      *netmail.Address
	to        []*netmail.Address
	digest    digest
	next      time.Time // the day's mail
	findings  bucket
	alarms    bucket
	told      map[string]finding.Severity // mails of their own
	toldOrder []string
	unsent    int                     // alarms that were held back since the last one that went
	blind     map[string]output.Alarm // that still hold, by what is blind

	outbox   chan *message
	sent     sync.WaitGroup
	left     []entry // of mails that did not go before the end; of the sender until sent is done
	delivery output.Delivery
	lastSave time.Time
}

// New returns an output; the server need not be there yet.
func New(o Options, s output.Setup) (*Output, error) {
	o.Host, o.AtOnce, o.MinSeverity = event.Visible(cmp.Or(o.Host, "sensor")), cmp.Or(o.AtOnce, finding.High), cmp.Or(o.MinSeverity, finding.Low)
	o.PerHour, o.TLS = cmp.Or(o.PerHour, 6), cmp.Or(o.TLS, StartTLS)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff == (output.Backoff{}) {
		o.Backoff = output.Backoff{First: 5 * time.Second, Most: 15 * time.Minute, Within: 48 * time.Hour}
	}
	p := &Output{o: o, s: s, told: map[string]finding.Severity{}, blind: map[string]output.Alarm{}, outbox: make(chan *message, outboxMails)}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	now := o.Now()
	p.findings, p.alarms = newBucket(o.PerHour, now), newBucket(o.PerHour, now)
	if err := p.digest.load(s.Dir); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	p.next = nextHour(cmp.Or(p.digest.Sent, now), o.Hour)
	p.delivery.Backoff = o.Backoff
	p.sent.Go(p.sender)
	return p, nil
}

func (p *Output) check() error {
	o := &p.o
	if err := o.checkServer(); err != nil {
		return err
	}
	if o.Hour < 0 || o.Hour > 23 {
		return fmt.Errorf("the hour %d is not in 0 to 23", o.Hour)
	}
	var err error
	if p.from, err = address(o.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if len(o.To) == 0 {
		return errors.New("nobody is to get mail (to)")
	}
	for _, t := range o.To {
		a, err := address(t)
		if err != nil {
			return fmt.Errorf("to: %w", err)
		}
		p.to = append(p.to, a)
	}
	return nil
}

// address reads one address. Quoted local parts are refused: they may hold what servers read differently.
func address(s string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || strings.ContainsAny(a.Address, "\"\\ <>\r\n\t") || strings.ContainsFunc(a.Address, event.Unprintable) {
		return nil, fmt.Errorf("%q is no address such as admin@example.net", s)
	}
	return a, nil
}

// Event writes nothing.
func (p *Output) Event(event.Event) error { return nil }

// Finding mails f at once, or keeps it for the day's mail.
func (p *Output) Finding(f *finding.Finding) error {
	if f.State == finding.Absorbed {
		p.digest.drop(f.ID) // a better explanation took its place
		return nil
	}
	if !p.s.Shown(f, p.o.MinSeverity) {
		return nil
	}
	e := entryOf(f)
	before, told := p.told[f.ID]
	if f.Severity < p.o.AtOnce || told && before >= f.Severity {
		p.digest.add(e)
		return nil
	}
	if !p.findings.take(p.o.Now()) {
		p.digest.Held++
		p.digest.add(e)
		return nil
	}
	p.remember(f.ID, f.Severity)
	p.digest.drop(f.ID)
	m := p.newMessage(event.Visible(strings.ToUpper(f.Severity.String())+": "+output.Title(f)), fmt.Sprintf("%s.%d", f.ID, max(f.Revision, 1)))
	m.body, m.about = p.tell(f)+p.footer(), []entry{e}
	p.post(m)
	return nil
}

// tell is the text about one finding.
func (p *Output) tell(f *finding.Finding) string {
	if p.s.FindingText != nil {
		return p.s.FindingText(f)
	}
	e := entryOf(f)
	return e.line() + "\n"
}

func (p *Output) footer() string {
	if p.digest.Held == 0 {
		return ""
	}
	return fmt.Sprintf("\n%d more at this severity came faster than %d an hour; they are in the day's mail.\n", p.digest.Held, p.o.PerHour)
}

// Alarm mails at once. One that comes too soon after others is counted, and told with the next mail.
func (p *Output) Alarm(a *output.Alarm) error {
	what, _, _ := strings.Cut(a.Text, " ") // the interface: "eth0 is down"
	if a.Kind == output.Seeing {
		delete(p.blind, what)
	} else if len(p.blind) < toldIDs {
		p.blind[what] = *a
	}
	if !p.alarms.take(p.o.Now()) {
		p.unsent++
		return nil
	}
	subject := "BLIND: "
	if a.Kind == output.Seeing {
		subject = "sees again: "
	}
	m := p.newMessage(subject+event.Visible(a.Text), fmt.Sprintf("%s.%d.%d", a.Kind, a.Since, a.At))
	m.body = p.o.Host + " " + event.Visible(a.Sentence()) + "\n"
	if a.Kind == output.Blind {
		m.body += "\nNothing is watched there until it is back; that there are no findings means nothing meanwhile.\n"
	}
	m.body += p.heldAlarms()
	p.post(m)
	return nil
}

func (p *Output) heldAlarms() string {
	if p.unsent == 0 {
		return ""
	}
	n := p.unsent
	p.unsent = 0
	return fmt.Sprintf("\n%d alarms before were not mailed: there were more than %d in an hour.\n", n, p.o.PerHour)
}

// Tick sends the day's mail when it is time to.
func (p *Output) Tick(now time.Time) error {
	if p.next.Sub(now) > 25*time.Hour { // the clock was set back
		p.next = nextHour(now, p.o.Hour)
	}
	if !now.Before(p.next) {
		p.next = nextHour(now, p.o.Hour)
		p.daily(now)
	}
	if d := now.Sub(p.lastSave); p.digest.changed && (d >= saveEvery || d < 0) {
		p.lastSave = now
		return p.digest.save(p.s.Dir)
	}
	return nil
}

// daily sends what there is to tell; a day on which nothing happened has no mail, unless the sensor is blind.
func (p *Output) daily(now time.Time) {
	p.digest.Sent, p.digest.changed = now, true
	if p.digest.empty() && p.unsent == 0 && len(p.blind) == 0 {
		return
	}
	m := p.newMessage(p.digest.subject(), fmt.Sprintf("day.%d", now.Unix()))
	m.body, m.about = p.digest.text(p.blindNow()+p.heldAlarms(), p.o.PerHour), p.digest.Entries
	p.digest.clear()
	p.post(m)
}

// Flush does nothing: mails go when it is time to.
func (p *Output) Flush() error { return nil }

// Close waits until what may still arrive has. What waits for the day's mail, and what the server did not take any more, is
// kept in the folder for the next run; without a folder the day's mail goes now.
func (p *Output) Close() error {
	err := p.digest.save(p.s.Dir)
	if p.s.Dir == "" && !p.digest.empty() {
		p.daily(p.o.Now())
	}
	close(p.outbox)
	p.sent.Wait()
	if p.s.Dir == "" || len(p.left) == 0 {
		return err
	}
	for _, e := range p.left {
		if p.digest.find(e.ID) < 0 {
			p.digest.add(e)
		}
	}
	return p.digest.save(p.s.Dir)
}

// Health says how the server is.
func (p *Output) Health() output.Health { return p.delivery.Health() }

// post queues a mail; without room it is lost, and counted.
func (p *Output) post(m *message) {
	select {
	case p.outbox <- m:
	default:
		p.delivery.Lose()
	}
}

// remember keeps how severe a finding was when it was mailed; the oldest is forgotten when there are too many.
func (p *Output) remember(id string, s finding.Severity) {
	if _, ok := p.told[id]; !ok {
		if len(p.toldOrder) == toldIDs {
			delete(p.told, p.toldOrder[0])
			p.toldOrder = p.toldOrder[1:]
		}
		p.toldOrder = append(p.toldOrder, id)
	}
	p.told[id] = s
}

// nextHour is the first full hour of that name after t.
func nextHour(t time.Time, hour int) time.Time {
	next := time.Date(t.Year(), t.Month(), t.Day(), hour, 0, 0, 0, t.Location())
	if !next.After(t) {
		next = time.Date(t.Year(), t.Month(), t.Day()+1, hour, 0, 0, 0, t.Location())
	}
	return next
}

// bucket lets so many through in an hour.
type bucket struct {
	most, have float64
	at         time.Time
}

func newBucket(perHour int, now time.Time) bucket {
	return bucket{float64(perHour), float64(perHour), now}
}

func (b *bucket) take(now time.Time) bool {
	if d := now.Sub(b.at); d > 0 {
		b.have = min(b.most, b.have+d.Hours()*b.most)
	}
	b.at = now
	if b.have < 1 {
		return false
	}
	b.have--
	return true
}
