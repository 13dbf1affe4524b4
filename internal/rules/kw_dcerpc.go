package rules

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// ofDCERPC are the protocols that carry calls: on their own, or in the pipes of SMB.
var ofDCERPC = []string{"dcerpc", "smb"}

var dcerpcBuffers = buffersOf(ofDCERPC, named{"dcerpc.stub_data dce_stub_data", eitherWay})

func dcerpcPart(name string) buffer { return buffer{"dcerpc." + name, ofDCERPC, eitherWay} }

var dcerpcKeywords = []keyword{{"dcerpc.iface", dceIface}, {"dce_iface", dceIface}, {"dcerpc.opnum", dceOpnum}, {"dce_opnum", dceOpnum}}

// dceIface reads an interface, with a comparison of its version and any_frag: fragments are looked at together here, so that
// each of them counts.
func dceIface(c *compiler, o *lang.Option) error {
	fields := strings.Split(o.Value, ",")
	id := strings.TrimSpace(fields[0])
	want, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(want) != 16 || len(id) != 36 {
		return fmt.Errorf("%q is no identifier of an interface", id)
	}
	all := sizeRange{lo: 0, hi: 1<<16 - 1}
	for _, f := range fields[1:] {
		switch f = strings.TrimSpace(f); f {
		case "any_frag":
		default:
			if all, err = parseRange(f, 16); err != nil {
				return err
			}
		}
	}
	return c.ask(dcerpcPart("iface"), o.Negated, func(b []byte) bool {
		return len(b) == 18 && bytes.Equal(b[:16], want) && all.has(value(b[16:]))
	})
}

// dceOpnum reads a list of numbers of operations: 12, 13-17.
func dceOpnum(c *compiler, o *lang.Option) error {
	var list []sizeRange
	for f := range strings.SplitSeq(o.Value, ",") {
		f = strings.TrimSpace(f)
		if lo, hi, ok := strings.Cut(f, "-"); ok {
			a, err := strconv.ParseUint(strings.TrimSpace(lo), 10, 16)
			b, err2 := strconv.ParseUint(strings.TrimSpace(hi), 10, 16)
			if err != nil || err2 != nil || a > b {
				return fmt.Errorf("%q is no range of numbers of operations", f)
			}
			list = append(list, sizeRange{lo: a, hi: b})
			continue
		}
		r, err := parseRange(f, 16)
		if err != nil {
			return err
		}
		list = append(list, r)
	}
	return c.ask(dcerpcPart("opnum"), o.Negated, func(b []byte) bool {
		for _, r := range list {
			if r.has(value(b)) {
				return true
			}
		}
		return false
	})
}

// placeOrder refuses numbers in the byte order of a call where the rule is about none.
func (s *sig) placeOrder() error {
	call := s.app == "dcerpc" || s.app == "smb"
	all := slices.Clone(s.payload)
	for i := range s.parts {
		call = call || overlap(s.parts[i].kinds, ofDCERPC)
		all = append(all, s.parts[i].checks...)
	}
	for i := range all {
		if b := all[i].bytes; b != nil && b.dce && !call {
			return errors.New("dce asks for the byte order of a DCE/RPC call, and the rule is about none")
		}
	}
	return nil
}
