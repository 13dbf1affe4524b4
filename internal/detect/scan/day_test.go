package scan_test

import (
	"container/heap"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/detect/scan"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// day is a day at the edge of a busy site, made as it is read: strangers that search, answers to forged requests, and
// users whom all is well with. What it gives follows from its numbers alone.
type day struct {
	rnd       *rand.Rand
	strangers int // still to come
	users     int
	victims   int
	every     [3]float64 // seconds between two of each
	next      [3]float64
	queue     frames
	length    float64 // seconds
	made      uint64
	found     bool // one stranger finds a door that nobody uses
}

// site is the home network of the day. Of its addresses the lower half holds machines that refuse, the rest is dark.
const site = "198.51.100."

// sought are ports that strangers look for.
var sought = []int{23, 22, 80, 443, 8080, 3389, 445, 5555, 2323, 1433, 6379, 8443, 5900, 81, 25, 21, 7547, 3306, 5060, 9200, 27017, 11211, 37215, 60001, 8000, 8888}

func newDay(hours float64, strangers, users, victims int) *day {
	d := &day{rnd: rand.New(rand.NewPCG(4, 2)), strangers: strangers, users: users, victims: victims, length: hours * 3600}
	for i, n := range []int{strangers, users, victims} {
		d.every[i] = d.length / float64(max(n, 1))
	}
	return d
}

type frame struct {
	at   float64
	n    uint64
	data []byte
}

type frames []frame

func (q frames) Len() int { return len(q) }
func (q frames) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].n < q[j].n
}
func (q frames) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *frames) Push(x any)   { *q = append(*q, x.(frame)) }
func (q *frames) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}

func (d *day) put(at float64, b []byte) {
	d.made++
	heap.Push(&d.queue, frame{at, d.made, b})
}

func (d *day) tcp(at float64, src, dst string, seq, ack uint32, flags uint16, payload string) {
	t := packettest.TCP{Src: src, Dst: dst, Seq: seq, Ack: ack, Flags: flags, Payload: payload}
	if flags&packet.SYN != 0 {
		t.MSS, t.SACKOK, t.WScale = 1460, true, 7
	}
	d.put(at, t.Frame())
}

// probe is one knock and what becomes of it.
func (d *day) probe(at float64, from string, host, port int) {
	src, dst := fmt.Sprintf("%s:%d", from, 40000+d.rnd.IntN(20000)), fmt.Sprintf("%s%d:%d", site, host, port)
	seq := d.rnd.Uint32()
	d.put(at, packettest.TCP{Src: src, Dst: dst, Seq: seq, Flags: packet.SYN, Window: 1024}.Frame())
	switch {
	case host == 10 && (port == 80 || port == 443) || host == 20 && port == 25 || d.found && host == 30 && port == 8080:
		d.tcp(at+0.0002, dst, src, 7, seq+1, packet.SYN|packet.ACK, "")
		d.put(at+0.05, packettest.TCP{Src: src, Dst: dst, Seq: seq + 1, Flags: packet.RST}.Frame())
	case host < 128:
		d.put(at+0.0002, packettest.TCP{Src: dst, Dst: src, Ack: seq + 1, Flags: packet.RST | packet.ACK}.Frame())
	}
}

// stranger is one source of searches: most knock once or twice, some go through the whole site, few try many doors of
// one machine.
func (d *day) stranger(at float64) {
	from := fmt.Sprintf("%d.%d.%d.%d", 1+d.rnd.IntN(190), d.rnd.IntN(256), d.rnd.IntN(256), 1+d.rnd.IntN(254))
	port := sought[min(int(d.rnd.ExpFloat64()*6), len(sought)-1)]
	switch k := d.rnd.IntN(100); {
	case k < 70:
		for i := range 1 + d.rnd.IntN(3) {
			d.probe(at+float64(i)*d.rnd.Float64()*600, from, 1+d.rnd.IntN(254), port)
		}
	case k < 95:
		for i := range 8 + d.rnd.IntN(40) {
			d.probe(at+float64(i)*d.rnd.Float64()*20, from, 1+d.rnd.IntN(254), port)
		}
	case k < 99:
		for i := range 254 {
			d.probe(at+float64(i)*0.05, from, 1+i, port)
		}
	default:
		host := []int{10, 20, 30, 200}[d.rnd.IntN(4)]
		for i := range 60 {
			d.probe(at+float64(i)*0.1, from, host, 1+(i*37+d.rnd.IntN(30))%1000)
		}
	}
}

// user is a customer who reads a page, delivers mail, or one inside who reads a page elsewhere.
func (d *day) user(at float64) {
	client := fmt.Sprintf("%d.%d.%d.%d:%d", 80+d.rnd.IntN(4), 1+d.rnd.IntN(10), d.rnd.IntN(256), 1+d.rnd.IntN(254), 30000+d.rnd.IntN(30000))
	server := site + []string{"10:443", "10:80", "20:25"}[d.rnd.IntN(3)]
	if d.rnd.IntN(3) == 0 {
		client, server = fmt.Sprintf("%s%d:%d", site, 40+d.rnd.IntN(20), 30000+d.rnd.IntN(30000)), fmt.Sprintf("151.101.%d.%d:443", d.rnd.IntN(8), 1+d.rnd.IntN(200))
	}
	s, a := d.rnd.Uint32(), d.rnd.Uint32()
	d.tcp(at, client, server, s, 0, packet.SYN, "")
	d.tcp(at+.02, server, client, a, s+1, packet.SYN|packet.ACK, "")
	d.tcp(at+.04, client, server, s+1, a+1, packet.ACK, "")
	d.tcp(at+.041, client, server, s+1, a+1, packet.ACK|packet.PSH, "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
	body := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	for len(body) < 1400 {
		body += "a line of the page, of no meaning\n"
	}
	n := uint32(0)
	for i := range 6 {
		d.tcp(at+.08+float64(i)*.001, server, client, a+1+n, s+43, packet.ACK, body)
		n += uint32(len(body))
		d.tcp(at+.1+float64(i)*.001, client, server, s+43, a+1+n, packet.ACK, "")
	}
	d.tcp(at+.2, server, client, a+1+n, s+43, packet.FIN|packet.ACK, "")
	d.tcp(at+.22, client, server, s+43, a+2+n, packet.FIN|packet.ACK, "")
	d.tcp(at+.24, server, client, a+2+n, s+44, packet.ACK, "")
}

// victim is a machine elsewhere that is flooded in our name.
func (d *day) victim(at float64) {
	src, dst := fmt.Sprintf("91.%d.7.%d:80", d.rnd.IntN(20), 1+d.rnd.IntN(20)), fmt.Sprintf("%s%d:%d", site, 1+d.rnd.IntN(254), 1024+d.rnd.IntN(60000))
	flags := packet.SYN | packet.ACK
	if d.rnd.IntN(3) == 0 {
		flags = packet.RST | packet.ACK
	}
	d.put(at, packettest.TCP{Src: src, Dst: dst, Seq: d.rnd.Uint32(), Ack: d.rnd.Uint32(), Flags: uint16(flags)}.Frame())
}

func (d *day) Next(b *packet.Batch) error {
	for len(b.Packets) < 256 {
		for i, make := range []func(float64){d.stranger, d.user, d.victim} {
			left := []*int{&d.strangers, &d.users, &d.victims}[i]
			for *left > 0 && (len(d.queue) == 0 || d.next[i] <= d.queue[0].at) {
				*left--
				make(d.next[i])
				d.next[i] += d.every[i] * 2 * d.rnd.Float64()
			}
		}
		if len(d.queue) == 0 {
			if len(b.Packets) == 0 {
				return io.EOF
			}
			return nil
		}
		f := heap.Pop(&d.queue).(frame)
		d.made++
		b.Packets = append(b.Packets, *packettest.At(f.data, 0, packet.Time(1_700_000_000e9).Add(time.Duration(f.at*1e9))))
	}
	return nil
}

func (d *day) Stats() capture.Stats { return capture.Stats{} }
func (d *day) Close() error         { return nil }

// numbered gives the packets of a source their frame numbers.
type numbered struct {
	capture.Source
	n uint64
}

func (s *numbered) Next(b *packet.Batch) error {
	err := s.Source.Next(b)
	for i := range b.Packets {
		s.n++
		b.Packets[i].Frame = s.n
	}
	return err
}

func runDay(t testing.TB, src capture.Source, detectors []detect.Def) *sensor.Result {
	t.Helper()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: &numbered{Source: src}, Workers: 1, Seed: 1, Checksums: packet.ChecksumsAll, Analyzers: standard.Analyzers,
		Detectors: detectors, HomeNet: []netip.Prefix{netip.MustParsePrefix(site + "0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 || len(r.Engine.Faulty) > 0 {
		t.Fatalf("broken: %v, faulty: %v", r.Broken, r.Engine.Faulty)
	}
	return r
}

// long says that the whole day is wanted (FIRESTORM_LONG=1), not a sample.
func long() bool { return os.Getenv("FIRESTORM_LONG") != "" }

// TestDay is the budget of noise: a day at the edge of a busy site brings at most five lines of medium or above, and one
// line for all strangers.
func TestDay(t *testing.T) {
	hours, strangers, users, victims := 1.0, 1500, 1000, 1000
	if long() {
		hours, strangers, users, victims = 23, 100_000, 60_000, 60_000
	}
	for _, found := range []bool{false, true} {
		d := newDay(hours, strangers, users, victims)
		d.found = found
		r := runDay(t, d, standard.Detectors)
		t.Logf("%d strangers, %d packets, %d flows, %d instances, %d absorbed, %d dropped for lack of room", strangers, r.Counts.Packets, r.Flow.Flows, r.Engine.Instances, r.Engine.Absorbed, r.Engine.DroppedMax)
		worse, lines, told := 0, 0, 0
		for _, f := range r.Findings {
			switch f.Code.ID {
			case scan.Background:
				lines++
				t.Logf("%s\n%s", f.Title, f.Summary)
				for _, x := range f.Facts {
					t.Logf("  %s", x.Text)
				}
			case scan.Ports, scan.Hosts, scan.Slow:
				told++
			}
			if f.Severity >= finding.Medium {
				worse++
				t.Logf("%s %s %s: %s", f.Severity, f.Confidence, f.Code.ID, f.Title)
			}
		}
		if lines != 1 || worse > 5 {
			t.Errorf("%d lines for strangers, want 1; %d of medium or above, want at most 5", lines, worse)
		}
		if want := map[bool]int{true: 1}[found]; told != want {
			t.Errorf("%d searches are told by themselves, want %d (a door that nobody uses: %v)", told, want, found)
		}
		if r.Engine.DroppedMax > 0 {
			t.Errorf("%d instances found no room", r.Engine.DroppedMax)
		}
	}
}
