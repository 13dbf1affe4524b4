package main

import (
	"slices"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// eveVersion is the Suricata whose records EVE's are like where nothing is said.
const eveVersion = 8

// alertParts are the words of --eve-alert: those of types.alert in suricata.yaml.
var alertParts = []struct {
	word string
	set  func(e *event.EVE)
}{
	{"payload", func(e *event.EVE) { e.Alert.Payload = true }},
	{"payload-printable", func(e *event.EVE) { e.Alert.PayloadPrintable = true }},
	{"payload-length", func(e *event.EVE) { e.Alert.PayloadLength = true }},
	{"packet", func(e *event.EVE) { e.Alert.Packet = true }},
	{"reference", func(e *event.EVE) { e.Alert.References = true }},
	{"raw", func(e *event.EVE) { e.Alert.RuleText = true }},
	{"verdict", func(e *event.EVE) { e.Alert.Verdict = true }},
	{"ethernet", func(e *event.EVE) { e.Ethernet = true }},
	{"no-app-layer", func(e *event.EVE) { e.Alert.NoApp = true }},
	{"no-flow", func(e *event.EVE) { e.Alert.NoFlow = true }},
	{"no-metadata", func(e *event.EVE) { e.Alert.NoMetadata, e.Alert.NoVars = true, true }},
}

// alertWords are the words of --eve-alert.
func alertWords() []string {
	var words []string
	for _, p := range alertParts {
		words = append(words, p.word)
	}
	return words
}

// records reads how EVE's records look.
func (r *rawRead) records(e *event.EVE) error {
	if r.eveVersion == 0 {
		r.eveVersion = eveVersion
	}
	if r.eveVersion != 7 && r.eveVersion != 8 {
		return usagef("--eve-version 8", "--eve-version: records of Suricata %d are not written, those of 7 and 8 are", r.eveVersion)
	}
	e.Version = r.eveVersion
	for _, w := range r.eveAlert {
		w = strings.ToLower(strings.TrimSpace(w))
		i := slices.Index(alertWords(), w)
		if i < 0 {
			return usagef("--eve-alert payload,packet", "--eve-alert does not know %q; it knows %s", w, strings.Join(alertWords(), ", "))
		}
		alertParts[i].set(e)
	}
	return nil
}

// records is what EVE's records need from outside the events.
func (o *readOptions) records(in *input) event.EVE {
	e := o.EVE
	e.File = in.name
	return e
}

// mostPayload bounds the payload of an alert, whatever settings ask for.
const mostPayload = 64 << 10

// looks sets how records look where the settings say so; what the command line asked for stays.
func (u *suricata) looks(e *event.EVE) {
	if u == nil {
		return
	}
	for i := range u.EVE {
		l := &u.EVE[i]
		e.Ethernet = e.Ethernet || l.Ethernet
		e.LongIPv6 = !l.IPv6Compress
		e.Alert.NoVars = e.Alert.NoVars || !l.Metadata
		for k := range l.Types {
			switch t := &l.Types[k]; t.Name {
			case "alert":
				a, p := &t.Alert, &e.Alert
				p.Payload, p.PayloadPrintable = p.Payload || a.Payload, p.PayloadPrintable || a.PayloadPrintable
				p.PayloadLength, p.Packet = p.PayloadLength || a.PayloadLength, p.Packet || a.Packet
				p.References, p.RuleText = p.References || a.RuleReference, p.RuleText || a.RuleRaw
				p.Verdict, p.PayloadMost = p.Verdict || a.Verdict, int(min(a.PayloadBuffer, mostPayload))
				p.NoApp, p.NoFlow, p.NoMetadata = p.NoApp || !a.AppLayer, p.NoFlow || !a.Flow, p.NoMetadata || !a.RuleMetadata
			case "anomaly":
				e.AnomalyHeaders = e.AnomalyHeaders || t.Anomaly.PacketHeader
			case "http":
				e.HTTP = event.HTTPParts{Brief: !t.Extended, Custom: t.Custom}
				e.HTTP.Headers[packet.ToServer] = t.DumpHeaders == "both" || t.DumpHeaders == "request"
				e.HTTP.Headers[packet.ToClient] = t.DumpHeaders == "both" || t.DumpHeaders == "response"
			case "tls":
				has := func(w string) bool { return slices.Contains(t.Custom, w) }
				e.TLS = event.TLSParts{Certificate: has("certificate"), Chain: has("chain"), ClientCertificate: has("client_certificate"), ClientChain: has("client_chain")}
			case "smb":
				e.SMB = append(e.SMB, t.Kinds...)
			case "dns":
				d := &t.DNS
				e.DNS = event.DNSParts{NoRequests: !d.Requests, NoResponses: !d.Responses}
				detailed, grouped := slices.Contains(d.Formats, "detailed"), slices.Contains(d.Formats, "grouped")
				if detailed != grouped { // neither is both
					e.DNS.NoDetailed, e.DNS.NoGrouped = grouped, detailed
				}
				if d.Version == 2 {
					e.DNS.Version = 2
				}
				for _, typ := range d.RRTypes {
					e.DNS.Types = append(e.DNS.Types, strings.ToUpper(typ))
				}
			}
		}
	}
	if u.dnsVersion != 0 {
		e.DNS.Version = u.dnsVersion
	}
}

// dnsVersionVariable chooses the form of DNS records beside a suricata.yaml, as it does for Suricata: 2 or 3.
const dnsVersionVariable = "SURICATA_EVE_DNS_VERSION"

// layerCounters are Suricata's names of header formats, of those that it counts.
var layerCounters = map[packet.LayerKind]string{packet.LayerEthernet: "ethernet", packet.LayerVLAN: "vlan", packet.LayerQinQ: "vlan_qinq", packet.LayerPBB: "ieee8021ah",
	packet.LayerVNTag: "vntag", packet.LayerARP: "arp", packet.LayerMPLS: "mpls", packet.LayerPPPoE: "pppoe", packet.LayerPPP: "ppp", packet.LayerCHDLC: "chdlc",
	packet.LayerNSH: "nsh", packet.LayerNull: "null", packet.LayerSLL: "sll", packet.LayerSLL2: "sll2", packet.LayerRaw: "raw", packet.LayerIPv4: "ipv4", packet.LayerIPv6: "ipv6",
	packet.LayerESP: "esp", packet.LayerTCP: "tcp", packet.LayerUDP: "udp", packet.LayerSCTP: "sctp", packet.LayerICMPv4: "icmpv4", packet.LayerICMPv6: "icmpv6",
	packet.LayerGRE: "gre", packet.LayerERSPAN: "erspan", packet.LayerVXLAN: "vxlan", packet.LayerGeneve: "geneve", packet.LayerTeredo: "teredo"}

// count has the stats record say what the run and the rules counted.
func (e *eveOutput) count(res *sensor.Result, r *rulesRead, store *file.Store) {
	if e == nil {
		return
	}
	e.counters = func(add func(string, uint64)) {
		for kind, name := range layerCounters {
			if res.Layers != nil && res.Layers[kind] > 0 {
				add("decoder."+name, res.Layers[kind])
			}
		}
		add("flow_bypassed.local_pkts", 0) // a connection that is not read on is followed all the same
		add("flow_bypassed.local_bytes", 0)
		if store != nil {
			add("file_store.fs_errors", store.Failures())
		}
		if r == nil {
			return
		}
		add("detect.alert_queue_overflow", res.Rules.TooMany)
		add("detect.alerts_suppressed", res.RulesHeld)
		add("detect.engines[0].id", 0)
		add("detect.engines[0].rules_loaded", uint64(r.set.Len()))
		add("detect.engines[0].rules_failed", uint64(len(r.problems)))
		add("detect.engines[0].rules_skipped", uint64(r.set.Skipped()))
	}
}
