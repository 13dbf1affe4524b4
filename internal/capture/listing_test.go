package capture

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firestorm/internal/packet"
)

func rowsOf(t *testing.T, text string) (*Listing, []packet.Packet) {
	t.Helper()
	l, err := OpenListing("-", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []packet.Packet
	var b packet.Batch
	for {
		err := l.Next(&b)
		all = append(all, b.Packets...)
		b.Release()
		if errors.Is(err, io.EOF) {
			return l, all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestListingRow(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       packet.Packet
	}{
		{"all columns", "  2   0.5 10.0.0.254   192.168.0.1  TCP          62 80 → 2268 [SYN, ACK] Seq=7 Ack=8 Win=17520 Len=0 MSS=1460 SACK_PERM",
			packet.Packet{Frame: 2, Time: 5e8, IPVersion: 4, WireLen: 62, Proto: packet.ProtoTCP, SrcPort: 80, DstPort: 2268,
				TCPFlags: packet.SYN | packet.ACK, Seq: 7, Ack: 8, Window: 17520, MSS: 1460, TCPOpts: packet.OptMSS | packet.OptSACKOK, Missing: notShown}},
		{"arrow between addresses", "14 68.260000 192.168.0.1 → 10.0.0.254 TCP 62 [TCP Port numbers reused] 2268 → 80 [SYN] Seq=9 Win=1 Len=0",
			packet.Packet{Frame: 14, Time: 68260 * packet.Time(time.Millisecond), IPVersion: 4, WireLen: 62, Proto: packet.ProtoTCP, SrcPort: 2268,
				DstPort: 80, TCPFlags: packet.SYN, Seq: 9, Window: 1, Missing: notShown}},
		{"nothing but ports and flags", " 17  98.25 TCP   2268 > http [RST, CWR]",
			packet.Packet{Frame: 17, Time: 98250 * packet.Time(time.Millisecond), Proto: packet.ProtoTCP, SrcPort: 2268, DstPort: 80,
				TCPFlags: packet.RST | packet.CWR, Missing: notShown | packet.NoAddrs | packet.NoSeq | packet.NoWindow | packet.NoOptions}},
		{"UDP over IPv6", "3 2024-05-01 10:00:00.5 2001:db8::1 2001:db8::2 UDP 94 5353 → 53 Len=32",
			packet.Packet{Frame: 3, Time: packet.Time(time.Date(2024, 5, 1, 10, 0, 0, 5e8, time.UTC).UnixNano()), IPVersion: 6, WireLen: 94,
				Proto: packet.ProtoUDP, SrcPort: 5353, DstPort: 53, PayloadWire: 32, Missing: notShown}},
	} {
		_, rows := rowsOf(t, c.line)
		got := rows[0]
		got.Link, got.Src, got.Dst = 0, packet.Addr{}, packet.Addr{}
		if got.Frame != c.want.Frame || got.Time != c.want.Time || got.TCPFlags != c.want.TCPFlags || got.Missing != c.want.Missing ||
			got.SrcPort != c.want.SrcPort || got.DstPort != c.want.DstPort || got.Seq != c.want.Seq || got.Ack != c.want.Ack ||
			got.Window != c.want.Window || got.MSS != c.want.MSS || got.TCPOpts != c.want.TCPOpts || got.IPVersion != c.want.IPVersion ||
			got.WireLen != c.want.WireLen || got.PayloadWire != c.want.PayloadWire || got.Proto != c.want.Proto {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// TestListingOfTheFoundingCase reads both forms of the pasted listing.
func TestListingOfTheFoundingCase(t *testing.T) {
	for _, c := range []struct {
		file          string
		rows, skipped int
		missing       packet.Missing
	}{
		{"founding.txt", 17, 0, packet.NoSeq},
		{"founding-poor.txt", 15, 2, packet.NoSeq | packet.NoAddrs}, // two continuation rows do not show their side
	} {
		b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "captures", "founding-timewait", c.file))
		if err != nil {
			t.Fatal(err)
		}
		l, rows := rowsOf(t, string(b))
		if len(rows) != c.rows || int(l.Stats().Skipped) != c.skipped {
			t.Errorf("%s: %d rows, %d skipped: %v", c.file, len(rows), l.Stats().Skipped, l.Stats().SkippedNotes)
		}
		for _, p := range rows {
			if p.Missing&c.missing != c.missing {
				t.Errorf("%s: row %d: missing %b, want %b", c.file, p.Frame, p.Missing, c.missing)
			}
		}
		if last := rows[len(rows)-1]; last.Frame != 17 || last.TCPFlags != packet.RST|packet.CWR || last.SrcPort != 2268 {
			t.Errorf("%s: last row %+v", c.file, last)
		}
	}
}

func TestListingRefused(t *testing.T) {
	for _, text := range []string{"", "No. Time Source Destination Protocol Length Info\n", "hello\nworld\n"} {
		if _, err := OpenListing("x.txt", strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), "x.txt: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	l, _ := rowsOf(t, "1 0.0 10.0.0.1 10.0.0.2 TCP 60 1 → 2 [SYN] Seq=0 Win=1 Len=0\n2 0.1 10.0.0.1 10.0.0.2 ICMP 98 Echo (ping) request\n")
	if s := l.Stats(); s.Skipped != 1 || len(s.SkippedNotes) != 1 || !strings.Contains(s.SkippedNotes[0].What, "row 2") {
		t.Errorf("skipped %+v", s)
	}
}

// FuzzListing: any text is read or refused; rows are in range.
func FuzzListing(f *testing.F) {
	for _, name := range []string{"founding.txt", "founding-poor.txt"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "captures", "founding-timewait", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("1 2024-02-30 10:00:00 :: ::1 TCP 1 http(80) > x(0) [<None>] Seq=99999999999 TSval=1 TSecr=2")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := OpenListing("-", strings.NewReader(s))
		if err != nil {
			return
		}
		for _, p := range l.rows {
			if p.Frame == 0 || p.Missing&notShown != notShown || len(p.Data) != 0 || p.Time < 0 {
				t.Errorf("%q: row %+v", s, p)
			}
		}
	})
}
