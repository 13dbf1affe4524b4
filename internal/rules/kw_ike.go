package rules

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

var ofIKE = []string{"ike"}

// ikeBuffers are SPIs and vendor identifiers, as hexadecimal digits.
var ikeBuffers = buffersOf(ofIKE, named{"ike.init_spi", eitherWay}, named{"ike.resp_spi", eitherWay}, named{"ike.vendor", eitherWay})

func ikePart(name string) buffer { return buffer{"ike." + name, ofIKE, eitherWay} }

var ikeKeywords = []keyword{
	numberOf("ike.exchtype", ikePart("exchtype"), 8, nil), numberOf("ike.key_exchange_payload_length", ikePart("key_exchange_payload_length"), 32, nil),
	numberOf("ike.nonce_payload_length", ikePart("nonce_payload_length"), 32, nil), {"ike.chosen_sa_attribute", chosenAttribute},
	{"ike.key_exchange_payload", notKept}, {"ike.nonce_payload", notKept},
}

func notKept(*compiler, *lang.Option) error {
	return errors.New("key exchange data and nonces are not kept")
}

// chosenAttribute reads ike.chosen_sa_attribute:alg_hash=2. The part has the same form with the number in four bytes.
func chosenAttribute(c *compiler, o *lang.Option) error {
	name, text, ok := strings.Cut(o.Value, "=")
	name = strings.TrimSpace(name)
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if !ok || err != nil || !slices.Contains([]string{"alg_enc", "alg_hash", "alg_auth", "alg_dh", "alg_prf", "sa_group_type", "sa_life_type", "sa_life_duration", "sa_key_length", "sa_field_size"}, name) {
		return fmt.Errorf("%q is no attribute with its number", o.Value)
	}
	want := binary.BigEndian.AppendUint32([]byte(name+"="), uint32(n))
	return c.ask(ikePart("chosen_sa_attribute"), o.Negated, func(b []byte) bool { return bytes.Equal(b, want) })
}
