package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rich has blocks and options that nobody here knows.
func rich(g *ngb) []byte {
	g.block(0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(1), uint16(0), uint64(1234), g.opt(1, "hello"), g.opt(7777, "odd"), g.opt(0))
	g.idb(1, 0, g.opt(2, "eth0"), g.opt(2988, uint32(1), "copy"), g.opt(19372, uint32(1), "no copy"), g.opt(0))
	g.block(0x12345678, "unknown block")
	g.epb(0, 1e6, "one", g.opt(999, "unknown option"), g.opt(19373, uint32(1), "no copy"), g.opt(0))
	g.block(0xbad, uint32(1), "copy me")
	g.block(0x40000bad, uint32(1), "do not copy me")
	g.block(10, uint32(0x544c534b), uint32(4), "keys")
	g.epb(0, 2e6, "two")
	g.block(3, uint32(5), "three")
	g.block(2, uint16(0), uint16(1), 0, uint32(4e6), 4, 4, "four")
	g.block(5, 0, 0, 0, g.opt(4, uint64(9)), g.opt(0))
	g.shb()
	g.idb(101, 0)
	g.epb(0, 5e6, "five")
	return g.b
}

func TestRewriteKeepsEverything(t *testing.T) {
	for _, g := range []*ngb{littleNG(), bigNG()} {
		in := rich(g)
		var out bytes.Buffer
		if err := Rewrite(&out, bytes.NewReader(in), RewriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(in, out.Bytes()) {
			t.Errorf("%v: the copy differs", g.bo)
		}
	}
}

func TestRewriteEdits(t *testing.T) {
	for _, g := range []*ngb{littleNG(), bigNG()} {
		t.Run(fmt.Sprint(g.bo), func(t *testing.T) {
			var out bytes.Buffer
			err := Rewrite(&out, bytes.NewReader(rich(g)), RewriteOptions{
				Comments: []string{"added"}, DropSecrets: true,
				Edit: func(rec *Record) (bool, []string) {
					return rec.Frame != 4, []string{fmt.Sprintf("frame %d", rec.Frame)} // 2 and 3 are custom blocks
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			var want ngb
			want.bo = g.bo
			w := &want
			w.block(0x0a0d0d0a, uint32(0x1a2b3c4d), uint16(1), uint16(0), ^uint64(0), w.opt(1, "hello"), w.opt(7777, "odd"), w.opt(1, "added"), w.opt(0))
			w.idb(1, 0, w.opt(2, "eth0"), w.opt(2988, uint32(1), "copy"), w.opt(0))
			w.block(0x12345678, "unknown block")
			w.epb(0, 1e6, "one", w.opt(999, "unknown option"), w.opt(1, "frame 1"), w.opt(0))
			w.block(0xbad, uint32(1), "copy me")
			w.block(3, uint32(5), "three")
			w.block(2, uint16(0), uint16(1), 0, uint32(4e6), 4, 4, "four", w.opt(1, "frame 6"), w.opt(0))
			w.block(5, 0, 0, 0, w.opt(4, uint64(9)), w.opt(0))
			w.shb()
			w.idb(101, 0)
			w.epb(0, 5e6, "five", w.opt(1, "frame 7"), w.opt(0))
			if d := cmp.Diff(want.b, out.Bytes()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRewriteConvertsAndReportsDamage(t *testing.T) {
	in := pcapBytes(binary.BigEndian, 0xa1b23c4d, 2, 4, 99, 113, 0, [5]any{1, 7, 3, 9, "abc"}, [5]any{2, 8, 3, 3, "def"}, [5]any{3, 8, 3, 3, "x"})
	var out bytes.Buffer
	err := Rewrite(&out, bytes.NewReader(in), RewriteOptions{Edit: func(rec *Record) (bool, []string) { return true, []string{"c"} }})
	var e *Error
	if !errors.As(err, &e) || e.Offset != 62 {
		t.Errorf("error %v, want damage at 62", err)
	}
	comments := 0
	r := NewReader(&out, Options{OnComment: func(Comment) { comments++ }})
	defer r.Close()
	got1, err := readAll(t, r)
	want := []got{{1, 1_000_000_007, "abc", 9, 0, 113}, {2, 2_000_000_008, "def", 3, 0, 113}}
	if d := cmp.Diff(want, got1); d != "" || err != nil || comments != 2 {
		t.Error(err, comments, d)
	}

	g := rich(littleNG())
	out.Reset()
	err = Rewrite(&out, bytes.NewReader(g[:len(g)-1]), RewriteOptions{})
	if !errors.As(err, &e) || !bytes.Equal(out.Bytes(), g[:e.Offset]) {
		t.Errorf("damaged tail: %v, %d bytes copied", err, out.Len())
	}
}
