package capture

import (
	"encoding/binary"
	"testing"
)

// nlMessage is a message of the packet log with attributes (type, value in turn).
func nlMessage(typ uint16, attrs ...any) []byte {
	b := make([]byte, nlHeader, 256)
	b = append(b, 2, 0, 0, 5)
	for i := 0; i < len(attrs); i += 2 {
		v := attrs[i+1].([]byte)
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(v)))
		b = binary.NativeEndian.AppendUint16(b, uint16(attrs[i].(int)))
		b = append(b, v...)
		b = append(b, make([]byte, -len(v)&3)...)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	return b
}

func stamp(sec, usec uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, sec), usec)
}

// TestSplitNFLOG: a datagram's packets come out as a capture file would hold them, with number and time; what is damaged is said.
func TestSplitNFLOG(t *testing.T) {
	seq := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	one := nlMessage(nfLogPacket, 10, []byte("DROP\x00"), 3, stamp(7, 5), 12, seq(41), 9, []byte("E..."))
	two := nlMessage(nfLogPacket, 12, seq(42), 9, []byte("E..!"))
	done := nlMessage(nlDone)
	fs, bad := splitNFLOG(append(append(append([]byte(nil), one...), two...), done...), nil)
	if bad || len(fs) != 2 {
		t.Fatalf("%d packets, bad %v", len(fs), bad)
	}
	if string(fs[0].data) != string(one[nlHeader:]) || fs[0].time != 7e9+5e3 || fs[0].seq != 41 || fs[1].seq != 42 || fs[1].time != 0 {
		t.Errorf("%+v", fs)
	}
	stampNFLOG(fs, 9e9)
	if fs[0].time != 7e9+5e3 || fs[1].time != 9e9 {
		t.Errorf("times %v, %v", fs[0].time, fs[1].time)
	}
	early := []nflogFrame{{}, {time: 5}, {}}
	if stampNFLOG(early, 9); early[0].time != 5 || early[2].time != 9 {
		t.Errorf("a packet before one that has a stamp is at %v, one after it at %v", early[0].time, early[2].time)
	}
	for cut := 1; cut < len(one); cut++ {
		if fs, bad := splitNFLOG(one[:cut], nil); !bad && cut >= nlHeader || len(fs) != 0 {
			t.Fatalf("%d of %d bytes: %d packets, bad %v", cut, len(one), len(fs), bad)
		}
	}
	long := append([]byte(nil), one...)
	binary.NativeEndian.PutUint32(long, 5)
	if _, bad := splitNFLOG(long, nil); !bad {
		t.Error("a length below the header's is taken")
	}
}

// TestNFLOGGroup tells groups from interfaces.
func TestNFLOGGroup(t *testing.T) {
	for name, want := range map[string]int{"nflog:5": 5, "nflog:65535": 65535, "nflog:65536": -1, "nflog:": -1, "eth0": -1, "nflog": -1} {
		if g, ok := NFLOGGroup(name); ok != (want >= 0) || ok && int(g) != want {
			t.Errorf("%s: %d, %v", name, g, ok)
		}
	}
}

func FuzzSplitNFLOG(f *testing.F) {
	f.Add(nlMessage(nfLogPacket, 3, stamp(1, 2), 9, []byte("E...")))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs, _ := splitNFLOG(b, nil)
		n := 0
		for _, x := range fs {
			n += len(x.data) + nlHeader
		}
		if n > len(b) {
			t.Errorf("%d bytes of %d", n, len(b))
		}
	})
}
