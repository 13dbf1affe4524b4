package ruletraffic

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// handmade is traffic for captures.rules that no capture of the repository has, frame by frame.
var handmade = map[string]func() [][]byte{"sip": sip, "rfb": rfb, "krb5": krb5, "mdns": mdns, "sums": sums, "tags": tags, "page": page}

// talking is a wire between two hosts that nothing is asked of.
func talking(port uint16) *wire {
	return &wire{look: look{flags: -1, bits: -1}, dir: ToServer,
		ends: ends{netip.MustParseAddrPort("192.168.7.2:40007"), netip.AddrPortFrom(netip.MustParseAddr("10.7.0.1"), port)}}
}

// datagrams turns lines "c text" and "s text" into frames of UDP.
func (w *wire) datagrams(lines ...string) [][]byte {
	for _, l := range lines {
		d := ToServer
		if l[0] == 's' {
			d = ToClient
		}
		w.udp(d, []byte(l[2:]))
	}
	return w.frames
}

// sip is a call that rings elsewhere (RFC 3261).
func sip() [][]byte {
	both := "Via: SIP/2.0/UDP 192.168.7.2;branch=z9hG4bK7\r\nFrom: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.net>\r\nCall-ID: 7@192.168.7.2\r\nCSeq: 1 INVITE\r\n"
	return talking(5060).datagrams(
		"c INVITE sip:b@example.net SIP/2.0\r\n"+both+"User-Agent: phone 7\r\nContent-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n",
		"s SIP/2.0 486 Busy Here\r\n"+both+"Content-Length: 0\r\n\r\n")
}

// rfb is a session of VNC up to the name of the desktop (RFC 6143).
func rfb() [][]byte {
	w := talking(5900)
	w.begin(true)
	say := func(d Dir, text string) { w.tcp([]message{{d, []byte(text)}}, func(*message) int { return 0 }) }
	say(ToClient, "RFB 003.008\n")
	say(ToServer, "RFB 003.008\n")
	say(ToClient, "\x01\x02")
	say(ToServer, "\x02")
	say(ToClient, "0123456789abcdef")
	say(ToServer, "fedcba9876543210")
	say(ToClient, "\x00\x00\x00\x00")
	say(ToServer, "\x01")
	say(ToClient, "\x04\x00\x03\x00"+"\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00"+"\x00\x00\x00\x06desk-7")
	w.end()
	return w.frames
}

// element is one element (X.690).
func element(tag byte, parts ...string) string {
	body := strings.Join(parts, "")
	if len(body) < 128 {
		return string([]byte{tag, byte(len(body))}) + body
	}
	return string([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}) + body
}

// krb5 is a client that asks for a ticket and gets one with RC4, and another that nobody knows (RFC 4120).
func krb5() [][]byte {
	number := func(n byte) string { return element(2, string([]byte{n})) }
	name := func(kind byte, parts ...string) string {
		var texts []string
		for _, p := range parts {
			texts = append(texts, element(0x1b, p))
		}
		return element(0x30, element(0xa0, number(kind)), element(0xa1, element(0x30, texts...)))
	}
	realm := element(0x1b, "EXAMPLE.ORG")
	service := name(2, "krbtgt", "EXAMPLE.ORG")
	sealed := element(0x30, element(0xa0, number(23)), element(0xa2, element(4, "sealed, nobody reads it")))
	ask := func(client string) string {
		return element(0x6a, element(0x30, element(0xa1, number(5)), element(0xa2, number(10)), element(0xa4, element(0x30, element(0xa0, "\x03\x05\x00\x40\x00\x00\x00"),
			element(0xa1, name(1, client)), element(0xa2, realm), element(0xa3, service), element(0xa5, element(0x18, "20370913024805Z")), element(0xa7, number(7)),
			element(0xa8, element(0x30, number(18), number(23)))))))
	}
	ticket := element(0x61, element(0x30, element(0xa0, number(5)), element(0xa1, realm), element(0xa2, service), element(0xa3, sealed)))
	given := element(0x6b, element(0x30, element(0xa0, number(5)), element(0xa1, number(11)), element(0xa3, realm), element(0xa4, name(1, "alice")), element(0xa5, ticket), element(0xa6, sealed)))
	unknown := element(0x7e, element(0x30, element(0xa0, number(5)), element(0xa1, number(30)), element(0xa4, element(0x18, "20260101000000Z")), element(0xa5, number(1)),
		element(0xa6, number(6)), element(0xa9, realm), element(0xaa, service)))
	first := talking(88).datagrams("c "+ask("alice"), "s "+given)
	w := talking(88)
	w.client = netip.MustParseAddrPort("192.168.7.3:40008")
	return append(first, w.datagrams("c "+ask("mallory"), "s "+unknown)...)
}

// mdns is a question with what the asker would say itself, and an answer with more than was asked (RFC 6762).
func mdns() [][]byte {
	record := func(name, addr string) string {
		return string(labels(nil, name)) + "\x00\x01\x00\x01\x00\x00\x00\x78\x00\x04" + addr
	}
	head := func(flags uint16, counts ...uint16) string {
		b := binary.BigEndian.AppendUint16([]byte{0, 0}, flags)
		for _, n := range counts {
			b = binary.BigEndian.AppendUint16(b, n)
		}
		return string(b)
	}
	frame := func(src, text string) []byte {
		return packettest.UDP{Src: src + ":5353", Dst: "224.0.0.251:5353", Payload: text, IP: packettest.IP{TTL: 255}}.Frame()
	}
	return [][]byte{
		frame("192.168.7.2", head(0, 1, 0, 1, 0)+string(labels(nil, "asked.local"))+"\x00\x01\x00\x01"+record("claimed.local", "\xc0\xa8\x07\x02")),
		frame("192.168.7.3", head(0x8400, 0, 1, 0, 1)+record("answered.local", "\xc0\xa8\x07\x03")+record("further.local", "\xc0\xa8\x07\x04")),
	}
}

// sums are packets of each kind, one with right sums and one with a wrong one.
func sums() (frames [][]byte) {
	for _, bad := range []bool{false, true} {
		ip := packettest.IP{ID: 100}
		if bad {
			ip.ID = 200
		}
		frames = append(frames,
			packettest.TCP{Src: "192.168.7.2:4001", Dst: "10.7.0.1:4001", Flags: packet.SYN, BadChecksum: bad, IP: ip}.Frame(),
			packettest.UDP{Src: "192.168.7.2:4002", Dst: "10.7.0.1:4002", Payload: "four", BadChecksum: bad, IP: ip}.Frame(),
			spoilt(bad, 36, packettest.ICMP{Src: "192.168.7.2", Dst: "10.7.0.1", Type: 8, Rest: 7 << 16, Payload: "four", IP: ip}.Frame()),
			packettest.TCP{Src: "[2001:db8:7::2]:4001", Dst: "[2001:db8:7::1]:4001", Flags: packet.SYN, BadChecksum: bad}.Frame(),
			packettest.UDP{Src: "[2001:db8:7::2]:4002", Dst: "[2001:db8:7::1]:4002", Payload: "six", BadChecksum: bad}.Frame(),
			spoilt(bad, 56, packettest.ICMP{Src: "2001:db8:7::2", Dst: "2001:db8:7::1", Type: 128, Rest: 7 << 16, Payload: "six"}.Frame()),
			spoilt(bad, 24, packettest.UDP{Src: "192.168.7.2:4003", Dst: "10.7.0.1:4003", Payload: "header", IP: ip}.Frame()))
	}
	return frames
}

// spoilt turns a byte of a frame.
func spoilt(bad bool, at int, frame []byte) []byte {
	if bad {
		frame[at] ^= 0x55
	}
	return frame
}

// tags are datagrams in no, one and two virtual networks.
func tags() (frames [][]byte) {
	for i, ids := range [][]uint16{nil, {7}, {7, 8}} {
		frames = append(frames, packettest.UDP{Src: fmt.Sprintf("192.168.7.2:400%d", i), Dst: "10.7.0.1:4001", Payload: "tagged", Link: packettest.Link{VLANs: ids}}.Frame())
	}
	return frames
}

// page is a page whose digests are known.
func page() [][]byte {
	w := talking(80)
	w.begin(true)
	w.tcp([]message{{ToServer, []byte("GET /a HTTP/1.1\r\nHost: a.example.org\r\n\r\n")},
		{ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nhello\n")},
		{ToServer, []byte("GET /b HTTP/1.1\r\nHost: a.example.org\r\n\r\n")},
		{ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nworld\n")}}, func(*message) int { return 0 })
	w.end()
	return w.frames
}
