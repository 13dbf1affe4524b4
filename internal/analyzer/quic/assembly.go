package quic

import "sort"

// Bounds of what is kept of one side's CRYPTO frames.
const (
	maxCrypto = 65535 // bytes of the stream, as Suricata has it, and so of what is kept
	maxPieces = 256
)

// assembly puts CRYPTO frames in order. It keeps the bytes as they came: no more than was sent.
type assembly struct {
	data   []byte
	kept   []piece // by offset
	joined []byte
}

// piece is a stretch of the stream.
type piece struct {
	offset, n int
	at        int // in data
}

// add takes a frame. False: it is beyond what is kept.
func (a *assembly) add(offset uint64, b []byte) bool {
	if offset > maxCrypto || offset+uint64(len(b)) > maxCrypto || len(a.data)+len(b) > maxCrypto || len(a.kept) == maxPieces {
		return false
	}
	i := sort.Search(len(a.kept), func(i int) bool { return a.kept[i].offset > int(offset) })
	if i > 0 && a.kept[i-1].offset+a.kept[i-1].n >= int(offset)+len(b) {
		return true // it is there
	}
	a.kept = append(a.kept, piece{})
	copy(a.kept[i+1:], a.kept[i:])
	a.kept[i] = piece{int(offset), len(b), len(a.data)}
	a.data = append(a.data, b...)
	return true
}

// message is the first message of the stream, with its head, as far as it is there without a hole: whole, if its end is.
func (a *assembly) message() (m []byte, whole bool) {
	a.joined = a.joined[:0]
	for _, p := range a.kept {
		have := len(a.joined)
		if p.offset > have {
			break
		}
		if end := p.offset + p.n; end > have { // of bytes that came twice the first are believed
			a.joined = append(a.joined, a.data[p.at+have-p.offset:p.at+p.n]...)
		}
	}
	if len(a.joined) < 4 {
		return a.joined, false
	}
	size := 4 + (int(a.joined[1])<<16 | int(a.joined[2])<<8 | int(a.joined[3]))
	if size > len(a.joined) {
		return a.joined, false
	}
	return a.joined[:size], true
}

// reset forgets all; a large buffer is not kept for the next connection.
func (a *assembly) reset() {
	*a = assembly{data: small(a.data), kept: a.kept[:0], joined: small(a.joined)}
}

func small(b []byte) []byte {
	if cap(b) > 8<<10 {
		return nil
	}
	return b[:0]
}

// held is how many bytes are kept.
func (a *assembly) held() int { return cap(a.data) + cap(a.joined) + cap(a.kept)*24 }
