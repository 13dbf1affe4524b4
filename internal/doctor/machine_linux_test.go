package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"firestorm/internal/detect"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// inNetwork puts the test into a network of its own, which ends with its thread.
func inNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	runtime.LockOSThread() // and never unlocked: the thread is not used again
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// add makes an interface and sets it up.
func add(t *testing.T, l netlink.Link) netlink.Link {
	t.Helper()
	must(t, netlink.LinkAdd(l))
	l, err := netlink.LinkByName(l.Attrs().Name)
	must(t, err)
	must(t, netlink.LinkSetUp(l))
	return l
}

func cable(t *testing.T, a, b string) (x, y netlink.Link) {
	t.Helper()
	x = add(t, &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a, TxQLen: -1}, PeerName: b})
	y, err := netlink.LinkByName(b)
	must(t, err)
	must(t, netlink.LinkSetUp(y))
	must(t, awaitRunning(a, b))
	return x, y
}

// Commands of SIOCETHTOOL that change something: tests alone use them.
const (
	ethtoolSTSO = 0x1f
	ethtoolSGSO = 0x24
	ethtoolSGRO = 0x2c
)

func set(t *testing.T, iface string, command, value uint32) {
	t.Helper()
	must(t, asked(func(fd int) error { return ethtool(fd, iface, words(command, value)) }))
}

// What ethtool -K changes is read as it is.
func TestFeatures(t *testing.T) {
	inNetwork(t)
	cable(t, "va", "vb")
	for _, tc := range []struct {
		command uint32
		feature string
	}{{ethtoolSGRO, "rx-gro"}, {ethtoolSGSO, "tx-generic-segmentation"}, {ethtoolSTSO, "tx-tcp-segmentation"}} {
		for _, on := range []uint32{1, 0, 1} {
			set(t, "va", tc.command, on)
			f, err := features("va")
			if x, ok := f[tc.feature]; err != nil || !ok || x.On != (on == 1) || x.Fixed {
				t.Errorf("%s set to %d: %+v %v", tc.feature, on, x, err)
			}
		}
	}
	f, err := features("va")
	if lro, ok := f["rx-lro"]; err != nil || !ok || lro.On || !lro.Fixed {
		t.Errorf("lro of a veth: %+v %v", lro, err)
	}
	if _, err := features("nothere"); !errors.Is(err, ErrNoSuch) {
		t.Errorf("%v", err)
	}
	if _, err := features("a name that is much too long"); !errors.Is(err, ErrNoSuch) {
		t.Errorf("%v", err)
	}
	// And what the check makes of it.
	set(t, "vb", ethtoolSGRO, 0)
	set(t, "vb", ethtoolSGSO, 0)
	set(t, "vb", ethtoolSTSO, 0)
	r := &run{sys: Machine{}, o: &Options{Interfaces: []string{"va", "vb"}}}
	r.offloads()
	a, b := find(r.checks, "offloads", "va"), find(r.checks, "offloads", "vb")
	if a == nil || b == nil || !strings.Contains(a.What, "gro") || strings.Contains(b.What, "gro on") {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// Bridges, macvlans, names and counters are read as they are.
func TestLinks(t *testing.T) {
	inNetwork(t)
	a, b := cable(t, "va", "vb")
	bridge := add(t, &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", TxQLen: -1}})
	must(t, netlink.LinkSetMaster(a, bridge))
	must(t, netlink.LinkSetAlias(b, "the \x1b[31muplink"))
	for _, n := range []string{"m0", "m1"} {
		add(t, &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: n, ParentIndex: b.Attrs().Index, TxQLen: -1}, Mode: netlink.MACVLAN_MODE_BRIDGE})
	}
	must(t, netlink.SetPromiscOn(bridge))
	ls, err := Machine{}.Links()
	must(t, err)
	at := map[string]Link{}
	for _, l := range ls {
		at[l.Name] = l
	}
	switch {
	case at["br0"].Kind != "bridge" || !at["br0"].Promiscuous || !at["br0"].Up:
		t.Errorf("%+v", at["br0"])
	case at["va"].Master != at["br0"].Index || at["va"].Kind != "veth" || at["va"].Counters == nil:
		t.Errorf("%+v", at["va"])
	case at["vb"].Alias != "the \x1b[31muplink":
		t.Errorf("%+v", at["vb"])
	case at["m0"].Kind != "macvlan" || at["m0"].Mode != "bridge" || at["m0"].Parent != at["vb"].Index:
		t.Errorf("%+v", at["m0"])
	case at["va"].Cooked || at["lo"].Cooked:
		t.Error("Ethernet is taken for something else")
	case !at["lo"].Loopback || at["lo"].Up:
		t.Errorf("%+v", at["lo"])
	}
	cs := Run(Machine{}, Options{Interfaces: []string{"br0", "va", "vb", "m0"}, MaxMemory: 1 << 20, Ring: 1 << 20})
	for _, want := range [][2]string{{"bridge", "br0"}, {"bridge", "va"}, {"macvlan", "vb"}, {"macvlan", "m0"}} {
		if find(cs, want[0], want[1]) == nil {
			t.Errorf("no check %v in %+v", want, cs)
		}
	}
	if c := find(cs, "bridge", "va"); c.Level != Warning || !strings.Contains(c.What, "comes twice") {
		t.Errorf("%+v", c)
	}
	if _, _, err := (Machine{}).TrafficFilters("va"); err != nil {
		t.Errorf("%v", err)
	}
}

// A program that sees packets first is found.
func TestXDP(t *testing.T) {
	inNetwork(t)
	a, _ := cable(t, "va", "vb")
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}}) // XDP_PASS
	if err != nil {
		t.Skipf("no XDP program can be made here (%v): a kernel with CONFIG_BPF_SYSCALL runs this test", err)
	}
	defer p.Close()
	if err := netlink.LinkSetXdpFd(a, p.FD()); err != nil {
		t.Skipf("no XDP program can be attached here: %v", err)
	}
	ls, err := Machine{}.Links()
	must(t, err)
	for _, l := range ls {
		if (l.XDP != "") != (l.Name == "va") || l.Name == "va" && l.XDP != "in the driver" && l.XDP != "generic" {
			t.Errorf("%+v", l)
		}
	}
	if c := find(Run(Machine{}, Options{Interfaces: []string{"va"}, Ring: 1}), "xdp", "va"); c == nil || c.Level != Warning {
		t.Errorf("%+v", c)
	}
}

// A flowtable of nftables is found. It is skipped where the kernel has none.
func TestFlowtables(t *testing.T) {
	inNetwork(t)
	cable(t, "va", "vb")
	if fts, err := (Machine{}).Flowtables(); err != nil && !errors.Is(err, ErrNoSuch) || len(fts) != 0 {
		t.Fatalf("%v %v", fts, err)
	}
	c, err := nftables.New()
	must(t, err)
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "t"})
	c.AddFlowtable(&nftables.Flowtable{Table: table, Name: "f", Hooknum: nftables.FlowtableHookIngress, Priority: nftables.FlowtablePriorityRef(0), Devices: []string{"va"}})
	if err := c.Flush(); err != nil {
		t.Skipf("this kernel makes no flowtable (%v): a kernel with CONFIG_NF_FLOW_TABLE runs this test", err)
	}
	fts, err := Machine{}.Flowtables()
	if err != nil || len(fts) != 1 || fts[0].Family != "inet" || fts[0].Name != "f" || !slices.Equal(fts[0].Devices, []string{"va"}) || fts[0].Hardware {
		t.Errorf("%+v %v", fts, err)
	}
}

// The rest of the machine can be asked, and tells what is plausible.
func TestMachine(t *testing.T) {
	m := Machine{}
	dir := t.TempDir()
	if s, err := m.Space(dir); err != nil || s.Total == 0 || s.Free > s.Total {
		t.Errorf("%+v %v", s, err)
	}
	if err := m.Writable(dir); err != nil {
		t.Error(err)
	}
	if err := m.Writable(filepath.Join(dir, "none")); !isNone(err) {
		t.Errorf("%v", err)
	}
	if f, err := m.Stat(dir); err != nil || !f.Mode.IsDir() || f.Owner == "" || f.Group == "" || m.Now().Sub(f.Modified) > time.Hour {
		t.Errorf("%+v %v", f, err)
	}
	if _, err := m.Clock(); err != nil {
		t.Error(err)
	}
	if caps, err := m.FileCapabilities(dir); err != nil || caps != "" {
		t.Errorf("%q %v", caps, err)
	}
	if _, err := m.Kept(dir); !isNone(err) {
		t.Errorf("%v", err)
	}
	if b, err := m.ReadFile("/proc/meminfo"); err != nil || len(b) == 0 {
		t.Error(err)
	}
	big := filepath.Join(dir, "big")
	must(t, os.WriteFile(big, nil, 0o600))
	must(t, os.Truncate(big, maxRead+1))
	if _, err := m.ReadFile(big); err == nil {
		t.Error("a file without end is read whole")
	}
}

// networks counts the networks that threads of this process are in.
func networks(t *testing.T) int {
	t.Helper()
	names, err := filepath.Glob("/proc/self/task/*/ns/net")
	must(t, err)
	seen := map[string]bool{}
	for _, n := range names {
		if l, err := os.Readlink(n); err == nil {
			seen[l] = true
		}
	}
	return len(seen)
}

// awaitNetworks wants that no more networks are left than before: a thread takes a moment to end.
func awaitNetworks(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); networks(t) > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d networks before, %d after", before, networks(t))
		}
	}
}

// Without one of its detectors the engine does not find all, and that is said; the network is gone afterwards.
func TestInjectCanFail(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	before := networks(t)
	lame := slices.DeleteFunc(slices.Clone(standard.Detectors), func(d detect.Def) bool { return d.Name == "arpconflict" })
	cs := Inject(context.Background(), InjectOptions{Within: 10 * time.Second, Engine: sensor.Options{Analyzers: standard.Analyzers, Detectors: lame}})
	if c := find(cs, "fault", "arp-ip-conflict"); c == nil || c.Level != Problem || !strings.Contains(c.What, "not found: two machines answer") {
		t.Errorf("%+v", cs)
	}
	if c := find(cs, "fault", "tcp-closed-port"); c == nil || c.Level != OK {
		t.Errorf("%+v", cs)
	}
	if c := find(cs, "rule", ""); c == nil || c.Level != Unknown {
		t.Errorf("%+v", c)
	}
	if c := find(cs, "frames", ""); c == nil || c.Level != OK {
		t.Errorf("%+v", c)
	}
	awaitNetworks(t, before)
}

// One that is stopped at once leaves nothing behind, and calls nothing good.
func TestInjectStopped(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	before := networks(t)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	cs := Inject(ctx, InjectOptions{Within: 10 * time.Second, Engine: sensor.Options{Detectors: standard.Detectors}})
	for _, c := range cs {
		if c.Level == OK && c.Name != "nothing else" {
			t.Errorf("%+v", c)
		}
	}
	awaitNetworks(t, before)
}

// Listening to one direction of the known traffic says so; to all of it, too.
func TestListen(t *testing.T) {
	inNetwork(t)
	must(t, os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0))
	_, b := cable(t, "va", "vb")
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: b.Attrs().Index}))
	n := uint16(0)
	for _, half := range []bool{true, false} {
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for ; ; n++ {
				for _, f := range KnownFrames(n) {
					if !half || f.Data[11] == 0x20 { // from the server
						_, _ = unix.Write(fd, f.Data)
					}
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}()
		h := Listen(context.Background(), "va", 600*time.Millisecond)
		close(stop)
		<-done
		if h.Err != nil || h.TCP < fewTCP || half && h.OneSided != h.TCP || !half && h.OneSided > 1 { // one may be cut
			t.Errorf("half %v: %+v", half, h)
		}
	}
	if h := Listen(context.Background(), "nothere", time.Second); h.Err == nil || h.NotPermitted {
		t.Errorf("%+v", h)
	}
}
