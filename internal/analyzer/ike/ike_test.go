package ike

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/esp"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// line is what a test compares of a message.
func line(e *Event) string {
	var n []string
	for _, x := range e.Notifies[:e.NNotify] {
		if x.Type < firstStatus {
			n = append(n, NotifyName(e.Major, x.Type))
		}
	}
	var s []string
	for _, x := range Suites(e.Major, e.Transforms) {
		s = append(s, x.String())
	}
	return strings.TrimRight(fmt.Sprintf("%s>%d v%d %s %d%s%s %s %s", e.Sender().Addr, e.Receiver().Port, e.Major, ExchangeName(e.Exchange), e.Length,
		map[bool]string{true: " enc"}[e.Encrypted], map[bool]string{true: " again"}[e.Before > 0], strings.Join(s, " "), strings.Join(n, " ")), " ")
}

// TestMessages: what tshark and the daemons' logs (truth.md) say of these captures.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		file string
		want []string
	}{
		{"ike-psk-v1/inside.pcap", []string{
			"10.1.0.11>500 v1 main mode 180 aes128-sha256-modp2048",
			"10.2.0.2>500 v1 main mode 160 aes128-sha256-modp2048",
			"10.1.0.11>500 v1 main mode 396", "10.2.0.2>500 v1 main mode 396",
			"10.1.0.11>4500 v1 main mode 108 enc", "10.2.0.2>500 v1 informational 92 enc", "10.1.0.11>4500 v1 main mode 108 enc again"}},
		{"ike-proposal-v1/inside.pcap", []string{"10.1.0.11>500 v1 main mode 180 aes256-sha256-modp2048", "10.2.0.2>500 v1 informational 56  NO_PROPOSAL_CHOSEN"}},
		{"ike-invalid-ke/inside.pcap", []string{
			"10.1.0.11>500 v2 IKE_SA_INIT 344 aes128-sha256-modp1024-modp2048", "10.2.0.2>500 v2 IKE_SA_INIT 38  INVALID_KE_PAYLOAD",
			"10.1.0.11>500 v2 IKE_SA_INIT 472 aes128-sha256-modp2048-modp1024", "10.2.0.2>500 v2 IKE_SA_INIT 472 aes128-sha256-modp2048",
			"10.1.0.11>4500 v2 IKE_AUTH 256 enc", "10.2.0.2>4500 v2 IKE_AUTH 224 enc"}},
		{"ike-sonicwall/inside.pcap", []string{"10.1.0.11>500 v1 main mode 176 3des-md5-modp1024", "10.2.0.2>500 v1 main mode 156 3des-md5-modp1024"}},
		{"ike-id-v1-aggressive/inside.pcap", []string{"10.1.0.11>500 v1 aggressive mode 493 aes128-sha256-modp2048", "10.2.0.2>500 v1 informational 56  AUTHENTICATION_FAILED"}},
	} {
		got := replay(t, c.file).messages()
		for i, w := range c.want {
			if i >= len(got) {
				t.Errorf("%s: only %d messages", c.file, len(got))
				break
			}
			if l := line(got[i]); l != w {
				t.Errorf("%s message %d:\n got %q\nwant %q", c.file, i+1, l, w)
			}
		}
	}
}

func TestDetails(t *testing.T) {
	m := replay(t, "ike-id-v1-aggressive/inside.pcap").messages()[0]
	if m.ID.Type != 2 || string(m.Bytes(m.ID.Text)) != "c.example" {
		t.Errorf("identity: %d %q", m.ID.Type, m.Bytes(m.ID.Text))
	}
	if m.KELen != 256 || m.NonceLen != 32 || m.NVendor != 5 {
		t.Errorf("key exchange %d, nonce %d, %d vendor ids", m.KELen, m.NonceLen, m.NVendor)
	}
	if v := fmt.Sprintf("%x", m.Bytes(m.Vendors[0])); v != "09002689dfd6b712" { // XAUTH
		t.Errorf("first vendor id %s", v)
	}
	f := replay(t, "ike-fragment-rfc7383/inside.pcap").messages()[2]
	if f.Fragment != 1 || f.Fragments != 2 || f.Fragmented {
		t.Errorf("IKE fragment: %d of %d", f.Fragment, f.Fragments)
	}
	w := replay(t, "ike-invalid-ke/inside.pcap").messages()[1]
	if n, ok := w.Notified(InvalidKEPayload); !ok || n.Value != 14 {
		t.Errorf("wanted group: %+v", n)
	}
}

// TestNAT: the daemons of the testbed claim a NAT of their own (a source hash that agrees with nothing), so that it is
// the hash of the receiver that tells a real one.
func TestNAT(t *testing.T) {
	for _, c := range []struct {
		file string
		init NATD
		resp NATD
	}{
		{"ike-natt/inside.pcap", NATD{true, false, true}, NATD{true, false, false}},
		{"ike-natt/outside.pcap", NATD{true, false, true}, NATD{true, false, true}},
		{"ike-v2/inside.pcap", NATD{true, false, true}, NATD{true, false, true}},
	} {
		m := replay(t, c.file).messages()
		if m[0].NAT != c.init || m[1].NAT != c.resp {
			t.Errorf("%s: %+v and %+v", c.file, m[0].NAT, m[1].NAT)
		}
	}
	// a sender without such a claim, in both versions
	h := header2(SAInit, flagInitiator, 0)
	h.InitSPI = 0x0102030405060708
	for _, major := range []uint8{1, 2} {
		b := natMessage(h, major, "10.0.0.1", 500, "10.0.0.2", 500)
		for _, seen := range []struct {
			from string
			want NATD
		}{{"10.0.0.1:500", NATD{true, true, true}}, {"192.0.2.1:500", NATD{true, false, true}}, {"10.0.0.1:501", NATD{true, false, true}}} {
			r := newRig(t, nil)
			r.give(packettest.UDP{Src: seen.from, Dst: "10.0.0.2:500", Payload: string(b)}.Packet())
			if got := r.messages(); len(got) != 1 || got[0].NAT != seen.want {
				t.Errorf("version %d from %s: %+v", major, seen.from, got)
			}
		}
	}
}

// TestOneFlowTwoProtocols: on port 4500 IKE, ESP and keepalives share the flow.
func TestOneFlowTwoProtocols(t *testing.T) {
	r := replay(t, "ike-v2/inside.pcap")
	spis, rekeys := map[uint32]bool{}, 0
	for _, e := range r.out {
		switch x := e.(type) {
		case *esp.Event:
			spis[x.SPI] = true
			if !x.UDP || x.Missing+x.Repeated+x.Late > 0 || x.FirstSeq != 1 {
				t.Errorf("association: %+v", x.Facts)
			}
		case *Event:
			if x.Exchange == CreateChildSA && x.Response() {
				rekeys++
			}
		}
	}
	if rekeys < 2 || len(spis) < 4 {
		t.Errorf("%d rekeys, %d associations", rekeys, len(spis))
	}
	r = newRig(t, nil)
	ike := append([]byte{0, 0, 0, 0}, header2(Informational2, flagInitiator, 0).bytes()...)
	for _, b := range [][]byte{{0xff}, ike, {0xff}, {0, 0, 1, 0, 0, 0, 0, 1, 9, 9, 9, 9}, ike, {1}, {0, 0, 0, 0, 1}} {
		r.give(packettest.UDP{Src: "10.0.0.1:4500", Dst: "10.0.0.2:4500", Payload: string(b)}.Packet())
	}
	m := r.messages()
	if len(m) != 2 || len(r.out) != 3 || m[0].Keepalives[0] != 0 || m[1].Keepalives[0] != 1 || !m[1].Marked || m[1].Before != 1 || m[1].First != m[0].Head().Seen {
		t.Errorf("%d messages, %d events: %+v", len(m), len(r.out), m)
	}
}

func TestProbe(t *testing.T) {
	good := header2(SAInit, flagInitiator, 0).bytes()
	change := func(at int, to byte) []byte { b := bytes.Clone(good); b[at] = to; return b }
	for _, c := range []struct {
		name string
		b    []byte
		want analyzer.Answer
	}{
		{"message", good, analyzer.Yes},
		{"behind the marker", append(make([]byte, 4), good...), analyzer.Yes},
		{"keepalive", []byte{0xff}, analyzer.More},
		{"version 3", change(17, 0x30), analyzer.No},
		{"exchange of version 1", change(18, MainMode), analyzer.No},
		{"unknown flag", change(19, 1), analyzer.No},
		{"no SPI", append(make([]byte, 8), good[8:]...), analyzer.No},
		{"longer than it says", append(bytes.Clone(good), 0), analyzer.No},
		{"short", good[:27], analyzer.No},
		{"nothing", nil, analyzer.No},
		{"ESP", []byte{1, 2, 3, 4, 0, 0, 0, 1, 5, 6, 7, 8}, analyzer.No},
	} {
		if got := Probe(packet.ToServer, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestHostileSizes: payloads and substructures that claim more or less than is there.
func TestHostileSizes(t *testing.T) {
	sa := func(b ...byte) []byte { return message1(payloadSA1, append([]byte{0, 0, 0, 1, 0, 0, 0, 1}, b...)) }
	for _, c := range []struct {
		name string
		b    []byte
		bad  bool
	}{
		{"empty SA", message1(payloadSA1, nil), true},
		{"SA without proposals", sa(), false},
		{"proposal longer than its payload", sa(0, 0, 0, 99, 1, 1, 0, 1), true},
		{"SPI longer than its proposal", sa(0, 0, 0, 8, 1, 1, 9, 1), true},
		{"transform of length 0", sa(0, 0, 0, 16, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0), true},
		{"attribute longer than its transform", sa(0, 0, 0, 20, 1, 1, 0, 1, 0, 0, 0, 12, 1, 1, 0, 0, 0, 12, 0, 9), true},
		{"notification with a long SPI", message1(payloadNotify1, []byte{0, 0, 0, 1, 1, 200, 0, 14}), true},
		{"notification", message1(payloadNotify1, []byte{0, 0, 0, 1, 1, 0, 0, 14}), false},
	} {
		var m Message
		if !m.Parse(c.b) || m.Malformed != c.bad {
			t.Errorf("%s: malformed %v", c.name, m.Malformed)
		}
	}
	many := message1(payloadVendor1, bytes.Repeat([]byte{7}, 900))
	for range 30 {
		many = chain1(many, payloadVendor1, bytes.Repeat([]byte{8}, 900))
	}
	var m Message
	if !m.Parse(many) || m.Left == 0 || len(m.Text) > maxText || m.NVendor > maxVendors || m.NPayload != maxPayloads {
		t.Errorf("31 vendor ids: %d kept, %d left out, %d bytes of text", m.NVendor, m.Left, len(m.Text))
	}
}

// TestCut: what a short snaplen leaves.
func TestCut(t *testing.T) {
	fs := frames(t, "ike-psk-v2/inside.pcap")
	r := newRig(t, nil)
	for i, f := range fs {
		f.WireLen = max(f.WireLen, uint32(len(f.Data)))
		f.Data = f.Data[:min(len(f.Data), 96)]
		r.give(decode(f, uint64(i+1)))
	}
	m := r.messages()
	if len(m) < 4 || !m[0].Cut || m[0].Malformed || m[3].Length != 80 || !m[3].Encrypted {
		t.Errorf("%d messages: %+v", len(m), m)
	}
}

// TestEVE holds every record against the closed schema.
func TestEVE(t *testing.T) {
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("eve.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("eve.json")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, file := range []string{"ike-psk-v1", "ike-psk-v1-aggressive", "ike-proposal-v1", "ike-proposal-v2", "ike-invalid-ke", "ike-sonicwall", "ike-fragment-rfc7383", "ike-scan"} {
		for _, e := range replay(t, file+"/inside.pcap").messages() {
			rec := e.AppendEVE(nil, &event.EVE{Version: 8})
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec))
			if err == nil {
				err = s.Validate(v)
			}
			if err != nil {
				t.Errorf("%s: %v\n%s", file, err, rec)
			}
			for _, k := range []string{`"proposals":[{"alg_enc":"EncAesCbc"`, `"role":"responder"`, `"alg_dh":"Modp2048"`, `"Notify","NoNextPayload"],"ikev2"`, `"notify":["NO_PROPOSAL_CHOSEN"]`, `"encrypted_payloads":true`,
				`"exchange_type_verbose":"Aggressive"`, `"vendor_ids":["09002689dfd6b712"`, `"alg_enc":"EncTripleDesCbc","alg_enc_raw":5`, `"errors":1`, `"direction":"to_client"`} {
				if bytes.Contains(rec, []byte(k)) {
					kinds[k]++
				}
			}
		}
	}
	if len(kinds) != 11 {
		t.Errorf("some parts were never written: %v", kinds)
	}
	var first map[string]any
	rec := replay(t, "ike-psk-v1/inside.pcap").messages()[0].AppendEVE(nil, &event.EVE{Version: 8})
	if err := json.Unmarshal(rec, &first); err != nil || first["event_type"] != "ike" {
		t.Errorf("%v: %s", err, rec)
	}
}

// TestRepeatedAttributes: lives in seconds and in kilobytes give one pair of keys, as JSON wants it.
func TestRepeatedAttributes(t *testing.T) {
	b := message1(payloadSA1, []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 36, 1, 1, 0, 1, 0, 0, 0, 28, 1, 1, 0, 0,
		0x80, 1, 0, 7, 0x80, 11, 0, 1, 0x80, 12, 14, 16, 0x80, 11, 0, 2, 0x80, 12, 3, 232})
	var m Message
	if !m.Parse(b) || m.Malformed || len(m.Transforms) != 5 {
		t.Fatalf("%+v", m)
	}
	rec := New(event.Head{}, packet.ToServer, m).AppendEVE(nil, &event.EVE{})
	if n := bytes.Count(rec, []byte(`"sa_life_duration_raw":`)); n != 1 || !bytes.Contains(rec, []byte(`"sa_life_duration_raw":3600`)) {
		t.Errorf("%s", rec)
	}
}

// TestRests: nothing is built when nobody wants it.
func TestRests(t *testing.T) {
	r := newRig(t, func(k string) bool { return k == esp.Kind })
	for i, f := range frames(t, "ike-v2/inside.pcap") {
		r.give(decode(f, uint64(i+1)))
	}
	if len(r.messages()) != 0 || len(r.out) == 0 {
		t.Errorf("%d messages, %d events", len(r.messages()), len(r.out))
	}
}

// TestAllocations: a message costs the event, its transforms and its text; a packet of ESP that tells nothing, nothing.
func TestAllocations(t *testing.T) {
	r := newRig(t, nil)
	fs := frames(t, "ike-psk-v2/inside.pcap")
	p := decode(fs[0], 1)
	r.out = make([]event.Event, 0, 4096)
	r.give(p)
	if n := testing.AllocsPerRun(200, func() { r.give(p) }); n > 3 {
		t.Errorf("%v allocations for a message", n)
	}
	var last *packet.Packet
	for i, f := range frames(t, "esp-one-way/outside.pcap") {
		last = decode(f, uint64(i+1))
		r.give(last)
	}
	if n := testing.AllocsPerRun(200, func() { r.give(last) }); n > 0 {
		t.Errorf("%v allocations for a packet of ESP", n)
	}
}

// TestManyPeers: ten thousand peers of one gateway cost little each, and what they leave is used again.
func TestManyPeers(t *testing.T) {
	const peers = 10_000
	r := newRig(t, nil)
	b := header2(SAInit, flagInitiator, 0).bytes()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range peers {
		r.give(packettest.UDP{Src: fmt.Sprintf("10.%d.%d.1:500", i>>8, i&255), Dst: "192.0.2.1:500", Payload: string(b)}.Packet())
		r.out = r.out[:0]
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if s := r.d.Stats(); s.Sessions != peers || s.Bound != peers {
		t.Errorf("%d sessions, %d bound", s.Sessions, s.Bound)
	}
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / peers; each > 3<<10 {
		t.Errorf("%d bytes for each peer, flow record and session included", each)
	}
}
