package sensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// keptParts is how many parts the memory of a shard has, each behind its length: tombstones of connections, and the bits that
// rules gave pairs of hosts.
const keptParts = 2

// keep appends what is to outlive a restart of each of the worker's shards.
func (w *worker) keep(dst []byte) []byte {
	for n, s := range w.shards {
		if s == nil {
			continue
		}
		dst = append(dst, uint8(n))
		for part := range keptParts {
			p := w.part[:0]
			if part == 0 {
				p = s.flows.AppendGraves(p)
			} else if s.rules != nil {
				p = s.rules.AppendPairs(p)
			}
			dst = binary.AppendUvarint(dst, uint64(len(p)))
			dst = append(dst, p...)
			w.part = p
		}
	}
	return dst
}

// shardsVersion is the first byte of what saveShards writes. The seed of the hash by which tombstones are found follows it.
const shardsVersion = 1

// saveShards writes what the workers made in round r of their shards.
func saveShards(w io.Writer, seed uint64, r *round) error {
	if _, err := w.Write(binary.BigEndian.AppendUint64([]byte{shardsVersion}, seed)); err != nil {
		return err
	}
	for i := range r.out {
		if _, err := w.Write(r.out[i].kept); err != nil {
			return err
		}
	}
	return nil
}

var errShards = errors.New("it is no memory of connections")

// loadShards reads what saveShards wrote, before the first packet.
func (b *border) loadShards(in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if len(text) < 9 || text[0] != shardsVersion {
		return errShards
	}
	if binary.BigEndian.Uint64(text[1:]) != b.seed {
		return nil // kept under another --seed, which only tests give: nothing could be found in it
	}
	for text = text[9:]; len(text) > 0; {
		n := int(text[0])
		text = text[1:]
		var parts [keptParts][]byte
		for i := range parts {
			size, k := binary.Uvarint(text)
			if k <= 0 || size > uint64(len(text)-k) {
				return errShards
			}
			parts[i], text = text[k:k+int(size)], text[k+int(size):]
		}
		if n >= Shards || n >= len(b.shards) {
			return errShards
		}
		s := b.shards[n]
		if err := s.flows.LoadGraves(parts[0]); err != nil {
			return fmt.Errorf("shard %d: %w", n, err)
		}
		if s.rules != nil && len(parts[1]) > 0 {
			if err := s.rules.LoadPairs(parts[1]); err != nil {
				return fmt.Errorf("shard %d: %w", n, err)
			}
		}
	}
	return nil
}
