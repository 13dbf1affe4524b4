package sensor_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/rules"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// framed is a conversation with what its frames are: "app.name<", their bytes, in the order in which they begin.
type framed struct {
	udp   bool
	port  string
	says  []string // "> text", "< text"
	wants [][2]string
}

// be is a number of so many bytes, the most significant first.
func be(bytes, n int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[len(b)-1-i] = byte(n >> (8 * i))
	}
	return string(b)
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

// framedTalks are conversations that have each frame that rules can name.
func framedTalks() []framed {
	request, response := "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	second := "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

	hello := "\x03\x03" + strings.Repeat("r", 32) + "\x00\x00\x02\x13\x01\x01\x00"
	hello = "\x01\x00" + be(2, len(hello)) + hello
	record := "\x16\x03\x01" + be(2, len(hello)) + hello
	alert, beat := "\x15\x03\x03\x00\x02\x02\x28", "\x18\x03\x03\x00\x04\x01\x00\x01x"
	old := "\x80\x1c\x01\x03\x01\x00\x03\x00\x00\x00\x10\x00\x00\x2f" + strings.Repeat("c", 16)

	nb := func(s string) string { return "\x00" + be(3, len(s)) + s }
	two := func(next int, body string) string {
		return "\xfeSMB\x40\x00" + zeros(6) + "\x0d\x00" + zeros(6) + string([]byte{byte(next), 0, 0, 0}) + zeros(40) + body
	}
	one, first, last := "\xffSMB\x2b"+zeros(27)+"\x00\x00\x00", two(72, "\x04\x00echo\x00\x00"), two(0, "\x04\x00again")
	sealed := "\xfdSMB" + zeros(48) + "secret"

	call := func(version, procedure int, args string) string {
		return "\x00\x00\x00" + string(rune('0'+version)) + be(4, 0) + be(4, 2) + be(4, 100003) + be(4, version) + be(4, procedure) + be(4, 0) + be(4, 4) + "cred" + zeros(8) + args
	}
	reply := func(version int, results string) string {
		return "\x00\x00\x00" + string(rune('0'+version)) + be(4, 1) + zeros(16) + results
	}
	marked := func(s string) string { return "\x80" + be(3, len(s)) + s }
	three, four := call(3, 1, be(4, 4)+"fhnd"), call(4, 1, zeros(8)+be(4, 1)+be(4, 24))
	answer3, answer4 := reply(3, be(4, 70)), reply(4, zeros(4)+be(4, 0)+be(4, 1))

	question := "\x12\x34\x01\x00\x00\x01" + zeros(6) + "\x03own\x04test\x00\x00\x01\x00\x01"

	line, headers, body := "INVITE sip:bob@example.org SIP/2.0\r\n", "Via: SIP/2.0/UDP a\r\nContent-Length: 4\r\n", "v=0\n"
	status, about := "SIP/2.0 200 OK\r\n", "Via: SIP/2.0/UDP a\r\nContent-Length: 4\r\n"

	kex := "\x14" + strings.Repeat("k", 40)
	ssh := be(4, 1+len(kex)+4) + "\x04" + kex + "pads"

	call5 := "\x05\x00\x00\x03\x10\x00\x00\x00" + "\x1e\x00" + "\x00\x00" + "\x01\x00\x00\x00" + "\x06\x00\x00\x00\x00\x00\x07\x00stub.."

	name := "own desk"
	initial := "\x04\x00\x03\x00" + "\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00" + zeros(3) + be(4, len(name)) + name

	settings := be(3, 6) + "\x04\x00" + zeros(4) + be(2, 3) + be(4, 100)
	connect, connack := "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04own1", "\x20\x02\x00\x00"
	bind, bound := "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"

	return []framed{
		{port: "80", says: []string{"> " + request, "< " + response, "> " + second},
			wants: [][2]string{{"http.request", request}, {"http.response", response}, {"http.request", second}, {"http.stream", request + second}}},
		{port: "443", says: []string{"> " + record, "< " + alert, "> " + beat},
			wants: [][2]string{{"tls.pdu", record}, {"tls.hdr", record[:5]}, {"tls.data", hello}, {"tls.pdu", alert}, {"tls.alert", alert[5:]},
				{"tls.heartbeat", beat[5:]}, {"tls.hdr", beat[:5]}}},
		{port: "443", says: []string{"> " + old}, wants: [][2]string{{"tls.ssl2.hdr", old[:2]}, {"tls.ssl2.pdu", old}}},
		{port: "445", says: []string{"> " + nb(one), "> " + nb(first+last), "> " + nb(sealed), "< " + nb(one)},
			wants: [][2]string{{"smb.nbss.pdu", nb(one)}, {"smb.nbss.hdr", nb(one)[:4]}, {"smb.nbss.data", one}, {"smb.nbss.data", first + last},
				{"smb.smb1.pdu", one}, {"smb.smb1.hdr", one[:32]}, {"smb.smb1.data", one[32:]}, {"smb.smb2.pdu", first}, {"smb.smb2.pdu", last}, {"smb.smb2.hdr", first[:64]},
				{"smb.smb2.data", first[64:]}, {"smb.smb2.data", last[64:]}, {"smb.smb3.pdu", sealed}, {"smb.smb3.hdr", sealed[:52]}, {"smb.smb3.data", "secret"}}},
		{port: "2049", says: []string{"> " + marked(three), "< " + marked(answer3), "> " + marked(four), "< " + marked(answer4)},
			wants: [][2]string{{"nfs.rpc.pdu", marked(three)}, {"nfs.rpc.creds", three[24:36]}, {"nfs.nfs.pdu", three[44:]}, {"nfs.rpc.hdr", marked(answer3)[:12]},
				{"nfs.rpc.data", answer3[8:]}, {"nfs.nfs.status", be(4, 70)}, {"nfs.nfs4.pdu", four[44:]}, {"nfs.nfs4.hdr", four[44:52]},
				{"nfs.nfs4.ops", four[52:]}, {"nfs.nfs4.status", zeros(4)}, {"nfs.nfs4.pdu", answer4[24:]}}},
		{udp: true, port: "2049", says: []string{"> " + three, "< " + answer3},
			wants: [][2]string{{"nfs.rpc.pdu", three}, {"nfs.rpc.creds", three[24:36]}, {"nfs.nfs.pdu", three[44:]}, {"nfs.rpc.hdr", answer3[:8]}, {"nfs.rpc.data", answer3[8:]}}},
		{port: "53", says: []string{"> " + be(2, len(question)) + question}, wants: [][2]string{{"dns.pdu", question}}},
		{udp: true, port: "53", says: []string{"> " + question}, wants: [][2]string{{"dns.pdu", question}}},
		{port: "5060", says: []string{"> " + line + headers + "\r\n" + body, "< " + status + about + "\r\nv=1\n"},
			wants: [][2]string{{"sip.pdu", line + headers + "\r\n" + body}, {"sip.request.line", line}, {"sip.request.headers", headers}, {"sip.request.body", body},
				{"sip.response.line", status}, {"sip.response.headers", about}, {"sip.response.body", "v=1\n"}}},
		{udp: true, port: "5060", says: []string{"> " + line + headers + "\r\n" + body}, wants: [][2]string{{"sip.pdu", line + headers + "\r\n" + body}, {"sip.request.body", body}}},
		{port: "25", says: []string{"< 220 own ESMTP\r\n", "> HELO own\r\n", "< 250 own\r\n", "> MAIL FROM:<a@own>\r\n", "< 250 ok\r\n", "> RCPT TO:<b@own>\r\n", "< 250 ok\r\n", "> DATA\r\n",
			"< 354 go\r\n", "> Subject: x\r\n\r\nbody\r\n.\r\n", "< 250 taken\r\n", "> QUIT\r\n"},
			wants: [][2]string{{"smtp.response_line", "220 own ESMTP"}, {"smtp.command_line", "HELO own"}, {"smtp.command_line", "QUIT"}, {"smtp.data", "Subject: x\r\n\r\nbody\r\n.\r\n"}}},
		{port: "22", says: []string{"< SSH-2.0-a\r\n", "> SSH-2.0-b\r\n", "> " + ssh},
			wants: [][2]string{{"ssh.record.hdr", ssh[:6]}, {"ssh.record.data", ssh[6:]}, {"ssh.record.pdu", ssh}}},
		{port: "135", says: []string{"> " + call5}, wants: [][2]string{{"dcerpc.pdu", call5}, {"dcerpc.hdr", call5[:16]}, {"dcerpc.data", call5[16:]}}},
		{port: "5900", says: []string{"< RFB 003.008\n", "> RFB 003.008\n", "< \x01\x01", "> \x01", "< \x00\x00\x00\x00", "> \x01", "< " + initial},
			wants: [][2]string{{"rfb.pdu", "RFB 003.008\n"}, {"rfb.pdu", "\x01\x01"}, {"rfb.pdu", initial}}},
		{port: "80", says: []string{"> PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings, "< " + settings},
			wants: [][2]string{{"http2.pdu", settings}, {"http2.hdr", settings[:9]}, {"http2.data", settings[9:]}}},
		{port: "1883", says: []string{"> " + connect, "< " + connack},
			wants: [][2]string{{"mqtt.pdu", connect}, {"mqtt.header", connect[:2]}, {"mqtt.data", connect[2:]}, {"mqtt.pdu", connack}}},
		{port: "389", says: []string{"> " + bind, "< " + bound}, wants: [][2]string{{"ldap.pdu", bind}, {"ldap.pdu", bound}}},
		{port: "23", says: []string{"< \xff\xfd\x18\xff\xfb\x01login: ", "> \xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0bob\r\n", "< \r\n"},
			wants: [][2]string{{"telnet.ctl", "\xff\xfd\x18"}, {"telnet.pdu", "\xff\xfa\x18\x00xterm\xff\xf0"}, {"telnet.data", "bob\r\n"}, {"telnet.data", "login: \r\n"}}},
	}
}

// carry makes the frames of what is said in segments of at most cut bytes, with an acknowledgement of the other side behind each.
func (x *framed) carry(cut int) (frames []capture.Frame) {
	add := func(b []byte) {
		frames = append(frames, capture.Frame{Data: b, Time: packet.Time(1_700_000_000_000+len(frames)) * 1e6, Link: packet.LinkEthernet})
	}
	ends := [2]string{"192.168.1.2:40000", "198.51.100.7:" + x.port}
	if x.udp {
		for _, s := range x.says {
			d := strings.IndexByte("><", s[0])
			add(packettest.UDP{Src: ends[d], Dst: ends[1-d], Payload: s[2:]}.Frame())
		}
		return frames
	}
	seq := [2]uint32{100, 900}
	send := func(d int, flags uint16, data string) {
		add(packettest.TCP{Src: ends[d], Dst: ends[1-d], Seq: seq[d], Ack: seq[1-d], Flags: flags, Payload: data}.Frame())
		seq[d] += uint32(len(data))
	}
	send(0, packet.SYN, "")
	seq[0]++
	send(1, packet.SYN|packet.ACK, "")
	seq[1]++
	send(0, packet.ACK, "")
	for _, s := range x.says {
		d := strings.IndexByte("><", s[0])
		for rest := s[2:]; rest != ""; {
			n := min(cut, len(rest))
			send(d, packet.PSH|packet.ACK, rest[:n])
			send(1-d, packet.ACK, "")
			rest = rest[n:]
		}
	}
	for d := range 2 {
		send(d, packet.FIN|packet.ACK, "")
		seq[d]++
	}
	send(0, packet.ACK, "")
	return frames
}

// marks collects what alerts and records say of frames.
type marksSeen struct {
	alerts  []*event.Alert
	records []*event.Frame
}

func (s *marksSeen) Event(e event.Event) error {
	switch x := e.(type) {
	case *event.Alert:
		s.alerts = append(s.alerts, x)
	case *event.Frame:
		s.records = append(s.records, x)
	}
	return nil
}

func (x *framed) watch(t *testing.T, cut int, o sensor.Options) *marksSeen {
	t.Helper()
	src := capture.NewMemory(x.carry(cut))
	src.Poison = true
	s := &marksSeen{}
	o.Source, o.Workers, o.Analyzers, o.Sinks = src, 1, standard.Analyzers, []sensor.EventSink{s}
	if _, err := sensor.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFrames: each frame that rules can name is marked where it is, however the bytes come; a rule sees all of it and nothing else,
// and its record says so.
func TestFrames(t *testing.T) {
	covered := map[string]bool{}
	for _, x := range framedTalks() {
		var lines []string
		for i, w := range x.wants {
			covered[w[0]] = true
			bars := "|" + hex.EncodeToString([]byte(w[1])) + "|"
			lines = append(lines, fmt.Sprintf(`alert ip any any -> any any (frame:%s; content:"%s"; startswith; endswith; bsize:%d; sid:%d;)`, w[0], bars, len(w[1]), i+1))
			if x.udp {
				lines[i] = strings.Replace(lines[i], "alert ip", "alert udp", 1)
			} else {
				lines[i] = strings.Replace(lines[i], "alert ip", "alert tcp", 1)
			}
		}
		set := ruleSet(t, lines...)
		for _, cut := range []int{1, 7, 1400} {
			t.Run(fmt.Sprintf("%s/%v/%d", x.wants[0][0], x.udp, cut), func(t *testing.T) {
				s := x.watch(t, cut, sensor.Options{Rules: set, WantAll: true, FrameRecords: true})
				for i, w := range x.wants {
					_, name, _ := strings.Cut(w[0], ".")
					fits := func(f *event.FrameFacts) bool {
						return f != nil && f.Type == name && string(f.Payload) == w[1] && f.Length == uint64(len(w[1])) && f.Complete
					}
					if !slices.ContainsFunc(s.alerts, func(a *event.Alert) bool { return int(a.Rule.SID) == i+1 && fits(a.InFrame) }) {
						t.Errorf("no alert about %s %q", w[0], w[1])
					}
					if !slices.ContainsFunc(s.records, func(f *event.Frame) bool { return fits(&f.Facts) }) {
						t.Errorf("no record of %s %q", w[0], w[1])
					}
				}
				if t.Failed() {
					for _, f := range s.records {
						t.Logf("%s.%s at %d, %d bytes, %v: %q", f.App, f.Facts.Type, f.Facts.Offset, f.Facts.Length, f.Facts.Complete, f.Facts.Payload)
					}
				}
			})
		}
	}
	for _, name := range rules.FrameTypes() {
		if !covered[name] {
			t.Errorf("no conversation has %s", name)
		}
	}
}

// TestFramesUnasked: nobody who asks, no frames.
func TestFramesUnasked(t *testing.T) {
	x := framedTalks()[0]
	if s := x.watch(t, 1400, sensor.Options{WantAll: true, Rules: ruleSet(t, `alert http any any -> any any (http.uri; content:"/a"; sid:1;)`)}); len(s.records) > 0 || len(s.alerts) != 1 || s.alerts[0].InFrame != nil {
		t.Errorf("%d records, alerts %+v", len(s.records), s.alerts)
	}
}
