package header_test

import (
	"testing"

	"firestorm/internal/header"
)

// view checks that a parser's answer is a piece of what it was given, of at least least bytes.
func view(t *testing.T, b, h []byte, ok bool, least int) {
	t.Helper()
	if ok && (len(h) < least || len(h) > len(b) || len(h) > 0 && &h[0] != &b[0]) {
		t.Fatalf("%d bytes of %d, want at least %d", len(h), len(b), least)
	}
	if !ok && h != nil {
		t.Fatal("a header that is not there")
	}
}

// walk follows a list of options to its end, which must come.
func walk(t *testing.T, b []byte, next func([]byte) (rest []byte, ok, bad bool)) {
	t.Helper()
	for {
		rest, ok, bad := next(b)
		if !ok {
			return
		}
		if bad || len(rest) >= len(b) {
			t.Fatalf("%d bytes after %d", len(rest), len(b))
		}
		b = rest
	}
}

// format is a parser of the package as the fuzz target knows it.
type format struct {
	name  string
	seeds [][]byte
	parse func(t *testing.T, b []byte) bool // reads everything there is; false: not of this format
}

// formats lists the parsers in the order of FuzzParse's first argument. New ones go to the end of tunnels: inputs that
// were kept name a format by its number.
func formats() []format { return append(append([]format(nil), layers...), tunnels...) }

// FuzzParse hands bytes to one of the parsers. No answer lies outside of what was given, and every list of options ends.
func FuzzParse(f *testing.F) {
	fs := formats()
	for i, x := range fs {
		for _, s := range x.seeds {
			f.Add(byte(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		fs[int(which)%len(fs)].parse(t, b)
	})
}

// TestSeeds: the seeds of every format are of that format, so that fuzzing begins behind its first checks.
func TestSeeds(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range formats() {
		if len(x.seeds) == 0 || seen[x.name] {
			t.Errorf("%s has no seed, or is there twice", x.name)
		}
		seen[x.name] = true
		for _, s := range x.seeds {
			if !x.parse(t, s) {
				t.Errorf("%s does not take its seed %x", x.name, s)
			}
		}
	}
}

// layers are the formats of links, networks and transports.
var layers = []format{
	{"Ethernet", [][]byte{unhex("0102030405060708090a0b0c0800")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseEthernet(b)
		view(t, b, h, ok, 14)
		if !ok {
			return false
		}
		h.Dst()
		h.Src()
		h.Type()
		return true
	}},
	{"VLAN", [][]byte{unhex("60070800")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseVLAN(b)
		view(t, b, h, ok, 4)
		if !ok {
			return false
		}
		h.ID()
		h.Priority()
		h.DropEligible()
		h.Type()
		return true
	}},
	{"ARP", [][]byte{unhex("000108000604000102000000000a0a0000010000000000000a000002")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseARP(b)
		view(t, b, h, ok, 28)
		if !ok {
			return false
		}
		h.HardwareType()
		h.ProtocolType()
		h.Operation()
		h.SenderMAC()
		h.SenderIP()
		h.TargetMAC()
		h.TargetIP()
		return true
	}},
	{"IPv4", [][]byte{unhex("4500001400000000400600000a0000010a000002"), unhex("4600001800000000400600000a0000010a00000294040000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseIPv4(b)
		view(t, b, h, ok, 20)
		if !ok {
			return false
		}
		h.TOS()
		h.TotalLen()
		h.ID()
		h.FragmentOffset()
		h.ChecksumOK()
		h.Src()
		h.Dst()
		walk(t, h.Options(), func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextOption(o)
			return r, ok, bad
		})
		return true
	}},
	{"IPv6", [][]byte{unhex("60000000000006400000000000000000000000000000000100000000000000000000000000000002")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseIPv6(b)
		view(t, b, h, ok, 40)
		if !ok {
			return false
		}
		h.TrafficClass()
		h.FlowLabel()
		h.PayloadLen()
		h.NextHeader()
		h.HopLimit()
		h.Src()
		h.Dst()
		return true
	}},
	{"IPv6Ext", [][]byte{unhex("3a00050200000100"), unhex("3a010502000001000106000000000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseIPv6Ext(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.NextHeader()
		h.RoutingType()
		h.SegmentsLeft()
		walk(t, h.Options(), func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextIPv6Option(o)
			return r, ok, bad
		})
		return true
	}},
	{"IPv6Fragment", [][]byte{unhex("1100000100000007")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseIPv6Fragment(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.NextHeader()
		h.Offset()
		h.MoreFragments()
		h.ID()
		return true
	}},
	{"TCP", [][]byte{unhex("04d20050000000010000000080100001000000000101080a0000000100000002")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseTCP(b)
		view(t, b, h, ok, 20)
		if !ok {
			return false
		}
		h.SrcPort()
		h.DstPort()
		h.Seq()
		h.Ack()
		h.Flags()
		h.Window()
		h.Checksum()
		h.Urgent()
		walk(t, h.Options(), func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextOption(o)
			return r, ok, bad
		})
		return true
	}},
	{"UDP", [][]byte{unhex("0035003500080000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseUDP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.SrcPort()
		h.DstPort()
		h.Len()
		h.Checksum()
		return true
	}},
	{"ICMPv4", [][]byte{unhex("0304000000000578")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseICMPv4(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Type()
		h.Code()
		h.Rest()
		h.ID()
		h.Seq()
		h.NextHopMTU()
		return true
	}},
	{"ICMPv6", [][]byte{unhex("0200000000000500")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseICMPv6(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Type()
		h.Code()
		h.Rest()
		h.Checksum()
		return true
	}},
	{"MPLS", [][]byte{unhex("00064140")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseMPLS(b)
		view(t, b, h, ok, 4)
		if !ok {
			return false
		}
		h.Label()
		h.TrafficClass()
		h.Bottom()
		h.TTL()
		return true
	}},
	{"NDP", [][]byte{unhex("8700000000000000fe8000000000000000000000000000010101020000000005"), unhex("860000004080070800000000000000000101020000000005"), unhex("8900000000000000" + "fe800000000000000000000000000001" + "fe800000000000000000000000000002" + "0201020304050600")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseNDP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Type()
		h.Target()
		h.Solicited()
		h.Override()
		h.RouterLifetime()
		h.RAFlags()
		h.LinkAddr(1)
		walk(t, h.Options(), func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextNDPOption(o)
			return r, ok, bad
		})
		return true
	}},
	{"IGMP", [][]byte{unhex("2200ea0300000001")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseIGMP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Type()
		h.MaxRespTime()
		h.Group()
		h.Records()
		return true
	}},
	{"SCTP", [][]byte{unhex("1b581b5900000001000000000100001400000001000100000001000100000001")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseSCTP(b)
		view(t, b, h, ok, 12)
		if !ok {
			return false
		}
		h.SrcPort()
		h.DstPort()
		h.VerificationTag()
		walk(t, b[header.SCTPLen:], func(o []byte) ([]byte, bool, bool) {
			_, _, _, r, ok, bad := header.NextSCTPChunk(o)
			return r, ok, bad
		})
		return true
	}},
}
