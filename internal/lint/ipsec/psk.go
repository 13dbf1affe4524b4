package ipsec

import (
	"fmt"
	"slices"

	"firestorm/internal/ipsecconf"
)

// key is the pre-shared key that a side uses for a peer. known: keys of this side were given at all.
func (s *Side) key(c *Conn, me, other Identity, meAddr, otherAddr string) (e ipsecconf.Entry, found, known bool) {
	if c.Flavour.Program == Device {
		if c.secret.Set() {
			return ipsecconf.Entry{Secret: c.secret, File: c.File, Line: c.secretLine}, true, true
		}
		return e, false, false
	}
	if !s.HasSecrets {
		return e, false, false
	}
	best := 0
	for _, x := range s.Secrets {
		if x.Kind != "PSK" {
			continue
		}
		if n := fits(x.IDs, me, other, meAddr, otherAddr, c.Flavour.Program == StrongSwan); n > best {
			e, best, found = x, n, true
		}
	}
	return e, found, true
}

// fits says how well the IDs of a key name two sides: 0 not at all. Pluto wants the peer among them, or our own name
// alone. charon (half) takes a key that names one of the two, if it has none that names both.
func fits(ids []string, me, other Identity, meAddr, otherAddr string, half bool) int {
	if len(ids) == 0 {
		return 1
	}
	names := func(id Identity, addr string) int {
		best := 0
		for _, s := range ids {
			switch x := identity(s); {
			case x.Type == "any", s == "0.0.0.0":
				best = max(best, 1)
			case !id.Any() && x.Type == id.Type && id.Matches(x), addr != "" && x.Text == addr && x.Type == "ip":
				best = max(best, 4)
			}
		}
		return best
	}
	m, o := names(me, meAddr), names(other, otherAddr)
	switch {
	case o == 0 && (m == 0 || len(ids) > 1 && !half): // it names somebody else
		return 0
	case o == 0: // our own name alone: for all peers
		return 1 + m
	}
	return 1 + 2*o + m
}

// keys compares the pre-shared keys without showing them.
func (t *talk) keys() {
	i, r := t.init, t.resp
	if i.Local.Auth != "psk" && r.Local.Auth != "psk" {
		return
	}
	iid, _ := i.id(r)
	rid, _ := r.id(i)
	ia, ra := i.own(r), r.own(i)
	irem, rrem := i.Remote.ID, r.Remote.ID
	if irem.Any() {
		irem = rid
	}
	if rrem.Any() {
		rrem = iid
	}
	ie, ifound, iknown := t.iside.key(i, iid, irem, ia, ra)
	re, rfound, rknown := t.rside.key(r, rid, rrem, ra, ia)
	stage, says, seen := "IKE_AUTH", "AUTHENTICATION_FAILED", "tried … shared key for …, but MAC mismatched"
	if t.v == 1 {
		stage = "main mode, message 5"
		says, seen = "PAYLOAD_MALFORMED that cannot be read, or nothing: the message is sent again and again", "invalid ID_V1 payload length, decryption failed?"
	}
	none := "no shared key found for …"
	change := "type the same key on both sides; no blank at its ends"
	show := func(e ipsecconf.Entry, found bool, c *Conn) string {
		if !found {
			return fmt.Sprintf("no key for this peer (%s:%d)", c.File, c.Line)
		}
		return fmt.Sprintf("the key in %s:%d", e.File, e.Line)
	}
	switch {
	case iknown && !ifound:
		t.fail(true, "pre-shared key", stage, show(ie, false, i), "(not looked at)", "nothing, or AUTHENTICATION_FAILED: it cannot go on itself", none, "write a line with both IDs and the key", false)
	case rknown && !rfound:
		s := "AUTHENTICATION_FAILED"
		if t.v == 1 {
			s = "INVALID_KEY_INFORMATION, or nothing"
		}
		t.fail(false, "pre-shared key", stage, "(not looked at)", show(re, false, r), s, none, "write a line with both IDs and the key", false)
	case !iknown || !rknown:
		t.unknown("pre-shared keys: give both sides' files of keys (they are compared, never shown)")
	case !ie.Secret.Equal(re.Secret):
		t.fail(false, "pre-shared key", stage, show(ie, true, i), show(re, true, r)+" is another", says, seen, change, false)
	default:
		t.agreed("pre-shared key: the same")
	}
}

// sharers are the other peers that have the same key.
func sharers(all []ipsecconf.Entry, e ipsecconf.Entry) []ipsecconf.Entry {
	return slices.DeleteFunc(slices.Clone(all), func(x ipsecconf.Entry) bool {
		return x.File == e.File && x.Line == e.Line || x.Kind != "PSK" || !x.Secret.Equal(e.Secret)
	})
}
