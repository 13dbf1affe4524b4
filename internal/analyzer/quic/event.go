package quic

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one packet of a handshake, with what became known by it. Most hold a version and no more. Texts are from packets.
type Event struct {
	head       event.Head
	Dir        packet.Dir
	Tx         uint64 // its number in the flow, from 0
	Version    uint32
	SNI        string // of the client's hello
	UA         string // of a client of Google's versions
	CYU        []CYU
	JA3        string // in what the server sent it is JA3S
	JA3Hash    string
	JA4        string // of the client
	Extensions []Extension
	asked      string // the name that the server answered to
}

// Extension is one of a hello's.
type Extension struct {
	Type   uint16
	Values []string // names of server_name and of application_layer_protocol_negotiation
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// EachName calls f with the name that the server was asked for, where it answered.
func (e *Event) EachName(f func(event.Name)) {
	if e.asked == "" || len(e.asked) > event.MaxName {
		return
	}
	if _, err := netip.ParseAddr(e.asked); err == nil {
		return
	}
	f(event.Name{Addr: e.head.Server.Addr, Name: strings.ToLower(e.asked), From: event.NameSNI})
}

// AppendEVE writes a quic record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "quic", e.Dir, c)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	text := func(key, v string) {
		if v != "" {
			dst = event.AppendJSONString(append(dst, key...), v)
		}
	}
	text(`"quic":{"version":`, VersionText(e.Version))
	text(`,"sni":`, e.SNI)
	text(`,"ua":`, e.UA)
	for i, x := range e.CYU {
		text([2]string{`,"cyu":[{"hash":`, `,{"hash":`}[min(i, 1)], x.Hash)
		text(`,"string":`, x.String)
		dst = append(dst, '}')
	}
	if len(e.CYU) > 0 {
		dst = append(dst, ']')
	}
	if e.JA3Hash != "" {
		text([2]string{packet.ToServer: `,"ja3":{"hash":`, packet.ToClient: `,"ja3s":{"hash":`}[e.Dir], e.JA3Hash)
		text(`,"string":`, e.JA3)
		dst = append(dst, '}')
	}
	text(`,"ja4":`, e.JA4)
	for i := range e.Extensions {
		dst = append(dst, [2]string{`,"extensions":[{`, `,{`}[min(i, 1)]...)
		x := &e.Extensions[i]
		if name := extensionName(x.Type); name != "" {
			text(`"name":`, name)
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(append(dst, `"type":`...), uint64(x.Type), 10)
		for k, v := range x.Values {
			dst = event.AppendJSONString(append(dst, [2]string{`,"values":[`, `,`}[min(k, 1)]...), v)
		}
		if len(x.Values) > 0 {
			dst = append(dst, ']')
		}
		dst = append(dst, '}')
	}
	if len(e.Extensions) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// EachBuffer gives what rules see of the packet (event.Parts).
func (e *Event) EachBuffer(f func(name string, b []byte)) {
	text := func(name, v string) {
		if v != "" {
			f(name, []byte(v))
		}
	}
	f("quic.version", binary.BigEndian.AppendUint32(nil, e.Version))
	if e.Dir == packet.ToClient {
		text("ja3s.string", e.JA3)
		text("ja3s.hash", e.JA3Hash)
		return
	}
	text("quic.sni", e.SNI)
	text("quic.ua", e.UA)
	for _, x := range e.CYU {
		f("quic.cyu.hash", []byte(x.Hash))
		f("quic.cyu.string", []byte(x.String))
	}
	text("ja3.string", e.JA3)
	text("ja3.hash", e.JA3Hash)
	text("ja4.hash", e.JA4)
}

// extensionNames are those of IANA's registry of TLS extensions, from type 0 on, as Suricata writes them; "-": it has none.
var extensionNames = strings.Fields(`server_name max_fragment_length client_certificate_url trusted_ca_keys truncated_hmac status_request user_mapping
	client_authz server_authz cert_type supported_groups ec_point_formats srp signature_algorithms use_srtp heartbeat alpn status_request_v2
	signed_certificate_timestamp client_certificate_type server_certificate_type padding encrypt_then_mac extended_master_secret token_binding cached_info
	tls_lts compress_certificate record_size_limit pwd_protect pwd_clear password_salt ticket_pinning tls_cert_with_extern_psk delegated_credentials
	session_ticket tlmsp tlmsp_proxying tlmsp_delegate supported_ekt_ciphers - pre_shared_key early_data supported_versions cookie psk_key_exchange_modes -
	certificate_authorities oid_filters post_handshake_auth signature_algorithms_cert key_share transparency_info connection_id_deprecated connection_id
	external_id_hash external_session_id quic_transport_parameters ticket_request dnssec_chain`)

// extensionName is the name of a type; empty: it has none.
func extensionName(typ uint16) string {
	switch {
	case int(typ) < len(extensionNames) && extensionNames[typ] != "-":
		return extensionNames[typ]
	case typ == 13172:
		return "next_protocol_negotiation"
	case typ == 65281:
		return "renegotiation_info"
	}
	return ""
}
