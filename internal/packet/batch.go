package packet

// BatchSize is the number of packets in one round (design: ingest cuts the input into rounds of 1 024).
const BatchSize = 1024

// Batch is a run of packets with the buffers they borrow from. It has one owner at a time.
type Batch struct {
	Packets []Packet
	release func(*Batch)
}

// OnRelease sets what ends the borrow; nil means the bytes belong to the batch.
func (b *Batch) OnRelease(f func(*Batch)) { b.release = f }

// Release ends every borrow of the batch's packets: their Data must not be touched any more.
func (b *Batch) Release() {
	if b.release != nil {
		b.release(b)
	}
	b.Packets = b.Packets[:0]
}
