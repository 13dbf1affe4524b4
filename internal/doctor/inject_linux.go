package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// InjectOptions say how the known traffic is made and looked at.
type InjectOptions struct {
	// On is the interface that it is put on; empty: a network of its own, which nobody else sees and which ends with it.
	On     string
	Within time.Duration // how long a finding may take
	// Engine is what looks: analyzers, detectors and rules. The rules hold InjectRule.
	Engine sensor.Options
	Store  string // of a running watch that sees the interface On too; empty: none is asked
	// Stored lists the findings of a store that last happened after a moment, with one of the codes; nil without Store.
	Stored func(dir string, since packet.Time, codes []string) (map[string]bool, error)
}

// The ends of the cable in the network of its own.
const (
	cableOut, cableIn = "fsdoctor0", "fsdoctor1"
)

const injectWhy = "a sensor that does not find what is known to be there would not find an attack either"

// Inject makes the known traffic and says what was found of it, as checks.
func Inject(ctx context.Context, o InjectOptions) []Check {
	t := &trial{o: &o, found: map[string]foundAt{}}
	where := "in a network of its own"
	if o.On != "" {
		where = "on " + o.On
	}
	if err := t.run(ctx); err != nil {
		return []Check{t.failed(where, err)}
	}
	cs := []Check{t.frames(where)}
	for _, k := range KnownFaults {
		cs = append(cs, t.fault(k))
	}
	cs = append(cs, t.rule(), t.others())
	if o.Store != "" {
		cs = append(cs, t.stored(ctx)...)
	}
	return cs
}

// trial is one run of the known traffic.
type trial struct {
	o          *InjectOptions
	begun      packet.Time // of the machine's clock
	sent, seen uint64
	lost       uint64
	mu         sync.Mutex
	found      map[string]foundAt // by code
	hits       uint64             // of the rule
	otherHits  map[string]uint64
	broken     []string
}

// foundAt is a finding, and how long after the last frame it was told; told at the end when atEnd.
type foundAt struct {
	title, confidence string
	after             time.Duration
	atEnd             bool
}

// Event implements sensor.EventSink: it counts the hits of rules.
func (t *trial) Event(e event.Event) error {
	if x, ok := e.(*event.Alert); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		if x.Rule.SID == InjectSID && x.Rule.GID <= 1 {
			t.hits++
			return nil
		}
		if t.otherHits == nil {
			t.otherHits = map[string]uint64{}
		}
		if len(t.otherHits) < 16 {
			t.otherHits[fmt.Sprintf("%d %s", x.Rule.SID, x.Rule.Msg)]++
		}
	}
	return nil
}

// counted is a live source that says how many packets it handed over.
type counted struct {
	*capture.Live
	n atomic.Uint64
}

// Next implements capture.Source.
func (c *counted) Next(b *packet.Batch) error {
	err := c.Live.Next(b)
	c.n.Add(uint64(len(b.Packets)))
	return err
}

// awaitRunning waits until the kernel has noticed that a cable is plugged in: what is sent before goes nowhere.
func awaitRunning(names ...string) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		running := 0
		for _, n := range names {
			if l, err := netlink.LinkByName(n); err == nil && l.Attrs().RawFlags&unix.IFF_RUNNING != 0 {
				running++
			}
		}
		if running == len(names) {
			time.Sleep(20 * time.Millisecond) // its queue is made a moment later
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the cable between %s was not up in time", strings.Join(names, " and "))
		}
	}
}

// setup is what a thread in the right network opens: sockets belong to the network in which they were made.
type setup struct {
	live *capture.Live
	out  *os.File // a raw socket on the interface that frames are put on
}

func (s *setup) close() {
	if s.live != nil {
		_ = s.live.Close()
	}
	if s.out != nil {
		_ = s.out.Close()
	}
}

// open opens the capture of one interface and a socket to put frames on another.
func open(in, out string) (s *setup, err error) {
	s = &setup{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.live, err = capture.OpenLive(capture.LiveOptions{Interfaces: []string{in}, Filter: InjectFilter, RingBytes: 8 << 20}); err != nil {
		return s, err
	}
	l, err := netlink.LinkByName(out)
	if err != nil {
		return s, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return s, os.NewSyscallError("socket", err)
	}
	s.out = os.NewFile(uintptr(fd), out)
	return s, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index})
}

// ownNetwork opens everything in a new network namespace, and leaves it again. It then belongs to the sockets alone: when
// they are closed, by the end of the program at the latest, however that ends, the network is gone with all that is in it.
func ownNetwork() (s *setup, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		home, herr := os.Open("/proc/thread-self/ns/net")
		if herr != nil {
			err = herr
			return
		}
		defer func() {
			// A thread that cannot go back stays locked, and ends with the goroutine.
			if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close()
		}()
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("unshare", err)
			return
		}
		// No packet but ours: IPv6 would look for neighbours by itself.
		for _, n := range []string{"all", "default"} {
			_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+n+"/disable_ipv6", []byte("1"), 0)
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = cableOut
		if err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: cableIn}); err != nil {
			err = fmt.Errorf("a cable between two interfaces cannot be made (veth): %w", err)
			return
		}
		for _, n := range []string{cableOut, cableIn} {
			var l netlink.Link
			if l, err = netlink.LinkByName(n); err == nil {
				err = netlink.LinkSetUp(l)
			}
			if err != nil {
				return
			}
		}
		if err = awaitRunning(cableOut, cableIn); err == nil {
			s, err = open(cableIn, cableOut)
		}
	}()
	<-done
	return s, err
}

// run sends the traffic and lets the engine look.
func (t *trial) run(ctx context.Context) error {
	var s *setup
	var err error
	if t.o.On == "" {
		s, err = ownNetwork()
	} else {
		s, err = open(t.o.On, t.o.On)
	}
	if err != nil {
		return err
	}
	defer s.close()
	src := &counted{Live: s.live}
	eng := t.o.Engine
	eng.Source, eng.Workers, eng.State = src, 1, nil
	eng.Sinks = append(slices.Clone(eng.Sinks), t)
	var last atomic.Int64 // when the last frame was sent
	now := func() time.Duration {
		if l := last.Load(); l != 0 {
			return time.Duration(time.Now().UnixNano() - l)
		}
		return 0
	}
	eng.OnFindings = func(d sensor.Decided) { t.take(d.Findings, now(), false) }
	eng.OnStatus = func(*sensor.Status) {}
	ctx, stop := context.WithTimeout(ctx, t.o.Within)
	defer stop()
	type ended struct {
		res *sensor.Result
		err error
	}
	end := make(chan ended, 1)
	go func() {
		res, err := sensor.Run(ctx, eng)
		end <- ended{res, err}
	}()
	begun := time.Now()
	t.begun = packet.Time(begun.UnixNano())
	sendErr := t.send(ctx, s.out, KnownFrames(uint16(begun.Unix())))
	last.Store(time.Now().UnixNano())
	if sendErr == nil {
		t.await(ctx, src)
	}
	stop()
	e := <-end
	switch {
	case sendErr != nil && !errors.Is(sendErr, context.DeadlineExceeded):
		return sendErr
	case e.err != nil:
		return e.err
	}
	t.take(e.res.Findings, now(), true)
	t.seen, t.lost, t.broken = e.res.Counts.Packets, e.res.Source.KernelLost, e.res.Broken
	return nil
}

// send puts the frames on the wire.
func (t *trial) send(ctx context.Context, out *os.File, frames []Timed) error {
	for _, f := range frames {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		time.Sleep(f.Wait)
		if _, err := unix.Write(int(out.Fd()), f.Data); err != nil {
			return os.NewSyscallError("send", err)
		}
		t.sent++
	}
	return nil
}

// settle is how long is waited for what may still come, after all frames were seen.
const settle = 200 * time.Millisecond

// await waits until all frames were seen, and a moment longer for those that nobody sent.
func (t *trial) await(ctx context.Context, src *counted) {
	for src.n.Load() < t.sent && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case <-ctx.Done():
	case <-time.After(settle):
	}
}

// take notes findings.
func (t *trial) take(fs []*finding.Finding, after time.Duration, atEnd bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range fs {
		if _, known := t.found[f.Code.ID]; !known {
			t.found[f.Code.ID] = foundAt{f.Title, f.Confidence.String(), after, atEnd}
		}
	}
}

// failed is the one check of a trial that could not be made.
func (t *trial) failed(where string, err error) Check {
	c := Check{Name: "inject", Subject: where, Level: Unknown, What: "the known traffic could not be made: " + err.Error(), Why: injectWhy, Fix: []string{"sudo firestorm doctor --inject"}}
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, capture.ErrNotPermitted):
		c.NotPermitted = true
	case errors.Is(err, capture.ErrNoInterface):
		c.Level, c.Fix = Problem, []string{"ip -br link"}
	case errors.Is(err, unix.EOPNOTSUPP):
		c.Fix = []string{"sudo modprobe veth"}
	}
	return c
}

// frames says whether what was sent came in.
func (t *trial) frames(where string) Check {
	c := Check{Name: "frames", Subject: where, Why: injectWhy, What: fmt.Sprintf("%d sent, %d seen, %d dropped by the kernel", t.sent, t.seen, t.lost),
		Fix: []string{"firestorm doctor   # drops, card, flowtables", "look for other programs that load this machine, and try again"}}
	switch want := uint64(len(KnownFrames(0))); {
	case t.sent < want:
		c.Level, c.What = Problem, c.What+fmt.Sprintf("; %d were to be sent: the time was over", want)
		c.Fix = []string{"firestorm doctor --inject --within 60s"}
	case t.seen != t.sent || t.lost > 0:
		c.Level = Problem
	}
	return c
}

// fault says whether a fault was found.
func (t *trial) fault(k Known) Check {
	c := Check{Name: "fault", Subject: k.Code, Why: injectWhy}
	f, ok := t.found[k.Code]
	switch {
	case !ok:
		c.Level, c.What = Problem, "not found: "+k.What
		for _, b := range t.broken {
			c.What += "; a detector failed: " + b
		}
		c.Fix = []string{"firestorm explain " + k.Code + "   # what it needs", "firestorm doctor --inject --within 60s"}
	case f.atEnd:
		c.What = fmt.Sprintf("found, %s after the last frame, when the trial ended (%s): %s", span(f.after), f.confidence, f.title)
	default:
		c.What = fmt.Sprintf("found, %s after the last frame (%s): %s", span(f.after), f.confidence, f.title)
	}
	return c
}

// rule says whether the known rule found its text.
func (t *trial) rule() Check {
	c := Check{Name: "rule", Subject: fmt.Sprint(InjectSID), Why: injectWhy, What: "its text was found once; no other rule fired"}
	var others []string
	for r := range t.otherHits {
		others = append(others, r)
	}
	slices.Sort(others)
	switch {
	case t.o.Engine.Rules == nil:
		c.Level, c.What, c.Fix = Unknown, "no rules were loaded", []string{"firestorm rules check FILE"}
	case t.hits == 0:
		c.Level, c.What, c.Fix = Problem, "the rule for the known traffic did not fire", []string{"firestorm rules check FILE", "firestorm doctor --inject --config /dev/null   # without rules of your own: does one of them pass or suppress it?"}
	case len(others) > 0:
		c.What = "its text was found; these rules of yours fired too: " + list(others)
	}
	return c
}

// others says what else was found: nothing should be.
func (t *trial) others() Check {
	var more []string
	for code, f := range t.found {
		if !slices.ContainsFunc(KnownFaults, func(k Known) bool { return k.Code == code }) {
			more = append(more, code+" ("+f.title+")")
		}
	}
	slices.Sort(more)
	c := Check{Name: "nothing else", Why: "a finding without a fault is an alarm for nothing", What: "no finding but those of the known faults"}
	if len(more) > 0 {
		c.Level, c.What = Problem, "found though nobody made it: "+list(more)
		c.Fix = []string{"firestorm explain CODE", "run it again: another program may send as the addresses of the known traffic"}
	}
	return c
}

// storeEvery is how often the store of a running watch is asked.
const storeEvery = time.Second

// stored waits for the findings of the known traffic in the store of a running watch.
func (t *trial) stored(ctx context.Context) (out []Check) {
	var codes []string
	for _, k := range KnownFaults {
		codes = append(codes, k.Code)
	}
	ctx, stop := context.WithTimeout(ctx, t.o.Within)
	defer stop()
	have := map[string]bool{}
	var err error
	begun := time.Now()
	when := map[string]time.Duration{}
	for len(have) < len(codes) {
		have, err = t.o.Stored(t.o.Store, t.begun, codes)
		for c := range have {
			if _, ok := when[c]; !ok {
				when[c] = time.Since(begun)
			}
		}
		if err != nil || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(storeEvery):
		}
	}
	for _, k := range KnownFaults {
		c := Check{Name: "stored", Subject: k.Code, Why: "this is the watch that is to warn you, not a trial"}
		switch {
		case have[k.Code]:
			c.What = "the running watch has it in its store, " + span(when[k.Code]) + " after the trial"
		case err != nil:
			c.Level, c.NotPermitted, c.What = Unknown, notPermitted(err), "the store cannot be read: "+reason(err)
			c.Fix = []string{"sudo firestorm findings list --store " + shell(t.o.Store)}
		default:
			c.Level, c.What = Problem, fmt.Sprintf("not in the store of the running watch within %s", span(t.o.Within))
			c.Fix = []string{"firestorm doctor --status FILE   # does the watch run, and see " + t.o.On + "?", "firestorm findings list --muted --store " + shell(t.o.Store) + "   # is it muted?", "firestorm doctor --inject --on " + shell(t.o.On) + " --yes --store " + shell(t.o.Store) + " --within 3m"}
		}
		out = append(out, c)
	}
	return out
}
