package packet_test

import (
	"encoding/hex"
	"testing"

	"firestorm/internal/packet"
)

// A SYN of a real Linux host, checksums as the kernel wrote them.
const synFrame = "020000000002020000000001080045000034000040004006" + "26c20a0000010a000002" +
	"04d2005000000001000000008002faf0" + "0000" + "0000020405b40103030704020000"

func TestDecodeSyn(t *testing.T) {
	b, err := hex.DecodeString(synFrame)
	if err != nil {
		t.Fatal(err)
	}
	p := packet.Packet{Data: b, Link: packet.LinkEthernet, WireLen: uint32(len(b))}
	packet.Decode(&p, &packet.Options{Checksums: packet.ChecksumsAuto})
	if p.SrcPort != 1234 || p.DstPort != 80 || p.Seq != 1 || !p.Has(packet.SYN) || p.MSS != 1460 || p.WScale != 7 ||
		p.TCPOpts != packet.OptMSS|packet.OptWScale|packet.OptSACKOK || p.Src.String() != "10.0.0.1" ||
		p.NLayer != 3 || p.IPSum != packet.SumGood || p.NAnomaly != 0 || p.PayloadLen != 0 {
		t.Fatalf("got %+v", p)
	}
}
