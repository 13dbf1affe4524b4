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
	kept   []piece // by offset; none overlaps another
	joined []byte
}

// piece is a stretch of the stream.
type piece struct {
	offset, n int
	at        int // in data
}

func (p piece) end() int { return p.offset + p.n }

// add takes a frame: of bytes that come again, the first are believed. False: it is beyond what is kept.
func (a *assembly) add(offset uint64, b []byte) bool {
	if offset > maxCrypto || offset+uint64(len(b)) > maxCrypto {
		return false
	}
	from, end := int(offset), int(offset)+len(b)
	i := sort.Search(len(a.kept), func(i int) bool { return a.kept[i].end() > from })
	for from < end {
		to := end
		if i < len(a.kept) {
			next := a.kept[i]
			if next.offset <= from {
				from = next.end()
				i++
				continue
			}
			to = min(to, next.offset)
		}
		if len(a.kept) == maxPieces {
			return false
		}
		part := b[from-int(offset) : to-int(offset)]
		if i > 0 && a.kept[i-1].end() == from && a.kept[i-1].at+a.kept[i-1].n == len(a.data) {
			a.kept[i-1].n += len(part) // it goes on with what came last
		} else {
			a.kept = append(a.kept, piece{})
			copy(a.kept[i+1:], a.kept[i:])
			a.kept[i] = piece{from, len(part), len(a.data)}
			i++
		}
		a.data = append(a.data, part...)
		from = to
	}
	return true
}

// message is the first message of the stream, with its head, as far as it is there without a hole: whole, if its end is.
func (a *assembly) message() (m []byte, whole bool) {
	a.joined = a.joined[:0]
	for _, p := range a.kept {
		if p.offset > len(a.joined) {
			break
		}
		a.joined = append(a.joined, a.data[p.at:p.at+p.n]...)
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
