package pcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPcapNGBlocks(t *testing.T) {
	for _, g := range []*ngb{littleNG(), bigNG()} {
		t.Run(fmt.Sprint(g.bo), func(t *testing.T) {
			g.shb(g.opt(1, "section comment"), g.opt(4, "writer"), g.opt(0))
			g.block(4, uint32(0), uint32(0)) // NRB
			g.idb(1, 65535, g.opt(2, "eth0"), g.opt(3, "uplink"), g.opt(9, byte(9)), g.opt(11, byte(0), "tcp port 80"),
				g.opt(12, "Linux"), g.opt(15, "e1000"), g.opt(14, int64(100)), g.opt(0))
			g.idb(101, 0, g.opt(13, byte(4)))
			g.epb(0, 1_000_000_007, "abcde", g.opt(1, "first"), g.opt(1, "second"), g.opt(3, byte(2), "hash"), g.opt(4, uint64(3)), g.opt(0))
			g.block(3, uint32(6), "simple") // SPB
			g.block(2, uint16(1), uint16(2), uint32(0), uint32(2_000_000), uint32(7), uint32(9), pad4([]byte("obsFCS!")))
			g.block(10, uint32(0x544c534b), uint32(4), "keys") // DSB
			g.block(9, "__REALTIME_TIMESTAMP=1\n")
			g.block(0xbad, uint32(1), "abcd")
			g.block(0x40000bad, uint32(1), "abcd")
			g.block(0x80000001, "local use")
			g.epb(0, 3_000_000_000, "flags", g.opt(2, uint32(2<<5|1)), g.opt(0))
			g.block(5, uint32(0), uint32(0), uint32(0), g.opt(4, uint64(100)), g.opt(5, uint64(7)), g.opt(7, uint64(1)), g.opt(1, "stats"), g.opt(0))
			g.epb(0, 4_000_000_000, "late", g.opt(4, uint64(50)), g.opt(0)) // the statistics hold, not the sum
			g.shb()
			g.idb(228, 64)
			g.epb(0, 5_000_000, "v4")
			g.block(3, uint32(100), strings.Repeat("y", 80))

			var comments []Comment
			types := map[uint32]int{}
			r := NewReader(bytes.NewReader(g.b), Options{
				OnComment: func(c Comment) { comments = append(comments, c) },
				OnBlock:   func(b RawBlock) { types[b.Type]++ },
			})
			defer r.Close()
			out, err := readAll(t, r)
			if err != nil {
				t.Fatal(err)
			}
			want := []got{
				{1, 101_000_000_007, "abcde", 5, 0, 1},
				{2, 101_000_000_007, "simple", 6, 0, 1},
				{3, 2_000_000_000, "obsFC", 5, 1, 101}, // the wire had 9 bytes, 4 of them FCS, of which 2 were not captured
				{7, 103_000_000_000, "fla", 3, 0, 1},   // 4 to 6: what Wireshark numbers but is no packet
				{8, 104_000_000_000, "late", 4, 0, 1},
				{9, 5_000_000_000, "v4", 2, 2, 228},
				{10, 5_000_000_000, strings.Repeat("y", 64), 100, 2, 228},
			}
			if d := cmp.Diff(want, out); d != "" {
				t.Error(d)
			}
			wantC := []Comment{
				{0, 0x0a0d0d0a, -1, "section comment"}, {1, 6, 0, "first"}, {1, 6, 0, "second"}, {0, 5, 0, "stats"},
			}
			if d := cmp.Diff(wantC, comments); d != "" {
				t.Error(d)
			}
			wantI := []Interface{
				{Name: "eth0", Description: "uplink", Filter: "tcp port 80", Hardware: "e1000", OS: "Linux", Link: 1, SnapLen: 65535, Received: 100, Dropped: 8, HasStats: true},
				{Link: 101, FCSLen: 4, Dropped: 2, HasStats: true},
				{Link: 228, SnapLen: 64, Section: 1},
			}
			if d := cmp.Diff(wantI, r.Interfaces(), cmpopts.IgnoreUnexported(Interface{})); d != "" {
				t.Error(d)
			}
			wantT := map[uint32]int{0x0a0d0d0a: 2, 1: 3, 4: 1, 5: 1, 9: 1, 10: 1, 0xbad: 1, 0x40000bad: 1, 0x80000001: 1}
			if d := cmp.Diff(wantT, types); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestMixedByteOrder has sections of both orders in one file.
func TestMixedByteOrder(t *testing.T) {
	l, b := littleNG().shb(), bigNG().shb()
	l.idb(1, 0).epb(0, 1e6, "little")
	b.idb(1, 0).epb(0, 2e6, "big")
	r := NewReader(bytes.NewReader(append(append([]byte{}, l.b...), append(b.b, l.b...)...)), Options{})
	defer r.Close()
	out, err := readAll(t, r)
	want := []got{{1, 1e9, "little", 6, 0, 1}, {2, 2e9, "big", 3, 1, 1}, {3, 1e9, "little", 6, 2, 1}}
	if d := cmp.Diff(want, out); d != "" || err != nil {
		t.Error(err, d)
	}
}

// TestPassedOver has blocks whose frame is right and whose content is not: reading goes on behind them.
func TestPassedOver(t *testing.T) {
	for _, tc := range []struct {
		name  string
		bad   func(g *ngb)
		note  string
		count uint64
	}{
		{"unknown interface", func(g *ngb) { g.epb(5, 0, "x") }, "interface 5", 1},
		{"short packet block", func(g *ngb) { g.block(6, uint32(0)) }, "too short", 1},
		{"captured length past the block", func(g *ngb) { g.block(6, 0, 0, 0, 100, 100, "only") }, "than they hold", 1},
		{"captured length near 4 GiB", func(g *ngb) { g.block(6, 0, 0, 0, uint32(0xfffffffe), uint32(0xffffffff), "only") }, "than they hold", 1},
		{"short obsolete block", func(g *ngb) { g.block(2, 0) }, "too short", 1},
		{"short simple block", func(g *ngb) { g.block(3) }, "too short", 1},
		{"statistics of nobody", func(g *ngb) { g.block(5, 9, 0, 0) }, "not declared", 1},
		{"short statistics", func(g *ngb) { g.block(5, 0) }, "too short", 1},
		{"broken option list", func(g *ngb) { g.epb(0, 1e6, "good", uint16(1), uint16(500)) }, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := littleNG().shb().idb(1, 0).epb(0, 1e6, "good")
			tc.bad(g)
			g.epb(0, 2e6, "last")
			r := NewReader(bytes.NewReader(g.b), Options{OnComment: func(Comment) { t.Error("a comment") }})
			defer r.Close()
			out, err := readAll(t, r)
			if err != nil || out[0].Data != "good" || out[len(out)-1].Data != "last" {
				t.Fatal(out, err)
			}
			if r.Skipped() != tc.count || tc.note != "" && !strings.Contains(fmt.Sprint(r.Notes()), tc.note) {
				t.Errorf("%d skipped, notes %v; want %d, %q", r.Skipped(), r.Notes(), tc.count, tc.note)
			}
		})
	}
	g := littleNG().shb().block(3, 4, "data")
	r := NewReader(bytes.NewReader(g.b), Options{})
	defer r.Close()
	if out, err := readAll(t, r); len(out) != 0 || err != nil || r.Skipped() != 1 {
		t.Error("a simple packet block without an interface:", out, err, r.Skipped())
	}
}

func TestPcapNGDamage(t *testing.T) {
	base := func() *ngb { return littleNG().shb().idb(1, 0).epb(0, 1e6, "good") }
	at := int64(len(base().b))
	with := func(f func(g *ngb)) []byte { g := base(); f(g); return g.b }
	for _, tc := range []struct {
		name   string
		in     []byte
		offset int64
		reason string
	}{
		{"block header cut", base().b[:at-10], at - 36, "block needs 36 bytes, only 26"},
		{"8 bytes of a header", with(func(g *ngb) { g.b = append(g.b, g.u(6, 64)...) }), at, "block header needs 12"},
		{"length below 12", with(func(g *ngb) { g.b = append(g.b, g.u(6, 8, 8, 8)...) }), at, "length 8, the least is 12"},
		{"length absurd", with(func(g *ngb) { g.b = append(g.b, g.u(6, uint32(0xfffffff0), 8, 8)...) }), at, "more than the maximum of 16777216"},
		{"lengths differ", with(func(g *ngb) { g.b = append(g.b, g.u(99, 16, 0, 20)...) }), at, "16 at its start and 20 at its end"},
		{"byte-order magic", with(func(g *ngb) { g.block(0x0a0d0d0a, 0x11223344, 1, 0, 0) }), at, "byte-order magic 0x11223344"},
		{"major version", with(func(g *ngb) { g.block(0x0a0d0d0a, 0x1a2b3c4d, uint16(2), uint16(0), 0, 0) }), at, "pcapng version 2.0"},
		{"short section header", with(func(g *ngb) { g.block(0x0a0d0d0a, 0x1a2b3c4d) }), at, "the least is 28"},
		{"short interface description", with(func(g *ngb) { g.block(1, 1) }), at, "the least is 20"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(tc.in), Options{})
			defer r.Close()
			_, err := readAll(t, r)
			var e *Error
			if !errors.As(err, &e) || e.Offset != tc.offset || !strings.Contains(e.Reason, tc.reason) {
				t.Errorf("%v; want byte %d, %q", err, tc.offset, tc.reason)
			}
		})
	}
}

// TestUnalignedLength: some writers forget that lengths are multiples of 4.
func TestUnalignedLength(t *testing.T) {
	g := littleNG().shb()
	g.b = append(g.b, g.u(99, 15, "abc", byte(0), 15)...)
	g.idb(1, 0).epb(0, 1e6, "good")
	r := NewReader(bytes.NewReader(g.b), Options{})
	defer r.Close()
	if out, err := readAll(t, r); len(out) != 1 || err != nil || len(r.Notes()) != 1 {
		t.Error(out, err, r.Notes())
	}
}

func TestTooManyInterfaces(t *testing.T) {
	g := littleNG().shb()
	for range MaxInterfaces + 1 {
		g.idb(1, 0)
	}
	r := NewReader(bytes.NewReader(g.b), Options{})
	defer r.Close()
	if _, err := readAll(t, r); err == nil || !strings.Contains(err.Error(), "interfaces") {
		t.Error(err)
	}
}

func TestClock(t *testing.T) {
	for _, tc := range []struct {
		res    byte
		offset int64
		ticks  uint64
		want   int64
		ok     bool
	}{
		{6, 0, 1_500_000, 1_500_000_000, true},
		{9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789, true},
		{3, 0, 1500, 1_500_000_000, true},
		{0, 0, 2, 2_000_000_000, true},
		{12, 0, 1_500_000_000_999, 1_500_000_000, true},
		{19, 0, 15_000_000_000_000_000_000, 1_500_000_000, true},
		{28, 0, 1<<64 - 1, 1, true},
		{29, 0, 1<<64 - 1, 0, true},
		{127, 0, 1<<64 - 1, 0, true},
		{0x80 | 10, 0, 1536, 1_500_000_000, true},
		{0x80 | 32, 0, 3 << 31, 1_500_000_000, true},
		{0x80 | 63, 0, 3 << 62, 1_500_000_000, true},
		{0x80 | 64, 0, 1 << 63, 500_000_000, true},
		{0x80 | 70, 0, 1 << 63, 7_812_500, true},
		{0x80 | 127, 0, 1<<64 - 1, 0, true},
		{0x80, 0, 7, 7_000_000_000, true},
		{6, 100, 1_500_000, 101_500_000_000, true},
		{6, -1, 1_500_000, 500_000_000, true},
		{6, -10, 1_500_000, -8_500_000_000, true},
		{6, 0, 1<<64 - 1, 1<<63 - 1, false},
		{9, 0, 1<<64 - 1, 1<<63 - 1, false},
		{0, 0, 1<<64 - 1, 1<<63 - 1, false},
		{0, 1<<63 - 1, 1<<63 - 1, 1<<63 - 1, false},
		{6, 1<<63 - 1, 0, 1<<63 - 1, false},
		{6, -1 << 63, 0, -1 << 63, false},
		{0, -1 << 63, 1<<64 - 1, 1<<63 - 1, false},
		{0x80, -1 << 63, 1<<63 - 1, -1_000_000_000, true},
	} {
		c := clockOf(tc.res, tc.offset)
		if got, ok := c.time(tc.ticks); int64(got) != tc.want || ok != tc.ok {
			t.Errorf("resolution %#x, offset %d: %d ticks are %d %v, want %d %v", tc.res, tc.offset, tc.ticks, got, ok, tc.want, tc.ok)
		}
	}
}

func TestFCSBytes(t *testing.T) {
	for v, want := range map[byte]uint8{0: 0, 2: 2, 4: 4, 16: 2, 32: 4, 17: 0} {
		if got := fcsBytes(v); got != want {
			t.Errorf("if_fcslen %d: %d bytes, want %d", v, got, want)
		}
	}
}
