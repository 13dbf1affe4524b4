package packet

import "strings"

// Anomaly is something odd in one packet or stream, named as Suricata names its decoder and stream events.
type Anomaly uint16

// AnomalyMore stands for anomalies past the room in Packet.Anomalies.
const AnomalyMore Anomaly = 1

// String returns the event name as EVE writes it: "decoder.ipv4.trunc_pkt", "stream.pkt_invalid_ack".
func (a Anomaly) String() string {
	if a < numAnomalies {
		return anomalies[a].name
	}
	return "anomaly." + itoa(uint(a))
}

// Type returns the EVE anomaly type: "decode", "stream" or "applayer".
func (a Anomaly) Type() string {
	s := a.String()
	switch {
	case strings.HasPrefix(s, "decoder."):
		return "decode"
	case strings.HasPrefix(s, "stream."):
		return "stream"
	}
	return "applayer"
}

// Rule returns the name that a rule's decode-event or stream-event option uses: the event name without its
// first part.
func (a Anomaly) Rule() string {
	s := a.String()
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return s[i+1:]
	}
	return s
}

// Invalid reports that a receiver drops such a packet, or that the rest of it could not be read.
func (a Anomaly) Invalid() bool { return a < numAnomalies && anomalies[a].invalid }

// ParseAnomaly finds a code by its event name ("decoder.ipv4.trunc_pkt"). For a rule's decode-event or
// stream-event put "decoder." or "stream." in front. Suricata's own lists disagree on two names, both are known.
func ParseAnomaly(event string) (Anomaly, bool) {
	switch event {
	case "stream.3whs_synack_resend_with_diff_ack":
		return Stream3WHSSynAckResendWithDifferentAck, true
	case "stream.est_synack_resend_with_diff_ack":
		return StreamEstSynAckResendWithDifferentAck, true
	}
	for a := AnomalyMore; a < numAnomalies; a++ {
		if anomalies[a].name == event {
			return a, true
		}
	}
	return 0, false
}

// AllAnomalies returns every code in table order.
func AllAnomalies() []Anomaly {
	all := make([]Anomaly, 0, numAnomalies)
	for a := AnomalyMore; a < numAnomalies; a++ {
		all = append(all, a)
	}
	return all
}

// Invalid reports that a receiver would drop p, or that its headers could not be read to the end.
func (p *Packet) Invalid() bool {
	for _, a := range p.Anomalies[:p.NAnomaly] {
		if anomalies[a].invalid {
			return true
		}
	}
	return false
}

// HasAnomaly reports whether a was found in p.
func (p *Packet) HasAnomaly(a Anomaly) bool {
	for _, x := range p.Anomalies[:p.NAnomaly] {
		if x == a {
			return true
		}
	}
	return false
}
