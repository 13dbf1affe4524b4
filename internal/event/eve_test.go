package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"firestorm/internal/packet"
)

func second(s float64) packet.Time { return 1_100_000_000_000_000_000 + packet.Time(s*1e9) }

func ended() *Flow {
	f := NewFlow(Head{
		FlowID: 7, Proto: packet.ProtoTCP, Seen: packet.Ref{Frame: 13, Time: second(0.34)},
		Client: End{packet.MustAddr("192.168.0.1"), 2268}, Server: End{packet.MustAddr("10.0.0.254"), 80},
		NVLAN: 1, VLANs: [3]uint16{20},
	})
	f.What, f.State, f.End = Ended, StateTimeWait, EndClosed
	f.Start, f.Last = packet.Ref{Frame: 1, Time: second(0)}, f.head.Seen
	f.Sides[packet.ToServer] = NewSide(Side{Packets: 7, Bytes: 700, Flags: packet.SYN | packet.ACK | packet.FIN})
	f.Sides[packet.ToClient] = NewSide(Side{Packets: 6, Bytes: 2600, Flags: packet.SYN | packet.ACK | packet.FIN | packet.PSH})
	return f
}

func TestAppendEVE(t *testing.T) {
	file := func(uint16) string { return "problem.pcap" }
	started := ended()
	started.What = Started
	udp := NewFlow(Head{FlowID: 9, Proto: packet.ProtoUDP, Seen: packet.Ref{Frame: 2, Time: -1},
		Client: End{packet.MustAddr("2001:db8::1"), 5353}, Server: End{packet.MustAddr("ff02::fb"), 5353}})
	udp.What, udp.End, udp.Start, udp.Last = Ended, EndInput, udp.head.Seen, udp.head.Seen
	udp.Sides[0].Packets, udp.Alerted, udp.AppProto = 1, true, "dns"
	odd := NewAnomaly(ended().head)
	odd.Code, _ = packet.ParseAnomaly("decoder.ipv4.trunc_pkt")
	odd.Dir = packet.ToClient
	ping0, _ := packet.ParseAnomaly("decoder.icmpv4.pkt_too_small")
	arp := NewARP(Head{Seen: packet.Ref{Frame: 4, Time: second(1)}})
	arp.Op, arp.SenderMAC, arp.SenderIP = 2, packet.MAC{2, 0, 0, 0, 0, 1}, packet.MustAddr("10.0.0.1")
	ping := NewAnomaly(Head{FlowID: 3, Proto: packet.ProtoICMP, Seen: packet.Ref{Frame: 5, Time: second(2)},
		Client: End{packet.MustAddr("192.168.0.89"), 77}, Server: End{packet.MustAddr("192.168.0.1"), 77}, ICMPType: 8, ICMPKnown: true})
	other := NewAnomaly(Head{FlowID: 1<<63 + 5, Proto: packet.ProtoICMP, Seen: packet.Ref{Frame: 5, Time: second(2)},
		Client: End{packet.MustAddr("192.168.0.89"), 77}, Server: End{packet.MustAddr("192.168.0.1"), 77}})
	other.Code = ping0
	ping.Code = ping0
	for _, r := range []struct {
		name string
		e    Event
		want string
	}{
		{"a flow that goes on", started, ``},
		{"icmp error", NewICMPError(Head{}), ``},
		{"tcp flow", ended(), `{"timestamp":"2004-11-09T11:33:20.340000+0000","flow_id":7,"event_type":"flow","vlan":[20],` +
			`"src_ip":"192.168.0.1","src_port":2268,"dest_ip":"10.0.0.254","dest_port":80,"proto":"TCP","ip_v":4,` +
			`"flow":{"pkts_toserver":7,"pkts_toclient":6,"bytes_toserver":700,"bytes_toclient":2600,` +
			`"start":"2004-11-09T11:33:20.000000+0000","end":"2004-11-09T11:33:20.340000+0000","age":0,"state":"closed",` +
			`"reason":"timeout","alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"13","tcp_flags_tc":"1b","syn":true,` +
			`"fin":true,"psh":true,"ack":true,"state":"time_wait"},"community_id":"1:+++","pcap_filename":"problem.pcap"}`},
		{"udp flow before 1970", udp, `{"timestamp":"1969-12-31T23:59:59.999999+0000","flow_id":9,"event_type":"flow",` +
			`"src_ip":"2001:db8::1","src_port":5353,"dest_ip":"ff02::fb","dest_port":5353,"proto":"UDP","ip_v":6,"app_proto":"dns",` +
			`"flow":{"pkts_toserver":1,"pkts_toclient":0,"bytes_toserver":0,"bytes_toclient":0,` +
			`"start":"1969-12-31T23:59:59.999999+0000","end":"1969-12-31T23:59:59.999999+0000","age":0,"state":"new",` +
			`"reason":"shutdown","alerted":true},"community_id":"1:+++","pcap_filename":"problem.pcap"}`},
		{"anomaly of an answer", odd, `{"timestamp":"2004-11-09T11:33:20.340000+0000","flow_id":7,"pcap_cnt":13,` +
			`"event_type":"anomaly","vlan":[20],"src_ip":"10.0.0.254","src_port":80,"dest_ip":"192.168.0.1","dest_port":2268,` +
			`"proto":"TCP","ip_v":4,"pkt_src":"wire/pcap","anomaly":{"type":"decode","event":"decoder.ipv4.trunc_pkt"},"community_id":"1:+++",` +
			`"pcap_filename":"problem.pcap"}`},
		{"arp", arp, `{"timestamp":"2004-11-09T11:33:21.000000+0000","pcap_cnt":4,"event_type":"arp","arp":{"hw_type":"ethernet",` +
			`"proto_type":"ipv4","opcode":"reply","src_mac":"02:00:00:00:00:01","src_ip":"10.0.0.1",` +
			`"dest_mac":"00:00:00:00:00:00","dest_ip":"0.0.0.0"},"pcap_filename":"problem.pcap"}`},
		{"icmp", ping, `{"timestamp":"2004-11-09T11:33:22.000000+0000","flow_id":3,"pcap_cnt":5,"event_type":"anomaly",` +
			`"src_ip":"192.168.0.89","dest_ip":"192.168.0.1","proto":"ICMP","ip_v":4,"icmp_type":8,"icmp_code":0,"pkt_src":"wire/pcap",` +
			`"anomaly":{"type":"decode","event":"decoder.icmpv4.pkt_too_small"},` +
			`"community_id":"1:X0snYXpgwiv9TZtqg64sgzUn6Dk=","pcap_filename":"problem.pcap"}`},
		{"icmp of unknown type", other, `{"timestamp":"2004-11-09T11:33:22.000000+0000","flow_id":5,"pcap_cnt":5,"event_type":"anomaly",` +
			`"src_ip":"192.168.0.89","dest_ip":"192.168.0.1","proto":"ICMP","ip_v":4,"pkt_src":"wire/pcap",` +
			`"anomaly":{"type":"decode","event":"decoder.icmpv4.pkt_too_small"},"pcap_filename":"problem.pcap"}`},
	} {
		got := string(r.e.AppendEVE(nil, &EVE{Version: 8, File: file}))
		want := r.want
		if i := strings.Index(got, `"community_id":"`); i >= 0 { // the value has a test of its own
			i += len(`"community_id":"`)
			want = strings.Replace(want, "1:+++", got[i:i+30], 1)
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", r.name, got, want)
		}
		if got != "" && !json.Valid([]byte(got)) {
			t.Errorf("%s: not JSON", r.name)
		}
	}
}

func TestAppendEVEAllocates(t *testing.T) {
	f, c, buf := ended(), &EVE{File: func(uint16) string { return "a.pcap" }}, make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = f.AppendEVE(buf[:0], c) }); n > 0 {
		t.Errorf("%v allocations for a flow record", n)
	}
}

func FuzzAppendJSONString(f *testing.F) {
	for _, s := range []string{"", "plain", "q\"b\\", "\x1b[31mred\x00", "a\u202eb\u200bc", "\xff\xfe", "\U000e0041", "é日\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendJSONString(nil, s)
		var back string
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if utf8.ValidString(s) && back != s {
			t.Fatalf("%q came back as %q", s, back)
		}
		for _, r := range string(b) {
			if Unprintable(r) {
				t.Fatalf("%q holds %U", b, r)
			}
		}
	})
}
