package eve

import (
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// stats are the counters of the stats record, by their path in it ("flow.tcp"): Suricata's where it counts the same.
type stats struct {
	first, last packet.Time
	alerts      uint64
	seen        bool
	n           map[string]uint64
	// What comes with most events is counted by numbers, and brought to n at the end: to find a name's counter cost as much
	// as writing its record (2026-11-30).
	anomalies                             []uint64 // by code
	capture                               captured
	flows, tcp, udp, icmp4, icmp6, reused uint64
	gaps                                  uint64
	apps                                  map[app]uint64 // connections that ended
}

// captured are the numbers of capture events.
type captured struct{ packets, lost, handedOver, decoded, bytes, invalid uint64 }

// app is a protocol over a protocol.
type app struct {
	name  string
	proto uint8
}

// always are counters that appear though they are 0.
var always = []string{"capture.kernel_packets", "capture.kernel_drops", "decoder.pkts", "decoder.bytes", "decoder.invalid", "flow.total", "flow.tcp", "flow.udp",
	"flow.icmpv4", "flow.icmpv6", "flow.tcp_reuse", "tcp.sessions", "tcp.reassembly_gap", "detect.alert", "detect.alert_queue_overflow"}

// mostCounters bounds the counters; names come from lists of this program, never from packets.
const mostCounters = 4096

func (s *stats) add(path string, n uint64) {
	if s.n == nil {
		s.n = map[string]uint64{}
		for _, p := range always {
			s.n[p] = 0
		}
	}
	if _, known := s.n[path]; known || len(s.n) < mostCounters {
		s.n[path] += n
	}
}

func (s *stats) count(e event.Event) {
	h := e.Head()
	switch x := e.(type) {
	case *event.Capture:
		if !s.seen || x.From < s.first {
			s.first = x.From
		}
		if !s.seen || x.To > s.last {
			s.last = x.To
		}
		s.seen = true
		n := &s.capture
		n.packets += x.Packets + x.KernelLost
		n.lost += x.KernelLost
		n.handedOver += x.HandedOver
		n.decoded += x.Packets
		n.bytes += x.Bytes
		n.invalid += x.Undecoded
	case *event.Flow:
		s.flow(h, x)
	case *event.Anomaly:
		if n := int(x.Code) + 1 - len(s.anomalies); n > 0 {
			s.anomalies = append(s.anomalies, make([]uint64, n)...)
		}
		s.anomalies[x.Code]++
	default:
		if h.Kind == event.KindAlert {
			s.alerts++
		}
	}
}

func (s *stats) flow(h *event.Head, x *event.Flow) {
	switch x.What {
	case event.Started:
		s.flows++
		switch h.Proto {
		case packet.ProtoTCP:
			s.tcp++
		case packet.ProtoUDP:
			s.udp++
		case packet.ProtoICMP:
			s.icmp4++
		case packet.ProtoICMPv6:
			s.icmp6++
		}
	case event.Ended:
		if x.End == event.EndReused {
			s.reused++
		}
		if h.Proto == packet.ProtoTCP {
			s.gaps += uint64(x.Sides[0].Gaps) + uint64(x.Sides[1].Gaps)
		}
		if x.AppProto != "" {
			if s.apps == nil {
				s.apps = map[app]uint64{}
			}
			if a := (app{x.AppProto, h.Proto}); len(s.apps) < mostCounters || s.apps[a] > 0 {
				s.apps[a]++
			}
		}
	}
}

// total brings what was counted by numbers to the counters with names.
func (s *stats) total() {
	n := &s.capture
	s.add("capture.kernel_packets", n.packets)
	s.add("capture.kernel_drops", n.lost)
	if n.handedOver > 0 {
		s.add("capture.handed_over", n.handedOver)
	}
	s.add("decoder.pkts", n.decoded)
	s.add("decoder.bytes", n.bytes)
	s.add("decoder.invalid", n.invalid)
	s.add("flow.total", s.flows)
	s.add("flow.tcp", s.tcp)
	s.add("tcp.sessions", s.tcp)
	s.add("flow.udp", s.udp)
	s.add("flow.icmpv4", s.icmp4)
	s.add("flow.icmpv6", s.icmp6)
	s.add("flow.tcp_reuse", s.reused)
	s.add("tcp.reassembly_gap", s.gaps)
	for a, n := range s.apps {
		s.add("app_layer.flow."+appCounter(a.name, a.proto), n)
	}
	for code, n := range s.anomalies {
		if n == 0 {
			continue
		}
		name := packet.Anomaly(code).String()
		if rest, ok := strings.CutPrefix(name, "decoder."); ok {
			s.add("decoder.event."+rest, n)
		} else if strings.HasPrefix(name, "stream.") {
			s.add(name, n)
		}
	}
}

// transaction counts a record of a protocol: one for each of its transactions.
func (s *stats) transaction(kind string, proto uint8) {
	if kind == "ftp_data" {
		kind = "ftp-data"
	}
	if name := appCounter(kind, proto); name != "" {
		s.add("app_layer.tx."+name, 1)
	}
}

// bothWays are protocols that Suricata counts apart for TCP and UDP.
var bothWays = map[string]bool{"dns": true, "dcerpc": true, "nfs": true, "krb5": true, "ldap": true, "sip": true, "enip": true}

// appCounter is the name of a protocol in app_layer.flow; empty: it is not known.
func appCounter(app string, proto uint8) string {
	switch {
	case app == "":
		return ""
	case bothWays[app] && proto == packet.ProtoTCP:
		return app + "_tcp"
	case bothWays[app]:
		return app + "_udp"
	}
	return app
}

// append writes the stats record. Its uptime is the time of the packets: there is no other clock.
func (s *stats) append(dst []byte) []byte {
	s.total()
	s.add("detect.alert", s.alerts)
	dst = append(dst, `{"timestamp":`...)
	dst = event.AppendEVETime(dst, s.last)
	dst = append(dst, `,"event_type":"stats","stats":{"uptime":`...)
	dst = strconv.AppendInt(dst, int64(s.last.Sub(s.first).Seconds()), 10)
	paths := make([][]string, 0, len(s.n))
	for p := range s.n {
		paths = append(paths, strings.Split(p, "."))
	}
	slices.SortFunc(paths, slices.Compare)
	var open []string // the objects that are open
	for _, p := range paths {
		last := len(p) - 1
		k := 0
		for k < len(open) && k < last && open[k] == p[k] {
			k++
		}
		for i := len(open) - 1; i >= k; i-- {
			if dst = append(dst, '}'); strings.HasSuffix(open[i], "[0]") {
				dst = append(dst, ']')
			}
		}
		open = open[:k]
		comma := dst[len(dst)-1] != '{'
		for _, name := range p[k:last] {
			if comma {
				dst = append(dst, ',')
			}
			key, list := strings.CutSuffix(name, "[0]")
			dst = append(event.AppendJSONString(dst, key), ':')
			if list {
				dst = append(dst, '[')
			}
			dst = append(dst, '{')
			open, comma = append(open, name), false
		}
		if comma {
			dst = append(dst, ',')
		}
		dst = append(event.AppendJSONString(dst, p[last]), ':')
		dst = strconv.AppendUint(dst, s.n[strings.Join(p, ".")], 10)
	}
	for i := len(open) - 1; i >= 0; i-- {
		if dst = append(dst, '}'); strings.HasSuffix(open[i], "[0]") {
			dst = append(dst, ']')
		}
	}
	return append(dst, `}}`...)
}
