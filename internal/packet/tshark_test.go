package packet_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"firestorm/internal/packet"
)

// tsharkFields are asked of tshark; a frame with tunnels yields several values, of which the last is innermost.
var tsharkFields = []string{"frame.number", "ip.src", "ip.dst", "ip.ttl", "ip.id", "ipv6.src", "ipv6.dst", "ipv6.hlim",
	"tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.window_size_value", "tcp.len",
	"udp.srcport", "udp.dstport", "udp.length", "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code", "frame.protocols"}

// tsharkReasons explain frames on which tshark and Decode differ.
var tsharkReasons = []struct {
	reason string
	is     func(p *packet.Packet) bool
}{
	{"an ICMP error: tshark lists the quoted packet's fields after the packet's own", func(p *packet.Packet) bool {
		return p.HasQuoted
	}},
	{"the first fragment of a datagram, or a later one: tshark waits for the whole", func(p *packet.Packet) bool {
		return p.IPFlags&packet.Fragment != 0
	}},
	{"a header that lies about its length: tshark stops earlier or later", func(p *packet.Packet) bool {
		return p.Invalid()
	}},
	{"IPv6 with IPv4-mapped addresses, which Addr writes dotted; IPVersion tells", func(p *packet.Packet) bool {
		return p.IPVersion == 6 && p.Src.Is4() && p.Dst.Is4()
	}},
}

// TestAgreesWithTshark compares a seeded sample of captures with tshark, field by field.
func TestAgreesWithTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tshark; not with -short")
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed (Debian: apt-get install tshark)")
	}
	dir := filepath.Join(shared(t), "conformance")
	files := captures(t, dir)
	const seed, maxFrames = 20261123, 2000
	sample := 8 // starting tshark costs most; make test-long takes more
	if os.Getenv("FIRESTORM_LONG") != "" {
		sample = 60
	}
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	counts := make([]int, len(tsharkReasons))
	frames, compared, unexplained := 0, 0, 0
	for _, path := range files[:min(sample, len(files))] {
		args := []string{"-r", path, "-n", "-c", fmt.Sprint(maxFrames), "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE",
			"-o", "tcp.desegment_tcp_streams:FALSE", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"}
		for _, f := range tsharkFields {
			args = append(args, "-e", f)
		}
		out, err := exec.Command(tshark, args...).Output()
		if err != nil && len(out) == 0 {
			t.Logf("%s: tshark: %v", strings.TrimPrefix(path, dir), err)
			continue
		}
		rows := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		err = eachFrame(path, func(n int, link layers.LinkType, ci gopacket.CaptureInfo, data []byte) {
			frames++
			if n > len(rows) {
				return
			}
			v := strings.Split(rows[n-1], "|")
			if len(v) != len(tsharkFields) || v[0] != fmt.Sprint(n) {
				return
			}
			compared++
			p := packet.Packet{Data: data, Link: packet.LinkType(link), WireLen: uint32(ci.Length)}
			packet.Decode(&p, nil)
			d := tsharkDiff(&p, v)
			if d == "" {
				return
			}
			for i, e := range tsharkReasons {
				if e.is(&p) {
					counts[i]++
					return
				}
			}
			if unexplained++; unexplained <= 20 {
				t.Errorf("%s frame %d: %s (%s)", strings.TrimPrefix(path, dir), n, d, v[len(v)-1])
			}
		})
		if err != nil {
			t.Logf("%s: %v", strings.TrimPrefix(path, dir), err)
		}
	}
	for i, e := range tsharkReasons {
		t.Logf("%6d  %s", counts[i], e.reason)
	}
	t.Logf("seed %d: %d of %d captures, %d frames, %d compared, %d disagree without a reason", seed, min(sample, len(files)),
		len(files), frames, compared, unexplained)
	if compared < 100 {
		t.Errorf("only %d frames were compared", compared)
	}
}

// tsharkDiff names the fields that differ, "field own/tshark".
func tsharkDiff(p *packet.Packet, v []string) string {
	var out []string
	check := func(field string, own any) {
		for i, f := range tsharkFields {
			if f != field {
				continue
			}
			all := strings.Split(v[i], ",")
			if got := all[len(all)-1]; got != fmt.Sprint(own) {
				out = append(out, fmt.Sprintf("%s %v/%s", field, own, v[i]))
			}
		}
	}
	switch p.IPVersion {
	case 4:
		check("ip.src", p.Src)
		check("ip.dst", p.Dst)
		check("ip.ttl", p.TTL)
		check("ip.id", fmt.Sprintf("0x%04x", p.IPID))
	case 6:
		check("ipv6.src", p.Src)
		check("ipv6.dst", p.Dst)
		check("ipv6.hlim", p.TTL)
	default:
		check("ip.src", "")
		check("ipv6.src", "")
	}
	switch {
	case p.L4 == 0:
	case p.Proto == packet.ProtoTCP:
		check("tcp.srcport", p.SrcPort)
		check("tcp.dstport", p.DstPort)
		check("tcp.seq_raw", p.Seq)
		check("tcp.ack_raw", p.Ack)
		check("tcp.flags", fmt.Sprintf("0x%04x", p.TCPFlags))
		check("tcp.window_size_value", p.Window)
		check("tcp.len", p.PayloadWire)
	case p.Proto == packet.ProtoUDP:
		check("udp.srcport", p.SrcPort)
		check("udp.dstport", p.DstPort)
		check("udp.length", p.PayloadWire+8)
	case p.Proto == packet.ProtoICMP:
		check("icmp.type", p.ICMPType)
		check("icmp.code", p.ICMPCode)
	case p.Proto == packet.ProtoICMPv6:
		check("icmpv6.type", p.ICMPType)
		check("icmpv6.code", p.ICMPCode)
	}
	return strings.Join(out, ", ")
}
