package analyzer_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// marker reads four bytes at a time and does what they say: mark a frame that begins where they do, or so many bytes before or
// after, of a length that they name.
type marker struct {
	part [2][]byte
	last [2]analyzer.FrameID
}

func (m *marker) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for i, x := range b {
		if m.part[d] = append(m.part[d], x); len(m.part[d]) < 4 {
			continue
		}
		op, back, n := m.part[d][0], int(int8(m.part[d][1])), int64(int16(binary.BigEndian.Uint16(m.part[d][2:])))
		m.part[d] = m.part[d][:0]
		back += len(b) - i - 1 + 4
		switch op {
		case 'f':
			m.last[d] = c.Frame(d, "pdu", back, n)
		case 'w':
			m.last[d] = c.WholeFrame(d, "whole", back, n)
		case 't':
			c.FrameTx(d, m.last[d], uint64(n))
		case 'e':
			c.EndFrame(d, m.last[d], back)
		case 'd':
			c.Done()
			return
		}
	}
}
func (m *marker) Gap(*analyzer.Context, packet.Dir, uint64)       {}
func (m *marker) Close(*analyzer.Context, packet.Dir, stream.End) {}
func (m *marker) Reset()                                          { *m = marker{} }

var markerDef = analyzer.Def{Name: "marker", Over: []analyzer.Transport{analyzer.TCP}, Probe: func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
	Stream: func(analyzer.Options) (analyzer.StreamAnalyzer, error) { return &marker{}, nil }}

// viewed is what a sink was shown: "pdu 1 at 0, 5 bytes: 0+[abc" is a piece from byte 0 on whose end is not the frame's.
type viewed struct {
	t     testing.TB
	sent  [2]string // what travels, if nothing is lost
	names []string
	got   []string
	done  map[string]bool
}

func (v *viewed) FrameNames(string) []string { return v.names }

func (v *viewed) Frame(h flow.Handle, _ *event.Head, _ *packet.Packet, f *event.FrameView) {
	s := fmt.Sprintf("%s %d at %d, %d bytes:", f.Facts.Type, f.Facts.ID, f.Facts.Offset, f.Facts.Length)
	key := fmt.Sprint(h.Dir, " ", f.Facts.ID)
	if v.done[key] {
		v.t.Errorf("%s after its end", s)
	}
	v.done[key] = f.Done
	last := uint64(0)
	for _, p := range f.Pieces {
		end := "]"
		if p.Open {
			end = "["
		}
		s += fmt.Sprintf(" %d+%s%s", p.At, p.B, end)
		if p.At < last || len(p.B) == 0 || p.At+uint64(len(p.B)) > f.Facts.Length {
			v.t.Errorf("%s: a piece that does not fit", s)
		}
		last = p.At + uint64(len(p.B))
		if all := v.sent[h.Dir]; all != "" {
			if at := f.Facts.Offset + p.At; at+uint64(len(p.B)) > uint64(len(all)) || all[at:at+uint64(len(p.B))] != string(p.B) {
				v.t.Errorf("%s: not what lies there", s)
			}
		}
	}
	if len(f.Shown()) > event.FramePayload {
		v.t.Error("too much is shown")
	}
	v.got = append(v.got, s)
}

// mark is a command of marker.
func mark(op byte, back, n int) string { return string([]byte{op, byte(back), byte(n >> 8), byte(n)}) }

// TestFrameViews: what is shown of frames, and when.
func TestFrameViews(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, c := range []struct {
		name string
		play func(k *analyzertest.Talk)
		want []string
	}{
		{"all at once", func(k *analyzertest.Talk) { k.Say(analyzertest.Up, mark('f', 0, 8)+"abcd") }, []string{"pdu 1 at 0, 8 bytes: 0+" + mark('f', 0, 8) + "abcd]"}},
		{"its end comes later", func(k *analyzertest.Talk) {
			k.Say(analyzertest.Up, mark('f', 0, 8)+"ab").Say(analyzertest.Up, "cd")
		}, []string{"pdu 1 at 0, 8 bytes: 0+" + mark('f', 0, 8) + "abcd]"}},
		{"it never ends", func(k *analyzertest.Talk) { k.Say(analyzertest.Up, mark('f', 0, 9)+"ab") }, []string{"pdu 1 at 0, 9 bytes: 0+" + mark('f', 0, 9) + "ab["}},
		{"nobody asked for that one", func(k *analyzertest.Talk) { k.Say(analyzertest.Down, "nopq"+mark('n', 4, 6)+"ab") }, nil},
		{"a long one, with what was shown before", func(k *analyzertest.Talk) {
			k.SayIn(analyzertest.Up, mark('f', 0, 6004)+long, 5000).SayIn(analyzertest.Up, long, 5000)
		}, []string{"pdu 1 at 0, 6004 bytes: 0+" + mark('f', 0, 6004) + long + "[", "pdu 1 at 0, 6004 bytes: 444+" + strings.Repeat("x", 2560+3000) + "]"}},
		{"one that is looked at whole", func(k *analyzertest.Talk) {
			k.SayIn(analyzertest.Up, mark('w', 0, 6004)+long, 5000).SayIn(analyzertest.Up, long, 5000)
		}, []string{"whole 1 at 0, 6004 bytes: 0+" + mark('w', 0, 6004) + long + long + "]"}},
		{"a hole in it", func(k *analyzertest.Talk) {
			k.Say(analyzertest.Up, mark('f', 0, 12)+"abcd").Lose(analyzertest.Up, 2).Say(analyzertest.Up, "gh")
		}, []string{"pdu 1 at 0, 12 bytes: 0+" + mark('f', 0, 12) + "abcd[ 10+gh]"}},
		{"a hole that may be filled is waited for", func(k *analyzertest.Talk) {
			k.SayIn(analyzertest.Up, mark('f', 0, 9000)+long, 5000).Lose(analyzertest.Up, 2).Say(analyzertest.Up, "gh").Say(analyzertest.Up, "ij")
		}, []string{"pdu 1 at 0, 9000 bytes: 0+" + mark('f', 0, 9000) + long + "[ 3006+ghij["}},
		{"its end is said", func(k *analyzertest.Talk) {
			k.Say(analyzertest.Up, mark('f', 0, -1)+"abcd").Say(analyzertest.Up, mark('e', 0, 0)+"more")
		}, []string{"pdu 1 at 0, 8 bytes: 0+" + mark('f', 0, -1) + "abcd]"}},
		{"the end of the connection is its end", func(k *analyzertest.Talk) { k.Say(analyzertest.Up, mark('f', 0, -1)+"abcd") }, []string{"pdu 1 at 0, 8 bytes: 0+" + mark('f', 0, -1) + "abcd]"}},
		{"it began before", func(k *analyzertest.Talk) { k.Say(analyzertest.Up, "nopq").Say(analyzertest.Up, mark('f', 4, 6)) }, []string{"pdu 1 at 0, 6 bytes: 0+nopq" + mark('f', 4, 6)[:2] + "]"}},
		{"it begins later", func(k *analyzertest.Talk) { k.Say(analyzertest.Up, mark('f', -4, 2)).Say(analyzertest.Up, "abcd") }, []string{"pdu 1 at 4, 2 bytes: 0+ab]"}},
		{"nothing is read on", func(k *analyzertest.Talk) { k.Say(analyzertest.Up, mark('f', 0, 20)+mark('d', 0, 0)) }, []string{"pdu 1 at 0, 20 bytes: 0+" + mark('f', 0, 20) + mark('d', 0, 0) + "["}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &viewed{t: t, names: []string{"pdu", "whole"}, done: map[string]bool{}}
			k := analyzertest.DialWith(t, "198.51.100.1:80", 1400, func(o *analyzer.DispatchOptions) { o.Frames = v }, nil, markerDef)
			c.play(k)
			k.End()
			if fmt.Sprintf("%q", v.got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %.300q\nwant %.300q", v.got, c.want)
			}
		})
	}
}

// TestFramesFull: what is beyond the bound is counted.
func TestFramesFull(t *testing.T) {
	v := &viewed{t: t, names: []string{"pdu"}, done: map[string]bool{}}
	k := analyzertest.DialWith(t, "198.51.100.1:80", 1400, func(o *analyzer.DispatchOptions) { o.Frames = v }, nil, markerDef)
	k.Say(analyzertest.Up, strings.Repeat(mark('f', 0, 30000), 300))
	if n := k.Stats().FramesFull; n != 300-256 {
		t.Errorf("%d", n)
	}
	held := k.Stats().Held
	for range 200 { // 200 KB: what was looked at is let go
		k.SayIn(analyzertest.Up, strings.Repeat("nnnn", 256), 1400)
	}
	if more := k.Stats().Held - held; more > 100<<10 {
		t.Errorf("%d bytes more are held", more)
	}
	k.End()
}

// FuzzFrames: whatever a reader marks, what is shown lies where it says.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(mark('f', 0, 8)+"abcd"+mark('w', 3, 500)+mark('e', 0, 0)+mark('f', -9, -1)), []byte{3, 7, 0x81})
	f.Add([]byte(strings.Repeat(mark('f', 100, 3000), 80)), []byte{200, 1})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		v := &viewed{t: t, names: []string{"pdu", "whole", "stream"}, done: map[string]bool{}}
		k := analyzertest.DialWith(t, "198.51.100.1:80", 1400, func(o *analyzer.DispatchOptions) { o.Frames, o.FrameRecords = v, true }, nil, markerDef)
		for i := 0; len(data) > 0; i++ {
			n, d := len(data), analyzertest.Up
			if i < len(cuts) {
				n = min(n, 1+int(cuts[i]&0x3f)*16)
				if cuts[i]&0x80 != 0 {
					d = analyzertest.Down
				}
				if cuts[i]&0x40 != 0 {
					v.sent = [2]string{}
					k.Lose(d, 1+int(cuts[i]))
				}
			}
			k.SayIn(d, string(data[:n]), 1400)
			data = data[n:]
		}
		k.End()
	})
}
