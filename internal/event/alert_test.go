package event

import (
	"encoding/json"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

// spoken is a record of a protocol, as it stands in an alert.
type spoken struct{ head Head }

func (s *spoken) Head() *Head { return &s.head }

func (s *spoken) AppendEVE(dst []byte, c *EVE) []byte {
	if c.DNS.NoRequests {
		return dst
	}
	dst = AppendEVEHead(dst, &s.head, "dns", packet.ToServer, c)
	dst = append(dst, `,"dns":{"version":3,"type":"request","tx_id":4,"id":1,"queries":[{"rrname":"a\"}],b","rrtype":"A"}]}`...)
	return AppendEVETail(dst, &s.head, c)
}

func rich() *Alert {
	h := Head{FlowID: 7, Proto: packet.ProtoUDP, Seen: packet.Ref{Frame: 2, Time: second(0)}, Client: End{packet.MustAddr("10.0.0.1"), 4000},
		Server: End{packet.MustAddr("10.0.0.53"), 53}, SrcMAC: packet.MAC{2, 0, 0, 0, 0, 1}, DstMAC: packet.MAC{2, 0, 0, 0, 0, 2}, Via: packet.ViaGRE}
	a := NewAlert(h, &RuleInfo{GID: 1, SID: 9, Rev: 2, Action: "allowed", Msg: "m", Severity: 3, References: []string{"http://x/"}, Text: "alert …",
		Metadata: []RuleMeta{{"policy", []string{"a", "b"}}}, Target: SourceIsHit})
	a.Said, a.Flow, a.AppProto, a.Bits = &spoken{head: h}, &AlertFlow{Start: second(0)}, "dns", []string{"x"}
	a.Payload, a.Frame, a.Link = []byte("ab\"\\\r\n\x00\xff"), []byte{1, 2, 3}, packet.LinkEthernet
	return a
}

func TestAlertRecord(t *testing.T) {
	const begin = `{"timestamp":"2004-11-09T11:33:20.000000+0000","flow_id":7,"pcap_cnt":2,"event_type":"alert","src_ip":"10.0.0.1","src_port":4000,` +
		`"dest_ip":"10.0.0.53","dest_port":53,"proto":"UDP","ip_v":4,"pkt_src":"gre tunnel",`
	const alert = `"alert":{"action":"allowed","gid":1,"signature_id":9,"rev":2,"signature":"m","category":"","severity":3,` +
		`"source":{"ip":"10.0.0.53","port":53},"target":{"ip":"10.0.0.1","port":4000}`
	const dns = `"dns":{"version":3,"type":"request","tx_id":4,"id":1,"queries":[{"rrname":"a\"}],b","rrtype":"A"}]},"app_proto":"dns","direction":"to_server",`
	const flow = `"flow":{"pkts_toserver":0,"pkts_toclient":0,"bytes_toserver":0,"bytes_toclient":0,"start":"2004-11-09T11:33:20.000000+0000",` +
		`"src_ip":"10.0.0.1","dest_ip":"10.0.0.53","src_port":4000,"dest_port":53}`
	const id = `"community_id":"1:2thov5GA0GNJ2+LeKpy1xnIPDfg="}`
	for _, r := range []struct {
		name string
		c    EVE
		want string
	}{
		{"as usual", EVE{}, begin + `"tx_id":4,` + alert + `,"metadata":{"policy":["a","b"]}},` + dns + flow + `,"metadata":{"flowbits":["x"]},` + id},
		{"the protocol's own records are off", EVE{DNS: DNSParts{NoRequests: true}}, begin + `"tx_id":4,` + alert + `,"metadata":{"policy":["a","b"]}},` + dns + flow +
			`,"metadata":{"flowbits":["x"]},` + id},
		{"everything", EVE{Ethernet: true, Alert: AlertParts{Payload: true, PayloadPrintable: true, PayloadLength: true, Packet: true, References: true, RuleText: true, Verdict: true}},
			begin + `"ether":{"src_mac":"02:00:00:00:00:01","dest_mac":"02:00:00:00:00:02"},"tx_id":4,` + alert +
				`,"metadata":{"policy":["a","b"]},"references":["http://x/"],"rule":"alert …"},` + dns + flow +
				`,"payload":"YWIiXA0KAP8=","payload_printable":"ab\"\\\r\n..","payload_length":8,"stream":0,"packet":"AQID",` +
				`"packet_info":{"linktype":1,"linktype_name":"EN10MB"},"metadata":{"flowbits":["x"]},"verdict":{"action":"alert"},` + id},
		{"nothing", EVE{Alert: AlertParts{NoApp: true, NoFlow: true, NoMetadata: true, NoVars: true}}, begin + alert + `},"app_proto":"dns","direction":"to_server",` + id},
		{"short payload", EVE{Alert: AlertParts{NoApp: true, NoFlow: true, NoMetadata: true, NoVars: true, Payload: true, PayloadMost: 2}},
			begin + alert + `},"app_proto":"dns","direction":"to_server","payload":"YWI=","stream":0,` + id},
	} {
		got := string(rich().AppendEVE(nil, &r.c))
		if got != r.want {
			t.Errorf("%s:\n got %s\nwant %s", r.name, got, r.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s: no JSON", r.name)
		}
	}
	a := rich()
	a.Stream = true
	got := string(a.AppendEVE(nil, &EVE{Alert: AlertParts{Packet: true}}))
	for _, want := range []string{`"tx_id":4,"tx_guessed":true,`, `"stream":1,`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	a.Tx, a.InTx, a.App = 3, true, []byte(`"ssh":{"client":{}}`)
	got = string(a.AppendEVE(nil, &EVE{}))
	if !strings.Contains(got, `"tx_id":3,"alert":`) || !strings.Contains(got, `},"ssh":{"client":{}},"app_proto"`) || strings.Contains(got, `"dns":`) {
		t.Errorf("what the rule looked at does not come first: %s", got)
	}
}

// FuzzMembers: whatever the bytes are, members lie in them; of JSON, all of them are found.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":"\"},","b":[{"c":[]}],"d":{}}`, `{"a`, `{"a":"\`, ``, `x`, `{"a":}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		eachMember(b, func(key, value []byte) { n += len(key) + len(value) })
		if n > len(b) {
			t.Errorf("members of %d bytes in %d", n, len(b))
		}
		var m map[string]json.RawMessage
		if json.Unmarshal(b, &m) != nil {
			return
		}
		out, err := json.Marshal(m) // without blanks, as records are
		if err != nil {
			return
		}
		seen := 0
		eachMember(out, func([]byte, []byte) { seen++ })
		for k := range m {
			if q, _ := json.Marshal(k); string(q) != `"`+k+`"` {
				return // keys of records need no escapes
			}
		}
		if seen != len(m) {
			t.Errorf("%d of %d members of %s", seen, len(m), out)
		}
	})
}
