package filter

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"testing"
)

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func ports(src, dst uint16) []byte { return cat(be16(src), be16(dst)) }

func tcpSeg(src, dst uint16, flags byte, data string) []byte {
	return cat(ports(src, dst), be32(1000), be32(2000), []byte{0x50, flags}, be16(512), be16(0), be16(0), []byte(data))
}

func udpSeg(src, dst uint16, data string) []byte {
	return cat(ports(src, dst), be16(uint16(8+len(data))), be16(0), []byte(data))
}

// ip4 builds a header with optional options; frag is the fragment field.
func ip4(proto byte, src, dst uint32, frag uint16, options, payload []byte) []byte {
	h := cat([]byte{0x40 | byte(5+len(options)/4), 0}, be16(uint16(20+len(options)+len(payload))), be16(7), be16(frag),
		[]byte{64, proto}, be16(0), be32(src), be32(dst), options)
	return append(h, payload...)
}

func ip6(next byte, src, dst [16]byte, payload []byte) []byte {
	return cat([]byte{0x60, 0, 0, 0}, be16(uint16(len(payload))), []byte{next, 64}, src[:], dst[:], payload)
}

func arpBody(op uint16, sip, tip uint32) []byte {
	return cat(be16(1), be16(0x0800), []byte{6, 4}, be16(op), []byte{0, 0x11, 0x22, 0x33, 0x44, 0x55}, be32(sip), make([]byte, 6), be32(tip))
}

var (
	v6a  = [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
	v6b  = [16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 5, 15: 2}
	v6mc = [16]byte{0xff, 0x02, 15: 0xfb}
)

const (
	hostA = 0x0a000001 // 10.0.0.1
	hostB = 0x0a010203
	hostC = 0xc0a80105 // 192.168.1.5
)

type typed struct {
	ether uint16
	data  []byte
}

// payloads are network-layer packets, each under the EtherType that carries it.
func payloads() []typed {
	frag6 := func(next byte, off uint16, p []byte) []byte {
		return cat([]byte{next, 0}, be16(off), be32(9), p)
	}
	var out []typed
	v4 := func(p []byte) { out = append(out, typed{0x0800, p}) }
	v6 := func(p []byte) { out = append(out, typed{0x86dd, p}) }
	for _, port := range []uint16{22, 53, 80, 85, 443, 8080} {
		v4(ip4(6, hostA, hostC, 0, nil, tcpSeg(40000, port, 0x02, "")))
		v4(ip4(6, hostC, hostA, 0, nil, tcpSeg(port, 40000, 0x12, "GET / HTTP/1.1\r\n")))
		v4(ip4(17, hostB, hostC, 0, nil, udpSeg(port, port, "query data here")))
		v4(ip4(132, hostB, hostA, 0, nil, udpSeg(5000, port, "sctp-ish")))
		v6(ip6(6, v6a, v6b, tcpSeg(port, 50000, 0x18, "abc")))
		v6(ip6(17, v6b, v6mc, udpSeg(5353, port, "mdns data")))
	}
	for _, f := range []byte{0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x11, 0x14, 0x20, 0x29, 0x40, 0x80, 0xc2, 0xff} {
		v4(ip4(6, hostC, hostB, 0x4000, []byte{1, 1, 1, 0}, tcpSeg(80, 1024, f, "payload")))
	}
	v4(ip4(6, hostA, hostC, 0x2000, nil, tcpSeg(1, 80, 0x10, "first fragment")))
	v4(ip4(6, hostA, hostC, 0x00b9, nil, tcpSeg(1, 80, 0x10, "last fragment")))
	v4(ip4(17, hostA, 0xe00000fb, 0, nil, udpSeg(5353, 5353, "x")))
	v4(ip4(17, 0, 0xffffffff, 0, nil, udpSeg(68, 67, "bootp")))
	v4(ip4(2, hostA, 0xe0000001, 0, []byte{0x94, 4, 0, 0}, []byte{0x11, 0, 0, 0, 0, 0, 0, 0}))
	for _, p := range []byte{47, 50, 51, 89, 103, 112, 9, 41} {
		v4(ip4(p, hostA, hostB, 0, nil, make([]byte, 16)))
		v6(ip6(p, v6a, v6b, make([]byte, 16)))
	}
	for _, typ := range []byte{0, 3, 5, 8, 11, 13} {
		v4(ip4(1, hostB, hostA, 0, nil, []byte{typ, 1, 0, 0, 0, 1, 0, 2, 9, 9}))
	}
	for _, typ := range []byte{1, 2, 128, 129, 133, 134, 135, 136} {
		v6(ip6(58, v6a, v6mc, []byte{typ, 0, 0, 0, 0, 1, 0, 2, 9, 9}))
	}
	v6(ip6(44, v6a, v6b, frag6(6, 1, tcpSeg(80, 443, 2, "frag"))))
	v6(ip6(44, v6a, v6b, frag6(58, 0x100, []byte{128, 0, 0, 0})))
	v6(ip6(0, v6a, v6b, cat([]byte{6, 0, 1, 4, 0, 0, 0, 0}, tcpSeg(80, 443, 2, "hop by hop"))))
	out = append(out, typed{0x0806, arpBody(1, hostA, hostC)}, typed{0x0806, arpBody(2, hostC, hostA)},
		typed{0x8035, arpBody(3, hostB, hostB)}, typed{0x88cc, []byte{2, 7, 4, 0, 1, 2, 3, 4, 5, 0}},
		typed{0x8863, []byte{0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0}}, typed{0x809b, make([]byte, 30)}, typed{0x6003, make([]byte, 30)})
	return out
}

// wrapped adds tags, labels and PPPoE around some payloads.
func wrapped(in []typed) []typed {
	var out []typed
	tag := func(tpid, vid uint16, p typed) typed {
		return typed{tpid, cat(be16(vid), be16(p.ether), p.data)}
	}
	label := func(l uint32, bottom uint32, p []byte) []byte { return append(be32(l<<12|bottom<<8|64), p...) }
	for i, p := range in {
		vid := uint16(5)
		if i%3 == 1 {
			vid = 0x2064 // priority 1, VLAN 100
		}
		out = append(out, tag(0x8100, vid, p))
		if i%2 == 0 {
			out = append(out, tag(0x88a8, 100, tag(0x8100, 5, p)))
		}
		if i%5 == 0 {
			out = append(out, tag(0x9100, 200, p))
		}
		if p.ether == 0x0800 || p.ether == 0x86dd {
			out = append(out, typed{0x8847, label(5, 1, p.data)}, typed{0x8847, label(1024, 0, label(5, 1, p.data))})
			ppp := be16(0x21)
			if p.ether == 0x86dd {
				ppp = be16(0x57)
			}
			out = append(out, typed{0x8864, cat([]byte{0x11, 0}, be16(uint16(7+i%2)), be16(uint16(2+len(p.data))), ppp, p.data)})
			if i%4 == 0 {
				out = append(out, tag(0x8100, 5, typed{0x8847, label(5, 1, p.data)}))
				out = append(out, tag(0x8100, 5, out[len(out)-2]))
			}
		}
	}
	return out
}

func linkFrame(lt uint16, i int, p typed) []byte {
	switch lt {
	case 1:
		dst := []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}
		switch i % 4 {
		case 1:
			dst = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		case 2:
			dst = []byte{0x01, 0x00, 0x5e, 0, 0, 0xfb}
		}
		return cat(dst, []byte{0xaa, 0xbb, 0xcc, 0xdd, 0xee, byte(i)}, be16(p.ether), p.data)
	case 113:
		return cat(be16(uint16(i%5)), be16(1), be16(6), make([]byte, 8), be16(p.ether), p.data)
	case 276:
		return cat(be16(p.ether), make([]byte, 2), be32(3), be16(1), []byte{byte(i % 5), 6}, make([]byte, 8), p.data)
	case 0, 108:
		af := []uint32{30, 24, 28, 10}[i%4]
		if p.ether == 0x0800 {
			af = 2
		}
		if lt == 0 {
			return append(binary.LittleEndian.AppendUint32(nil, af), p.data...)
		}
		return append(be32(af), p.data...)
	case 9:
		v := pppType(uint32(p.ether))
		if p.ether == 0x8847 {
			v = 0x281
		}
		return cat([]byte{0xff, 0x03}, be16(uint16(v)), p.data)
	}
	return p.data
}

// builtFrames gives frames of one link type, whole and cut short.
func builtFrames(lt uint16) [][]byte {
	all := payloads()
	all = append(all, wrapped(all)...)
	if lt == 1 || lt == 113 {
		ether := func(v uint16) uint16 {
			if lt == 113 {
				return 4
			}
			return v
		}
		all = append(all,
			typed{ether(38), []byte{0x42, 0x42, 3, 0, 0, 0, 0, 0}},
			typed{ether(40), []byte{0xf0, 0xf0, 3, 0, 0, 0, 0, 0}},
			typed{ether(40), []byte{0xe0, 0xe0, 3, 0, 0, 0, 0, 0}},
			typed{ether(40), []byte{0xfe, 0xfe, 3, 0x83, 0, 0, 0, 0}},
			typed{ether(40), []byte{6, 6, 3, 0, 0, 0, 0, 0}},
			typed{ether(1500), []byte{0xaa, 0xaa, 3, 8, 0, 7, 0x80, 0x9b, 1, 2}},
			typed{ether(1500), []byte{0xaa, 0xaa, 3, 0, 0, 0, 0x80, 0xf3, 1, 2}},
			typed{ether(1500), []byte{0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x37, 1, 2}},
			typed{1, []byte{0xff, 0xff, 0, 30}})
	}
	var out [][]byte
	for i, p := range all {
		f := linkFrame(lt, i, p)
		out = append(out, f)
		if i%16 == 0 {
			for _, n := range []int{0, 1, 3, 5, 12, 13, 15, 19, 21, 23, 26, 29, 33, 35, 37, 41, 54, 55, 57, 60} {
				if n < len(f) {
					out = append(out, f[:n])
				}
			}
		}
	}
	return out
}

func sharedDir(t testing.TB) string {
	dir := os.Getenv("FIRESTORM_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	return dir
}

// capturedFrames reads up to limit packets of each link type from the
// classic pcap files of the conformance suite.
func capturedFrames(t testing.TB, limit int) map[uint16][][]byte {
	dir := filepath.Join(sharedDir(t), "conformance")
	var files []string
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(p) == ".pcap" {
			files = append(files, p)
		}
		return nil
	})
	if len(files) == 0 {
		t.Logf("no captures under FIRESTORM_SHARED (%s): comparing on built frames only", dir)
	}
	sort.Strings(files)
	out := map[uint16][][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || len(b) < 24 {
			continue
		}
		var bo binary.ByteOrder = binary.LittleEndian
		switch binary.LittleEndian.Uint32(b) {
		case 0xa1b2c3d4, 0xa1b23c4d:
		case 0xd4c3b2a1, 0x4d3cb2a1:
			bo = binary.BigEndian
		default:
			continue
		}
		lt := uint16(bo.Uint32(b[20:]))
		taken := 0
		for b = b[24:]; len(b) >= 16 && taken < 12 && len(out[lt]) < limit; taken++ {
			n := int(bo.Uint32(b[8:]))
			if n < 0 || n > len(b)-16 {
				break
			}
			out[lt] = append(out[lt], b[16:16+n])
			b = b[16+n:]
		}
	}
	return out
}
