package ike

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func TestParts(t *testing.T) {
	m := Message{Header: Header{InitSPI: 0x61d3693ce12af528, Major: 1, Exchange: 2}, KELen: 128, NonceLen: 20, NVendor: 1, Text: []byte("\xaf\xca")}
	m.Vendors[0] = Span{0, 2}
	m.Transforms = []Transform{{Num: 1, Type: TypeEncr, ID: 7, KeyBits: 256}, {Num: 1, Type: TypeHash, ID: 2}, {Num: 2, Type: TypeHash, ID: 1}}
	all := func(d packet.Dir) map[string][]string {
		got := map[string][]string{}
		New(event.Head{}, d, m).EachBuffer(func(name string, b []byte) { got[name] = append(got[name], string(b)) })
		return got
	}
	got := all(packet.ToServer)
	for name, want := range map[string][]string{"ike.init_spi": {"61d3693ce12af528"}, "ike.resp_spi": {"0000000000000000"}, "ike.exchtype": {"\x02"}, "ike.vendor": {"afca"},
		"ike.key_exchange_payload_length": {"\x00\x00\x00\x80"}, "ike.nonce_payload_length": {"\x00\x00\x00\x14"}, "ike.chosen_sa_attribute": nil} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got := all(packet.ToClient)["ike.chosen_sa_attribute"]; !slices.Equal(got, []string{"alg_enc=\x00\x00\x00\x07", "sa_key_length=\x00\x00\x01\x00", "alg_hash=\x00\x00\x00\x02"}) {
		t.Errorf("%q", got)
	}
	a := event.NewAlert(event.Head{}, &event.RuleInfo{Action: "allowed", Severity: 3})
	a.App = New(event.Head{}, packet.ToClient, m).AppendAppObject(nil)
	analyzertest.ValidEVE(t, a)
}

func TestOddities(t *testing.T) {
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Message{Header: Header{Major: 2}, Transforms: []Transform{{Type: TypeEncr, ID: 12}, {Type: TypePRF, ID: 5}, {Type: TypeInteg, ID: 12}, {Type: TypeDH, ID: 14}}}, ""},
		{Message{Header: Header{Major: 2}, Transforms: []Transform{{Type: TypeEncr, ID: 3}, {Type: TypePRF, ID: 2}, {Type: TypeInteg, ID: 2}, {Type: TypeDH, ID: 2}, {Type: TypeDH, ID: 5}}},
			"weak_crypto_enc weak_crypto_prf weak_crypto_auth weak_crypto_dh"},
		{Message{Header: Header{Major: 1}, Transforms: []Transform{{Type: TypeDH, ID: 2}}}, ""},
		{Message{Header: Header{Major: 2}, Malformed: true}, "malformed_data"},
	} {
		if got := strings.Join(c.m.oddities(), " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
