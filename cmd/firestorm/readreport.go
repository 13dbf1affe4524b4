package main

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
)

// How many rows the overview tables show.
const (
	topServices = 12
	topTalkers  = 8
	topSlow     = 5
)

// buildReport puts what the sensor found into the form that is rendered.
func buildReport(in *input, o *readOptions, res *sensor.Result) *report.Report {
	r := &report.Report{Zone: o.zone(), HomeNet: homeNetText(o), HomeNetDefault: !o.HomeNetGiven, Conversations: res.Summary.Conversations}
	r.Files = reportFiles(in, res)
	for _, f := range res.Findings {
		if f.MutedBy != "" {
			r.Muted = append(r.Muted, f)
		} else {
			r.Findings = append(r.Findings, f)
		}
	}
	c := &res.Counts
	r.Capture = report.Capture{Dropped: res.Source.KernelLost, DroppedKnown: res.Source.LossKnown, Truncated: c.Truncated,
		Undecoded: c.Undecoded, Duplicates: c.Copies + c.Routed}
	for _, i := range c.NotUsed() {
		r.Capture.Reasons = append(r.Capture.Reasons, report.Reason{What: i.What, Count: i.N})
	}
	if n := res.Source.Filtered; n > 0 {
		r.Capture.Reasons = append(r.Capture.Reasons, report.Reason{What: "turned away by the capture filter", Count: n})
	}
	if n := in.window.away; n > 0 {
		r.Capture.Reasons = append(r.Capture.Reasons, report.Reason{What: "outside --since and --until", Count: n})
	}
	for _, g := range res.Gates {
		r.Gates = append(r.Gates, report.Gate{GateResult: g})
	}
	r.Names = func(a packet.Addr) (string, packet.Ref, bool) {
		n, ok := res.Names.Get(a)
		return n.Name, n.Ref, ok
	}
	services := slices.DeleteFunc(res.Ledger.Services(), func(s detect.ServiceSummary) bool { return !answers(s.Service) })
	fillServices(r, services)
	fillTalkers(r, res.Ledger)
	fillChecked(r, services, res)
	fillTime(r, &res.Summary)
	fillWarnings(r, in, o, res)
	return r
}

// answers reports that a packet to the service asks for an answer from there: not one to everybody, and none that is
// itself the answer to such a one, as a DHCP server sends it to the client's own port.
func answers(s detect.Service) bool {
	a := s.Addr.Netip()
	if a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return false
	}
	return s.Proto != packet.ProtoUDP || s.Port != 68 && s.Port != 546
}

func homeNetText(o *readOptions) string {
	// The default is said by its best known part: RFC 1918. The rest never leaves a site either.
	nets := o.HomeNet
	if !o.HomeNetGiven {
		nets = nets[:3]
	}
	var s []string
	for _, p := range nets {
		s = append(s, p.String())
	}
	return strings.Join(s, ", ")
}

func reportFiles(in *input, res *sensor.Result) []report.File {
	var out []report.File
	for i, itf := range in.Interfaces() {
		f := report.File{Name: itf.Name, Link: itf.Link.String()}
		if i < len(in.seen) {
			s := in.seen[i]
			f.Packets, f.Bytes, f.From, f.To = s.packets, s.bytes, s.from, s.to
		}
		if res.Damaged != nil && strings.HasPrefix(res.Damaged.Error(), itf.Name+":") {
			f.Damaged = strings.TrimPrefix(res.Damaged.Error(), itf.Name+": damaged ")
		}
		out = append(out, f)
	}
	return out
}

func fillServices(r *report.Report, services []detect.ServiceSummary) {
	for i := range services[:min(len(services), topServices)] {
		s := &services[i]
		r.Services = append(r.Services, report.Service{Proto: protoName(s.Proto), Addr: s.Addr, Port: s.Port, Clients: s.Clients,
			Attempts: s.Attempts, Answered: s.Answered, Refused: s.Refused, Silent: s.Silent, ConnectMedian: s.ConnectMedian,
			ConnectMax: s.ConnectMax, AnswerMean: s.ThinkMean, AnswerMax: s.ThinkMax})
	}
	for _, i := range detect.Leading(topSlow, len(services), func(i, j int) bool { return services[i].ThinkMax > services[j].ThinkMax }) {
		if s := &services[i]; s.ThinkMax > 0 {
			r.Slowest = append(r.Slowest, report.Slow{What: fmt.Sprintf("%s began an answer", endText(s.Addr, s.Port)), Took: s.ThinkMax,
				Refs: []packet.Ref{s.SlowestAt}})
		}
	}
}

func protoName(p uint8) string {
	switch p {
	case packet.ProtoTCP:
		return "TCP"
	case packet.ProtoUDP:
		return "UDP"
	}
	return fmt.Sprintf("IP %d", p)
}

func endText(a packet.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}

func fillTalkers(r *report.Report, l *detect.Ledger) {
	for _, t := range l.Talks(topTalkers) {
		var names []string
		for k, v := range t.Services[:t.Asked] {
			name := fmt.Sprintf("%d/%s", v.Port, strings.ToLower(protoName(v.Proto)))
			if k == len(t.Services)-1 {
				name = "…"
			}
			names = append(names, name)
		}
		r.Talkers = append(r.Talkers, report.Talker{Client: t.Client, Server: t.Server, Services: strings.Join(names, ", "), Conversations: t.Attempts, Bytes: t.Bytes})
	}
}

// fillChecked says what was looked at and how often it went well.
func fillChecked(r *report.Report, services []detect.ServiceSummary, res *sensor.Result) {
	var all detect.ServiceSummary
	for i := range services {
		s := &services[i]
		all.Attempts += s.Attempts
		all.Answered += s.Answered
		all.Refused += s.Refused
		all.Silent += s.Silent
		all.Undecided += s.Undecided
		all.ConnectMax = max(all.ConnectMax, s.ConnectMax)
		all.Again += s.Again
		all.AgainMax = max(all.AgainMax, s.AgainMax)
	}
	r.Again, r.AgainMax = all.Again, all.AgainMax
	if all.Attempts > 0 {
		line := fmt.Sprintf("connection requests: %d of %d answered", all.Answered, all.Attempts)
		if all.ConnectMax > 0 {
			line += ", the slowest in " + report.Duration(all.ConnectMax)
		}
		if all.Again > 0 { // the time above begins with the request that was answered
			line += fmt.Sprintf("; %d only when asked again, after up to %s", all.Again, report.Duration(all.AgainMax))
		}
		r.Checked = append(r.Checked, line)
	}
	if res.Summary.TCP > 0 {
		line := "losses: no segment was sent again"
		if n := res.Summary.Retrans + res.Summary.RetransGap; n > 0 {
			line = fmt.Sprintf("losses: segments sent again: %d", n)
		}
		r.Checked = append(r.Checked, line)
	}
	switch {
	case all.Undecided == 1:
		r.Undecided = append(r.Undecided, "1 request had no answer yet when the capture ended")
	case all.Undecided > 1:
		r.Undecided = append(r.Undecided, fmt.Sprintf("%d requests had no answer yet when the capture ended", all.Undecided))
	}
}

func fillTime(r *report.Report, s *sensor.Summary) {
	for _, x := range []report.Share{
		{What: "servers beginning their answers", Time: s.Think},
		{What: "receivers that had closed their window", Time: s.ZeroWindow},
		{What: "setting up connections", Time: s.Connect},
	} {
		if x.Time > 0 {
			r.TimeWent = append(r.TimeWent, x)
		}
	}
	sort.SliceStable(r.TimeWent, func(i, j int) bool { return r.TimeWent[i].Time > r.TimeWent[j].Time })
}

func fillWarnings(r *report.Report, in *input, o *readOptions, res *sensor.Result) {
	for _, err := range in.damaged {
		r.Warnings = append(r.Warnings, err.Error())
	}
	for _, rec := range in.recorded {
		r.Notes = append(r.Notes, rec.verdicts()...)
	}
	if n := res.Counts.Crowded; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("more interfaces than can be told apart: %d packets of the last ones count as seen at one place", n))
	}
	if n := res.Engine.Closed; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d findings were told while they came, and put away after an hour without news to make room: they are not in this report", n))
	}
	if n := res.Engine.DroppedMax; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("more occurrences of findings than --max-memory lets me keep: %d were counted without their details", n))
	}
	if n := res.Flow.TombsEvicted; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d closed connections were forgotten early for lack of memory: that a later one used their ports again may go unseen", n))
	}
	if n := res.Flow.ClosedEarly; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d closed connections were put away early to make room: a last segment sent again after that counts as a new conversation", n))
	}
	if n := res.Flow.DetailsLost; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("details of %d connections (losses, silences, closing) did not fit into --max-memory: findings that need them may be missing", n))
	}
	if n := res.Nets.Lost; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("more pairs of networks than --max-memory lets me tell apart: %d questions about them went without a memory of losses and silences", n))
	}
	for _, f := range res.Forgotten {
		r.Warnings = append(r.Warnings, fmt.Sprintf("detector %s forgot %d %s for lack of room: what it says of them may be less than there was", f.Detector, f.N, f.What))
	}
	r.Warnings = append(r.Warnings, protocolWarnings(res)...)
	for _, n := range res.Source.SkippedNotes {
		r.Warnings = append(r.Warnings, fmt.Sprintf("at byte %d: %s", n.Offset, n.What))
	}
	if o.FormatIn == "tshark-text" {
		r.Warnings = append(r.Warnings, "a listing shows no bytes, and relative sequence numbers say nothing across connections: what needs them stays unknown")
	}
	if in.sieve != nil {
		for l, err := range in.sieve.unfit {
			r.Warnings = append(r.Warnings, fmt.Sprintf("frames of link type %s do not fit the capture filter and were left out: %s", l, err))
		}
		sort.Strings(r.Warnings)
	}
	if w := homeNetWarning(o, res.Ledger); w != "" {
		r.Warnings = append(r.Warnings, w)
	}
}

// protocolWarnings says what could not be read above TCP and UDP.
func protocolWarnings(res *sensor.Result) []string {
	var out []string
	files := detect.Files(res.Files)
	for _, q := range res.Failed {
		out = append(out, fmt.Sprintf("the reader of %s failed at %s and was taken off that conversation (%v): please report it", q.Analyzer, files.Frame(q.Seen), q.Value))
	}
	if n := int(res.Protocols.Panics) - len(res.Failed); n > 0 {
		out = append(out, fmt.Sprintf("and readers of protocols failed %s more", detect.Plural(n, "time", "times")))
	}
	if n := res.Protocols.ProbeFull; n > 0 {
		out = append(out, fmt.Sprintf("%d conversations were given up before their protocol was known, for lack of memory", n))
	}
	if n := res.Protocols.GivenUp; n > 0 {
		out = append(out, fmt.Sprintf("%d conversations were given up half-read for lack of memory, those first that had been silent longest: what was said in them after that is not known", n))
	}
	if n := res.Streams.Evicted; n > 0 {
		out = append(out, fmt.Sprintf("data of %d directions was read before the other side acknowledged it, for lack of memory: what it really took may differ", n))
	}
	if n := res.Protocols.FramesFull; n > 0 {
		out = append(out, fmt.Sprintf("%d frames of protocols were not shown to rules: more than 256 of one direction were open at once", n))
	}
	if n := res.Protocols.ExpectEvicted; n > 0 {
		out = append(out, fmt.Sprintf("%d announced connections were forgotten for lack of memory: their protocol may go unknown", n))
	}
	return out
}

// homeNetWarning speaks up when hardly anything touches the networks that count as inside.
func homeNetWarning(o *readOptions, l *detect.Ledger) string {
	inside := func(a packet.Addr) bool {
		return slices.ContainsFunc(o.HomeNet, func(p netip.Prefix) bool { return p.Contains(a.Netip()) })
	}
	total, home := 0, 0
	l.Attempts(detect.Service{}, func(x *detect.Attempt) bool {
		if x.Client.Addr.IsZero() || x.Client.Addr.Netip().IsUnspecified() || !answers(x.Service) {
			return true // a listing without addresses, a machine that has none yet
		}
		total++
		if inside(x.Client.Addr) || inside(x.Service.Addr) {
			home++
		}
		return home*20 < l.Len() // enough, however many follow
	})
	if total == 0 || home*20 >= total {
		return ""
	}
	nets := map[netip.Prefix]int{}
	l.Attempts(detect.Service{}, func(x *detect.Attempt) bool {
		if x.Client.Addr.IsZero() || x.Client.Addr.Netip().IsUnspecified() {
			return true
		}
		bits := 64
		if x.Client.Addr.Is4() {
			bits = 24
		}
		if p, err := x.Client.Addr.Netip().Prefix(bits); err == nil {
			nets[p]++
		}
		return true
	})
	var best netip.Prefix
	for p, n := range nets {
		if m := nets[best]; n > m || n == m && (!best.IsValid() || p.Addr().Less(best.Addr())) {
			best = p
		}
	}
	return fmt.Sprintf("%d of %d conversations touch the home network; if these hosts are yours: --home-net %s", home, total, best)
}
