//go:build linux

// Command blast sends the frames of a capture into an interface at a steady rate, again and again. Each time around it
// changes the hosts' addresses, so that connections are new ones; checksums stay right.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	name := flag.String("i", "", "interface to send into")
	file := flag.String("r", "", "capture to send: pcap, Ethernet")
	pps := flag.Int("pps", 50000, "packets a second")
	span := flag.Duration("duration", 10*time.Second, "how long")
	once := flag.Bool("once", false, "send each frame once and end")
	flag.Parse()
	if err := run(*name, *file, *pps, *span, *once); err != nil {
		fmt.Fprintln(os.Stderr, "blast:", err)
		os.Exit(1)
	}
}

func run(name, file string, pps int, span time.Duration, once bool) error {
	itf, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	frames, long, err := load(file, itf.MTU+14)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: itf.Index}); err != nil {
		return err
	}
	var sent, bytes, refused uint64
	begun := time.Now()
	end := begun.Add(span)
	if once {
		end = begun.Add(time.Hour)
	}
	for n, round := 0, uint8(0); time.Now().Before(end) && !(once && n == len(frames)); {
		due := uint64(time.Since(begun).Seconds() * float64(pps))
		if sent+refused >= due {
			time.Sleep(500 * time.Microsecond)
			continue
		}
		for ; sent+refused < due; n++ {
			if n == len(frames) && once {
				break
			}
			if n == len(frames) {
				n = 0
				round++
				for _, f := range frames {
					move(f, round^(round-1))
				}
			}
			if _, err := unix.Write(fd, frames[n]); err != nil {
				refused++
				continue
			}
			sent++
			bytes += uint64(len(frames[n]))
		}
	}
	took := time.Since(begun).Seconds()
	fmt.Printf("sent %d packets, %d bytes, in %.1f s: %.0f a second; refused %d\n", sent, bytes, took, float64(sent)/took, refused)
	if long > 0 {
		fmt.Printf("%d frames of the capture are longer than %s carries, and were left out: its connections have holes\n", long, name)
	}
	return nil
}

// load reads a little-endian pcap. Frames longer than most are left out, and counted.
func load(name string, most int) (frames [][]byte, long int, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, err
	}
	if len(b) < 24 || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 || binary.LittleEndian.Uint32(b[20:]) != 1 {
		return nil, 0, fmt.Errorf("%s: no little-endian Ethernet pcap", name)
	}
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		if len(b) < 16+n {
			return nil, 0, io.ErrUnexpectedEOF
		}
		switch {
		case n > most:
			long++
		case n >= 14:
			frames = append(frames, b[16:16+n:16+n])
		}
		b = b[16+n:]
	}
	if len(frames) == 0 {
		return nil, 0, fmt.Errorf("%s: no frames", name)
	}
	return frames, long, nil
}

// move changes both addresses of an IP packet by the bits of x, and its checksums with them (RFC 1624).
func move(f []byte, x uint8) {
	off := 12
	for off+4 <= len(f) && binary.BigEndian.Uint16(f[off:]) == 0x8100 {
		off += 4
	}
	switch ip := off + 2; {
	case off+2+20 <= len(f) && binary.BigEndian.Uint16(f[off:]) == 0x0800:
		at := l4sum(f, ip+int(f[ip]&15)*4, f[ip+9])
		if binary.BigEndian.Uint16(f[ip+6:])&0x1fff != 0 {
			at = -1
		}
		for _, w := range []int{ip + 12, ip + 16} {
			change(f, w, uint16(x), ip+10, at)
		}
	case off+2+40 <= len(f) && binary.BigEndian.Uint16(f[off:]) == 0x86dd:
		at := l4sum(f, ip+40, f[ip+6])
		for _, w := range []int{ip + 14, ip + 30} {
			change(f, w, uint16(x), -1, at)
		}
	}
}

// l4sum is where the checksum stands that covers the addresses; -1: nowhere.
func l4sum(f []byte, l4 int, proto uint8) int {
	at := map[uint8]int{6: 16, 17: 6, 58: 2}[proto]
	if at == 0 || l4+at+2 > len(f) || proto == 17 && binary.BigEndian.Uint16(f[l4+at:]) == 0 {
		return -1
	}
	return l4 + at
}

// change turns bits of the word at w, and puts the checksums right.
func change(f []byte, w int, x uint16, sums ...int) {
	was := binary.BigEndian.Uint16(f[w:])
	is := was ^ x
	binary.BigEndian.PutUint16(f[w:], is)
	for _, s := range sums {
		if s >= 0 {
			t := uint32(^binary.BigEndian.Uint16(f[s:])) + uint32(^was) + uint32(is)
			t = t&0xffff + t>>16
			t = t&0xffff + t>>16
			binary.BigEndian.PutUint16(f[s:], ^uint16(t))
		}
	}
}
