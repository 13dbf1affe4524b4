package ike

import (
	"encoding/hex"
	"slices"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one IKE message. A transaction is told by its SPIs: moving from port 500 to 4500 makes another flow, and
// leaves them as they are.
type Event struct {
	head event.Head
	Message
	Dir        packet.Dir
	Marked     bool       // behind the non-ESP marker, as on port 4500 (RFC 3948 2.2)
	Before     uint32     // how often the same bytes came before in this flow and direction
	First      packet.Ref // when they came first
	Fragmented bool       // the datagram came in IP fragments
	IPLen      uint32     // of the IP packet, put together, bytes
	Keepalives [2]uint32  // NAT keepalives of the flow so far (RFC 3948 2.3)
}

// New returns an event for tests of those that read it.
func New(h event.Head, d packet.Dir, m Message) *Event {
	return &Event{head: h, Dir: d, Message: m, First: h.Seen}
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Mute has it leave no record (event.Muter).
func (e *Event) Mute() { e.head.Quiet = true }

// Pair says that no other record belongs to it (event.Muter).
func (e *Event) Pair() (id uint64, ok bool) { return 0, false }

// Sender and Receiver are the ends of this message.
func (e *Event) Sender() event.End {
	if e.Dir == packet.ToClient {
		return e.head.Server
	}
	return e.head.Client
}

// Receiver is whom the message goes to.
func (e *Event) Receiver() event.End {
	if e.Dir == packet.ToClient {
		return e.head.Client
	}
	return e.head.Server
}

// AppendEVE writes an ike record as Suricata 8 shapes it. It tells lengths of key exchange data and nonces, not their
// bytes.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "ike", e.Dir, c)
	dst = e.AppendAppObject(append(dst, `,"app_proto":"ike",`...))
	dst = event.AppendEVEDirection(dst, e.Dir)
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"ike":{"version_major":`...)
	dst = strconv.AppendUint(dst, uint64(e.Major), 10)
	dst = append(dst, `,"version_minor":`...)
	dst = strconv.AppendUint(dst, uint64(e.Minor), 10)
	dst = append(dst, `,"init_spi":"`...)
	dst = AppendSPI(dst, e.InitSPI)
	dst = append(dst, `","resp_spi":"`...)
	dst = AppendSPI(dst, e.RespSPI)
	dst = append(dst, `","message_id":`...)
	dst = strconv.AppendUint(dst, uint64(e.MessageID), 10)
	dst = append(dst, `,"exchange_type":`...)
	dst = strconv.AppendUint(dst, uint64(e.Exchange), 10)
	if e.Major == 1 {
		dst = append(dst, `,"exchange_type_verbose":"`...)
		dst = append(dst, exchangeVerbose(e.Exchange)...)
		dst = append(dst, '"')
		if e.Dir == packet.ToClient {
			dst = e.appendTransform1(dst, e.first1(), true)
		}
	} else {
		role := `,"role":"responder"`
		if e.FromInitiator() {
			role = `,"role":"initiator"`
		} else {
			dst = e.appendChosen2(dst)
		}
		dst = append(dst, role...)
	}
	dst = append(dst, `,"payload":[`...)
	names := payloads2
	if e.Major == 1 {
		names = payloads1
	}
	for i, p := range e.Payloads[:e.NPayload] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, names(p)...)
		dst = append(dst, '"')
	}
	if e.Major == 2 && e.NPayload > 0 && !e.Encrypted && !e.Malformed && !e.Cut && e.Left == 0 {
		dst = append(dst, `,"NoNextPayload"`...) // the end of the chain, as Suricata lists it
	}
	dst = append(dst, ']')
	if e.Major == 1 {
		dst = e.appendIKEv1(dst)
	} else {
		dst = e.appendIKEv2(dst)
	}
	return append(dst, '}')
}

// AppendSPI appends an IKE SPI as 16 hexadecimal digits.
func AppendSPI(dst []byte, spi uint64) []byte {
	const digits = "0123456789abcdef"
	for i := 60; i >= 0; i -= 4 {
		dst = append(dst, digits[spi>>i&15])
	}
	return dst
}

func (e *Event) appendIKEv1(dst []byte) []byte {
	dst = append(dst, `,"ikev1":{`...)
	if e.Has(payloadSA1) {
		dst = append(dst, `"doi":1,`...)
	}
	dst = append(dst, `"encrypted_payloads":`...)
	dst = strconv.AppendBool(dst, e.Encrypted)
	if !e.Encrypted {
		side := `,"client":{`
		if e.Dir == packet.ToClient {
			side = `,"server":{`
		}
		dst = append(dst, side...)
		comma := false
		add := func(name string, n uint16) {
			if n == 0 {
				return
			}
			if comma {
				dst = append(dst, ',')
			}
			dst = append(dst, name...)
			dst = strconv.AppendUint(dst, uint64(n), 10)
			comma = true
		}
		add(`"key_exchange_payload_length":`, e.KELen)
		add(`"nonce_payload_length":`, e.NonceLen)
		if e.Dir == packet.ToServer && len(e.Transforms) > 0 {
			if comma {
				dst = append(dst, ',')
			}
			dst = append(dst, `"proposals":[`...)
			for i, from := 0, 0; i <= len(e.Transforms); i++ {
				if i < len(e.Transforms) && (i == from || sameTransform(e.Transforms[i], e.Transforms[from])) {
					continue
				}
				if from > 0 {
					dst = append(dst, ',')
				}
				dst = append(dst, '{')
				dst = e.appendTransform1(dst, e.Transforms[from:i], false)
				dst = append(dst, '}')
				from = i
			}
			dst = append(dst, ']')
		}
		dst = append(dst, '}')
		if e.NVendor > 0 {
			dst = append(dst, `,"vendor_ids":[`...)
			for i, v := range e.Vendors[:e.NVendor] {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = append(dst, '"')
				dst = hex.AppendEncode(dst, e.Bytes(v))
				dst = append(dst, '"')
			}
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}

func sameTransform(a, b Transform) bool { return a.Proposal == b.Proposal && a.Num == b.Num }

// first1 is the first transform of version 1: in an answer the chosen one.
func (e *Event) first1() []Transform {
	for i, t := range e.Transforms {
		if !sameTransform(t, e.Transforms[0]) {
			return e.Transforms[:i]
		}
	}
	return e.Transforms
}

var transformKeys = [...]string{"alg_enc", "sa_key_length", "alg_hash", "alg_auth", "alg_dh", "sa_life_type", "sa_life_duration"}

// appendTransform1 appends attributes of version 1, each as its name and its number; comma says whether one goes first.
func (e *Event) appendTransform1(dst []byte, ts []Transform, comma bool) []byte {
	var done [8]bool // a key stands once in an object: the first of two lives is told
	add := func(key, name string, raw uint64) {
		n := slices.Index(transformKeys[:], key)
		if done[n] {
			return
		}
		done[n] = true
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(dst, '"')
		dst = append(dst, key...)
		dst = append(dst, `":"`...)
		dst = append(dst, name...)
		dst = append(dst, `","`...)
		dst = append(dst, key...)
		dst = append(dst, `_raw":`...)
		dst = strconv.AppendUint(dst, raw, 10)
	}
	for _, t := range ts {
		switch t.Type {
		case TypeEncr:
			add("alg_enc", eveName(eveEncr1[:], t.ID), uint64(t.ID))
			if t.KeyBits != 0 {
				add("sa_key_length", "Unknown", uint64(t.KeyBits))
			}
		case TypeHash:
			add("alg_hash", eveName(eveHash1[:], t.ID), uint64(t.ID))
		case TypeAuth:
			add("alg_auth", eveName(eveAuth1[:], t.ID), uint64(t.ID))
		case TypeDH:
			add("alg_dh", eveName(eveGroup1[:], t.ID), uint64(t.ID))
		case TypeLifeType:
			add("sa_life_type", eveName(eveLife1[:], t.ID), uint64(t.ID))
		case TypeLifeDuration:
			add("sa_life_duration", "Unknown", uint64(t.ID))
		}
	}
	return dst
}

// appendChosen2 appends what a responder of version 2 chose.
func (e *Event) appendChosen2(dst []byte) []byte {
	for _, t := range e.Transforms {
		key, name := "", ""
		switch t.Type {
		case TypeEncr:
			key, name = "alg_enc", eveEncr2(t.ID)
		case TypePRF:
			key, name = "alg_prf", evePRF2(t.ID)
		case TypeInteg:
			key, name = "alg_auth", eveAuth2(t.ID)
		case TypeDH:
			key, name = "alg_dh", eveGroup2(t.ID)
		case TypeESN:
			key, name = "alg_esn", eveName(eveESN2[:], t.ID)
		}
		dst = append(dst, `,"`...)
		dst = append(dst, key...)
		dst = append(dst, `":"`...)
		dst = append(dst, name...)
		dst = append(dst, '"')
	}
	return dst
}

func (e *Event) appendIKEv2(dst []byte) []byte {
	errors := 0
	for _, n := range e.Notifies[:e.NNotify] {
		if n.Type < firstStatus {
			errors++
		}
	}
	dst = append(dst, `,"ikev2":{"errors":`...)
	dst = strconv.AppendInt(dst, int64(errors), 10)
	if e.NNotify > 0 {
		dst = append(dst, `,"notify":[`...)
		for i, n := range e.Notifies[:e.NNotify] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '"')
			dst = append(dst, NotifyName(2, n.Type)...)
			dst = append(dst, '"')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}
