package badinput

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/test/harness"
)

// flood makes frames one by one, without keeping them.
type flood struct {
	n     int
	step  time.Duration
	frame func(i int, r *rand.Rand) []byte
	when  func(i int, r *rand.Rand) packet.Time // nil: step after step
	i     int
	r     *rand.Rand
	stats capture.Stats
}

var start = packet.Time(1_700_000_000) * packet.Time(time.Second)

func (f *flood) next() ([]byte, packet.Time, bool) {
	if f.r == nil {
		f.r = rand.New(rand.NewPCG(seed, 1))
	}
	if f.i >= f.n {
		return nil, 0, false
	}
	t := start.Add(time.Duration(f.i) * f.step)
	if f.when != nil {
		t = f.when(f.i, f.r)
	}
	b := f.frame(f.i, f.r)
	f.i++
	return b, t, true
}

// Next implements capture.Source.
func (f *flood) Next(b *packet.Batch) error {
	b.OnRelease(nil)
	for len(b.Packets) < packet.BatchSize {
		d, t, ok := f.next()
		if !ok {
			break
		}
		b.Packets = append(b.Packets, packet.Packet{Data: d, Time: t, Frame: uint64(f.i), Link: packet.LinkEthernet, WireLen: uint32(len(d))})
		f.stats.Received++
	}
	if len(b.Packets) == 0 {
		return io.EOF
	}
	return nil
}

// Stats implements capture.Source.
func (f *flood) Stats() capture.Stats { return f.stats }

// Close implements capture.Source.
func (f *flood) Close() error { return nil }

// pcap writes the flood as a capture file.
func (f *flood) pcap(w io.Writer) error {
	var h [24]byte
	binary.LittleEndian.PutUint32(h[0:], 0xa1b23c4d) // nanoseconds
	binary.LittleEndian.PutUint16(h[4:], 2)
	binary.LittleEndian.PutUint16(h[6:], 4)
	binary.LittleEndian.PutUint32(h[16:], 262144)
	binary.LittleEndian.PutUint32(h[20:], 1)
	if _, err := w.Write(h[:]); err != nil {
		return err
	}
	for {
		d, t, ok := f.next()
		if !ok {
			return nil
		}
		var p [16]byte
		binary.LittleEndian.PutUint32(p[0:], uint32(uint64(t)/1e9))
		binary.LittleEndian.PutUint32(p[4:], uint32(uint64(t)%1e9))
		binary.LittleEndian.PutUint32(p[8:], uint32(len(d)))
		binary.LittleEndian.PutUint32(p[12:], uint32(len(d)))
		if _, err := w.Write(append(p[:], d...)); err != nil {
			return err
		}
	}
}

// patched returns a maker of copies of a frame with bytes at some places chosen anew. Checksums are left to the card.
func patched(frame []byte, patch func(i int, r *rand.Rand, b []byte)) func(int, *rand.Rand) []byte {
	return func(i int, r *rand.Rand) []byte {
		b := append([]byte(nil), frame...)
		patch(i, r, b)
		return b
	}
}

// Places in an Ethernet frame with IPv4 and TCP or UDP.
const (
	atIPID  = 14 + 4
	atFrag  = 14 + 6
	atSrc   = 14 + 12
	atDst   = 14 + 16
	atSport = 14 + 20
	atDport = 14 + 22
	atSeq   = 14 + 24
)

func put32(b []byte, at int, v uint32) { binary.BigEndian.PutUint32(b[at:], v) }
func put16(b []byte, at int, v uint16) { binary.BigEndian.PutUint16(b[at:], v) }

// floods are made to fill one table or another; in the long tier a million packets each where that is few enough.
func floods() map[string]func() *flood {
	syn := packettest.TCP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Flags: packet.SYN, Seq: 1, MSS: 1460}.Frame()
	udp := packettest.UDP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Payload: "hello, is anybody there?"}.Frame()
	big := packettest.UDP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Payload: string(make([]byte, 1000))}.Frame()
	data := packettest.TCP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Flags: packet.ACK | packet.PSH, Seq: 1, Ack: 1, Payload: string(make([]byte, 400))}.Frame()
	icmp := packettest.ICMP{Src: "198.51.100.1", Dst: "10.0.0.1", Type: 3, Code: 1, Quote: syn[14:]}.Frame()
	nested := nest(1400)
	half := 500_000
	if !harness.Long() {
		half /= 10 // still more than the tables hold
	}
	return map[string]func() *flood{
		"SYNs from anywhere": func() *flood {
			return &flood{n: 2 * half, step: 5 * time.Microsecond, frame: patched(syn, func(i int, r *rand.Rand, b []byte) {
				put32(b, atSrc, r.Uint32())
				put16(b, atSport, uint16(r.Uint32()))
				put32(b, atSeq, r.Uint32())
				put16(b, atIPID, uint16(i))
			})}
		},
		"SYNs of one pair, to all ports": func() *flood {
			return &flood{n: half, step: 5 * time.Microsecond, frame: patched(syn, func(i int, r *rand.Rand, b []byte) {
				put16(b, atSport, uint16(r.Uint32()))
				put16(b, atDport, uint16(i))
				put16(b, atIPID, uint16(i))
			})}
		},
		"datagrams to any port of anybody": func() *flood {
			return &flood{n: 2 * half, step: 5 * time.Microsecond, frame: patched(udp, func(i int, r *rand.Rand, b []byte) {
				put32(b, atSrc, r.Uint32())
				put32(b, atDst, r.Uint32())
				put32(b, atSport, r.Uint32())
				put16(b, atIPID, uint16(i))
			})}
		},
		"frames of made-up cards": func() *flood { return macof(2 * half) },
		"ARP of made-up cards": func() *flood {
			ask := packettest.ARP{SenderMAC: "02:00:00:00:00:01", SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame()
			return &flood{n: half, step: 5 * time.Microsecond, frame: patched(ask, func(i int, r *rand.Rand, b []byte) {
				mac, ip := r.Uint32(), 0x0a000000|r.Uint32()%65536 // many cards for each of many addresses
				put32(b, 8, mac)
				put32(b, 14+10, mac)
				put32(b, 14+14, ip)
				put32(b, 14+24, 0x0a000000|r.Uint32()%65536)
				b[14+7] = byte(1 + i%2)
			})}
		},
		"fragments that never become whole": func() *flood {
			return &flood{n: half / 2, step: 20 * time.Microsecond, frame: patched(big, func(i int, r *rand.Rand, b []byte) {
				put32(b, atSrc, r.Uint32())
				put16(b, atIPID, uint16(r.Uint32()))
				put16(b, atFrag, 0x2000|uint16(r.Uint32()%60*16))
			})}
		},
		"overlapping segments": func() *flood {
			return &flood{n: half / 2, step: 20 * time.Microsecond, frame: patched(data, func(i int, r *rand.Rand, b []byte) {
				put32(b, atSrc, 0x0a000000|r.Uint32()%256)
				put32(b, atSeq, uint32(i)+r.Uint32()%60000)
				put16(b, atIPID, uint16(i))
				for k := range 400 {
					b[54+k] = byte(r.Uint32())
				}
			})}
		},
		"ICMP errors": func() *flood {
			return &flood{n: half / 5, step: 20 * time.Microsecond, frame: patched(icmp, func(i int, r *rand.Rand, b []byte) {
				put32(b, atSrc, r.Uint32())
				put32(b, 14+20+8+16, r.Uint32()) // whom the quoted packet went to
				put16(b, atIPID, uint16(i))
			})}
		},
		"tunnels in tunnels": func() *flood {
			return &flood{n: half / 5, step: 20 * time.Microsecond, frame: patched(nested, func(i int, r *rand.Rand, b []byte) {
				put16(b, atIPID, uint16(i))
				put32(b, len(b)-4, r.Uint32()) // otherwise they would be copies of each other
			})}
		},
		"times at random": func() *flood {
			f := &flood{n: half / 2, frame: patched(syn, func(i int, r *rand.Rand, b []byte) {
				put32(b, atSrc, 0x0a000000|r.Uint32()%4096)
				put16(b, atIPID, uint16(i))
			})}
			f.when = func(_ int, r *rand.Rand) packet.Time {
				return packet.Time(r.Uint64N(4_000_000_000)) * packet.Time(time.Second)
			}
			return f
		},
		"heads of HTTP that never end": func() *flood { return halfSaid(20_000, httpHead()) },
		"hellos of TLS that never end": func() *flood { return halfSaid(20_000, tlsHello()) },
		"pages of HTTP that never end": func() *flood { return halfAnswered(20_000) },
		"words of SMTP that never end": func() *flood { return halfSaid(5_000, "EHLO a\r\nMAIL FROM:<"+strings.Repeat("a", 4000)) },
		"refusals of many servers": func() *flood {
			rst := packettest.TCP{Src: "192.0.2.80:80", Dst: "10.0.0.1:1000", Flags: packet.RST | packet.ACK, Ack: 2}.Frame()
			ask := patched(syn, func(i int, _ *rand.Rand, b []byte) {
				put32(b, atDst, 0x14000000+uint32(i/2))
				put16(b, atIPID, uint16(i))
			})
			say := patched(rst, func(i int, _ *rand.Rand, b []byte) {
				put32(b, atSrc, 0x14000000+uint32(i/2))
				put16(b, atIPID, uint16(i))
			})
			return &flood{n: half / 5 * 2, step: 50 * time.Microsecond, frame: func(i int, r *rand.Rand) []byte {
				if i%2 == 0 {
					return ask(i, r)
				}
				return say(i, r)
			}}
		},
	}
}

// macof makes what dsniff's program of that name sends: SYNs from and to anybody, from and to cards that do not exist.
func macof(n int) *flood {
	syn := packettest.TCP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Flags: packet.SYN, Seq: 1}.Frame()
	return &flood{n: n, step: 5 * time.Microsecond, frame: patched(syn, func(i int, r *rand.Rand, b []byte) {
		put32(b, 0, r.Uint32())
		put32(b, 4, r.Uint32())
		put32(b, 8, r.Uint32())
		put32(b, atSrc, r.Uint32())
		put32(b, atDst, r.Uint32())
		put32(b, atSport, r.Uint32())
		put32(b, atSeq, r.Uint32())
		put16(b, atIPID, uint16(i))
	})}
}

// httpHead begins a request and does not end it.
func httpHead() string {
	return "GET / HTTP/1.1\r\nHost: www.example.com\r\n" + strings.Repeat("X-Field: "+strings.Repeat("v", 60)+"\r\n", 70)
}

// tlsHello begins a ClientHello of 16 KiB.
func tlsHello() string {
	return "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + strings.Repeat("r", 32) + strings.Repeat("\x00", 5000)
}

// halfSaid is conversations in which the client says what and no more, one after the other, none of which ends.
func halfSaid(n int, what string) *flood { return conversations(n, what, "") }

// halfAnswered is requests of pages that begin and do not end.
func halfAnswered(n int) *flood {
	return conversations(n, "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("<p>words of a page", 300))
}

// conversations makes n TCP connections, each from an address of its own.
func conversations(n int, say, answer string) *flood {
	const most = 1400
	var frames [][]byte
	add := func(d packet.Dir, flags uint16, seq, ack uint32, data string) {
		s := packettest.TCP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Flags: flags, Seq: seq, Ack: ack, Payload: data}
		if d == packet.ToClient {
			s.Src, s.Dst = s.Dst, s.Src
		}
		frames = append(frames, s.Frame())
	}
	add(packet.ToServer, packet.SYN, 0, 0, "")
	add(packet.ToClient, packet.SYN|packet.ACK, 0, 1, "")
	seq := [2]uint32{1, 1}
	for d, text := range []string{say, answer} {
		for len(text) > 0 {
			k := min(most, len(text))
			add(packet.Dir(d), packet.ACK, seq[d], seq[1-d], text[:k])
			seq[d] += uint32(k)
			text = text[k:]
		}
		add(packet.Dir(1-d), packet.ACK, seq[1-d], seq[d], "")
	}
	return &flood{n: n * len(frames), step: 3 * time.Microsecond, frame: func(i int, _ *rand.Rand) []byte {
		b := append([]byte(nil), frames[i%len(frames)]...)
		at := atSrc
		if b[atSrc] != 10 {
			at = atDst
		}
		put32(b, at, 0x0a000000+uint32(i/len(frames)))
		put16(b, atIPID, uint16(i))
		return b
	}}
}

// questions are look-ups by anybody, of any server.
func questions(n int) *flood {
	ask := packettest.UDP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:53", Payload: "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01"}.Frame()
	return &flood{n: n, step: 5 * time.Microsecond, frame: patched(ask, func(i int, r *rand.Rand, b []byte) {
		put32(b, atSrc, r.Uint32())
		put32(b, atDst, r.Uint32())
		put16(b, atSport, uint16(r.Uint32()))
		put16(b, atIPID, uint16(i))
	})}
}

// nest puts IPv4 into IPv4 until size is reached.
func nest(size int) []byte {
	in := packettest.UDP{Src: "10.0.0.1:1000", Dst: "192.0.2.80:80", Payload: string(make([]byte, 120))}.Datagram()
	for len(in) < size {
		in = packettest.Raw{Src: "10.0.0.1", Dst: "10.0.0.2", Proto: packet.ProtoIPIP, Payload: string(in)}.Datagram()
	}
	return packettest.Ethernet(in, packettest.Link{})
}

// TestFloods runs each flood with little memory: it ends in time and every packet is counted, with one worker as with
// two.
func TestFloods(t *testing.T) {
	for name, make := range floods() {
		t.Run(name, func(t *testing.T) {
			o := harness.Run(t, name, make(), harness.Options{MaxMemory: small, NoEvents: true, Limit: time.Minute})
			harness.Whole(t, name, o)
			rate := float64(o.Account.Read) / o.Took.Seconds()
			t.Logf("%s, %.0f packets a second, %d findings, %d flows evicted, %d tombstones thrown out; %s",
				o.Took.Round(time.Millisecond), rate, len(o.Findings), o.Flow.Ended[event.EndEvicted], o.Flow.TombsEvicted, o.Account)
			if rate < slowest {
				t.Errorf("%.0f packets a second", rate)
			}
			two := harness.Run(t, name, make(), harness.Options{MaxMemory: small, NoEvents: true, Workers: 2, Limit: time.Minute})
			if d := harness.Diff(o.Text, two.Text); d != "" {
				t.Errorf("two workers: %s", d)
			}
		})
	}
}

// TestHalfSaid: what conversations leave half said does not fit, which is counted, said of the capture and of the hosts.
func TestHalfSaid(t *testing.T) {
	for name, f := range map[string]*flood{"http": halfSaid(20_000, httpHead()), "tls": halfSaid(20_000, tlsHello()), "page": halfAnswered(20_000)} {
		o := harness.Run(t, name, f, harness.Options{MaxMemory: small, NoEvents: true, Limit: time.Minute})
		s := &o.Protocols
		if s.Bound != 20_000 || s.GivenUp < 15_000 || s.GivenUp > 20_000 || s.Held != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if !slices.ContainsFunc(o.Gates, func(g finding.GateResult) bool {
			return g.Gate == finding.GateTable && strings.Contains(g.Text, "went on unread")
		}) {
			t.Errorf("%s: gates %+v", name, o.Gates)
		}
	}
}

// slowest is how many packets a second the worst input may bring the sensor down to: a tenth of what a small machine
// does, so that it shows a search that grew with the table and not a busy machine.
const slowest = 15_000
