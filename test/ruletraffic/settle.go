package ruletraffic

import (
	"errors"
	"fmt"
	"strings"
)

// protocol reads the header's first word.
func (m *meaning) protocol(word string) error {
	base, _, hook := strings.Cut(word, ":")
	if hook {
		return fmt.Errorf("no traffic is made for %s", word)
	}
	switch base {
	case "tcp", "tcp-pkt", "tcp-stream":
		m.proto = "tcp"
	case "udp", "icmp", "icmpv6":
		m.proto = base
	case "ip", "ip4", "ipv4", "pkthdr":
		m.proto = "ip"
	case "dns":
		m.proto, m.app = "udp", "dns"
	case "http", "http1":
		m.proto, m.app = "tcp", "http"
	case "tls", "ssl":
		m.proto, m.app = "tcp", "tls"
	case "smtp", "ftp", "ssh", "mqtt":
		m.proto, m.app = "tcp", base
	default:
		return fmt.Errorf("no traffic is made for the protocol %s", word)
	}
	return nil
}

// settle decides what the options leave open: protocol and direction.
func (m *meaning) settle() error {
	payload, parts := m.split()
	client, server := false, false
	for _, p := range parts {
		if p.app != "" && m.app == "" {
			m.app = p.app
		}
		if p.app != "" && p.app != m.app {
			return fmt.Errorf("%s does not belong to %s", p.name, m.app)
		}
		client, server = client || p.dir == "c", server || p.dir == "s"
	}
	if o := m.rule.first("app-layer-protocol"); o != nil {
		switch {
		case o.Neg || places[o.Value+"."].app != "":
			return errors.New("app-layer-protocol with a !")
		case m.app != "" && m.app != o.Value:
			return fmt.Errorf("app-layer-protocol:%s of %s", o.Value, m.app)
		}
		m.app = o.Value
	}
	for _, p := range parts {
		if p.app == "" && m.app == "" {
			m.app = "http"
			if strings.Contains(m.rule.Dst, "SMTP") || m.rule.DstPort == "25" {
				m.app = "smtp"
			}
		}
	}
	if len(parts) > 0 && m.ofPackets() {
		return errors.New("a packet's header and a protocol's buffers at once")
	}
	if m.asks("filesize") && m.app == "" {
		m.app = "smtp"
	}
	if m.asks("ftp.replied") {
		server = true
	}
	if r := m.rule; r.Pair {
		for _, p := range parts {
			if p.dir == "" || m.app != "http" || payload != nil {
				return fmt.Errorf("no traffic is made for both sides with %s", p.name)
			}
		}
		return m.settleBits()
	}
	if client && server {
		return errors.New("asks of a request and of its answer at once")
	}
	switch {
	case m.flow["to_server"] || m.flow["from_client"]:
		m.dir = ToServer
		if server {
			return errors.New("asks of an answer on its way to the server")
		}
	case m.flow["to_client"] || m.flow["from_server"]:
		m.dir = ToClient
		if client {
			return errors.New("asks of a request on its way to the client")
		}
	case server:
		m.dir = ToClient
	case client:
	case m.app == "http" && len(parts) > 0 && parts[0].app == "":
		m.dir = ToClient
	case m.proto == "tcp" && specific(m.rule.SrcPort) && !specific(m.rule.DstPort):
		m.dir = ToClient
	}
	if m.proto == "ip" {
		m.ip(payload, parts)
	}
	if m.app == "dns" && m.proto != "udp" && m.proto != "tcp" {
		m.proto = "udp"
	}
	if m.app != "" && m.app != "dns" {
		m.proto = "tcp"
	}
	for w := range m.flow {
		switch w {
		case "to_server", "to_client", "from_client", "from_server", "established", "not_established", "stateless", "no_stream", "only_stream", "no_frag":
		default:
			return fmt.Errorf("no traffic is made for flow:%s", w)
		}
	}
	return m.settleBits()
}

func (m *meaning) settleBits() error {
	for _, b := range m.bits {
		switch b.do {
		case "set", "unset", "toggle", "isset", "isnotset", "noalert":
		default:
			return fmt.Errorf("no traffic is made for flowbits:%s", b.do)
		}
	}
	return nil
}

// ip chooses what a rule of "ip" is shown.
func (m *meaning) ip(payload *part, parts []*part) {
	switch {
	case m.rule.Has("ip_proto"):
	case len(parts) > 0 || m.flow["established"] || m.hasFlags:
		m.proto = "tcp"
	case m.rule.Has("itype") || m.rule.Has("icode"):
		m.proto = "icmp"
	case payload != nil || len(m.flow) > 0:
		m.proto = "udp"
	}
}

func specific(ports string) bool {
	return ports != "any" && !strings.HasPrefix(ports, "!") && !strings.HasPrefix(ports, "[!") && !strings.Contains(ports, "1024")
}
