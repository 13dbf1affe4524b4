package packet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"firestorm/internal/packet"
)

// shared returns the folder of captures that tests may read, or skips.
func shared(t *testing.T) string {
	dir := os.Getenv("FIRESTORM_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no captures to compare on: set FIRESTORM_SHARED to the shared folder (%v)", err)
	}
	return dir
}

// captures lists the capture files under dir, sorted.
func captures(t *testing.T, dir string) []string {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".pcap") || strings.HasSuffix(path, ".pcapng") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	return files
}

// eachFrame reads a capture with gopacket's own readers.
func eachFrame(path string, f func(n int, link layers.LinkType, ci gopacket.CaptureInfo, data []byte)) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	type source interface {
		ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
		LinkType() layers.LinkType
	}
	var s source
	if len(b) >= 4 && binary.BigEndian.Uint32(b) == 0x0a0d0d0a {
		s, err = pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions)
	} else {
		s, err = pcapgo.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		data, ci, err := s.ReadPacketData()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		f(n, s.LinkType(), ci, data)
	}
}

// view is what both decoders say of a frame.
type view struct {
	src, dst           string
	proto              uint8
	ttl, tos           uint8
	ipid               uint32
	frag               int
	sport, dport       uint16
	seq, ack           uint32
	flags, window, urg uint16
	payload            int
	icmpType, icmpCode uint8
	vlan, etherType    uint16
	mss                uint16
	wscale             uint8
	tsval              uint32
	srcMAC, dstMAC     string
}

func ownView(p *packet.Packet) view {
	v := view{proto: p.Proto, ttl: p.TTL, tos: p.TOS, ipid: p.IPID, frag: int(p.FragOff), sport: p.SrcPort, dport: p.DstPort,
		seq: p.Seq, ack: p.Ack, flags: p.TCPFlags, window: p.Window, urg: p.Urgent, icmpType: p.ICMPType,
		icmpCode: p.ICMPCode, mss: p.MSS, wscale: p.WScale, tsval: p.TSVal}
	if p.Proto == packet.ProtoIGMP {
		v.icmpCode = 0 // gopacket has no field for the response time of version 1 and 2
	}
	if p.IPVersion != 0 {
		v.src, v.dst = p.Src.String(), p.Dst.String()
	}
	if p.NVLAN > 0 {
		v.vlan = p.VLANs[0]
	}
	if p.FragOff == 0 && (p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP) {
		v.payload = int(p.PayloadLen)
	}
	if p.HasLayer(packet.LayerEthernet) {
		v.srcMAC, v.dstMAC = p.SrcMAC.String(), p.DstMAC.String()
		v.etherType = p.EtherType
	}
	return v
}

func gopacketView(g gopacket.Packet) view {
	var v view
	for _, l := range g.Layers() {
		switch x := l.(type) {
		case *layers.Ethernet:
			v.srcMAC, v.dstMAC, v.etherType = x.SrcMAC.String(), x.DstMAC.String(), uint16(x.EthernetType)
			if x.Length > 0 || v.etherType < 0x600 {
				v.etherType = 0
			}
		case *layers.Dot1Q:
			if v.vlan == 0 {
				v.vlan = x.VLANIdentifier
			}
			v.etherType = uint16(x.Type)
		case *layers.SNAP:
			v.etherType = uint16(x.Type)
		case *layers.IPv4:
			m := v
			v = view{vlan: m.vlan, etherType: m.etherType, srcMAC: m.srcMAC, dstMAC: m.dstMAC}
			v.src, v.dst, v.proto, v.ttl, v.tos = x.SrcIP.String(), x.DstIP.String(), uint8(x.Protocol), x.TTL, x.TOS
			v.ipid, v.frag = uint32(x.Id), int(x.FragOffset)*8
		case *layers.IPv6:
			m := v
			v = view{vlan: m.vlan, etherType: m.etherType, srcMAC: m.srcMAC, dstMAC: m.dstMAC}
			v.src, v.dst, v.proto, v.ttl, v.tos = x.SrcIP.String(), x.DstIP.String(), uint8(x.NextHeader), x.HopLimit, x.TrafficClass
		case *layers.IPv6HopByHop:
			v.proto = uint8(x.NextHeader)
		case *layers.IPv6Destination:
			v.proto = uint8(x.NextHeader)
		case *layers.IPv6Routing:
			v.proto = uint8(x.NextHeader)
		case *layers.IPv6Fragment:
			v.proto, v.ipid, v.frag = uint8(x.NextHeader), x.Identification, int(x.FragmentOffset)*8
		case *layers.IPSecAH:
			v.proto = uint8(x.NextHeader)
		case *layers.TCP:
			if len(x.Contents) < 20 {
				continue // gopacket keeps the layer though it failed to read it
			}
			v.sport, v.dport, v.seq, v.ack, v.window, v.urg = uint16(x.SrcPort), uint16(x.DstPort), x.Seq, x.Ack, x.Window, x.Urgent
			v.flags = binary.BigEndian.Uint16(x.Contents[12:]) & 0x1ff
			v.payload = len(x.Payload)
			for _, o := range x.Options {
				d := o.OptionData
				switch {
				case o.OptionType == layers.TCPOptionKindMSS && len(d) == 2 && v.mss == 0:
					v.mss = binary.BigEndian.Uint16(d)
				case o.OptionType == layers.TCPOptionKindWindowScale && len(d) == 1 && v.wscale == 0:
					v.wscale = d[0]
				case o.OptionType == layers.TCPOptionKindTimestamps && len(d) == 8 && v.tsval == 0:
					v.tsval = binary.BigEndian.Uint32(d)
				}
			}
		case *layers.UDP:
			v.sport, v.dport, v.payload = uint16(x.SrcPort), uint16(x.DstPort), len(x.Payload)
		case *layers.UDPLite:
			v.sport, v.dport = uint16(x.SrcPort), uint16(x.DstPort)
		case *layers.SCTP:
			v.sport, v.dport = uint16(x.SrcPort), uint16(x.DstPort)
		case *layers.ICMPv4:
			v.icmpType, v.icmpCode = x.TypeCode.Type(), x.TypeCode.Code()
		case *layers.ICMPv6:
			v.icmpType, v.icmpCode = x.TypeCode.Type(), x.TypeCode.Code()
		case *layers.IGMP:
			v.icmpType = uint8(x.Type)
		case *layers.IGMPv1or2:
			v.icmpType = uint8(x.Type)
		}
	}
	return v
}

func diff(a, b view) string {
	x, y := strings.Fields(fmt.Sprintf("%+v", a)), strings.Fields(fmt.Sprintf("%+v", b))
	var out []string
	for i := range x {
		if i < len(y) && x[i] != y[i] {
			out = append(out, x[i]+"/"+y[i][strings.IndexByte(y[i], ':')+1:])
		}
	}
	return strings.Join(out, " ")
}

// disagreements are the reasons why gopacket may see a frame otherwise, in the order they are tried. A frame that
// disagrees for none of them fails the test.
var disagreements = []struct {
	reason string
	is     func(p *packet.Packet, g gopacket.Packet, fault string, differ map[string]bool) bool
}{
	{"gopacket does not know the link type, Decode does", func(_ *packet.Packet, _ gopacket.Packet, fault string, _ map[string]bool) bool {
		return strings.HasPrefix(fault, "Unable to decode LinkType")
	}},
	{"gopacket does not know the EtherType (NSH, E-Tag, Cisco), Decode does", func(p *packet.Packet, _ gopacket.Packet, fault string, _ map[string]bool) bool {
		return strings.HasPrefix(fault, "Unable to decode EthernetType") && p.IPVersion != 0
	}},
	{"Teredo: gopacket leaves it as UDP", func(p *packet.Packet, _ gopacket.Packet, _ string, _ map[string]bool) bool {
		return p.HasLayer(packet.LayerTeredo)
	}},
	{"PPP with a compressed or HDLC header, which gopacket reads otherwise", func(p *packet.Packet, g gopacket.Packet, _ string, _ map[string]bool) bool {
		return p.HasLayer(packet.LayerPPP) && g.Layer(layers.LayerTypePPP) == nil
	}},
	{"the first fragment of a datagram: gopacket leaves its transport header alone", func(p *packet.Packet, _ gopacket.Packet, _ string, differ map[string]bool) bool {
		return p.IPFlags&packet.MoreFragments != 0 && p.FragOff == 0 && !differ["src"] && !differ["dst"]
	}},
	{"an IPv6 atomic fragment: gopacket stops at the header, RFC 6946 goes on", func(p *packet.Packet, _ gopacket.Packet, _ string, differ map[string]bool) bool {
		return p.HasAnomaly(packet.BadIPv6ExthdrUselessFH) && !differ["src"] && !differ["dst"]
	}},
	{"IPv6 in IPv6 of a wrong version: Decode stops, gopacket reads it all the same", func(p *packet.Packet, _ gopacket.Packet, _ string, _ map[string]bool) bool {
		return p.HasAnomaly(packet.BadIPv6IPv6InIPv6WrongVersion)
	}},
	{"a TCP header that claims less than 20 bytes: Decode keeps the fields, gopacket drops them", func(p *packet.Packet, _ gopacket.Packet, fault string, _ map[string]bool) bool {
		return p.HasAnomaly(packet.BadTCPHLenTooSmall) && strings.HasPrefix(fault, "Invalid TCP data offset")
	}},
	{"ERSPAN: Decode notes the VLAN of its header as a tag", func(p *packet.Packet, _ gopacket.Packet, _ string, differ map[string]bool) bool {
		return p.HasLayer(packet.LayerERSPAN) && differ["vlan"]
	}},
	{"SNAP of an organisation: its type is no EtherType", func(p *packet.Packet, _ gopacket.Packet, _ string, differ map[string]bool) bool {
		return p.HasLayer(packet.LayerSNAP) && len(differ) == 1 && differ["etherType"]
	}},
	{"ARP in GRE: Decode counts the GRE protocol as EtherType", func(p *packet.Packet, _ gopacket.Packet, _ string, differ map[string]bool) bool {
		return p.HasLayer(packet.LayerGRE) && p.HasLayer(packet.LayerARP) && len(differ) == 1 && differ["etherType"]
	}},
	{"RGMP: gopacket does not know these IGMP types", func(p *packet.Packet, _ gopacket.Packet, fault string, _ map[string]bool) bool {
		return p.Proto == packet.ProtoIGMP && strings.HasPrefix(fault, "Unable to determine IGMP type")
	}},
}

func TestAgreesWithGopacket(t *testing.T) {
	dir := filepath.Join(shared(t), "conformance")
	frames, files, unexplained := 0, 0, 0
	counts := make([]int, len(disagreements))
	for _, path := range captures(t, dir) {
		files++
		err := eachFrame(path, func(n int, link layers.LinkType, ci gopacket.CaptureInfo, data []byte) {
			frames++
			p := packet.Packet{Data: data, Link: packet.LinkType(link), WireLen: uint32(ci.Length)}
			packet.Decode(&p, nil)
			checkPacket(t, &p)
			g := gopacket.NewPacket(data, link, gopacket.DecodeOptions{NoCopy: true})
			a, b := ownView(&p), gopacketView(g)
			if a == b {
				return
			}
			if i := explain(&p, g, diff(a, b)); i >= 0 {
				counts[i]++
			} else if unexplained++; unexplained <= 20 {
				t.Errorf("%s frame %d, Decode/gopacket: %s (%v)", strings.TrimPrefix(path, dir), n, diff(a, b), g.ErrorLayer())
			}
		})
		if err != nil {
			t.Logf("%s: gopacket's reader stops: %v", strings.TrimPrefix(path, dir), err)
		}
	}
	for i, d := range disagreements {
		t.Logf("%6d  %s", counts[i], d.reason)
	}
	t.Logf("%d frames of %d files, %d disagree without a reason", frames, files, unexplained)
	if frames < 1000 {
		t.Errorf("only %d frames were compared", frames)
	}
}

// explain returns the first reason that fits, or -1.
func explain(p *packet.Packet, g gopacket.Packet, differences string) int {
	fault := ""
	if e := g.ErrorLayer(); e != nil {
		fault = e.Error().Error()
	}
	differ := map[string]bool{}
	for _, f := range strings.Fields(differences) {
		differ[strings.TrimPrefix(f[:strings.IndexByte(f, ':')], "{")] = true
	}
	for i, d := range disagreements {
		if d.is(p, g, fault, differ) {
			return i
		}
	}
	return -1
}
