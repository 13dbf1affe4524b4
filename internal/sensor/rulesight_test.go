package sensor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// sights collects what rules and their tags bring: "1@4" is sid 1 at frame 4, "tag@5" a kept packet, with what is shown of it.
type sights struct{ list []string }

func (s *sights) Event(e event.Event) error {
	switch x := e.(type) {
	case *event.Alert:
		s.list = append(s.list, fmt.Sprintf("%d@%d", x.Rule.SID, x.Head().Seen.Frame))
		if x.Stream && !x.InTx && len(x.Payload) > 0 {
			s.list[len(s.list)-1] += "=" + string(x.Payload)
		}
		if x.Link != packet.LinkEthernet && x.Frame != nil {
			s.list[len(s.list)-1] += "(no Ethernet)"
		}
	case *event.Tagged:
		s.list = append(s.list, fmt.Sprintf("tag@%d", x.Head().Seen.Frame))
	case *event.Anomaly:
		s.list = append(s.list, fmt.Sprintf("%s@%d", x.Code, x.Head().Seen.Frame))
	}
	return nil
}

// talk makes the frames of a connection: "> text" is data of the client, "< text" of the server, "ack" an empty segment of
// the server, "fin" the client's end. Each comes a second after the one before.
func talk(lines ...string) (frames [][]byte) {
	seq := [2]uint32{100, 900}
	send := func(d int, flags uint16, data string) {
		s := packettest.TCP{Src: "192.168.1.2:40000", Dst: "198.51.100.7:80", Seq: seq[d], Ack: seq[1-d], Flags: flags, Payload: data}
		if d == 1 {
			s.Src, s.Dst = s.Dst, s.Src
		}
		frames = append(frames, s.Frame())
		seq[d] += uint32(len(data))
	}
	send(0, packet.SYN, "")
	seq[0]++
	send(1, packet.SYN|packet.ACK, "")
	seq[1]++
	send(0, packet.ACK, "")
	for _, l := range lines {
		switch {
		case l == "ack":
			send(1, packet.ACK, "")
		case l == "fin":
			send(0, packet.FIN|packet.ACK, "")
		default:
			send(strings.IndexByte("><", l[0]), packet.PSH|packet.ACK, l[2:])
		}
	}
	return frames
}

// pieces are three pieces of a datagram, of which the last overlaps the first; with IPv4 it completes the datagram.
func pieces(src, dst string) (frames [][]byte) {
	whole := packettest.UDP{Src: src, Dst: dst, Payload: strings.Repeat("abcdefgh", 8)}.Datagram()
	long, short := packettest.Fragment(whole, 40, 7), packettest.Fragment(whole, 32, 7)
	for _, f := range [][]byte{long[0], short[2], short[1]} {
		frames = append(frames, packettest.Ethernet(f, packettest.Link{}))
	}
	return frames
}

// TestRuleSights: when rules see what, in the whole path of a packet.
func TestRuleSights(t *testing.T) {
	evil := `alert http any any -> any any (http.uri; content:"/evil"; sid:1;)`
	six, four := pieces("[2001:db8::1]:1000", "[2001:db8::2]:2000"), pieces("192.0.2.1:1000", "192.0.2.2:2000")
	with := func(src, dst string) []byte { return packettest.UDP{Src: src, Dst: dst, Payload: "x"}.Frame() }
	open := talk("> a")
	mixed := [][]byte{open[0], with("192.168.1.2:5000", "203.0.113.9:7"), with("198.51.100.7:5000", "203.0.113.9:7"), open[1], open[2], open[3]}
	for _, c := range []struct {
		name   string
		rules  []string
		frames [][]byte
		inline bool
		want   string
	}{
		{"a head that never ends", []string{evil, `alert http any any -> any any (http.header; content:"X-A"; sid:2;)`},
			talk("> GET /evil HTTP/1.1\r\nX-A: ", "ack"), false, "1@5 2@5"},
		{"its line is judged once", []string{evil, `alert http any any -> any any (http.header; content:"X-A"; sid:2;)`},
			talk("> GET /evil HTTP/1.1\r\nX-A: ", "ack", "> one\r\n\r\n", "ack", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false, "1@5 2@7"},
		{"no line yet", []string{evil}, talk("> GET /evil HT", "ack"), false, ""},
		{"nobody acknowledged", []string{evil}, talk("> GET /evil HTTP/1.1\r\n\r\n", "> GET /fine HTTP/1.1\r\n\r\n"), false, "1@5"},
		{"in the path of the packets", []string{evil}, talk("> GET /evil HTTP/1.1\r\n\r\n", "> GET /fine HTTP/1.1\r\n\r\n"), true, "1@4"},
		{"a hole waits in the path too", []string{evil}, slices.Delete(talk("> GET /evil", "> HTTP/1.1\r\n\r\n"), 3, 4), true, ""},
		{"a piece of IPv6 that overlaps", []string{`alert pkthdr any any -> any any (decode-event:ipv6.frag_overlap; sid:3;)`}, six, false, "3@3 decoder.ipv6.frag_overlap@3"},
		{"an odd piece without rules about it", []string{evil}, six, false, "decoder.ipv6.frag_overlap@3"},
		{"the piece that completes a datagram overlaps", []string{`alert pkthdr any any -> any any (decode-event:ipv4.frag_overlap; sid:3;)`}, four, false, "3@3(no Ethernet) decoder.ipv4.frag_overlap@3"},
		{"a frame with the next packet of its direction", []string{`alert http any any -> any any (frame:request; content:"/evil"; sid:1;)`},
			talk("> GET /evil HTTP/1.1\r\n\r\n", "ack", "ack", "> GET /fine HTTP/1.1\r\n\r\n"), false, "1@7"},
		{"a frame in the path", []string{`alert http any any -> any any (frame:request; content:"/evil"; sid:1;)`},
			talk("> GET /evil HTTP/1.1\r\n\r\n", "ack"), true, "1@4"},
		{"two packets more", []string{`alert tcp any any -> any any (flags:S; tag:session,3,packets; sid:4;)`}, talk("> a", "ack", "> b"), false, "4@1 tag@2 tag@3"},
		{"as many bytes more", []string{`alert tcp any any -> any any (flags:S; tag:session,180,bytes; sid:4;)`}, talk("> a", "ack", "> b"), false, "4@1 tag@2 tag@3"},
		{"a host's packets, with whomever", []string{`alert tcp any any -> any any (flags:S; tag:host,3,packets,src; sid:4;)`}, mixed, false, "4@1 tag@2 tag@4"},
		{"the other host's", []string{`alert tcp any any -> any any (flags:S; tag:host; sid:4;)`}, mixed, false, "4@1 tag@3 tag@4 tag@5 tag@6"},
		{"two hosts, each for itself", []string{`alert tcp any any -> any any (flags:S; tag:host,2,packets,src; tag:host,2,packets,dst; sid:4;)`}, mixed, false, "4@1 tag@2 tag@3"},
		{"a host for some seconds", []string{`alert tcp any any -> any any (flags:S; tag:host,3,seconds,src; sid:4;)`}, mixed, false, "4@1 tag@2 tag@4"},
		{"a host's bytes", []string{`alert tcp any any -> any any (flags:S; tag:host,100,bytes,src; sid:4;)`}, mixed, false, "4@1 tag@2"},
		{"a host and a connection", []string{`alert tcp any any -> any any (flags:S; tag:host,2,packets,src; tag:session; sid:4;)`}, mixed, false, "4@1 tag@2 tag@4 tag@5 tag@6"},
		{"no host of an alert that is kept back", []string{`alert tcp any any -> any any (flags:S; tag:host,3,packets,src; threshold:type threshold, track by_src, count 2, seconds 60; sid:4;)`}, mixed, false, ""},
		{"two seconds more", []string{`alert tcp any any -> any any (flags:S; tag:session,2,seconds; sid:4;)`}, talk("> a", "ack", "> b"), false, "4@1 tag@2 tag@3"},
		{"all of it", []string{`alert tcp any any -> any any (flags:S; tag:session; sid:4;)`}, talk("> a", "ack"), false, "4@1 tag@2 tag@3 tag@4 tag@5"},
		{"no tag without an alert", []string{`alert tcp any any -> any any (flags:S; tag:session; noalert; sid:4;)`}, talk("> a"), false, ""},
		{"the end of a stream of a protocol", []string{`alert http any any -> any any (flow:established,to_server; content:"HEAD"; sid:6;)`}, talk("> HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n", "ack"), false, "6@5=HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n"},
		{"a direction is asked of each packet", []string{`alert tcp any any -> any any (flow:to_server; sid:7;)`, `alert tcp any any -> any any (sid:8;)`}, talk("> a", "ack"), false, "7@1 8@1 8@2 7@3 7@4"},
		{"what was at the end of a stream", []string{`alert tcp-stream any any -> any any (content:"secr"; content:"et"; distance:0; sid:5;)`}, talk("> secr", "> et"), false, "5@5=secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var frames []capture.Frame
			for i, b := range c.frames {
				frames = append(frames, capture.Frame{Data: b, Time: packet.Time(1_700_000_000+i) * 1e9, Link: packet.LinkEthernet})
			}
			src := capture.NewMemory(frames)
			src.Poison = true
			s := &sights{}
			_, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 2, Rules: ruleSet(t, c.rules...), Analyzers: standard.Analyzers, WantAll: strings.Contains(c.want, "decoder."),
				StreamInline: c.inline, Sinks: []sensor.EventSink{s}, Alerts: event.AlertParts{Payload: true, Packet: true}})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(s.list, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
