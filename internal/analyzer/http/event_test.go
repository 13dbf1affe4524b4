package http

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func valid(s *jsonschema.Schema, line string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func sample() *Transaction {
	return &Transaction{
		head: event.Head{Kind: 40, Proto: packet.ProtoTCP, FlowID: 7, Seen: packet.Ref{Frame: 9, Time: t0},
			Client: event.End{Addr: packet.MustAddr("10.0.0.1"), Port: 5000}, Server: event.End{Addr: packet.MustAddr("10.0.0.2"), Port: 80}},
		Method: "GET", URI: "/a\"\x1b", Host: "shop.example:8080", Version: "HTTP/1.1", UserAgent: "curl/8", Referer: "http://r/", Status: 302, Location: "/b",
		ContentType: "text/html; charset=x", ContentRange: "bytes 0-1/2", ForwardedFor: "192.0.2.1", ResponseN: 12, Number: 3, Request: packet.Ref{Frame: 4},
	}
}

func TestAppendEVE(t *testing.T) {
	c := &event.EVE{Version: 8, File: func(uint16) string { return "a.pcap" }}
	want := `{"timestamp":"2023-11-14T22:13:20.000000+0000","flow_id":7,"pcap_cnt":9,"event_type":"http","src_ip":"10.0.0.1","src_port":5000,` +
		`"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP","ip_v":4,"pkt_src":"wire/pcap","tx_id":3,"http":{"hostname":"shop.example","http_port":8080,"url":"/a\"\u001b",` +
		`"http_user_agent":"curl/8","xff":"192.0.2.1","http_content_type":"text/html","content_range":{"raw":"bytes 0-1/2","start":0,"end":1,"size":2},"http_refer":"http://r/",` +
		`"http_method":"GET","protocol":"HTTP/1.1","status":302,"redirect":"/b","length":12},"community_id":"1:Y+qVzijKBt7HAK6JXInYMvYSEjo=","pcap_filename":"a.pcap"}`
	got := string(sample().AppendEVE(nil, c))
	if i, j := len(got)-75, len(want)-75; got[:i] != want[:j] {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	schema, err := jsonschema.NewCompiler().Compile("../../output/eve/testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Transaction{sample(), {}} {
		b := string(x.AppendEVE(nil, c))
		if err := valid(schema, b); err != nil {
			t.Errorf("%v\n%s", err, b)
		}
		if bad := strings.Replace(b, `"http":{`, `"http":{"x":1,`, 1); bad == b || valid(schema, bad) == nil {
			t.Errorf("the schema lets through: %s", bad)
		}
	}
	x, buf := sample(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = x.AppendEVE(buf[:0], c) }); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		change func(*Transaction)
		want   string
	}{
		{func(x *Transaction) {}, "shop.example"},
		{func(x *Transaction) { x.Host = "SHOP.example" }, "shop.example"},
		{func(x *Transaction) { x.Status = 404 }, ""},
		{func(x *Transaction) { x.Status = 0 }, ""},
		{func(x *Transaction) { x.Host = "192.0.2.1:80" }, ""},
		{func(x *Transaction) { x.Host = "[2001:db8::1]:80" }, ""},
		{func(x *Transaction) { x.Host = "" }, ""},
		{func(x *Transaction) { x.URI = "http://shop.example/" }, ""},
	} {
		x := sample()
		tc.change(x)
		got := ""
		x.EachName(func(n event.Name) {
			got = n.Name
			if n.From != event.NameHTTP || n.Addr != x.head.Server.Addr {
				t.Errorf("%+v", n)
			}
		})
		if got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
