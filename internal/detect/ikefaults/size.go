package ikefaults

import "firestorm/internal/analyzer/ike"

// What is encrypted shows its length. From the algorithms that were agreed on in the clear follows how many bytes of
// payloads are inside, to a cipher block; and that bounds which payloads can be.

// Smallest sizes of payloads of version 2, bytes (RFC 7296 3).
const (
	minIDr   = 12              // generic header, type, an IPv4 address
	minAuth  = 8 + 12          // generic header, method, the shortest check value
	minSA    = 36              // one proposal: SPI, cipher, ESN
	minTS    = 24              // one IPv4 range
	minNonce = 4 + 16          // RFC 7296 2.10
	minChild = minSA + 2*minTS // what makes a tunnel
	// An answer to IKE_AUTH that has less than these inside is no success: without identity and check value it cannot
	// be one; without SA and both selectors it brings no tunnel.
	minAuthenticated = minIDr + minAuth
	minTunnel        = minAuthenticated + minChild
	minRekeyed       = minSA + minNonce + 2*minTS
	// A certificate with a key of 1024 bits and its shortest names takes more than this, an RSA signature of 2048 bits
	// 264.
	minCertificate = 400
	maxNoSignature = 260
)

// inside bounds how many bytes of payloads an encrypted message of version 2 of a length holds, from least to most.
// Without the chosen algorithms the bounds are those of all of them.
func (s *sa) inside(length uint32) (least, most int) {
	iv, icv, block := [2]int{8, 16}, [2]int{8, 32}, 16
	for _, t := range s.chosen {
		switch {
		case t.Type == ike.TypeEncr && (t.ID >= 14 && t.ID <= 20 || t.ID == 28): // AEAD (RFC 5282, RFC 7634)
			iv, block = [2]int{8, 8}, 1
			n := 16
			switch t.ID {
			case 14, 18:
				n = 8
			case 15, 19:
				n = 12
			}
			icv = [2]int{n, n}
		case t.Type == ike.TypeEncr && t.ID == 13: // counter mode
			iv, block = [2]int{8, 8}, 1
		case t.Type == ike.TypeEncr && (t.ID == 12 || t.ID == 23):
			iv = [2]int{16, 16}
		case t.Type == ike.TypeEncr && t.ID <= 9:
			iv, block = [2]int{8, 8}, 8
		case t.Type == ike.TypeInteg:
			n := 12
			switch t.ID {
			case 12:
				n = 16
			case 13:
				n = 24
			case 14:
				n = 32
			case 6:
				n = 16
			case 7:
				n = 20
			}
			icv = [2]int{n, n}
		}
	}
	most = int(length) - ike.HeaderLen - 4 - iv[0] - icv[0] - 1
	least = int(length) - ike.HeaderLen - 4 - iv[1] - icv[1] - block
	return max(least, 0), max(most, 0)
}

// group is the Diffie-Hellman group of the IKE SA, as chosen or tried; 0 unknown.
func (s *sa) group() uint16 {
	for _, ts := range [][]ike.Transform{s.chosen, s.offered} {
		for _, t := range ts {
			if t.Type == ike.TypeDH {
				return uint16(t.ID)
			}
		}
	}
	return 0
}

// pfs says what the length of a request for a tunnel tells of a key exchange (PFS) inside.
type pfs uint8

const (
	pfsUnknown pfs = iota
	pfsNo          // no room for one
	pfsYes         // too long to be without one
)

// Sizes of the rest of such a request, as measured with strongSwan and libreswan: README.
const (
	quickRest = 36 + 36 + 2*16 // version 1: hash, nonce, two identities; the SA is extra
	childRest = 12 + 36 + 2*minTS
	proposal  = 56 // SA payload of one proposal
)

// pfsOf judges a request of a length: of quick mode, or CREATE_CHILD_SA. A long list of proposals looks like a key
// exchange, so that yes is said only up to three of them.
func (s *sa) pfsOf(x *step) pfs {
	g := ike.GroupBytes(s.group())
	if g == 0 {
		return pfsUnknown
	}
	if x.major == 1 {
		most := int(x.length) - ike.HeaderLen
		switch {
		case most < minSA+20+minNonce+4+g:
			return pfsNo
		case most >= quickRest+3*proposal+g:
			return pfsUnknown
		case most >= quickRest+proposal+g-32:
			return pfsYes
		}
		return pfsUnknown
	}
	least, most := s.inside(x.length)
	switch {
	case most < minRekeyed+8+g:
		return pfsNo
	case least >= childRest+3*proposal+g:
		return pfsUnknown
	case least >= childRest+g:
		return pfsYes
	}
	return pfsUnknown
}

// noCertificate reports that the initiator's proof of identity has no room for a certificate or an RSA signature.
func (s *sa) noCertificate() (x *step, most int) {
	x = s.find(func(x *step) bool { return x.fromInit && x.exchange == ike.Auth && !x.response && x.fragments == 0 })
	if x == nil {
		return nil, 0
	}
	if _, most = s.inside(x.length); most > maxNoSignature {
		return nil, 0
	}
	return x, most
}

// authMethod1 is the authentication method of version 1 that the two agreed on (RFC 2409 appendix A); 0 unknown.
func (s *sa) authMethod1() uint32 {
	for _, ts := range [][]ike.Transform{s.chosen, s.offered} {
		for _, t := range ts {
			if t.Type == ike.TypeAuth {
				return t.ID
			}
		}
	}
	return 0
}
