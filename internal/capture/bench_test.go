package capture_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// benchFile writes about 96 MB of packets: a third small, a third middling, a third full-sized.
func benchFile(b *testing.B, ng bool) (path string, packets int) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "bench")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 2))
	data := bytes.Repeat([]byte{0x5a}, 1514)
	sizes := []int{66, 400, 1514}
	var write func(t packet.Time, d []byte) error
	var flush func() error
	if ng {
		w, err := pcapfile.NewWriter(f, pcapfile.WriterOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.AddInterface(pcapfile.Interface{Link: packet.LinkEthernet}); err != nil {
			b.Fatal(err)
		}
		write = func(t packet.Time, d []byte) error {
			return w.WritePacket(0, t, d, uint32(len(d)), pcapfile.PacketOptions{})
		}
		flush = w.Flush
	} else {
		w, err := pcapfile.NewPcapWriter(f, packet.LinkEthernet, 0, false)
		if err != nil {
			b.Fatal(err)
		}
		write = func(t packet.Time, d []byte) error { return w.WritePacket(t, d, uint32(len(d))) }
		flush = w.Flush
	}
	for total := 0; total < 96<<20; packets++ {
		n := sizes[r.IntN(len(sizes))]
		if err := write(packet.Time(packets)*1000, data[:n]); err != nil {
			b.Fatal(err)
		}
		total += n + 16
	}
	if err := flush(); err != nil {
		b.Fatal(err)
	}
	return path, packets
}

// BenchmarkBareRead is the bound: read(2) of 256 KiB and nothing else.
func BenchmarkBareRead(b *testing.B) {
	path, _ := benchFile(b, false)
	buf := make([]byte, 256<<10)
	for b.Loop() {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		var total int64
		for {
			n, err := f.Read(buf)
			total += int64(n)
			if err != nil {
				break
			}
		}
		f.Close()
		b.SetBytes(total)
	}
}

func benchRead(b *testing.B, ng bool) {
	path, want := benchFile(b, ng)
	st, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(st.Size())
	b.ReportAllocs()
	var batch packet.Batch
	for b.Loop() {
		src, err := capture.OpenFile(path, capture.FileOptions{})
		if err != nil {
			b.Fatal(err)
		}
		got := 0
		for {
			err := src.Next(&batch)
			got += len(batch.Packets)
			batch.Release()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
				break
			}
		}
		src.Close()
		if got != want {
			b.Fatalf("%d packets, want %d", got, want)
		}
	}
}

// BenchmarkReader reads the same bytes as packets; it should reach 0.8 of BenchmarkBareRead.
func BenchmarkReader(b *testing.B) { benchRead(b, false) }

// BenchmarkReaderNG does so for pcapng.
func BenchmarkReaderNG(b *testing.B) { benchRead(b, true) }
