// Package why answers the question people really ask: why can this client not reach that server? It always answers, from
// the ledger of outcomes: how often it worked and failed, what the failures share that the successes do not, how others
// fared at the same service, and which findings speak of it; or what to capture to get an answer.
package why

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Question names a client, a server and perhaps a port.
type Question struct {
	Client netip.Prefix // one address, or a network; invalid = anybody
	Server netip.Prefix
	Port   uint16 // 0 = any
}

// Parse reads the two arguments of the verb: CLIENT (address, network, or "any") and SERVER[:PORT].
func Parse(client, server string) (Question, error) {
	var q Question
	var err error
	if client != "any" && client != "*" {
		if q.Client, err = prefix(client); err != nil {
			return q, fmt.Errorf("client %q is neither an address, nor a network, nor \"any\"", client)
		}
	}
	host := server
	if ap, err := netip.ParseAddrPort(server); err == nil {
		if ap.Port() == 0 {
			return q, fmt.Errorf("port 0 of server %q is none; leave it out for any port", server)
		}
		q.Port = ap.Port()
		host = ap.Addr().String()
	} else if i := strings.LastIndexByte(server, ':'); i > 0 && strings.Count(server, ":") == 1 {
		n, err := strconv.ParseUint(server[i+1:], 10, 16)
		if err != nil || n == 0 {
			return q, fmt.Errorf("port %q of server %q is no number from 1 to 65535", server[i+1:], server)
		}
		q.Port, host = uint16(n), server[:i]
	}
	if q.Server, err = prefix(strings.Trim(host, "[]")); err != nil {
		return q, fmt.Errorf("server %q is neither an address nor a network (names are not looked up); write 192.0.2.1:80 or [2001:db8::1]:443", server)
	}
	return q, nil
}

func prefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
}

func (q *Question) isClient(a packet.Addr) bool {
	return !q.Client.IsValid() || q.Client.Contains(a.Netip())
}

// String writes the question as the answer's first line names it.
func (q *Question) String() string {
	c := "anybody"
	if q.Client.IsValid() {
		c = bare(q.Client)
	}
	s := bare(q.Server)
	if q.Port != 0 {
		if q.Server.IsSingleIP() {
			s = netip.AddrPortFrom(q.Server.Addr(), q.Port).String()
		} else {
			s += " port " + strconv.Itoa(int(q.Port))
		}
	}
	return c + " → " + s
}

func bare(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Answer is what the capture says to a question. Texts are plain; nothing in them comes raw from packets.
type Answer struct {
	Question string   `json:"question"`
	Verdict  string   `json:"verdict"` // one sentence
	Attempts int      `json:"attempts"`
	Worked   int      `json:"worked"`
	Failed   int      `json:"failed"`
	Open     int      `json:"undecided"`
	Shared   []string `json:"shared,omitempty"`  // what the failures share that the successes do not
	Control  string   `json:"control,omitempty"` // how others fared
	Times    string   `json:"times,omitempty"`
	Detail   []string `json:"detail,omitempty"` // the failures, first ones
	Findings []Hint   `json:"findings,omitempty"`
	Gates    []string `json:"cannot_tell,omitempty"` // what this capture cannot show
	Next     []string `json:"next,omitempty"`        // what to do to learn more
}

// Hint points to a finding that speaks of the same hosts.
type Hint struct {
	ID         string `json:"id"`
	Code       string `json:"code"`
	Confidence string `json:"confidence"`
	Title      string `json:"title"`
}

// Input is what an answer is made from.
type Input struct {
	Ledger   *detect.Ledger
	Findings []*finding.Finding
	Gates    []finding.GateResult
	Begin    packet.Time // of the input
	Files    []string    // as the user named them, for commands
	FileName func(source uint16) string
	// Vantage, when captures are joined, is the one nearer to the clients; others are not counted twice. -1: all.
	Vantage int
	// Same maps a flow to the one that stands for its connection; nil: itself.
	Same func(flow uint64) uint64
}

type fate uint8

const (
	open fate = iota
	worked
	silent
	refused
	broke // connected, then data got no answer or the connection was cut
)

func fateOf(a *detect.Attempt) fate {
	switch a.Outcome {
	case detect.OutSilent:
		return silent
	case detect.OutRefused:
		return refused
	case detect.OutAnswered:
		if a.Stalled {
			return broke
		}
		return worked
	}
	return open
}

// Ask answers q.
func Ask(q Question, in Input) *Answer {
	a := &Answer{Question: q.String()}
	var good, bad, others []*detect.Attempt
	near := 0 // attempts at the server on other ports, or by the client elsewhere
	elsewhere := 0
	in.Ledger.Attempts(detect.Service{}, func(x *detect.Attempt) bool {
		if in.Vantage >= 0 && int(x.Vantage) != in.Vantage {
			return true
		}
		mine := q.isClient(x.Client.Addr)
		there := q.Server.Contains(x.Service.Addr.Netip())
		switch {
		case !there:
			if mine && q.Client.IsValid() {
				elsewhere++
			}
		case q.Port != 0 && x.Service.Port != q.Port:
			near++
		case !mine:
			others = append(others, x)
		default:
			a.Attempts++
			switch fateOf(x) {
			case worked:
				good = append(good, x)
			case open:
				a.Open++
			default:
				bad = append(bad, x)
			}
		}
		return true
	})
	byStart(good)
	byStart(bad)
	byStart(others)
	a.Worked, a.Failed = len(good), len(bad)
	a.Shared = shared(bad, good)
	a.control(q, others)
	a.hints(q, in, bad)
	for _, g := range in.Gates {
		a.Gates = append(a.Gates, g.Text+": "+g.How)
	}
	a.verdict(near, elsewhere)
	a.times(good)
	a.details(in, bad)
	a.next(q, in, near, elsewhere)
	return a
}

func byStart(as []*detect.Attempt) {
	sort.SliceStable(as, func(i, j int) bool {
		if as[i].Start.Time != as[j].Start.Time {
			return as[i].Start.Time < as[j].Start.Time
		}
		return as[i].FlowID < as[j].FlowID
	})
}

func (a *Answer) verdict(near, elsewhere int) {
	switch {
	case a.Attempts == 0:
		a.Verdict = "nothing in this capture goes from one to the other"
		if near > 0 {
			a.Verdict += fmt.Sprintf("; other ports of the server were tried %s", times(near))
		}
		if elsewhere > 0 {
			a.Verdict += fmt.Sprintf("; the client spoke to others %s", times(elsewhere))
		}
	case a.Failed == 0 && a.Worked == 0:
		a.Verdict = fmt.Sprintf("tried %s; the capture ends before the outcome is clear", times(a.Attempts))
	case a.Failed == 0:
		a.Verdict = fmt.Sprintf("worked %s, never failed", times(a.Worked))
	default:
		a.Verdict = fmt.Sprintf("worked %s, failed %d", times(a.Worked), a.Failed)
		if a.Worked == 0 {
			a.Verdict = fmt.Sprintf("never worked: failed %s", times(a.Failed))
		}
		if len(a.Shared) > 0 {
			a.Verdict += "; " + a.Shared[0]
		}
		if a.Control != "" {
			a.Verdict += "; " + a.Control
		}
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return detect.Plural(n, "time", "times")
}

func (a *Answer) control(q Question, others []*detect.Attempt) {
	fine, hurt := map[packet.Addr]bool{}, map[packet.Addr]bool{}
	for _, x := range others {
		switch fateOf(x) {
		case worked:
			fine[x.Client.Addr] = true
		case open:
		default:
			hurt[x.Client.Addr] = true
		}
	}
	only := 0
	for c := range hurt {
		if !fine[c] {
			only++
		}
	}
	switch {
	case !q.Client.IsValid():
	case len(fine)+len(hurt) == 0:
		a.Control = "nobody else tried, so there is nothing to compare with"
	case len(hurt) == 0:
		a.Control = detect.Plural(len(fine), "other client is", "other clients are") + " fine"
	case len(fine) == 0:
		a.Control = detect.Plural(len(hurt), "other client fails", "other clients fail") + " too"
	default:
		a.Control = fmt.Sprintf("of the others, %d always fail, %d work at least sometimes", only, len(fine))
	}
}

// hints lists the findings that speak of the failed connections, or else of the same hosts.
func (a *Answer) hints(q Question, in Input, bad []*detect.Attempt) {
	same := in.Same
	if same == nil {
		same = func(f uint64) uint64 { return f }
	}
	failed := map[uint64]bool{}
	for _, x := range bad {
		failed[same(x.FlowID)] = true
	}
	for _, f := range in.Findings {
		server, client := false, !q.Client.IsValid()
		for _, s := range f.Subjects {
			if q.Server.Contains(s.Addr.Netip()) && (s.Port == 0 || q.Port == 0 || s.Port == q.Port) {
				server = true
			}
			client = client || q.isClient(s.Addr)
		}
		about := slices.ContainsFunc(f.Flows, func(id uint64) bool { return failed[same(id)] })
		if about || server && client || server && len(f.Subjects) == 1 {
			a.Findings = append(a.Findings, Hint{f.ID, f.Code.ID, f.Confidence.String(), f.Title})
		}
	}
}

func (a *Answer) times(good []*detect.Attempt) {
	var connect, think []time.Duration
	for _, x := range good {
		if x.Connect > 0 {
			connect = append(connect, x.Connect)
		}
		if x.Think > 0 {
			think = append(think, x.Think)
		}
	}
	var parts []string
	if len(connect) > 0 {
		sortD(connect)
		parts = append(parts, fmt.Sprintf("connecting takes %s (slowest %s)", detect.Span(connect[len(connect)/2]), detect.Span(connect[len(connect)-1])))
	}
	if len(think) > 0 {
		sortD(think)
		parts = append(parts, fmt.Sprintf("the server begins to answer after %s (slowest %s)", detect.Span(think[len(think)/2]), detect.Span(think[len(think)-1])))
	}
	a.Times = strings.Join(parts, "; ")
}

func sortD(d []time.Duration) { sort.Slice(d, func(i, j int) bool { return d[i] < d[j] }) }

const maxDetails = 8

func (a *Answer) details(in Input, bad []*detect.Attempt) {
	for i, x := range bad {
		if i == maxDetails {
			a.Detail = append(a.Detail, fmt.Sprintf("and %d more", len(bad)-i))
			return
		}
		frame := strconv.FormatUint(x.Start.Frame, 10)
		if in.FileName != nil {
			frame = in.FileName(x.Start.Source) + ":" + frame
		}
		what := ""
		switch fateOf(x) {
		case silent:
			what = fmt.Sprintf("no answer to %s", detect.Plural(int(x.Tries), "request", "requests"))
		case refused:
			what = "refused"
			if x.ICMPType != 0 {
				what = fmt.Sprintf("refused by ICMP type %d code %d", x.ICMPType, x.ICMPCode)
			}
		case broke:
			what = fmt.Sprintf("connected, then %d-byte packets got no answer", x.MaxStall)
			if x.IdleBeforeStall > time.Second {
				what += " after " + detect.Span(x.IdleBeforeStall) + " of silence"
			}
		}
		a.Detail = append(a.Detail, fmt.Sprintf("%s s  %s → %s  %s  (frame %s)", detect.Seconds(x.Start.Time.Sub(in.Begin)), detect.EndText(x.Client),
			netip.AddrPortFrom(x.Service.Addr.Netip(), x.Service.Port), what, frame))
	}
}

func (a *Answer) next(q Question, in Input, near, elsewhere int) {
	host := func(p netip.Prefix) string {
		if p.IsSingleIP() {
			return "host " + p.Addr().String()
		}
		return "net " + p.String()
	}
	expr := host(q.Server)
	if q.Client.IsValid() {
		expr = host(q.Client) + " and " + expr
	}
	for _, h := range a.Findings {
		a.Next = append(a.Next, "firestorm explain "+h.Code)
		break
	}
	switch {
	case a.Attempts == 0 && near+elsewhere == 0:
		a.Next = append(a.Next, fmt.Sprintf("tcpdump -i any -s 0 -w again.pcap '%s'   on the gateway, while it fails", expr))
	case a.Attempts == 0:
		a.Next = append(a.Next, fmt.Sprintf("tcpdump -i any -s 0 -w again.pcap '%s'   on the client: does the request leave it at all?", expr))
	case a.Failed > 0 && len(a.Findings) == 0 || a.Open == a.Attempts:
		a.Next = append(a.Next, fmt.Sprintf("tcpdump -i any -s 0 -w there.pcap '%s'   at the server at the same time, then: firestorm read %s there.pcap", expr, strings.Join(in.Files, " ")))
	case len(in.Files) == 1 && a.Failed > 0:
		a.Next = append(a.Next, fmt.Sprintf("firestorm read -f '%s' %s   for the findings with their proof", expr, in.Files[0]))
	}
}
