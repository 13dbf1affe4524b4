package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pcapBytes builds a file header and records by hand. Extra is what a record header has past 16 bytes.
func pcapBytes(bo binary.AppendByteOrder, magic uint32, major, minor uint16, snap, network uint32, extra int, recs ...[5]any) []byte {
	b := bo.AppendUint32(nil, magic)
	b = bo.AppendUint16(b, major)
	b = bo.AppendUint16(b, minor)
	b = bo.AppendUint64(b, 0)
	b = bo.AppendUint32(b, snap)
	b = bo.AppendUint32(b, network)
	for _, r := range recs {
		for _, v := range r[:4] {
			b = bo.AppendUint32(b, uint32(v.(int)))
		}
		b = append(b, make([]byte, extra)...)
		b = append(b, r[4].(string)...)
	}
	return b
}

func TestPcapVariants(t *testing.T) {
	le, be := binary.AppendByteOrder(binary.LittleEndian), binary.AppendByteOrder(binary.BigEndian)
	rec := func(sec, frac, capLen, wire int, data string) [5]any { return [5]any{sec, frac, capLen, wire, data} }
	long := strings.Repeat("x", 70_000)
	for _, tc := range []struct {
		name string
		in   []byte
		want []got
		note string
	}{
		{"micro, little", pcapBytes(le, 0xa1b2c3d4, 2, 4, 65535, 1, 0, rec(10, 5, 3, 9, "abc"), rec(11, 999_999, 0, 0, "")),
			[]got{{1, 10_000_005_000, "abc", 9, 0, 1}, {2, 11_999_999_000, "", 0, 0, 1}}, ""},
		{"micro, big", pcapBytes(be, 0xa1b2c3d4, 2, 4, 65535, 113, 0, rec(10, 5, 3, 9, "abc")),
			[]got{{1, 10_000_005_000, "abc", 9, 0, 113}}, ""},
		{"nano, little", pcapBytes(le, 0xa1b23c4d, 2, 4, 65535, 1, 0, rec(10, 5, 3, 3, "abc")),
			[]got{{1, 10_000_000_005, "abc", 3, 0, 1}}, ""},
		{"nano, big", pcapBytes(be, 0xa1b23c4d, 2, 4, 65535, 1, 0, rec(10, 5, 3, 3, "abc")),
			[]got{{1, 10_000_000_005, "abc", 3, 0, 1}}, ""},
		{"Red Hat, little", pcapBytes(le, 0xa1b2cd34, 2, 4, 65535, 1, 8, rec(10, 5, 3, 9, "abc"), rec(11, 6, 2, 2, "de")),
			[]got{{1, 10_000_005_000, "abc", 9, 0, 1}, {2, 11_000_006_000, "de", 2, 0, 1}}, ""},
		{"Red Hat, big", pcapBytes(be, 0xa1b2cd34, 2, 4, 65535, 1, 8, rec(10, 5, 3, 9, "abc")),
			[]got{{1, 10_000_005_000, "abc", 9, 0, 1}}, ""},
		{"snap length 0", pcapBytes(le, 0xa1b2c3d4, 2, 4, 0, 1, 0, rec(1, 0, 3, 3, "abc")), []got{{1, 1e9, "abc", 3, 0, 1}}, ""},
		{"snap length all ones", pcapBytes(le, 0xa1b2c3d4, 2, 4, 0xffffffff, 1, 0, rec(1, 0, 3, 3, "abc")), []got{{1, 1e9, "abc", 3, 0, 1}}, ""},
		{"longer than snap length", pcapBytes(le, 0xa1b2c3d4, 2, 4, 2, 1, 0, rec(1, 0, 3, 3, "abc")),
			[]got{{1, 1e9, "abc", 3, 0, 1}}, "snap length of 2"},
		{"longer than the wire", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0, rec(1, 0, 3, 2, "abc")),
			[]got{{1, 1e9, "abc", 3, 0, 1}}, "more captured bytes"},
		{"fraction too large", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0, rec(1, 1_500_000, 3, 3, "abc")),
			[]got{{1, 2_500_000_000, "abc", 3, 0, 1}}, "fraction of a second"},
		{"absurd time", pcapBytes(be, 0xa1b23c4d, 2, 4, 99, 1, 0, rec(0xffffffff, 0xffffffff, 1, 1, "a")),
			[]got{{1, 4294967295_000000000 + 4294967295, "a", 1, 0, 1}}, "fraction of a second"},
		{"FCS of 4 bytes, whole", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1<<26|2<<28|1, 0, rec(1, 0, 7, 7, "abcFCS!")),
			[]got{{1, 1e9, "abc", 3, 0, 1}}, ""},
		{"FCS of 4 bytes, cut within", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1<<26|2<<28|1, 0, rec(1, 0, 5, 7, "abcFC")),
			[]got{{1, 1e9, "abc", 3, 0, 1}}, ""},
		{"FCS of 4 bytes, cut before", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1<<26|2<<28|1, 0, rec(1, 0, 2, 7, "ab")),
			[]got{{1, 1e9, "ab", 3, 0, 1}}, ""},
		{"FCS length without its flag", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 2<<28|1, 0, rec(1, 0, 3, 3, "abc")), []got{{1, 1e9, "abc", 3, 0, 1}}, ""},
		{"version 2.1 swaps the lengths", pcapBytes(be, 0xa1b2c3d4, 2, 1, 99, 1, 0, rec(1, 0, 9, 3, "abc")), []got{{1, 1e9, "abc", 9, 0, 1}}, ""},
		{"version 2.3 may swap them", pcapBytes(le, 0xa1b2c3d4, 2, 3, 99, 1, 0, rec(1, 0, 9, 3, "abc"), rec(1, 0, 3, 9, "def")),
			[]got{{1, 1e9, "abc", 9, 0, 1}, {2, 1e9, "def", 9, 0, 1}}, ""},
		{"no packets", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0), nil, ""},
		{"packet longer than the usual maximum, announced", pcapBytes(le, 0xa1b2c3d4, 2, 4, 300_000, 1, 0,
			rec(1, 0, 280_000, 280_000, strings.Repeat(long, 4))), []got{{1, 1e9, strings.Repeat(long, 4), 280_000, 0, 1}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(tc.in), Options{})
			defer r.Close()
			got, err := readAll(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			notes := r.Notes()
			if tc.note == "" && len(notes) != 0 || tc.note != "" && (len(notes) != 1 || !strings.Contains(notes[0].What, tc.note)) {
				t.Errorf("notes %v, want %q", notes, tc.note)
			}
		})
	}
}

func TestPcapDamage(t *testing.T) {
	le := binary.AppendByteOrder(binary.LittleEndian)
	good := pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0, [5]any{1, 0, 3, 3, "abc"}, [5]any{2, 0, 3, 3, "def"})
	for _, tc := range []struct {
		name    string
		in      []byte
		packets int
		offset  int64
		reason  string
	}{
		{"header cut", good[:20], 0, 0, "pcap file header needs 24 bytes, only 20"},
		{"record header cut", good[:24+19+7], 1, 43, "record header needs 16 bytes, only 7"},
		{"record cut", good[:24+19+18], 1, 43, "record needs 19 bytes, only 18"},
		{"absurd length", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0, [5]any{1, 0, 1, 1, "a"}, [5]any{1, 0, 0x7fffffff, 1, "b"}), 1, 41, "2147483647 captured bytes"},
		{"length past the maximum", pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0, [5]any{1, 0, MaxPacket + 1, 1, "b"}), 0, 24, "more than the maximum of 262144"},
		{"version", pcapBytes(le, 0xa1b2c3d4, 3, 4, 99, 1, 0), 0, 4, "pcap version 3.4 is not known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(tc.in), Options{})
			defer r.Close()
			out, err := readAll(t, r)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want *Error", err)
			}
			if len(out) != tc.packets || e.Offset != tc.offset || !strings.Contains(e.Reason, tc.reason) {
				t.Errorf("%d packets, %v; want %d packets, byte %d, %q", len(out), e, tc.packets, tc.offset, tc.reason)
			}
			if _, again := readAll(t, r); !errors.Is(again, err) {
				t.Errorf("the second call says %v", again)
			}
		})
	}
}

func TestNotACapture(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"    1   0.000000 192.0.2.1 -> 192.0.2.2 TCP 66\n", "--format-in tshark-text"},
		{"{\"a\":1}", "JSON"},
		{"<html>", "HTML"},
		{"#separator \\x09\n", "Zeek"},
		{"snoop\x00\x00\x00\x00\x00\x00\x02", "snoop"},
		{"GMBU\x00\x02", "Network Monitor"},
		{"SQLite format 3\x00", "SQLite"},
		{"BZh91AY", "bzip2"},
		{"\xfd7zXZ\x00\x00", "xz"},
		{"PK\x03\x04", "zip"},
		{"\x00\x00\x00\x00\x00\x00", "zero bytes"},
		{"\x00\x00\x00\x80\x6b\x8d\x9f\x5e\x02\x04\x00\x52\x00\x00\x00\x3c\x00\x00", "ERF"},
		{"\x01\x02", "only 2 bytes"},
		{"ab", "text"},
		{"\xde\xad\xbe\xef\x00\x01", "de ad be ef 00 01"},
	} {
		r := NewReader(strings.NewReader(tc.in), Options{})
		_, err := readAll(t, r)
		var m *MagicError
		if !errors.As(err, &m) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want a word about %q", tc.in, err, tc.want)
		}
		r.Close()
	}
	r := NewReader(strings.NewReader(""), Options{})
	if _, err := readAll(t, r); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
}
