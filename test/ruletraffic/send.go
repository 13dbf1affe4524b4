package ruletraffic

import (
	"firestorm/internal/packet"
)

// send puts the scenes on the wire, one after the other on one connection.
func (g *Generator) send(w *wire, scenes []scene) error {
	m := scenes[len(scenes)-1].m
	var messages []message
	for i, s := range scenes {
		list := s.t.messages
		if i > 0 { // the connection is known by what came before
			list = list[s.t.opening:]
		}
		messages = append(messages, list...)
	}
	if m.wrongDir {
		w.dir = w.dir.other()
		for i := range messages {
			messages[i].dir = messages[i].dir.other()
		}
	}
	proto := m.proto
	if proto == "ip" {
		n, err := m.ipProto()
		switch {
		case err != nil:
			return err
		case n == 6:
			proto = "tcp"
		case n == 17 || n == 0:
			proto = "udp"
		case n == 1:
			proto = "icmp"
		case len(messages) > 0:
			return impossible("the payload of IP protocol %d", n)
		default:
			w.other(m.dir, n, nil)
			return nil
		}
	}
	switch proto {
	case "tcp":
		g.sendTCP(w, m, scenes, messages)
	case "udp":
		g.sendUDP(w, m, messages)
	default:
		w.icmp(w.dir, lastData(messages))
	}
	return nil
}

func lastData(messages []message) []byte {
	if len(messages) == 0 {
		return nil
	}
	return messages[len(messages)-1].data
}

func (g *Generator) sendTCP(w *wire, m *meaning, scenes []scene, messages []message) {
	if w.look.flags >= 0 {
		g.sendFlags(w, m, messages)
		return
	}
	if m.closed || m.flow["not_established"] { // nobody answers
		w.begin(false)
		for _, x := range messages {
			if x.dir == w.dir {
				w.segment(x.dir, packet.PSH|packet.ACK, x.data)
			}
		}
		return
	}
	w.begin(true)
	whole := g.Whole || len(scenes) > 1 || oneSegment(m)
	w.tcp(messages, func(x *message) int {
		if whole || g.rng.IntN(4) > 0 {
			return 0
		}
		return g.rng.IntN(len(x.data))
	})
	w.end()
}

// oneSegment reports that what the rule asks for must lie in one segment.
func oneSegment(m *meaning) bool {
	if m.rule.Proto == "tcp-pkt" || len(m.fields) > 0 || m.flow["no_stream"] {
		return true
	}
	payload, _ := m.split()
	return payload != nil
}

// sendFlags sends a segment with the flags that the rule asks for.
func (g *Generator) sendFlags(w *wire, m *meaning, messages []message) {
	f := uint16(w.look.flags)
	data := lastData(messages)
	switch {
	case f&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK && w.dir == ToClient:
		w.begin(false)
		w.segment(ToServer, packet.SYN, nil)
	case m.flow["established"] && !m.closed || w.dir == ToClient:
		w.begin(true)
	default:
		w.begin(false)
	}
	w.segment(w.dir, f, data)
	if m.probe() != "" {
		w.segment(w.dir, packet.ACK, nil)
	}
}

func (g *Generator) sendUDP(w *wire, m *meaning, messages []message) {
	if len(messages) == 0 {
		messages = []message{{m.dir, []byte("nothing in particular")}}
		if m.wrongDir {
			messages[0].dir = m.dir.other()
		}
	}
	first := messages[0].dir
	if m.flow["established"] && !m.closed && m.app == "dns" && first == ToServer {
		t := &talk{}
		opening(t, "dns", g.rng)
		messages = append(t.messages, messages...)
	} else if m.flow["established"] && !m.closed && (len(messages) == 1 || first == ToClient) {
		w.udp(ToServer, []byte("first"))
		w.udp(ToClient, []byte("second"))
	} else if first == ToClient && (m.flow["to_client"] || m.flow["from_server"]) {
		w.udp(ToServer, []byte("first"))
	}
	for _, x := range messages {
		w.udp(x.dir, x.data)
	}
	if m.probe() != "" {
		w.udp(w.dir, []byte("one more"))
	}
}
