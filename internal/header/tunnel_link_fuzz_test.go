package header_test

import (
	"testing"

	"firestorm/internal/header"
)

// tunnels are the formats of tunnels, of captures on special links, and of what speaks on a link alone.
var tunnels = []format{
	{"GRE", [][]byte{unhex("200008000000002a"), unhex("f0000800000000000000000100000002080000040a00000100000000"), unhex("3081880b000a00010000000100000002")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseGRE(b)
		view(t, b, h, ok, 4)
		if !ok {
			return false
		}
		h.Version()
		h.Protocol()
		h.Key()
		h.HasRouting()
		h.HasChecksum()
		h.HasSequence()
		h.Recursion()
		return true
	}},
	{"ERSPAN", [][]byte{unhex("1009000300000000"), unhex("2009000300000000000000010000000000000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseERSPAN(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Version()
		h.VLAN()
		h.Truncated()
		h.Session()
		h.FrameType()
		return true
	}},
	{"VXLAN", [][]byte{unhex("0800000000004d00"), unhex("0c00000300004d00")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseVXLAN(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.VNI()
		h.NextProtocol()
		return true
	}},
	{"Geneve", [][]byte{unhex("0000655800004d00"), unhex("0100655800004d0001020304")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseGeneve(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Protocol()
		h.VNI()
		h.Control()
		h.Options()
		return true
	}},
	{"GTPU", [][]byte{unhex("30ff000400000063"), unhex("34ff0010000000630000008501000900")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseGTPU(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Type()
		h.Len()
		h.TEID()
		return true
	}},
	{"PPPoE", [][]byte{unhex("11090000000401010000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParsePPPoE(b)
		view(t, b, h, ok, 6)
		if !ok {
			return false
		}
		h.VersionType()
		h.Code()
		h.Session()
		h.Len()
		walk(t, b[header.PPPoELen:], func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextPPPoETag(o)
			return r, ok, bad
		})
		return true
	}},
	{"PPP", [][]byte{unhex("ff030021"), unhex("21"), unhex("0021")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParsePPP(b)
		view(t, b, h, ok, 1)
		if !ok {
			return false
		}
		h.Protocol()
		return true
	}},
	{"SLL", [][]byte{unhex("00040001000602000000000100000800"), unhex("0004000100ff02000000000100000800")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseSLL(b)
		view(t, b, h, ok, 16)
		if !ok {
			return false
		}
		h.PacketType()
		h.HardwareType()
		h.Addr()
		h.Protocol()
		return true
	}},
	{"SLL2", [][]byte{unhex("86dd000000000002000103060200000000010000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseSLL2(b)
		view(t, b, h, ok, 20)
		if !ok {
			return false
		}
		h.Protocol()
		h.Interface()
		h.HardwareType()
		h.PacketType()
		h.Addr()
		return true
	}},
	{"Null", [][]byte{unhex("02000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseNull(b)
		view(t, b, h, ok, 4)
		if !ok {
			return false
		}
		h.Family()
		return true
	}},
	{"PFLOG", [][]byte{unhex("3d020100656d30000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParsePFLOG(b)
		view(t, b, h, ok, 48)
		if !ok {
			return false
		}
		h.Family()
		h.Action()
		h.Reason()
		h.Interface()
		h.Rule()
		return true
	}},
	{"LLC", [][]byte{unhex("aaaa03"), unhex("06060001")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseLLC(b)
		view(t, b, h, ok, 3)
		if !ok {
			return false
		}
		h.DSAP()
		h.SSAP()
		h.Control()
		return true
	}},
	{"SNAP", [][]byte{unhex("0000000800")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseSNAP(b)
		view(t, b, h, ok, 5)
		if !ok {
			return false
		}
		h.OUI()
		h.Type()
		return true
	}},
	{"STP", [][]byte{unhex("00000080"), unhex("000002023980000000000000000000000000000000000000000000000000000000000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseSTP(b)
		view(t, b, h, ok, 4)
		if !ok {
			return false
		}
		h.Version()
		h.Type()
		h.TopologyChange()
		h.Root()
		h.Bridge()
		h.RootCost()
		return true
	}},
	{"VRRP", [][]byte{unhex("2101640100010000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseVRRP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Version()
		h.RouterID()
		h.Priority()
		h.Addresses()
		return true
	}},
	{"ESP", [][]byte{unhex("0000abcd00000007")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseESP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.SPI()
		h.Seq()
		return true
	}},
	{"AH", [][]byte{unhex("0604000000001234000000090102030405060708090a0b0c")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseAH(b)
		view(t, b, h, ok, 12)
		if !ok {
			return false
		}
		h.NextHeader()
		h.Reserved()
		h.SPI()
		h.Seq()
		return true
	}},
	{"Radiotap", [][]byte{unhex("000009000200000010"), unhex("000018000300008000000000000000001122334455667788")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseRadiotap(b)
		view(t, b, h, ok, 8)
		if !ok {
			return false
		}
		h.Flags()
		return true
	}},
	{"IEEE80211", [][]byte{unhex("8803000002000000000102000000000202000000000310000200000000048000"), unhex("8000000002000000000102000000000202000000000310000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseIEEE80211(b)
		view(t, b, h, ok, 10)
		if !ok {
			return false
		}
		h.HasBody()
		h.Protected()
		h.MoreFragments()
		if h.IsData() {
			h.Src()
			h.Dst()
			h.AMSDU()
			h.Fragment()
		}
		return true
	}},
	{"Teredo", [][]byte{append(unhex("0000"+"0000aabbccddeeff6000000000003b40"), make([]byte, 32)...), append(unhex("0009"+"000100000011223344556677886000000000003b40"), make([]byte, 32)...)}, func(t *testing.T, b []byte) bool {
		if len(b) < 2 {
			return false
		}
		more := int(b[0])<<8 | int(b[1]) // bytes of the datagram beyond the capture
		b = b[2:]
		h, ok := header.ParseTeredo(b, len(b)+more)
		view(t, b, h, ok, 0)
		if ok && len(h)+header.IPv6Len > len(b) {
			t.Fatal("no room for the IPv6 header")
		}
		return ok
	}},
	{"NFLOG", [][]byte{unhex("020000000c000a00424c4f434b3a200005000900" + "45000000"), unhex("02000000000c000a424c4f434b3a20000005000945000000")}, func(t *testing.T, b []byte) bool {
		h, ok := header.ParseNFLOG(b)
		view(t, b, h, ok, 4)
		if !ok {
			return false
		}
		h.Family()
		for off := 4; ; {
			_, v, next, ok, _ := h.Next(off)
			if !ok {
				return true
			}
			if next <= off || len(v) > next-off {
				t.Fatalf("from %d to %d with %d bytes", off, next, len(v))
			}
			off = next
		}
	}},
	{"LLDP", [][]byte{unhex("0207040200000000010403" + "0561626302" + "0606020078" + "0000")}, func(t *testing.T, b []byte) bool {
		walk(t, b, func(o []byte) ([]byte, bool, bool) { _, _, r, ok, bad := header.NextLLDP(o); return r, ok, bad })
		_, _, _, ok, _ := header.NextLLDP(b)
		return ok
	}},
}
