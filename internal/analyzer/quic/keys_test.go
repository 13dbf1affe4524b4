package quic

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

const up, down = packet.ToServer, packet.ToClient

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal protects a packet (RFC 9001 5.3 and 5.4): head ends with the packet number, which begins at number.
func (h *half) seal(head []byte, number int, frames []byte) []byte {
	n := len(head) - number
	nonce := h.iv
	for i, c := range head[number:] {
		nonce[len(nonce)-n+i] ^= c
	}
	b := h.aead.Seal(bytes.Clone(head), nonce[:], frames, head)
	var mask [16]byte
	h.header.Encrypt(mask[:], b[number+4:number+4+16])
	b[0] ^= mask[0] & 0x0f
	for i := range n {
		b[number+i] ^= mask[1+i]
	}
	return b
}

// The connection of the appendices A of RFC 9001 and RFC 9369: what its two sides say is the same in both.
const (
	rfcDCID   = "8394c8f03e515708"
	rfcClient = `060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
		616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fba
		baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100
		3900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff`
	rfcServer = `02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94
		0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304`
)

// vectors are the published packets, or what of the long one tells: its begin and its end.
var vectors = []struct {
	name                   string
	version                uint32
	keys                   [2][3]string // key, iv, hp
	client                 string       // the unprotected header
	begin, end             string
	server, serverProtects string // header, and the whole packet
}{
	{"RFC 9001", Version1,
		[2][3]string{{"1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
			{"cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314"}},
		"c300000001088394c8f03e5157080000449e00000002",
		"c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c", "e221af44860018ab0856972e194cd934",
		"c1000000010008f067a5502a4262b50040750001",
		`cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3
		dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
		2158407dd074ee`},
	{"RFC 9369", Version2,
		[2][3]string{{"8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"},
			{"82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652", "edf6d05c83121201b436e16877593c3a"}},
		"d36b3343cf088394c8f03e5157080000449e00000002",
		"d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c", "a18b2faa745b6fe189cf772a9f84cbfc",
		"d16b3343cf0008f067a5502a4262b50040750001",
		`dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17
		f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8
		4bed8521e2e140`},
}

// TestVectors: keys and packets are those of the documents.
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		k := initialKeys(v.version, unhex(t, rfcDCID))
		secret := mac(saltOf(v.version), unhex(t, rfcDCID))
		for d, label := range []string{"client in", "server in"} {
			side := expandLabel(secret, label, 32)
			prefix := map[uint32]string{Version1: "quic ", Version2: "quicv2 "}[v.version]
			for i, part := range []struct {
				label string
				n     int
			}{{"key", 16}, {"iv", 12}, {"hp", 16}} {
				if got := hex.EncodeToString(expandLabel(side, prefix+part.label, part.n)); got != v.keys[d][i] {
					t.Errorf("%s: %s %s is %s, not %s", v.name, label, part.label, got, v.keys[d][i])
				}
			}
			if got := hex.EncodeToString(k.half[d].iv[:]); got != v.keys[d][1] {
				t.Errorf("%s: the iv of %s is %s", v.name, label, got)
			}
		}
		plain := append(unhex(t, rfcClient), make([]byte, 1162-245)...)
		for _, x := range []struct {
			d          packet.Dir
			head       string
			plain      []byte
			begin, end string
		}{{up, v.client, plain, v.begin, v.end}, {down, v.server, unhex(t, rfcServer), v.serverProtects, v.serverProtects}} {
			head := unhex(t, x.head)
			n := int(head[0]&3) + 1
			b := k.half[x.d].seal(head, len(head)-n, x.plain)
			if !bytes.HasPrefix(b, unhex(t, x.begin)) || !bytes.HasSuffix(b, unhex(t, x.end)) {
				t.Errorf("%s: what the test seals is not the published packet: %x", v.name, b)
			}
			var h Header
			if !h.Parse(b) || h.Type != Initial || h.Version != v.version || h.Payload != len(head)-n || h.End != len(b) {
				t.Errorf("%s: %+v", v.name, h)
			}
			got, _, ok := k.half[x.d].open(b, h.Payload, nil, nil)
			if !ok || !bytes.Equal(got, x.plain) {
				t.Errorf("%s: opened to %x, %v", v.name, got, ok)
			}
			b[len(b)-1] ^= 1
			if _, _, ok := k.half[x.d].open(b, h.Payload, nil, nil); ok {
				t.Errorf("%s: a changed packet opens", v.name)
			}
		}
	}
}

// TestSalts: the first published keys of a draft, and which versions have the same.
func TestSalts(t *testing.T) {
	side := expandLabel(mac(saltOf(draft+29), unhex(t, rfcDCID)), "client in", 32)
	if got := hex.EncodeToString(expandLabel(side, "quic key", 16)); got != "175257a31eb09dea9366d8bb79ad80ba" {
		t.Errorf("draft 29: %s", got)
	}
	for v, want := range map[uint32][]byte{draft + 22: nil, draft + 23: salt23, draft + 28: salt23, draft + 29: salt29, draft + 32: salt29, draft + 33: salt1, draft + 34: salt1,
		draft + 35: nil, Version1: salt1, Version2: salt2, q050: saltQ50, q046: nil, mvfst: salt23, 2: nil, 0: nil} {
		if got := saltOf(v); !bytes.Equal(got, want) {
			t.Errorf("%x: %x", v, got)
		}
	}
}
