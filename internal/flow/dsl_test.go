package flow

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// A script is one packet a line: time in seconds, direction, flags, then key=value. Frames are numbered by line.
//
//	0.01 > S seq=1000
//	0.02 < SA seq=5000 ack=1001
//
// ">" goes from 192.168.0.1:2268 to 10.0.0.254:80, "<" back. Flags: F S R P A U E C, "-" for none. Keys: seq ack len win ttl
// sport dport mss ws ts ecr src dst proto ipid; sack=a-b; words: df noseq sackok icmp=type.code (quotes ">" or, with
// q=<, "<"), qseq, mtu. A line "age T" ages the table at T.
type line struct {
	p   *packet.Packet
	age packet.Time
}

var flagBits = map[rune]uint16{'F': packet.FIN, 'S': packet.SYN, 'R': packet.RST, 'P': packet.PSH, 'A': packet.ACK,
	'U': packet.URG, 'E': packet.ECE, 'C': packet.CWR}

const t0 = packet.Time(1700000000 * int64(time.Second))

func seconds(s string) packet.Time {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return t0 + packet.Time(f*1e6+0.5)*1000
}

func parse(t testing.TB, script string) []line {
	t.Helper()
	var out []line
	frame := uint64(0)
	for _, l := range strings.Split(script, "\n") {
		w := strings.Fields(l)
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		if w[0] == "age" {
			out = append(out, line{age: seconds(w[1])})
			continue
		}
		frame++
		p := &packet.Packet{Time: seconds(w[0]), Frame: frame, Ordinal: frame, IPVersion: 4, Proto: packet.ProtoTCP, TTL: 64, L4Sum: packet.SumGood,
			L4: 34, SrcPort: 2268, DstPort: 80, Src: packet.MustAddr("192.168.0.1"), Dst: packet.MustAddr("10.0.0.254"), Window: 8192}
		hdr := uint32(40)
		if w[1] == "<" {
			p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		}
		if w[2] == "udp" {
			p.Proto = packet.ProtoUDP
			hdr = 28
		} else if w[2] != "-" {
			for _, c := range w[2] {
				b, ok := flagBits[c]
				if !ok {
					t.Fatalf("flag %q in %q", c, l)
				}
				p.TCPFlags |= b
			}
		}
		for _, kv := range w[3:] {
			k, v, _ := strings.Cut(kv, "=")
			n64, _ := strconv.ParseUint(v, 0, 64)
			n := uint32(n64)
			switch k {
			case "seq":
				p.Seq = n
			case "ack":
				p.Ack = n
			case "len":
				p.PayloadWire, p.PayloadLen = n, n
			case "win":
				p.Window = uint16(n)
			case "ttl":
				p.TTL = uint8(n)
			case "sport":
				p.SrcPort = uint16(n)
			case "dport":
				p.DstPort = uint16(n)
			case "src":
				p.Src = packet.MustAddr(v)
			case "dst":
				p.Dst = packet.MustAddr(v)
			case "mss":
				p.MSS = uint16(n)
				p.TCPOpts |= packet.OptMSS
			case "ws":
				p.WScale = uint8(n)
				p.TCPOpts |= packet.OptWScale
			case "sackok":
				p.TCPOpts |= packet.OptSACKOK
			case "sack":
				a, b, _ := strings.Cut(v, "-")
				x, _ := strconv.ParseUint(a, 0, 64)
				y, _ := strconv.ParseUint(b, 0, 64)
				p.SACK[p.NSACK] = [2]uint32{uint32(x), uint32(y)}
				p.NSACK++
				p.TCPOpts |= packet.OptSACK
			case "ts":
				p.TSVal = n
				p.TCPOpts |= packet.OptTS
			case "ecr":
				p.TSEcr = n
			case "df":
				p.IPFlags |= packet.DontFragment
			case "noseq":
				p.Missing |= packet.NoSeq | packet.NoTTL | packet.NoOptions | packet.NoWindow | packet.NoPayload
				p.TTL, p.Window = 0, 0
			case "source":
				p.Source = uint16(n)
			case "frame":
				p.Frame = n64
			case "short":
				p.WireLen = n
			case "icmp":
				a, b, _ := strings.Cut(v, ".")
				x, _ := strconv.Atoi(a)
				y, _ := strconv.Atoi(b)
				q := &p.Quoted
				q.Src, q.Dst, q.SrcPort, q.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
				q.Proto, q.HasPorts = packet.ProtoTCP, true
				p.Proto, p.ICMPType, p.ICMPCode, p.HasQuoted = packet.ProtoICMP, uint8(x), uint8(y), true
				p.SrcPort, p.DstPort, p.TCPFlags = 0, 0, 0
				p.Src = packet.MustAddr("10.9.9.1")
			case "qseq":
				p.Quoted.Seq = n
			case "mtu":
				p.ICMPRest = n
			default:
				t.Fatalf("key %q in %q", k, l)
			}
		}
		p.IPLen = hdr + p.PayloadWire
		p.WireLen = p.IPLen + 14
		p.Data = make([]byte, p.WireLen)
		out = append(out, line{p: p})
	}
	return out
}

// run feeds a script and ends the input.
func run(t testing.TB, o Options, script string) []event.Event {
	t.Helper()
	return runLines(New(o), parse(t, script))
}

func runLines(tab *Table, lines []line) []event.Event {
	var out []event.Event
	var last packet.Time
	var ord uint64
	for _, l := range lines {
		if l.p == nil {
			tab.Age(l.age, ord, &out)
			last = max(last, l.age)
			continue
		}
		tab.Packet(l.p, &out)
		last = max(last, l.p.Time)
		ord = l.p.Ordinal
	}
	tab.End(last, ord, &out)
	return out
}

// says writes events shortly: "established@3" is Established completed by frame 3.
func says(evs []event.Event) string {
	var b strings.Builder
	for _, e := range evs {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		switch x := e.(type) {
		case *event.Flow:
			b.WriteString(x.What.String())
			if x.What == event.Ended {
				b.WriteString(":" + x.End.String())
			}
		case *event.Anomaly:
			b.WriteString(x.Code.String())
		case *event.ICMPError:
			fmt.Fprintf(&b, "icmp%d.%d", x.Type, x.Code)
		case *event.Exchange:
			b.WriteString("exchange")
		}
		if f := e.Head().Seen.Frame; f != 0 {
			fmt.Fprintf(&b, "@%d", f)
		}
	}
	return b.String()
}

// flowsOf returns the flow events that say w.
func flowsOf(evs []event.Event, w event.What) []*event.Flow {
	var out []*event.Flow
	for _, e := range evs {
		if f, ok := e.(*event.Flow); ok && f.What == w {
			out = append(out, f)
		}
	}
	return out
}
