package report

import (
	"slices"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// The values below are made by hand: what detectors would hand over for the situations the reports must tell well.

const begin packet.Time = 1_071_000_000_000_000_000

func at(frame uint64, seconds float64) packet.Ref {
	return packet.Ref{Frame: frame, Time: begin + packet.Time(seconds*1e9+0.5)}
}

var foundingTimes = []float64{0, 0, 0.01, 0.08, 0.24, 0.23, 0.24, 0.24, 0.24, 0.29, 0.31, 0.31, 0.34, 68.26, 71.18, 77.13, 98.25}

// fr returns the founding capture's frames by number.
func fr(n ...uint64) []packet.Ref {
	var refs []packet.Ref
	for _, i := range n {
		refs = append(refs, at(i, foundingTimes[i-1]))
	}
	return refs
}

func through(from, to uint64) []packet.Ref {
	var refs []packet.Ref
	for i := from; i <= to; i++ {
		refs = append(refs, fr(i)...)
	}
	return refs
}

var timewaitCode = &finding.Code{ID: "tcp-timewait-reuse", Title: "Server still remembers a port pair that is used again",
	Kind: finding.Diagnosis, Severity: finding.High, Tier: 1, References: []string{"RFC 9293 3.6", "RFC 1122 4.2.2.13", "RFC 6191"}}

func timewait() *finding.Finding {
	f := &finding.Finding{
		ID: "FS-7k2m4d", Revision: 1, State: finding.Closed, Code: timewaitCode, Severity: finding.High, Confidence: finding.Likely,
		Title: "10.0.0.254:80 ignored 3 connection requests that use 192.168.0.1:2268 again",
		Summary: "The web server is up and nothing blocks the way. It still keeps the earlier connection from the same address and " +
			"port in memory, because it was the one to close it, and takes the new request for a late packet of the old connection.",
		Why: "the server closed the earlier connection first (frame 9), so it has to keep that port pair in TIME_WAIT for longer than " +
			"76.82 s; the NAT in front of the client had forgotten it and gave port 2268 out again after 67.95 s",
		Impact: "1 attempt failed; the user waited 30 s",
		Facts: []finding.Fact{
			{Text: "the server sent the first FIN, and both sides had closed by 0.31 s", Refs: fr(9, 11, 12)},
			{Text: "requests at 68.26, 71.18 and 77.13 s, no answer of any sort", Refs: fr(14, 15, 16)},
			{Text: "the RST at 98.25 s carries CWR although ECN was never agreed: it comes from the client's side giving up", Refs: fr(17)},
			{Text: "the connection before was answered at once", Refs: fr(1, 2, 3)},
		},
		RuledOut: []finding.Alternative{
			{ID: "loss", Name: "packet loss", Text: "no gap in the connection before", Refs: through(1, 13)},
			{ID: "down", Name: "server down", Text: "it answered 68 s earlier", Refs: fr(2)},
			{ID: "linux", Name: "a Linux or BSD server", Text: "its hold of 60 s had passed", Refs: fr(16)},
		},
		CouldBe: []finding.Alternative{{ID: "drop", Name: "a firewall that drops silently", Text: "a capture on the server decides"}},
		WrongIf: "another client's request to 10.0.0.254:80 without an answer in the same seconds",
		Remedy: []finding.Step{
			{Where: finding.AtNAT, Text: "keep a closed port unused for 240 s",
				Run: []finding.Command{{On: "Linux", Line: "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=240"}, {On: "Cisco IOS", Line: "ip nat translation finrst-timeout 240"}}},
			{Where: finding.AtNAT, Text: "add addresses or ports to the pool, so that a port comes round less often"},
			{Where: finding.AtServer, Text: "shorten the hold (Windows: TcpTimedWaitDelay=60)"},
			{Where: finding.AtClient, Text: "let the client close first: send Connection: close with the last request"},
		},
		Check: "netstat -ano | findstr :2268", CheckNote: "on the server; Linux: ss -tan state time-wait '( dport = :2268 )'",
		References: timewaitCode.References,
		Subjects: []finding.Subject{{Role: "client", Addr: packet.MustAddr("192.168.0.1"), Port: 2268},
			{Role: "server", Addr: packet.MustAddr("10.0.0.254"), Port: 80}},
		First: fr(14)[0], Last: fr(17)[0], Count: 1,
		Explains: []finding.Explained{{Code: "tcp-syn-silent-drop", Count: 1, Text: "a request without an answer"}},
	}
	for _, e := range []struct {
		n    uint64
		role string
	}{{1, "the connection before begins"}, {2, "and is answered"}, {9, "server closes first"}, {11, "client closes"},
		{12, "close complete: TIME_WAIT begins"}, {14, "same port pair again"}, {15, "first retry"}, {16, "second retry"}, {17, "client side gives up"}} {
		f.Evidence = append(f.Evidence, finding.Proof{Ref: fr(e.n)[0], Role: e.role})
	}
	row := func(n uint64, d packet.Dir, label, note string) {
		f.Ladder = append(f.Ladder, finding.LadderRow{Ref: fr(n)[0], Dir: d, Label: label, Note: note, Lost: n >= 14 && n <= 16})
	}
	row(1, packet.ToServer, "SYN", "")
	row(2, packet.ToClient, "SYN, ACK", "answered at once")
	row(3, packet.ToServer, "ACK", "")
	row(4, packet.ToServer, "PSH, ACK 227 bytes", "")
	row(7, packet.ToClient, "PSH, ACK 1365 bytes", "")
	row(9, packet.ToClient, "FIN, ACK", "server closes first")
	row(11, packet.ToServer, "FIN, ACK", "")
	row(12, packet.ToClient, "ACK", "TIME_WAIT begins")
	row(14, packet.ToServer, "SYN", "same port pair, 67.95 s later")
	row(15, packet.ToServer, "SYN (retry 1)", "")
	row(16, packet.ToServer, "SYN (retry 2)", "hold is longer than 76.82 s")
	row(17, packet.ToServer, "RST, CWR", "client side gives up")
	return f
}

const privateNets = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"

func founding() *Report {
	return &Report{
		Files: []File{{Name: "/home/someone/problem.pcapng", Packets: 17, Bytes: 4095, From: fr(1)[0].Time, To: fr(17)[0].Time,
			Link: "Ethernet"}},
		HomeNet: privateNets, HomeNetDefault: true, Conversations: 1,
		Capture:  Capture{DroppedKnown: true},
		Findings: []*finding.Finding{timewait()},
		Checked:  []string{"connection requests: 1 of 2 answered"},
		Evidence: func(f *finding.Finding) string {
			return "firestorm evidence problem.pcapng " + f.ID + " -w case.pcapng"
		},
	}
}

func healthy() *Report {
	client, web, dns := packet.MustAddr("192.168.1.20"), packet.MustAddr("10.0.0.5"), packet.MustAddr("192.168.1.1")
	return &Report{
		Files:   []File{{Name: "office.pcap", Packets: 48210, Bytes: 31_400_000, From: begin, To: begin + 1_325e9, Link: "Ethernet"}},
		HomeNet: "192.168.1.0/24", Conversations: 412,
		Capture: Capture{DroppedKnown: true, Truncated: 0, Duplicates: 14, Reasons: []Reason{{"exact copies by a mirror port", 14}}},
		Checked: []string{"connection requests: 388 of 388 answered, the slowest in 84 ms",
			"names: 120 of 120 look-ups answered", "losses: 3 of 41,804 data segments were sent again (0.01 %)",
			"address conflicts, loops, resets in mid-flight, closed windows: none"},
		Talkers: []Talker{{client, web, "http, tls", 301, 29_800_000}, {client, dns, "dns", 111, 24_300}},
		Services: []Service{
			{Proto: "TCP", Addr: web, Port: 443, App: "tls", Clients: 3, Attempts: 301, Answered: 301, ConnectMedian: 11 * time.Millisecond,
				ConnectMax: 84 * time.Millisecond, AnswerMean: 23 * time.Millisecond, AnswerMax: 1900 * time.Millisecond},
			{Proto: "UDP", Addr: dns, Port: 53, App: "dns", Clients: 4, Attempts: 111, Answered: 110,
				AnswerMean: 700 * time.Microsecond, AnswerMax: 61 * time.Millisecond},
		},
		Slowest: []Slow{{"10.0.0.5:443 began its answer to 192.168.1.20", 1900 * time.Millisecond, []packet.Ref{at(9120, 300), at(9131, 301.9)}}},
		TimeWent: []Share{{"users thinking: nothing was asked", 18 * time.Minute}, {"servers thinking", 95 * time.Second},
			{"the network: round trips", 12 * time.Second}, {"repeats after loss", 640 * time.Millisecond}},
		Undecided: []string{"1 look-up had no answer yet when the capture ended"},
		Gates: []Gate{{finding.GateResult{Gate: finding.GateNAT, Text: "192.168.1.1 hides several machines (3 clocks)",
			Caps: finding.Possible}, "outside"}},
		Names: func(a packet.Addr) (string, packet.Ref, bool) {
			switch a {
			case client:
				return "laptop.lan", at(3, 0.2), true
			case web:
				return "shop.example.org", at(12, 0.9), true
			}
			return "", packet.Ref{}, false
		},
	}
}

func oneSided() *Report {
	gate := finding.GateResult{Gate: finding.GateTwoWay, Text: "only the packets from 192.168.0.0/24 to 10.0.0.0/24 are in this capture: silence of the other side proves nothing",
		How: "tcpdump -i any -s 0 -w again.pcap host 10.0.0.254", Caps: finding.CannotTell}
	f := timewait()
	f.ID, f.Confidence = "FS-0a9x3c", finding.CannotTell
	f.Title = "10.0.0.254:80 may have ignored 3 connection requests from 192.168.0.1:2268"
	f.Gates, f.Remedy = []finding.GateResult{gate}, nil
	f.CouldBe = append(f.CouldBe, finding.Alternative{ID: "seen", Name: "answers that took another way", Text: "a capture of both directions"})
	f.Facts = []finding.Fact{{Text: "requests at 68.26, 71.18 and 77.13 s", Refs: fr(14, 15, 16)},
		{Text: "no packet of 10.0.0.254 is in the file, but it was acknowledged 6 times", Refs: fr(3, 10, 13)}}
	f.Evidence = f.Evidence[5:]
	f.Ladder = slices.DeleteFunc(f.Ladder, func(l finding.LadderRow) bool { return l.Dir == packet.ToClient })
	r := founding()
	r.Findings, r.Gates = []*finding.Finding{f}, []Gate{{gate, ""}}
	return r
}

// refusals is a capture in which attempts failed and no detector had anything to say.
func refusals() *Report {
	r := healthy()
	r.Services = append(r.Services, Service{Proto: "TCP", Addr: packet.MustAddr("10.0.0.5"), Port: 8443, Clients: 2, Attempts: 4, Refused: 3})
	return r
}

func guesses() *Report {
	r := founding()
	f := timewait()
	f.ID, f.Confidence, f.Remedy = "FS-3p0s5b", finding.Possible, nil
	f.CouldBe = append(f.CouldBe, finding.Alternative{ID: "down", Name: "the server stopped in between", Text: "its log, or another client's attempt"})
	r.Findings = []*finding.Finding{f}
	r.Undecided = []string{"the last request may have been answered after the capture ended"}
	return r
}

// two is one story seen from two sides, with a weaker guess about the same parties that must not be printed.
func two() *Report {
	r := founding()
	r.Files = append(r.Files, File{Name: "outside.pcap", Packets: 4, Bytes: 240, From: fr(14)[0].Time, To: fr(17)[0].Time,
		Link: "Ethernet", Damaged: "cut off at byte 4,242: the last packet is not whole"})
	f := r.Findings[0]
	for i := range f.Evidence {
		if f.Evidence[i].Ref.Frame >= 14 {
			f.Facts[1].Refs = append(f.Facts[1].Refs, packet.Ref{Source: 1, Frame: f.Evidence[i].Ref.Frame - 13, Time: f.Evidence[i].Ref.Time})
		}
	}
	for i := range f.Ladder {
		if n := f.Ladder[i].Ref.Frame; n >= 14 { // the requests as the other side of the NAT saw them
			f.Ladder[i].Ref.Source, f.Ladder[i].Ref.Frame = 1, n-13
		}
	}
	weak := timewait()
	weak.ID, weak.Confidence = "FS-weaker", finding.Possible
	r.Findings = append(r.Findings, weak)
	r.Muted = []*finding.Finding{timewait()}
	return r
}
