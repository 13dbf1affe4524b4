package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// ownNetwork puts the test into a network of its own. Its thread ends with the test, and the network with it; programs
// that the test starts are in it too.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("program 'ip' is missing: apt-get install iproute2")
	}
	runtime.LockOSThread() // and never unlocked: the thread is not used again
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
	sh(t, "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; true")
}

func sh(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// cable makes two connected interfaces.
func cable(t *testing.T, a, b string) {
	t.Helper()
	sh(t, "ip link add name "+a+" type veth peer name "+b+" && ip link set dev "+a+" up && ip link set dev "+b+" up")
}

// sender is a raw socket on an interface.
type sender struct {
	t    *testing.T
	fd   int
	vnet bool
}

func newSender(t *testing.T, name string, vnet bool) *sender {
	t.Helper()
	itf, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if vnet {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: itf.Index}); err != nil {
		t.Fatal(err)
	}
	return &sender{t, fd, vnet}
}

func (s *sender) send(frame []byte) {
	s.t.Helper()
	for range 1000 {
		_, err := unix.Write(s.fd, frame)
		if err == nil {
			return
		}
		if !errors.Is(err, unix.ENOBUFS) {
			s.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	s.t.Fatal("no room to send")
}

func open(t *testing.T, o capture.LiveOptions) *capture.Live {
	t.Helper()
	l, err := capture.OpenLive(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// seen is a packet with bytes of its own.
type seen struct {
	packet.Packet
	data []byte
}

// gather reads n packets, or those that come within a while.
func gather(t *testing.T, l *capture.Live, n int, within time.Duration) (out []seen) {
	t.Helper()
	var b packet.Batch
	for end := time.Now().Add(within); len(out) < n && time.Now().Before(end); {
		err := l.Next(&b)
		for i := range b.Packets {
			out = append(out, seen{b.Packets[i], bytes.Clone(b.Packets[i].Data)})
		}
		b.Release()
		if err != nil && !errors.Is(err, capture.ErrIdle) {
			t.Fatal(err)
		}
	}
	return out
}

const patience = 5 * time.Second

var (
	request = packettest.TCP{Src: "10.0.0.1:4000", Dst: "10.0.0.2:80", Seq: 1, Flags: packet.SYN}.Frame()
	lookup  = packettest.UDP{Src: "10.0.0.1:4001", Dst: "10.0.0.2:53", Payload: "who is it"}.Frame()
)

// tagged puts a VLAN tag into a frame.
func tagged(frame []byte, tpid, tci uint16) []byte {
	out := append([]byte(nil), frame[:12]...)
	out = binary.BigEndian.AppendUint16(out, tpid)
	out = binary.BigEndian.AppendUint16(out, tci)
	return append(out, frame[12:]...)
}

// TestLiveFrames: frames arrive as they were sent, with the VLAN tags that the kernel takes off.
func TestLiveFrames(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20})
	s := newSender(t, "a", false)
	sent := [][]byte{request, tagged(lookup, 0x8100, 20|3<<13), tagged(tagged(request, 0x8100, 7), 0x88a8, 30), lookup}
	for _, f := range sent {
		s.send(f)
	}
	got := gather(t, l, len(sent), patience)
	if len(got) != len(sent) {
		t.Fatalf("%d packets of %d", len(got), len(sent))
	}
	for i, g := range got {
		if !bytes.Equal(g.data, sent[i]) || int(g.WireLen) != len(sent[i]) {
			t.Errorf("packet %d: %x (%d bytes), sent %x", i+1, g.data, g.WireLen, sent[i])
		}
		if g.Frame != uint64(i+1) || g.Link != packet.LinkEthernet || g.Offload != (packet.Offload{}) {
			t.Errorf("packet %d: frame %d, link %v, %v", i+1, g.Frame, g.Link, g.Offload)
		}
		if d := time.Since(g.Time.Std()); d < -time.Second || d > time.Minute {
			t.Errorf("packet %d is %v old", i+1, d)
		}
	}
	if st := l.Stats(); !st.LossKnown || st.KernelLost != 0 || st.Received != uint64(len(sent)) {
		t.Errorf("%+v", st)
	}
	if now := l.Now(); now < got[3].Time-packet.Time(time.Second) {
		t.Errorf("now is %v, the last packet was at %v", now.Std(), got[3].Time.Std())
	}
}

// TestLiveOffload: what the card has still to do is known: checksums to complete, sizes of packets that are joined.
func TestLiveOffload(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20})
	s := newSender(t, "a", true)
	partial := packettest.TCP{Src: "10.0.0.1:4000", Dst: "10.0.0.2:80", Seq: 1, Flags: packet.ACK, Payload: strings.Repeat("\x00", 300)}.Frame()
	binary.BigEndian.PutUint16(partial[14+20+16:], 0x1234) // not the sum of anything
	joined := packettest.TCP{Src: "10.0.0.1:4000", Dst: "10.0.0.2:80", Seq: 301, Flags: packet.ACK, Payload: strings.Repeat("\x00", 8000)}.Frame()
	head := func(gso uint8, size uint16) []byte { // struct virtio_net_hdr: NEEDS_CSUM, where, and of what size
		h := []byte{1, gso}
		h = binary.NativeEndian.AppendUint16(h, 54)
		h = binary.NativeEndian.AppendUint16(h, size)
		h = binary.NativeEndian.AppendUint16(h, 34)
		return binary.NativeEndian.AppendUint16(h, 16)
	}
	s.send(append(head(0, 0), partial...))
	s.send(append(head(1, 1000), joined...))
	got := gather(t, l, 2, patience)
	if len(got) != 2 {
		t.Fatalf("%d packets of 2", len(got))
	}
	for i, want := range []packet.Offload{{PartialSum: true}, {PartialSum: true, Segment: 1000}} {
		p := got[i].Packet
		p.Data = got[i].data
		if i == 1 && p.Offload.Segment == 0 {
			t.Skip("this kernel does not say of what size it joined packets (before 6.2)")
		}
		if p.Offload != want {
			t.Errorf("packet %d: %+v, want %+v", i+1, p.Offload, want)
		}
		packet.Decode(&p, &packet.Options{Checksums: packet.ChecksumsAll})
		if p.L4Sum != packet.SumOffload {
			t.Errorf("packet %d: checksum %v", i+1, p.L4Sum)
		}
		if wire := p.WireIPLen(); i == 1 && wire != 1040 || i == 0 && wire != 340 {
			t.Errorf("packet %d: %d bytes on the wire", i+1, wire)
		}
	}
}

// TestLiveFilter: the kernel filters, and what it cannot do is done here.
func TestLiveFilter(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	s := newSender(t, "a", false)
	for _, x := range []struct {
		expr     string
		want     []byte
		filtered uint64 // here; what the kernel turned away is not counted
	}{
		{"udp port 53", lookup, 0},
		{"vlan 20", tagged(request, 0x8100, 20), 3},
	} {
		l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20, Filter: x.expr})
		for _, f := range [][]byte{request, lookup, tagged(request, 0x8100, 20), tagged(request, 0x8100, 21)} {
			s.send(f)
		}
		got := gather(t, l, 2, 400*time.Millisecond)
		if len(got) != 1 || !bytes.Equal(got[0].data, x.want) {
			t.Errorf("%s: %d packets", x.expr, len(got))
		}
		if st := l.Stats(); st.Filtered != x.filtered || st.Received != 1 {
			t.Errorf("%s: %+v", x.expr, st)
		}
		l.Close()
	}
	if _, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{"b"}, Filter: "port and"}); err == nil {
		t.Error("a filter that is none is taken")
	}
}

// TestLiveDrops: what the kernel had no room for is counted, each once, and belongs to its time.
func TestLiveDrops(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20})
	s := newSender(t, "a", false)
	frame := packettest.UDP{Src: "10.0.0.1:4001", Dst: "10.0.0.2:53", Payload: strings.Repeat("\x00", 1400)}.Frame()
	const sent = 6000 // 8.6 MB
	for range sent {
		s.send(frame)
	}
	got := gather(t, l, sent, time.Second)
	last := got[len(got)-1].Time
	st := l.Stats()
	if st.KernelLost == 0 || uint64(len(got))+st.KernelLost != sent {
		t.Fatalf("%d read, %d lost, %d sent", len(got), st.KernelLost, sent)
	}
	if n := l.Lost(0, last-1); n != 0 {
		t.Errorf("%d of them were lost before the ring was full", n)
	}
	if n := l.Lost(0, l.Now()+packet.Time(time.Second)); n != st.KernelLost {
		t.Errorf("%d were lost at their time, %d in all", n, st.KernelLost)
	}
	if n := l.Lost(0, 1<<63-1); n != 0 {
		t.Errorf("%d were lost twice", n)
	}
	s.send(request)
	if again := gather(t, l, 1, patience); len(again) != 1 || !bytes.Equal(again[0].data, request) {
		t.Error("nothing comes any more")
	}
}

// TestLiveHeld: a batch that is not released keeps its bytes, and the ring goes on around it.
func TestLiveHeld(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20})
	s := newSender(t, "a", false)
	s.send(request)
	var held packet.Batch
	for end := time.Now().Add(patience); len(held.Packets) == 0 && time.Now().Before(end); {
		_ = l.Next(&held)
	}
	frame := packettest.UDP{Src: "10.0.0.1:4001", Dst: "10.0.0.2:53", Payload: strings.Repeat("\x00", 1400)}.Frame()
	total := 0
	for range 8 { // twice around the ring
		for range 900 {
			s.send(frame)
		}
		total += len(gather(t, l, 900, 300*time.Millisecond))
	}
	if len(held.Packets) != 1 || !bytes.Equal(held.Packets[0].Data, request) {
		t.Error("the bytes of a batch were overwritten")
	}
	if st := l.Stats(); uint64(total)+st.KernelLost != 8*900 {
		t.Errorf("%d read and %d lost of %d", total, st.KernelLost, 8*900)
	}
	l.Close()
	if !bytes.Equal(held.Packets[0].Data, request) {
		t.Error("closing took the bytes of a batch away")
	}
	held.Release()
}

// TestLiveTap: two interfaces that see one wire are one vantage, in order of time.
func TestLiveTap(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	cable(t, "c", "d")
	l := open(t, capture.LiveOptions{Taps: [][]string{{"b", "d"}}, RingBytes: 4 << 20})
	one, two := newSender(t, "a", false), newSender(t, "c", false)
	for range 20 {
		one.send(request)
		two.send(lookup)
	}
	got := gather(t, l, 40, patience)
	if len(got) != 40 {
		t.Fatalf("%d packets of 40", len(got))
	}
	for i, g := range got {
		if i > 0 && g.Time < got[i-1].Time {
			t.Errorf("packet %d is older than the one before", i+1)
		}
		if int(g.Source) != i%2 || g.Vantage != 0 || g.Frame != uint64(i/2+1) {
			t.Errorf("packet %d: source %d, vantage %d, frame %d", i+1, g.Source, g.Vantage, g.Frame)
		}
	}
}

// TestLiveFlap: an interface that goes down, and one that is deleted and made again, are waited for, and said.
func TestLiveFlap(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	l := open(t, capture.LiveOptions{Interfaces: []string{"b"}, RingBytes: 4 << 20})
	blind := func(want string) {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); {
			if k := l.Links()[0]; k.Why == want && (k.Blind != 0) == (want != "") {
				return
			}
			gather(t, l, 1, 50*time.Millisecond)
		}
		t.Fatalf("%+v, want %q", l.Links()[0], want)
	}
	sees := func() {
		t.Helper()
		newSender(t, "a", false).send(request)
		if got := gather(t, l, 1, patience); len(got) != 1 || !bytes.Equal(got[0].data, request) {
			t.Fatalf("%d packets", len(got))
		}
	}
	blind("")
	sees()
	sh(t, "ip link set dev b down")
	blind("down")
	sh(t, "ip link set dev b up")
	blind("")
	sees()
	sh(t, "ip link del dev b")
	blind("gone")
	cable(t, "a", "b")
	blind("")
	sees()
	if k := l.Links()[0]; k.Times != 2 || k.Packets != 3 {
		t.Errorf("%+v", k)
	}
}

// TestLiveNotPermitted: without the capability it is said, as what it is.
func TestLiveNotPermitted(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil { // of this thread alone
		t.Fatal(err)
	}
	if _, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{"b"}}); !errors.Is(err, capture.ErrNotPermitted) {
		t.Errorf("%v", err)
	}
}

// TestLiveNoInterface: a name that is none is said, as what it is.
func TestLiveNoInterface(t *testing.T) {
	ownNetwork(t)
	for _, name := range []string{"nosuch0", "a-name-longer-than-any-interface", ""} {
		if _, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{name}}); !errors.Is(err, capture.ErrNoInterface) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
