package header_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"firestorm/internal/header"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// slowSum is RFC 1071 as it is written: 16-bit words, carries added at the end.
func slowSum(initial uint64, b []byte) uint16 {
	s := initial
	for i, c := range b {
		if i%2 == 0 {
			s += uint64(c) << 8
		} else {
			s += uint64(c)
		}
	}
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestSumAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := 0; n < 300; n++ {
		b := make([]byte, n)
		for round := range 4 {
			for i := range b {
				b[i] = byte(r.Uint32())
				if round == 3 {
					b[i] = 0xff
				}
			}
			initial := uint64(r.Uint32())
			if round == 2 {
				initial = 0
			}
			if got, want := header.Sum(initial, b), slowSum(initial, b); got != want {
				t.Fatalf("%d bytes, round %d: %#x, want %#x", n, round, got, want)
			}
		}
	}
	// The example of RFC 1071 3.
	if got := header.Sum(0, unhex("0001f203f4f5f6f7")); got != 0xddf2 {
		t.Errorf("RFC 1071 example: %#x", got)
	}
	if got := header.Fold(^uint64(0)); got != 0xffff {
		t.Errorf("Fold of all ones: %#x", got)
	}
}

// TestSumOfHeader: what is made for a header's length is what Sum says.
func TestSumOfHeader(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 10_000 {
		var h [20]byte
		for k := range h {
			if h[k] = byte(r.Uint32()); i%3 == 0 {
				h[k] = 0xff * byte(r.Uint32()&1)
			}
		}
		if got, want := header.Fold(header.RawSumIPv4(&h)), header.Fold(header.RawSum(h[:])); got != want {
			t.Fatalf("%x: %#x, want %#x", h, got, want)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add(uint64(0), []byte("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7"))
	f.Fuzz(func(t *testing.T, initial uint64, b []byte) {
		if got, want := header.Sum(initial, b), slowSum(uint64(slowFold(initial)), b); got != want {
			t.Fatalf("%#x, want %#x", got, want)
		}
	})
}

func slowFold(s uint64) uint16 {
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// TestRoundTrip builds each header that has a builder and reads every field back.
func TestRoundTrip(t *testing.T) {
	dst, src := [6]byte{1, 2, 3, 4, 5, 6}, [6]byte{7, 8, 9, 10, 11, 12}
	e, _ := header.ParseEthernet(header.AppendEthernet(nil, dst, src, 0x86dd))
	if e.Dst() != dst || e.Src() != src || e.Type() != 0x86dd {
		t.Errorf("ethernet %x", e)
	}
	v, _ := header.ParseVLAN(header.AppendVLAN(nil, 0xabc, 5, 0x800))
	if v.ID() != 0xabc || v.Priority() != 5 || v.DropEligible() || v.Type() != 0x800 {
		t.Errorf("vlan %x", v)
	}
	a, _ := header.ParseARP(header.AppendARP(nil, header.ARPReply, src, [4]byte{1, 2, 3, 4}, dst, [4]byte{5, 6, 7, 8}))
	if a.Operation() != 2 || a.SenderMAC() != src || a.SenderIP() != [4]byte{1, 2, 3, 4} || a.TargetMAC() != dst ||
		a.TargetIP() != [4]byte{5, 6, 7, 8} || a.HardwareType() != 1 || a.ProtocolType() != 0x800 {
		t.Errorf("arp %x", a)
	}
	f4 := header.IPv4Fields{TOS: 3, TTL: 9, Protocol: 99, ID: 0x1234, DontFragment: true, MoreFragments: true, Offset: 800,
		Src: [4]byte{1, 2, 3, 4}, Dst: [4]byte{5, 6, 7, 8}, Options: []byte{148, 4, 0, 0, 1}}
	h4, ok := header.ParseIPv4(header.AppendIPv4(nil, &f4, []byte("pay")))
	if !ok || h4.TOS() != 3 || h4.TTL() != 9 || h4.Protocol() != 99 || h4.ID() != 0x1234 || !h4.DontFragment() ||
		!h4.MoreFragments() || h4.FragmentOffset() != 800 || h4.Src() != f4.Src || h4.Dst() != f4.Dst ||
		len(h4.Options()) != 8 || h4.TotalLen() != 31 || !h4.ChecksumOK() || h4.Checksum() == 0 {
		t.Errorf("ipv4 %x", h4)
	}
	f6 := header.IPv6Fields{TrafficClass: 0xab, NextHeader: 44, HopLimit: 7, FlowLabel: 0x12345, Src: [16]byte{1}, Dst: [16]byte{2}}
	b6 := header.AppendIPv6(nil, &f6, append(header.AppendIPv6Fragment(nil, 17, 1480, true, 0xdeadbeef), "data"...))
	h6, ok := header.ParseIPv6(b6)
	if !ok || h6.TrafficClass() != 0xab || h6.FlowLabel() != 0x12345 || h6.NextHeader() != 44 || h6.HopLimit() != 7 ||
		h6.Src() != f6.Src || h6.Dst() != f6.Dst || h6.PayloadLen() != 12 {
		t.Errorf("ipv6 %x", h6)
	}
	fr, _ := header.ParseIPv6Fragment(b6[40:])
	if fr.NextHeader() != 17 || fr.Offset() != 1480 || !fr.MoreFragments() || fr.ID() != 0xdeadbeef {
		t.Errorf("fragment %x", fr)
	}
	for n := range 12 {
		x, ok := header.ParseIPv6Ext(header.AppendIPv6Options(nil, 6, bytes.Repeat([]byte{0}, n)))
		if !ok || x.NextHeader() != 6 || len(x)%8 != 0 {
			t.Errorf("extension of %d: %x", n, x)
		}
	}
	ft := header.TCPFields{SrcPort: 1, DstPort: 2, Seq: 3, Ack: 4, Flags: 0x112, Window: 5, Urgent: 6, Options: []byte{2, 4, 5, 0xb4, 0}}
	bt := header.AppendTCP(nil, &ft, f4.Src[:], f4.Dst[:], []byte("x"))
	ht, ok := header.ParseTCP(bt)
	if !ok || ht.SrcPort() != 1 || ht.DstPort() != 2 || ht.Seq() != 3 || ht.Ack() != 4 || ht.Flags() != 0x112 ||
		ht.Window() != 5 || ht.Urgent() != 6 || len(ht.Options()) != 8 || ht.Checksum() == 0 ||
		header.Sum(header.PseudoSum(f4.Src[:], f4.Dst[:], 6, len(bt)), bt) != 0xffff {
		t.Errorf("tcp %x", ht)
	}
	bu := header.AppendUDP(nil, 1, 2, f6.Src[:], f6.Dst[:], []byte("xyz"))
	hu, _ := header.ParseUDP(bu)
	if hu.SrcPort() != 1 || hu.DstPort() != 2 || hu.Len() != 11 || hu.Checksum() == 0 ||
		header.Sum(header.PseudoSum(f6.Src[:], f6.Dst[:], 17, len(bu)), bu) != 0xffff {
		t.Errorf("udp %x", hu)
	}
	i4, _ := header.ParseICMPv4(header.AppendICMPv4(nil, 3, 4, 1400, []byte("q")))
	if i4.Type() != 3 || i4.Code() != 4 || i4.NextHopMTU() != 1400 || i4.Rest() != 1400 || i4.Seq() != 1400 || i4.ID() != 0 {
		t.Errorf("icmp %x", i4)
	}
	i6, _ := header.ParseICMPv6(header.AppendICMPv6(nil, 2, 0, 1280, f6.Src, f6.Dst, nil))
	if i6.Type() != 2 || i6.Code() != 0 || i6.Rest() != 1280 || i6.Checksum() == 0 {
		t.Errorf("icmp6 %x", i6)
	}
	m, _ := header.ParseMPLS(header.AppendMPLS(nil, 0xabcde, true, 9))
	if m.Label() != 0xabcde || !m.Bottom() || m.TTL() != 9 || m.TrafficClass() != 0 {
		t.Errorf("mpls %x", m)
	}
	key := uint32(0xcafe)
	g, _ := header.ParseGRE(header.AppendGRE(nil, 0x6558, &key))
	if g.Protocol() != 0x6558 || !g.HasKey() || g.Key() != key || g.Version() != 0 || g.HasSequence() || g.HasChecksum() || g.HasRouting() {
		t.Errorf("gre %x", g)
	}
	er, _ := header.ParseERSPAN(header.AppendERSPAN(nil, 100, 33))
	if er.Version() != 1 || er.VLAN() != 100 || er.Session() != 33 || er.Truncated() || er.FrameType() != 0 {
		t.Errorf("erspan %x", er)
	}
	vx, _ := header.ParseVXLAN(header.AppendVXLAN(nil, 0xabcdef))
	if vx.VNI() != 0xabcdef || vx.NextProtocol() != 0 {
		t.Errorf("vxlan %x", vx)
	}
	ge, _ := header.ParseGeneve(header.AppendGeneve(nil, 0x6558, 0xabcdef))
	if ge.VNI() != 0xabcdef || ge.Protocol() != 0x6558 || ge.Control() || len(ge.Options()) != 0 {
		t.Errorf("geneve %x", ge)
	}
	gt, _ := header.ParseGTPU(header.AppendGTPU(nil, 0x12345678, 99))
	if gt.TEID() != 0x12345678 || gt.Len() != 99 || gt.Type() != header.GTPUData {
		t.Errorf("gtpu %x", gt)
	}
	po, _ := header.ParsePPPoE(header.AppendPPPoE(nil, header.PPPoEPADT, 7, 8))
	if po.VersionType() != 0x11 || po.Code() != header.PPPoEPADT || po.Session() != 7 || po.Len() != 8 {
		t.Errorf("pppoe %x", po)
	}
	pp, _ := header.ParsePPP(header.AppendPPP(nil, header.PPPIPv6, true))
	if pp.Protocol() != header.PPPIPv6 || len(pp) != 4 {
		t.Errorf("ppp %x", pp)
	}
}

// TestRead reads headers without a builder from bytes that real devices send.
func TestRead(t *testing.T) {
	ns, ok := header.ParseNDP(unhex("8700000000000000" + "fe800000000000000000000000000001" + "0101020000000005"))
	if m, has := ns.LinkAddr(header.NDPOptSourceLinkAddr); !ok || !has || m != [6]byte{2, 0, 0, 0, 0, 5} {
		t.Errorf("ndp %x", ns)
	}
	if target, has := ns.Target(); !has || target[15] != 1 || ns.Solicited() || ns.Override() || ns.RouterLifetime() != 0 {
		t.Errorf("ndp target")
	}
	na, _ := header.ParseNDP(unhex("8800000060000000" + "fe800000000000000000000000000001"))
	if !na.Solicited() || !na.Override() || na.Type() != 136 || len(na.Options()) != 0 {
		t.Errorf("ndp %x", na)
	}
	ra, _ := header.ParseNDP(unhex("8600000040800708" + "0000000000000000"))
	if ra.RouterLifetime() != 1800 || ra.RAFlags() != 0x80 {
		t.Errorf("ndp %x", ra)
	}
	st, ok := header.ParseSTP(unhex("0000020239" + "8064001c0e877800" + "00000004" + "8064001c0e877801" + "8001" + "0000140002000f00"))
	if pr, mac, has := st.Root(); !ok || !has || pr != 0x8064 || mac != [6]byte{0, 0x1c, 0x0e, 0x87, 0x78, 0} || st.RootCost() != 4 ||
		!st.TopologyChange() || st.Version() != 2 {
		t.Errorf("stp %x", st)
	}
	if _, mac, _ := st.Bridge(); mac[5] != 1 {
		t.Errorf("stp bridge %x", mac)
	}
	if tcn, ok := header.ParseSTP(unhex("00000080")); !ok || !tcn.TopologyChange() {
		t.Error("topology change notification")
	}
	sl, _ := header.ParseSLL(unhex("00040001000602000000000100000800"))
	if sl.PacketType() != header.SLLFromUs || sl.HardwareType() != 1 || len(sl.Addr()) != 6 || sl.Protocol() != 0x800 {
		t.Errorf("sll %x", sl)
	}
	s2, _ := header.ParseSLL2(unhex("86dd000000000002000103060200000000010000"))
	if s2.Protocol() != 0x86dd || s2.Interface() != 2 || s2.PacketType() != header.SLLToOther || len(s2.Addr()) != 6 || s2.HardwareType() != 1 {
		t.Errorf("sll2 %x", s2)
	}
	for _, c := range []struct {
		b    string
		want uint32
	}{{"02000000", 2}, {"00000002", 2}, {"1e000000", 30}, {"0000001c", 28}} {
		if n, _ := header.ParseNull(unhex(c.b)); n.Family() != c.want {
			t.Errorf("null %s: %d", c.b, n.Family())
		}
	}
	pf, _ := header.ParsePFLOG(append([]byte{61, 2, 1, 0, 'e', 'm', '0'}, make([]byte, 57)...))
	if pf.Family() != 2 || pf.Action() != 1 || pf.Interface() != "em0" || len(pf) != 64 || pf.Reason() != 0 || pf.Rule() != 0 {
		t.Errorf("pflog %x", pf)
	}
	rt, _ := header.ParseRadiotap(unhex("00001800" + "03000080" + "00000000" + "00000000" + "1122334455667788"))
	if rt.Flags() != 0 { // the second word of presence pushes TSFT to 16, flags past the end
		t.Errorf("radiotap %x", rt)
	}
	rt, _ = header.ParseRadiotap(unhex("000011000300000011223344556677881000000000"))
	if rt.Flags() != header.RadiotapFCS {
		t.Errorf("radiotap %x flags %#x", rt, rt.Flags())
	}
	w, ok := header.ParseIEEE80211(unhex("8803" + "0000" + "020000000001" + "020000000002" + "020000000003" + "1000" + "020000000004" + "8000"))
	if !ok || !w.AMSDU() || w.Src() != [6]byte{2, 0, 0, 0, 0, 4} || w.Dst() != [6]byte{2, 0, 0, 0, 0, 3} || len(w) != 32 || w.Fragment() != 0 {
		t.Errorf("802.11 %x", w)
	}
	esp, _ := header.ParseESP(unhex("0000abcd00000007"))
	ah, ok := header.ParseAH(unhex("0604000000001234000000090102030405060708090a0b0c"))
	if esp.SPI() != 0xabcd || esp.Seq() != 7 || !ok || ah.NextHeader() != 6 || ah.SPI() != 0x1234 || ah.Seq() != 9 || len(ah) != 24 || ah.Reserved() != 0 {
		t.Errorf("esp %x ah %x", esp, ah)
	}
	vr, _ := header.ParseVRRP(unhex("2101640100010000"))
	if vr.Version() != 2 || vr.RouterID() != 1 || vr.Priority() != 100 || vr.Addresses() != 1 {
		t.Errorf("vrrp %x", vr)
	}
	ig, _ := header.ParseIGMP(unhex("2200ea0300000001"))
	if ig.Type() != header.IGMPv3Report || ig.Records() != 1 || ig.MaxRespTime() != 0 || ig.Group() != [4]byte{0, 0, 0, 1} {
		t.Errorf("igmp %x", ig)
	}
	sc, _ := header.ParseSCTP(unhex("1b581b590000000100000000"))
	if sc.SrcPort() != 7000 || sc.DstPort() != 7001 || sc.VerificationTag() != 1 {
		t.Errorf("sctp %x", sc)
	}
	ll, _ := header.ParseLLC(unhex("aaaa03"))
	sn, _ := header.ParseSNAP(unhex("00000c2000"))
	if ll.DSAP() != 0xaa || ll.SSAP() != 0xaa || ll.Control() != 3 || sn.OUI() != 0xc || sn.Type() != 0x2000 {
		t.Errorf("llc %x snap %x", ll, sn)
	}
	td, ok := header.ParseTeredo(append(unhex("0001000000112233445566778800"+"0000aabbccddeeff"), append(unhex("6000000000003b40"), make([]byte, 32)...)...), 61)
	if ok { // 13 bytes of authentication end before the last 00, so no IPv6 header stands here
		t.Errorf("teredo %x", td)
	}
	td, ok = header.ParseTeredo(append(unhex("00010000001122334455667788"+"0000aabbccddeeff"), append(unhex("6000000000003b40"), make([]byte, 32)...)...), 61)
	if !ok || len(td) != 21 {
		t.Errorf("teredo %x %v", td, ok)
	}
	if binary.BigEndian.Uint16(td) != 1 {
		t.Errorf("teredo authentication %x", td)
	}
}
