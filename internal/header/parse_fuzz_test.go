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

func FuzzEthernet(f *testing.F) {
	f.Add(unhex("0102030405060708090a0b0c0800"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseEthernet(b)
		view(t, b, h, ok, 14)
		if !ok {
			return
		}
		h.Dst()
		h.Src()
		h.Type()
	})
}

func FuzzVLAN(f *testing.F) {
	f.Add(unhex("60070800"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseVLAN(b)
		view(t, b, h, ok, 4)
		if !ok {
			return
		}
		h.ID()
		h.Priority()
		h.DropEligible()
		h.Type()
	})
}

func FuzzARP(f *testing.F) {
	f.Add(unhex("000108000604000102000000000a0a0000010000000000000a000002"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseARP(b)
		view(t, b, h, ok, 28)
		if !ok {
			return
		}
		h.HardwareType()
		h.ProtocolType()
		h.Operation()
		h.SenderMAC()
		h.SenderIP()
		h.TargetMAC()
		h.TargetIP()
	})
}

func FuzzIPv4(f *testing.F) {
	f.Add(unhex("4500001400000000400600000a0000010a000002"))
	f.Add(unhex("4600001800000000400600000a0000010a00000294040000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseIPv4(b)
		view(t, b, h, ok, 20)
		if !ok {
			return
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
	})
}

func FuzzIPv6(f *testing.F) {
	f.Add(unhex("60000000000006400000000000000000000000000000000100000000000000000000000000000002"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseIPv6(b)
		view(t, b, h, ok, 40)
		if !ok {
			return
		}
		h.TrafficClass()
		h.FlowLabel()
		h.PayloadLen()
		h.NextHeader()
		h.HopLimit()
		h.Src()
		h.Dst()
	})
}

func FuzzIPv6Ext(f *testing.F) {
	f.Add(unhex("3a00050200000100"))
	f.Add(unhex("3a010502000001000106000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseIPv6Ext(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.NextHeader()
		h.RoutingType()
		h.SegmentsLeft()
		walk(t, h.Options(), func(o []byte) ([]byte, bool, bool) {
			_, _, r, ok, bad := header.NextIPv6Option(o)
			return r, ok, bad
		})
	})
}

func FuzzIPv6Fragment(f *testing.F) {
	f.Add(unhex("1100000100000007"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseIPv6Fragment(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.NextHeader()
		h.Offset()
		h.MoreFragments()
		h.ID()
	})
}

func FuzzTCP(f *testing.F) {
	f.Add(unhex("04d20050000000010000000080100001000000000101080a0000000100000002"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseTCP(b)
		view(t, b, h, ok, 20)
		if !ok {
			return
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
	})
}

func FuzzUDP(f *testing.F) {
	f.Add(unhex("0035003500080000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseUDP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.SrcPort()
		h.DstPort()
		h.Len()
		h.Checksum()
	})
}

func FuzzICMPv4(f *testing.F) {
	f.Add(unhex("0304000000000578"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseICMPv4(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Type()
		h.Code()
		h.Rest()
		h.ID()
		h.Seq()
		h.NextHopMTU()
	})
}

func FuzzICMPv6(f *testing.F) {
	f.Add(unhex("0200000000000500"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseICMPv6(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Type()
		h.Code()
		h.Rest()
		h.Checksum()
	})
}

func FuzzMPLS(f *testing.F) {
	f.Add(unhex("00064140"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseMPLS(b)
		view(t, b, h, ok, 4)
		if !ok {
			return
		}
		h.Label()
		h.TrafficClass()
		h.Bottom()
		h.TTL()
	})
}

func FuzzNDP(f *testing.F) {
	f.Add(unhex("8700000000000000fe8000000000000000000000000000010101020000000005"))
	f.Add(unhex("860000004080070800000000000000000101020000000005"))
	f.Add(unhex("8900000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseNDP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
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
	})
}

func FuzzIGMP(f *testing.F) {
	f.Add(unhex("2200ea0300000001"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseIGMP(b)
		view(t, b, h, ok, 8)
		if !ok {
			return
		}
		h.Type()
		h.MaxRespTime()
		h.Group()
		h.Records()
	})
}

func FuzzSCTP(f *testing.F) {
	f.Add(unhex("1b581b5900000001000000000100001400000001000100000001000100000001"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := header.ParseSCTP(b)
		view(t, b, h, ok, 12)
		if !ok {
			return
		}
		h.SrcPort()
		h.DstPort()
		h.VerificationTag()
		walk(t, b[header.SCTPLen:], func(o []byte) ([]byte, bool, bool) {
			_, _, _, r, ok, bad := header.NextSCTPChunk(o)
			return r, ok, bad
		})
	})
}
