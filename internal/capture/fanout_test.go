package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"firestorm/internal/packet"
)

// kernelBPF runs a program as the kernel does for a fanout: on a frame from its network header on, with the EtherType that
// the kernel found. What lies beyond the frame makes it return 0.
func kernelBPF(t testing.TB, prog []bpf.Instruction, proto uint16, net []byte) uint32 {
	var a, x uint32
	var m [16]uint32
	var stored [16]bool
	load := func(off uint32, size int) bool {
		at := int(int32(off - netOffset))
		if off < netOffset {
			t.Fatalf("a load from %#x is not from the network header", off)
		}
		if at < 0 || at+size > len(net) {
			return false
		}
		a = 0
		for _, c := range net[at : at+size] {
			a = a<<8 | uint32(c)
		}
		return true
	}
	alu := func(op bpf.ALUOp, v uint32) {
		switch op {
		case bpf.ALUOpAdd:
			a += v
		case bpf.ALUOpMul:
			a *= v
		case bpf.ALUOpAnd:
			a &= v
		case bpf.ALUOpOr:
			a |= v
		case bpf.ALUOpXor:
			a ^= v
		case bpf.ALUOpShiftLeft:
			a <<= v
		case bpf.ALUOpShiftRight:
			a >>= v
		default:
			t.Fatalf("operation %v is not known here", op)
		}
	}
	holds := func(c bpf.JumpTest, v uint32) bool {
		switch c {
		case bpf.JumpEqual:
			return a == v
		case bpf.JumpNotEqual:
			return a != v
		case bpf.JumpGreaterOrEqual:
			return a >= v
		}
		t.Fatalf("test %v is not known here", c)
		return false
	}
	skip := func(yes bool, t, f uint8) int {
		if yes {
			return int(t)
		}
		return int(f)
	}
	for pc := 0; pc < len(prog); pc++ {
		switch i := prog[pc].(type) {
		case bpf.LoadConstant:
			if i.Dst == bpf.RegX {
				x = i.Val
			} else {
				a = i.Val
			}
		case bpf.LoadExtension:
			a = uint32(proto)
		case bpf.LoadIndirect:
			if !load(i.Off+x, i.Size) {
				return 0
			}
		case bpf.LoadScratch:
			if !stored[i.N] {
				t.Fatalf("instruction %d loads word %d, which nobody stored", pc, i.N)
			}
			if i.Dst == bpf.RegX {
				x = m[i.N]
			} else {
				a = m[i.N]
			}
		case bpf.StoreScratch:
			stored[i.N] = true
			if m[i.N] = a; i.Src == bpf.RegX {
				m[i.N] = x
			}
		case bpf.ALUOpConstant:
			alu(i.Op, i.Val)
		case bpf.ALUOpX:
			alu(i.Op, x)
		case bpf.TAX:
			x = a
		case bpf.TXA:
			a = x
		case bpf.Jump:
			pc += int(i.Skip)
		case bpf.JumpIf:
			pc += skip(holds(i.Cond, i.Val), i.SkipTrue, i.SkipFalse)
		case bpf.JumpIfX:
			pc += skip(holds(i.Cond, x), i.SkipTrue, i.SkipFalse)
		case bpf.RetA:
			return a
		case bpf.RetConstant:
			return i.Val
		default:
			t.Fatalf("instruction %T is not known here", i)
		}
	}
	t.Fatal("the program does not end")
	return 0
}

// outermost is the shard of the outermost addresses of an Ethernet frame, found by simpler means than the program's, and what
// the kernel knows of it: it takes one VLAN tag off.
func outermost(frame []byte, vantage uint16) (shard uint8, proto uint16, net []byte) {
	if len(frame) < 14 {
		return 0, 0, nil
	}
	be := binary.BigEndian
	proto, net = be.Uint16(frame[12:]), frame[14:]
	if (proto == packet.EtherVLAN || proto == packet.EtherQinQ) && len(net) >= 4 {
		proto, net = be.Uint16(net[2:]), net[4:]
	}
	et, ip := proto, net
	for i := 0; i < 2 && (et == packet.EtherVLAN || et == packet.EtherQinQ); i++ {
		if len(ip) < 4 {
			return 0, proto, net
		}
		et, ip = be.Uint16(ip[2:]), ip[4:]
	}
	if et == packet.EtherPPPoE {
		if len(ip) < 8 {
			return 0, proto, net
		}
		et = map[uint16]uint16{0x21: packet.EtherIPv4, 0x57: packet.EtherIPv6}[be.Uint16(ip[6:])]
		ip = ip[8:]
	}
	switch {
	case et == packet.EtherIPv4 && len(ip) >= 20:
		a, b := packet.Addr4(ip[12:]), packet.Addr4(ip[16:])
		return packet.ShardOfPair(&a, &b, vantage), proto, net
	case et == packet.EtherIPv6 && len(ip) >= 40:
		a, b := packet.Addr6(ip[8:]), packet.Addr6(ip[24:])
		return packet.ShardOfPair(&a, &b, vantage), proto, net
	case et == packet.EtherIPv4, et == packet.EtherIPv6:
		return 0, proto, net
	}
	return packet.ShardOfNone(vantage), proto, net
}

// TestPairProgram: over every frame of the committed captures the kernel's program says what the sensor says: the shard of
// the outermost pair, which is the packet's own unless it came in a tunnel or quotes another.
func TestPairProgram(t *testing.T) {
	progs := map[uint16][]bpf.Instruction{0: pairProgram(0), 3: pairProgram(3)}
	for _, p := range progs {
		if raw, err := bpf.Assemble(p); err != nil || len(raw) > 4096 {
			t.Fatalf("%d instructions: %v", len(raw), err)
		}
	}
	done := map[string]bool{}
	frames, own, shards := 0, 0, map[uint8]bool{}
	var b packet.Batch
	err := filepath.WalkDir("../../testdata/captures", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".pcap") && !strings.HasSuffix(name, ".pcapng") {
			return err
		}
		src, err := OpenFile(name, FileOptions{})
		if err != nil {
			return nil // damaged ones are others' tests
		}
		defer src.Close()
		for {
			err := src.Next(&b)
			for i := range b.Packets {
				p := &b.Packets[i]
				if p.Link != packet.LinkEthernet {
					continue
				}
				frames++
				want, proto, net := outermost(p.Data, 0)
				key := string(net[:min(len(net), 64)]) + string([]byte{byte(proto >> 8), byte(proto)})
				if len(net) >= 24 && proto == packet.EtherIPv4 { // nothing else of the header matters
					key = string(net[12:20]) + "4"
				} else if len(net) >= 40 && proto == packet.EtherIPv6 {
					key = string(net[8:40]) + "6"
				}
				if !done[key] {
					done[key] = true
					shards[want] = true
					for v, prog := range progs {
						want, proto, net := outermost(p.Data, v)
						if got := kernelBPF(t, prog, proto, net); got != uint32(want) {
							t.Fatalf("%s, frame %d, vantage %d: shard %d, want %d", name, p.Frame, v, got, want)
						}
					}
				}
				if packet.Decode(p, nil); p.IPVersion != 0 && p.Tunnel == 0 && !p.HasQuoted {
					if s := packet.ShardOfPair(&p.Src, &p.Dst, 0); s == want {
						own++
					} else if p.NLayer < 4 { // not a tunnel that has no hash of its own
						t.Errorf("%s, frame %d: ring %d, shard %d", name, p.Frame, want, s)
					}
				}
			}
			b.Release()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d frames, %d different pairs, %d in the ring of their shard, %d shards, program of %d instructions", frames, len(done), own, len(shards), len(progs[0]))
	if frames < 10000 || len(shards) < packet.Shards || own < frames/2 {
		t.Errorf("%d frames, %d shards, %d in the ring of their shard: too few to tell", frames, len(shards), own)
	}
}

// TestPairProgramAny: addresses of any bits, tags, and frames that end too early.
func TestPairProgramAny(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if n > 0 && r.IntN(4) == 0 { // many carries
			for i := range b {
				b[i] = 0xff
			}
		}
		return b
	}
	for range 1000 {
		v := uint16(r.UintN(300))
		prog := pairProgram(v)
		f := bytes(12)
		for range r.IntN(4) {
			f = append(binary.BigEndian.AppendUint16(f, []uint16{packet.EtherVLAN, packet.EtherQinQ}[r.IntN(2)]), bytes(2)...)
		}
		v6 := r.IntN(2) == 0
		et, ppp := uint16(packet.EtherIPv4), uint16(0x21)
		if v6 {
			et, ppp = packet.EtherIPv6, 0x57
		}
		switch r.IntN(4) {
		case 0:
			f = append(binary.BigEndian.AppendUint16(f, packet.EtherPPPoE), bytes(6)...)
			f = binary.BigEndian.AppendUint16(f, ppp)
		case 1:
			f = binary.BigEndian.AppendUint16(f, uint16(r.UintN(1<<16)))
		default:
			f = binary.BigEndian.AppendUint16(f, et)
		}
		n := 40
		if r.IntN(8) == 0 {
			n = r.IntN(20)
		}
		f = append(f, bytes(n)...)
		want, proto, net := outermost(f, v)
		if n < 40 && len(net) >= 8 && want == packet.ShardOfNone(v) {
			continue
		}
		if got := kernelBPF(t, prog, proto, net); got != uint32(want) && n >= 40 {
			t.Fatalf("vantage %d, %x: shard %d, want %d", v, f, got, want)
		}
	}
}
