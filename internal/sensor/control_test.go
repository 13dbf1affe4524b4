package sensor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// tap is a live source that gives what a test puts in, until it is closed.
type tap struct {
	frames chan []byte
	n      uint64
}

func (s *tap) Next(b *packet.Batch) error {
	for len(b.Packets) < 5 {
		select {
		case f, ok := <-s.frames:
			if !ok {
				if len(b.Packets) > 0 {
					return nil
				}
				return io.EOF
			}
			s.n++
			b.Packets = append(b.Packets, packet.Packet{Data: f, Time: s.Now(), Frame: s.n, Link: packet.LinkEthernet, WireLen: uint32(len(f))})
		default:
			if len(b.Packets) > 0 {
				return nil
			}
			time.Sleep(50 * time.Microsecond)
			return capture.ErrIdle
		}
	}
	return nil
}
func (s *tap) Now() packet.Time                { return packet.Time(1e18 + 1e5*s.n) }
func (s *tap) Stats() capture.Stats            { return capture.Stats{Received: s.n, LossKnown: true} }
func (s *tap) Close() error                    { return nil }
func (s *tap) Interfaces() []capture.Interface { return []capture.Interface{{Name: "tap"}} }

// hits counts alerts by rule, and the frames of each.
type hits struct {
	mu sync.Mutex
	of map[uint32][]uint64
}

func (h *hits) Event(e event.Event) error {
	if a, ok := e.(*event.Alert); ok {
		h.mu.Lock()
		h.of[a.Rule.SID] = append(h.of[a.Rule.SID], a.Head().Seen.Frame)
		h.mu.Unlock()
	}
	return nil
}

func ruleSet(t *testing.T, lines ...string) *rules.Set {
	t.Helper()
	list, bad, err := lang.Parse("x", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil || len(bad) != 0 {
		t.Fatal(err, bad)
	}
	set, bad := rules.Compile(list, rules.Options{Vars: rules.DefaultVars()})
	if len(bad) != 0 {
		t.Fatal(bad)
	}
	return set
}

// TestRulesSwapped: while packets come without a pause, rules are replaced. Each packet is counted and seen by one of the two
// sets; what connections, thresholds and bits counted goes on under the new one; a rule that reads a protocol of which the
// old set wanted nothing has it read from the next connection on.
func TestRulesSwapped(t *testing.T) {
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) { swapped(t, workers) })
	}
}

func swapped(t *testing.T, workers int) {
	src := &tap{frames: make(chan []byte, 1<<14)}
	seen := &hits{of: map[uint32][]uint64{}}
	c := sensor.NewControl()
	done := make(chan *sensor.Result)
	before := ruleSet(t,
		`alert udp any any -> any 53 (content:"both"; sid:1;)`,
		`alert udp any any -> any 9 (content:"tick"; threshold:type limit, track by_src, count 3, seconds 36000; sid:3;)`,
		`alert tcp any any -> any any (flow:to_server; content:"first"; flowbits:set,zz; noalert; sid:4;)`,
		`alert tcp any any -> any any (flow:to_server; content:"second"; flowbits:isset,zz; sid:5;)`,
		`alert tcp any any -> any any (flow:to_server; content:"half"; content:"way"; distance:0; sid:6;)`,
		`alert udp any any -> any 9 (content:"mark"; xbits:set,m,track ip_src,expire 36000; noalert; sid:7;)`)
	after := ruleSet(t,
		`alert udp any any -> any 53 (content:"both"; sid:2;)`,
		`alert tcp any any -> any any (flow:to_server; content:"other"; flowbits:set,aa; flowbits:set,bb; noalert; sid:20;)`,
		`alert tcp any any -> any any (flow:to_server; content:"never"; flowbits:isset,aa; sid:21;)`,
		`alert udp any any -> any 9 (content:"ask"; xbits:isset,m,track ip_src; sid:8;)`,
		`alert udp any any -> any 9 (content:"tick"; threshold:type limit, track by_src, count 3, seconds 36000; sid:3;)`,
		`alert tcp any any -> any any (flow:to_server; content:"nothing"; flowbits:set,zz; noalert; sid:40;)`,
		`alert tcp any any -> any any (flow:to_server; content:"second"; flowbits:isset,zz; sid:5;)`,
		`alert tcp any any -> any any (flow:to_server; content:"half"; content:"way"; distance:0; sid:6;)`,
		`alert http any any -> any any (http.method; content:"GET"; sid:9;)`)
	go func(before *rules.Set) {
		r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, Rules: before, Control: c,
			Analyzers: standard.Analyzers, Sinks: []sensor.EventSink{seen}})
		if err != nil {
			t.Error(err)
		}
		done <- r
	}(before)
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	sent := 0
	put := func(f []byte) { src.frames <- f; sent++ }
	udp := func(port int, text string) {
		put(packettest.UDP{Src: fmt.Sprintf("10.0.0.%d:4000", 1+sent%50), Dst: fmt.Sprintf("10.9.0.1:%d", port), Payload: fmt.Sprint(text, sent)}.Frame())
	}
	from := func(src string, text string) {
		put(packettest.UDP{Src: src + ":4001", Dst: "10.9.0.1:9", Payload: fmt.Sprint(text, sent)}.Frame())
	}
	connect := func(src, dst string) (say func(text string)) {
		put(packettest.TCP{Src: src, Dst: dst, Seq: 100, Flags: packet.SYN}.Frame())
		put(packettest.TCP{Src: dst, Dst: src, Seq: 900, Ack: 101, Flags: packet.SYN | packet.ACK}.Frame())
		put(packettest.TCP{Src: src, Dst: dst, Seq: 101, Ack: 901, Flags: packet.ACK}.Frame())
		seq := uint32(101)
		return func(text string) {
			put(packettest.TCP{Src: src, Dst: dst, Seq: seq, Ack: 901, Flags: packet.PSH | packet.ACK, Payload: text}.Frame())
			seq += uint32(len(text))
			put(packettest.TCP{Src: dst, Dst: src, Seq: 901, Ack: seq, Flags: packet.ACK}.Frame())
		}
	}
	old := connect("10.0.1.1:5000", "10.0.1.2:7777")
	old("first thing is half a ")
	for range 2 {
		from("10.0.2.1", "tick")
	}
	from("10.0.2.9", "mark")
	// Packets that both sets have a rule for, while the swap goes on.
	swap := make(chan error, 1)
	for i := 0; i < 4000; i++ {
		udp(53, "both")
		if i == 1000 {
			arrived(t, ctx, c, sent)
			go func() { swap <- c.SetRules(ctx, after) }()
		}
		if i > 1000 {
			time.Sleep(time.Microsecond)
		}
	}
	if err := <-swap; err != nil {
		t.Fatal(err)
	}
	for range 500 {
		udp(53, "both")
	}
	old("way, and the second thing")
	for range 3 {
		from("10.0.2.1", "tick")
	}
	from("10.0.2.9", "ask")
	connect("10.0.1.1:5001", "10.0.1.2:80")("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	k := arrived(t, ctx, c, sent)
	if k.RuleCount != after.Len() || k.Flow.Live == 0 || k.Rules.Packets == 0 || k.Source.Received != uint64(sent) {
		t.Errorf("counts %+v", k)
	}
	held := weak.Make(before)
	before = nil
	for end := time.Now().Add(3 * time.Second); held.Value() != nil && time.Now().Before(end); runtime.GC() {
		arrived(t, ctx, c, sent)
	}
	if held.Value() != nil {
		t.Error("the old rules are still held in memory")
	}
	close(src.frames)
	r := <-done
	if r.Counts.Packets != uint64(sent) || !r.Account.Adds() {
		t.Errorf("%d packets, %d were sent: %v", r.Counts.Packets, sent, r.Account)
	}
	one, two := seen.of[1], seen.of[2]
	if len(one)+len(two) != 4500 || len(one) < 1000 || len(two) < 500 || slices.Max(one) > slices.Min(two) {
		t.Errorf("%d packets under the old rules, %d under the new, of 4500", len(one), len(two))
	}
	for sid, want := range map[uint32]int{3: 3, 5: 1, 6: 1, 8: 1, 9: 1, 21: 0, 4: 0} {
		if got := len(seen.of[sid]); got != want {
			t.Errorf("rule %d: %d alerts, not %d", sid, got, want)
		}
	}
	if err := c.SetRules(ctx, after); !errors.Is(err, sensor.ErrOver) {
		t.Errorf("after the end: %v", err)
	}
}

// arrived waits until so many packets went through.
func arrived(t *testing.T, ctx context.Context, c *sensor.Control, n int) *sensor.Counts {
	t.Helper()
	for {
		k, err := c.Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if k.Packets >= uint64(n) {
			return k
		}
	}
}

// TestControlWithoutRules: a run that has none cannot get some, and says so.
func TestControlWithoutRules(t *testing.T) {
	src := &tap{frames: make(chan []byte, 1)}
	c := sensor.NewControl()
	done := make(chan error)
	go func() {
		_, err := sensor.Run(context.Background(), sensor.Options{Source: src, Control: c, Analyzers: standard.Analyzers})
		done <- err
	}()
	if err := c.SetRules(context.Background(), ruleSet(t, `alert udp any any -> any any (sid:1;)`)); !errors.Is(err, sensor.ErrNoRules) {
		t.Errorf("%v", err)
	}
	close(src.frames)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
