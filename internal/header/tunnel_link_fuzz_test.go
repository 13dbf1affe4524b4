package header_test

import (
	"testing"

	"firestorm/internal/header"
)

func FuzzGRE(f *testing.F) {
	f.Add(unhex("200008000000002a"))
	f.Add(unhex("f0000800000000000000000100000002080000040a00000100000000"))
	f.Add(unhex("3081880b000a00010000000100000002"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseGRE(b)
		view(t, b, h, ok, 4)
		if !ok {
			return
		}
		h.Version()
		h.Protocol()
		h.Key()
		h.HasRouting()
		h.HasChecksum()
		h.HasSequence()
		h.Recursion()
	})
}

func FuzzERSPAN(f *testing.F) {
	f.Add(unhex("1009000300000000"))
	f.Add(unhex("2009000300000000000000010000000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseERSPAN(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Version()
		h.VLAN()
		h.Truncated()
		h.Session()
		h.FrameType()
	})
}

func FuzzVXLAN(f *testing.F) {
	f.Add(unhex("0800000000004d00"))
	f.Add(unhex("0c00000300004d00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseVXLAN(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.VNI()
		h.NextProtocol()
	})
}

func FuzzGeneve(f *testing.F) {
	f.Add(unhex("0000655800004d00"))
	f.Add(unhex("0100655800004d0001020304"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseGeneve(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Protocol()
		h.VNI()
		h.Control()
		h.Options()
	})
}

func FuzzGTPU(f *testing.F) {
	f.Add(unhex("30ff000400000063"))
	f.Add(unhex("34ff0010000000630000008501000900"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseGTPU(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Type()
		h.Len()
		h.TEID()
	})
}

func FuzzPPPoE(f *testing.F) {
	f.Add(unhex("11090000000401010000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParsePPPoE(b)
		view(t, b, h, ok, 6)
		if !ok {
			return
		}
		h.VersionType()
		h.Code()
		h.Session()
		h.Len()
		walk(t, b[header.PPPoELen:], func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextPPPoETag(o)
			return r, ok, bad
		})
	})
}

func FuzzPPP(f *testing.F) {
	f.Add(unhex("ff030021"))
	f.Add(unhex("21"))
	f.Add(unhex("0021"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParsePPP(b)
		view(t, b, h, ok, 1)
		if !ok {
			return
		}
		h.Protocol()
	})
}

func FuzzSLL(f *testing.F) {
	f.Add(unhex("00040001000602000000000100000800"))
	f.Add(unhex("0004000100ff02000000000100000800"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseSLL(b)
		view(t, b, h, ok, 16)
		if !ok {
			return
		}
		h.PacketType()
		h.HardwareType()
		h.Addr()
		h.Protocol()
	})
}

func FuzzSLL2(f *testing.F) {
	f.Add(unhex("86dd000000000002000103060200000000010000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseSLL2(b)
		view(t, b, h, ok, 20)
		if !ok {
			return
		}
		h.Protocol()
		h.Interface()
		h.HardwareType()
		h.PacketType()
		h.Addr()
	})
}

func FuzzNull(f *testing.F) {
	f.Add(unhex("02000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseNull(b)
		view(t, b, h, ok, 4)
		if !ok {
			return
		}
		h.Family()
	})
}

func FuzzPFLOG(f *testing.F) {
	f.Add(unhex("3d020100656d30000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParsePFLOG(b)
		view(t, b, h, ok, 48)
		if !ok {
			return
		}
		h.Family()
		h.Action()
		h.Reason()
		h.Interface()
		h.Rule()
	})
}

func FuzzLLC(f *testing.F) {
	f.Add(unhex("aaaa03"))
	f.Add(unhex("06060001"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseLLC(b)
		view(t, b, h, ok, 3)
		if !ok {
			return
		}
		h.DSAP()
		h.SSAP()
		h.Control()
	})
}

func FuzzSNAP(f *testing.F) {
	f.Add(unhex("0000000800"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseSNAP(b)
		view(t, b, h, ok, 5)
		if !ok {
			return
		}
		h.OUI()
		h.Type()
	})
}

func FuzzSTP(f *testing.F) {
	f.Add(unhex("00000080"))
	f.Add(unhex("000002023980000000000000000000000000000000000000000000000000000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseSTP(b)
		view(t, b, h, ok, 4)
		if !ok {
			return
		}
		h.Version()
		h.Type()
		h.TopologyChange()
		h.Root()
		h.Bridge()
		h.RootCost()
	})
}

func FuzzVRRP(f *testing.F) {
	f.Add(unhex("2101640100010000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseVRRP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Version()
		h.RouterID()
		h.Priority()
		h.Addresses()
	})
}

func FuzzESP(f *testing.F) {
	f.Add(unhex("0000abcd00000007"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseESP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.SPI()
		h.Seq()
	})
}

func FuzzAH(f *testing.F) {
	f.Add(unhex("0604000000001234000000090102030405060708090a0b0c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseAH(b)
		view(t, b, h, ok, 12)
		if !ok {
			return
		}
		h.NextHeader()
		h.Reserved()
		h.SPI()
		h.Seq()
	})
}

func FuzzRadiotap(f *testing.F) {
	f.Add(unhex("000009000200000010"))
	f.Add(unhex("000018000300008000000000000000001122334455667788"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseRadiotap(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Flags()
	})
}

func FuzzIEEE80211(f *testing.F) {
	f.Add(unhex("8803000002000000000102000000000202000000000310000200000000048000"))
	f.Add(unhex("8000000002000000000102000000000202000000000310000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseIEEE80211(b)
		view(t, b, h, ok, 10)
		if !ok {
			return
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
	})
}

func FuzzTeredo(f *testing.F) {
	f.Add(append(unhex("0000aabbccddeeff6000000000003b40"), make([]byte, 32)...), uint16(0))
	f.Add(append(unhex("000100000011223344556677886000000000003b40"), make([]byte, 32)...), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, more uint16) {
		h, ok := header.ParseTeredo(b, len(b)+int(more))
		view(t, b, h, ok, 0)
		if ok && len(h)+header.IPv6Len > len(b) {
			t.Fatal("no room for the IPv6 header")
		}
	})
}

func FuzzNFLOG(f *testing.F) {
	f.Add(unhex("020000000c000a00424c4f434b3a200005000900" + "45000000"))
	f.Add(unhex("02000000000c000a424c4f434b3a20000005000945000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseNFLOG(b)
		view(t, b, h, ok, 4)
		if !ok {
			return
		}
		h.Family()
		for off := 4; ; {
			_, v, next, ok, _ := h.Next(off)
			if !ok {
				return
			}
			if next <= off || len(v) > next-off {
				t.Fatalf("from %d to %d with %d bytes", off, next, len(v))
			}
			off = next
		}
	})
}

func FuzzLLDP(f *testing.F) {
	f.Add(unhex("0207040200000000010403" + "0561626302" + "0606020078" + "0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		walk(t, b, func(o []byte) ([]byte, bool, bool) { _, _, r, ok, bad := header.NextLLDP(o); return r, ok, bad })
	})
}
