package doctor

import (
	"time"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// Hosts of the known traffic: addresses for documentation (RFC 5737, RFC 3849), which no network has, and cards of our
// own that no maker has.
const (
	injectClient, injectServer   = "192.0.2.10", "198.51.100.20"
	injectClient6, injectServer6 = "2001:db8:1::10", "2001:db8:2::20"
	injectShared                 = "192.0.2.30" // two machines claim it

	cardClient, cardServer, cardOne, cardTwo = "02:46:53:00:00:10", "02:46:53:00:00:20", "02:46:53:00:00:31", "02:46:53:00:00:32"
)

// InjectFilter takes the known traffic and no other, in libpcap's language.
const InjectFilter = "ether src " + cardClient + " or ether src " + cardServer + " or ether src " + cardOne + " or ether src " + cardTwo

// InjectMarker is in the known traffic, for a rule to find.
const InjectMarker = "firestorm-doctor-known-traffic"

// InjectSID is the rule that finds it, of those for local use.
const InjectSID = 1999999

// InjectRule is that rule.
const InjectRule = `alert tcp any any -> any any (msg:"known traffic of firestorm doctor"; flow:established,to_server; content:"` + InjectMarker + `"; sid:1999999; rev:1;)` + "\n"

// Known is a fault in the known traffic, by the code of its finding.
type Known struct {
	Code string
	What string // that was made
}

// KnownFaults are the faults in the known traffic. Each is found by another part of the engine: below IP, from the states of
// connections, and from what a protocol says over IPv6.
var KnownFaults = []Known{
	{"arp-ip-conflict", "two machines answer for " + injectShared},
	{"tcp-closed-port", "three connections to port 81 of " + injectServer + " are refused"},
	{"policy-plaintext-login", "an FTP login in clear text at " + injectServer6},
}

// ttlOne makes frames that no router passes on.
var ttlOne = packettest.IP{TTL: 1}

// Timed is a frame, and how long to wait before it goes out.
type Timed struct {
	Wait time.Duration
	Data []byte
}

// Waits. A refusal must not come sooner than half of what the server's other answers take, or it looks as if something
// nearer had refused in its name: answers follow at once, refusals late, and a busy machine cannot turn that round.
const (
	lateAnswer = 20 * time.Millisecond
	pause      = 2 * time.Millisecond // between exchanges: order is the order of time
)

// talk writes the frames of TCP connections.
type talk struct {
	client, server     string // with ports
	seq, ack           uint32 // of the client
	frames             []Timed
	toServer, toClient packettest.Link
}

func newTalk(client, server string, seq uint32) *talk {
	return &talk{client: client, server: server, seq: seq, ack: seq + 7000,
		toServer: packettest.Link{SrcMAC: cardClient, DstMAC: cardServer}, toClient: packettest.Link{SrcMAC: cardServer, DstMAC: cardClient}}
}

func (t *talk) up(flags uint16, payload string, mss uint16) {
	f := packettest.TCP{Src: t.client, Dst: t.server, Seq: t.seq, Ack: t.ack, Flags: flags, Payload: payload, MSS: mss, Link: t.toServer, IP: ttlOne}
	if flags&packet.ACK == 0 {
		f.Ack = 0
	}
	t.frames = append(t.frames, Timed{pause, f.Frame()})
	t.seq += uint32(len(payload))
	if flags&(packet.SYN|packet.FIN) != 0 {
		t.seq++
	}
}

func (t *talk) down(flags uint16, payload string, mss uint16) {
	wait := time.Duration(0)
	if flags&packet.RST != 0 {
		wait = lateAnswer
	}
	t.frames = append(t.frames, Timed{wait, packettest.TCP{Src: t.server, Dst: t.client, Seq: t.ack, Ack: t.seq, Flags: flags, Payload: payload, MSS: mss, Link: t.toClient, IP: ttlOne}.Frame()})
	t.ack += uint32(len(payload))
	if flags&(packet.SYN|packet.FIN) != 0 {
		t.ack++
	}
}

// open is the handshake.
func (t *talk) open() {
	t.up(packet.SYN, "", 1440)
	t.down(packet.SYN|packet.ACK, "", 1440)
	t.up(packet.ACK, "", 0)
}

// say sends data one way and has it acknowledged.
func (t *talk) say(up bool, payload string) {
	if up {
		t.up(packet.PSH|packet.ACK, payload, 0)
		t.down(packet.ACK, "", 0)
		return
	}
	t.down(packet.PSH|packet.ACK, payload, 0)
	t.up(packet.ACK, "", 0)
}

// end closes the connection in order.
func (t *talk) end() {
	t.up(packet.FIN|packet.ACK, "", 0)
	t.down(packet.FIN|packet.ACK, "", 0)
	t.up(packet.ACK, "", 0)
}

// KnownFrames is the known traffic, in order. n tells the runs of one hour apart: ports and sequence numbers differ, so
// that no run looks like a repetition of another.
func KnownFrames(n uint16) (out []Timed) {
	port := func(base int) string { return itoa(base + int(n%1000)) }
	// What works, as the control group: without it a refusal could be anybody's.
	web := newTalk(injectClient+":"+port(40000), injectServer+":80", 1000+uint32(n)<<8)
	web.open()
	web.say(true, "GET /"+InjectMarker+" HTTP/1.1\r\nHost: doctor.example\r\nUser-Agent: firestorm-doctor\r\nAccept: text/html\r\n\r\n")
	web.say(false, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n")
	web.end()
	out = append(out, web.frames...)
	// tcp-closed-port
	for i := range 3 {
		t := newTalk(injectClient+":"+port(42000+2000*i), injectServer+":81", 5000+uint32(n)<<8+uint32(i))
		t.up(packet.SYN, "", 1440)
		t.ack = 0
		t.down(packet.RST|packet.ACK, "", 0)
		out = append(out, t.frames...)
	}
	// arp-ip-conflict: a question, and two who answer, three times.
	for range 3 {
		ask := packettest.ARP{SenderMAC: cardClient, SenderIP: injectClient, TargetIP: injectShared}
		out = append(out, Timed{pause, ask.Frame()})
		for _, card := range []string{cardOne, cardTwo} {
			out = append(out, Timed{pause, packettest.ARP{Op: 2, SenderMAC: card, SenderIP: injectShared, TargetMAC: cardClient, TargetIP: injectClient}.Frame()})
		}
	}
	// policy-plaintext-login
	ftp := newTalk("["+injectClient6+"]:"+port(48000), "["+injectServer6+"]:21", 9000+uint32(n)<<8)
	ftp.open()
	ftp.say(false, "220 ready\r\n")
	ftp.say(true, "USER doctor\r\n")
	ftp.say(false, "331 password\r\n")
	ftp.say(true, "PASS known-traffic\r\n")
	ftp.say(false, "230 in\r\n")
	ftp.say(true, "QUIT\r\n")
	ftp.say(false, "221 bye\r\n")
	ftp.end()
	return append(out, ftp.frames...)
}

// OfKnownTraffic reports that a finding between two hosts is of the known traffic.
func OfKnownTraffic(a, b packet.Addr) bool {
	for _, x := range []string{injectClient, injectServer, injectClient6, injectServer6, injectShared} {
		if h := packet.MustAddr(x); a == h || b == h {
			return true
		}
	}
	return false
}
