//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// realBytes is how large the capture of real protocols is made by repetition.
const realBytes = 512 << 20

// real measures a capture of real protocols: the Ethernet captures of the conformance collection, one after the other,
// again and again, with other addresses each time. FIRESTORM_SHARED says where the collection is.
func (b *bench) real() error {
	shared := os.Getenv("FIRESTORM_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	dir := filepath.Join(shared, "conformance")
	if _, err := os.Stat(dir); err != nil {
		b.res.Notes = append(b.res.Notes, "the capture of real protocols was left out: FIRESTORM_SHARED names no collection of captures")
		return nil
	}
	path := filepath.Join(b.dir, "real.pcap")
	in := input{Name: "real.pcap", Made: "Ethernet captures of the conformance collection under 4 MiB, by name, repeated to 512 MiB with other addresses each time, each 1 s after the one before"}
	if _, err := os.Stat(path); err != nil {
		// In a process of its own: what a child is said to have used at most begins with its parent's size.
		if text, err := exec.Command(os.Args[0], "-concatenate", dir, "-o", path).CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
	}
	if err := describeFile(&in, path); err != nil {
		return err
	}
	return b.against(path, in, false)
}

// concatenate writes the Ethernet frames of all captures below dir to path, again and again. The hosts of each round are
// others: a connection that was seen before would cost a program nothing that only names protocols.
func concatenate(dir, path string) error {
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".pcap") {
			return err
		}
		st, err := d.Info()
		if err == nil && st.Size() < 4<<20 {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(files)
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := pcapfile.NewPcapWriter(f, packet.LinkEthernet, 0, true)
	if err != nil {
		return err
	}
	now := packet.Time(1_700_000_000_000_000_000)
	for total, round := int64(0), 0; total < realBytes; round++ {
		before := total
		for _, name := range files {
			n, err := addFile(w, name, round, &now)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			total += n
		}
		if total == before {
			return errors.New("no Ethernet frames in " + dir)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// addFile copies the Ethernet frames of one capture, moved in time to begin a second after *now. A capture that is
// damaged gives what comes before the damage.
func addFile(w *pcapfile.PcapWriter, name string, round int, now *packet.Time) (total int64, err error) {
	src, err := capture.OpenFile(name, capture.FileOptions{})
	if err != nil {
		return 0, nil // not a capture we read: other tests judge that
	}
	defer src.Close()
	var b packet.Batch
	var first, last packet.Time
	var frame []byte // ours to change: a batch's bytes are borrowed
	begin := now.Add(1e9)
	for {
		end := src.Next(&b)
		for i := range b.Packets {
			p := &b.Packets[i]
			if p.Link != packet.LinkEthernet {
				continue
			}
			if first == 0 {
				first = p.Time
			}
			d := min(max(p.Time.Sub(first), 0), 3600e9)
			last = begin.Add(d)
			frame = append(frame[:0], p.Data...)
			rewrite(frame, round)
			if err := w.WritePacket(last, frame, p.WireLen); err != nil {
				return total, err
			}
			total += int64(len(p.Data)) + 16
			*now = max(*now, last)
		}
		b.Release()
		if end != nil { // the end, or damage
			return total, nil
		}
	}
}
