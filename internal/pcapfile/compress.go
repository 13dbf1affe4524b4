package pcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory a zstd frame may ask for; it is what `zstd --long=27` uses.
const maxZstdWindow = 128 << 20

// Compression names how an input is packed.
type Compression string

// Compressions that Decompress undoes.
const (
	Plain Compression = ""
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// Decompress looks at the first bytes of src and returns the plain bytes behind them. Concatenated gzip members
// and zstd frames read as one. The result's Close frees the decoder; it does not close src.
func Decompress(src io.Reader) (io.ReadCloser, Compression, error) {
	var head [4]byte
	n, err := io.ReadFull(src, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, Plain, err
	}
	all := &headReader{head: head[:n:n], src: src}
	switch c := Compressed(head[:n]); c {
	case Gzip:
		z, err := gzip.NewReader(all)
		if err != nil {
			return nil, c, fmt.Errorf("gzip header: %w", err)
		}
		return &packed{Reader: z, close: func() { _ = z.Close() }, kind: c}, c, nil
	case Zstd:
		z, err := zstd.NewReader(all, zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, c, fmt.Errorf("zstd header: %w", err)
		}
		return &packed{Reader: z, close: z.Close, kind: c}, c, nil
	}
	return &packed{Reader: all, close: func() {}}, Plain, nil
}

// Compressed tells the compression from an input's first bytes; four are enough.
func Compressed(head []byte) Compression {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip
	case len(head) >= 4 && le.Uint32(head) == 0xfd2fb528, len(head) >= 4 && le.Uint32(head)&^0xf == 0x184d2a50:
		return Zstd // a frame, or a skippable frame before one (RFC 8878, section 3.1)
	}
	return Plain
}

// headReader gives back the bytes that were looked at.
type headReader struct {
	head []byte
	src  io.Reader
}

func (h *headReader) Read(p []byte) (int, error) {
	if len(h.head) > 0 {
		n := copy(p, h.head)
		h.head = h.head[n:]
		return n, nil
	}
	return h.src.Read(p)
}

// packed names the compression in the errors of its decoder.
type packed struct {
	io.Reader
	close func()
	kind  Compression
}

func (p *packed) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && p.kind != Plain && err != io.EOF { // bare: an error that wraps io.EOF is damage here
		err = fmt.Errorf("%s stream is damaged after this point of the uncompressed data: %w", p.kind, unEOF{err})
	}
	return n, err
}

func (p *packed) Close() error {
	p.close()
	return nil
}

// unEOF hides that a decoder's error wraps io.EOF: to the reader it must not look like a good end.
type unEOF struct{ err error }

func (u unEOF) Error() string { return u.err.Error() }
