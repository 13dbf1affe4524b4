package ike

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"firestorm/internal/packet"
)

// EachBuffer gives what rules can ask of a message (event.Parts): SPIs and vendor identifiers as hexadecimal digits.
func (e *Event) EachBuffer(f func(name string, b []byte)) {
	f("ike.init_spi", AppendSPI(nil, e.InitSPI))
	f("ike.resp_spi", AppendSPI(nil, e.RespSPI))
	f("ike.exchtype", []byte{e.Exchange})
	for _, v := range e.Vendors[:e.NVendor] {
		f("ike.vendor", hex.AppendEncode(nil, e.Bytes(v)))
	}
	if e.KELen > 0 {
		f("ike.key_exchange_payload_length", binary.BigEndian.AppendUint32(nil, uint32(e.KELen)))
	}
	if e.NonceLen > 0 {
		f("ike.nonce_payload_length", binary.BigEndian.AppendUint32(nil, uint32(e.NonceLen)))
	}
	if e.Dir != packet.ToClient {
		return
	}
	// What the responder of version 1 chose, as name and number.
	for _, t := range e.chosen1() {
		if name := attributeNames[t.Type]; name != "" {
			f("ike.chosen_sa_attribute", binary.BigEndian.AppendUint32([]byte(name+"="), t.ID))
		}
		if t.Type == TypeEncr && t.KeyBits != 0 {
			f("ike.chosen_sa_attribute", binary.BigEndian.AppendUint32([]byte("sa_key_length="), uint32(t.KeyBits)))
		}
	}
}

func (e *Event) chosen1() []Transform {
	if e.Major != 1 || len(e.Transforms) == 0 {
		return nil
	}
	return e.first1()
}

// attributeNames are the words that rules have for attributes of version 1.
var attributeNames = map[uint8]string{TypeEncr: "alg_enc", TypeHash: "alg_hash", TypeAuth: "alg_auth", TypeDH: "alg_dh", TypeLifeType: "sa_life_type", TypeLifeDuration: "sa_life_duration"}

// weakIDs are the transforms of version 2 that are not to be used any more (RFC 8247), with Suricata's names for that.
var weakIDs = map[uint8]struct {
	ids  []uint32
	name string
}{
	TypeEncr:  {[]uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 11}, "weak_crypto_enc"},
	TypePRF:   {[]uint32{1, 2}, "weak_crypto_prf"},
	TypeInteg: {[]uint32{0, 1, 2, 3, 4, 5, 6, 7}, "weak_crypto_auth"},
	TypeDH:    {[]uint32{1, 2, 5, 22}, "weak_crypto_dh"},
}

// oddities are what is odd in a message, by Suricata's names.
func (m *Message) oddities() (odd []string) {
	if m.Malformed {
		odd = append(odd, "malformed_data")
	}
	if m.Major != 2 || m.Encrypted {
		return odd
	}
	for _, t := range m.Transforms {
		w := weakIDs[t.Type]
		if slices.Contains(w.ids, t.ID) && !slices.Contains(odd, w.name) {
			odd = append(odd, w.name)
		}
	}
	return odd
}
