//go:build linux

package nftset

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

// TestKernel: with the rule that is shown, packets of a source that is in the set are dropped, those of others are not, and taking
// it out opens the way again. Nothing of anybody else's is touched.
func TestKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	for _, p := range []string{"ip", "nft", "nsenter"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("program %q is missing; try: apt-get install nftables iproute2 util-linux", p)
		}
	}
	runtime.LockOSThread() // and never unlocked: the thread is not used again
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
	run := func(line string) (string, error) {
		out, err := exec.Command("bash", "-c", line).CombinedOutput()
		return string(out), err
	}
	must := func(line string) string {
		t.Helper()
		out, err := run(line)
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		return out
	}
	peer := exec.Command("unshare", "-n", "sleep", "60") // the other side
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Process.Kill(); _ = peer.Wait() }()
	pid := strconv.Itoa(peer.Process.Pid)
	must(`ip link set lo up; ip link add va type veth peer name vb; ip addr add 198.18.0.1/24 dev va; ip addr add 2001:db8::1/64 dev va nodad; ip link set va up
for i in $(seq 50); do [ "$(readlink /proc/` + pid + `/ns/net)" != "$(readlink /proc/thread-self/ns/net)" ] && break; sleep 0.02; done
ip link set vb netns ` + pid + `
at() { nsenter -n -t ` + pid + ` "$@"; }
at ip link set vb address 02:00:00:00:00:09; at ip link set vb up
at ip addr add 198.18.0.7/24 dev vb; at ip addr add 198.18.0.8/24 dev vb; at ip addr add 2001:db8::7/64 dev vb nodad
nft add table inet other; nft add set inet other blocked4 '{ type ipv4_addr; }'; nft add element inet other blocked4 '{ 192.0.2.1 }'`)
	others := must("nft list table inet other")
	listen, err := net.ListenUDP("udp", &net.UDPAddr{Port: 9000})
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	there := in(t, "/proc/"+pid+"/ns/net")
	defer close(there)
	comes := func(from string) bool {
		target := "198.18.0.1"
		if strings.Contains(from, ":") {
			target = "2001:db8::1"
		}
		got := make(chan error)
		there <- func() {
			c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: net.ParseIP(target), Port: 9000})
			if err == nil {
				_, err = c.Write([]byte(from))
				c.Close()
			}
			got <- err
		}
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		_ = listen.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, _, err := listen.ReadFrom(b)
		return err == nil && string(b[:n]) == from
	}
	var said strings.Builder
	p, err := New(Options{Timeout: time.Hour}, output.Setup{Out: &said})
	if err != nil {
		t.Fatal(err)
	}
	rules, _, _ := strings.Cut(Example, "\nwho is blocked")
	must(rules)
	for _, a := range []string{"198.18.0.7", "198.18.0.8", "2001:db8::7"} {
		if !comes(a) {
			t.Fatalf("%s does not come before anything is blocked", a)
		}
	}
	f := guess("198.18.0.7")
	f.ID = "FS-abc234"
	six := guess("2001:db8::7")
	for _, x := range []*finding.Finding{f, six} {
		if err := p.Finding(x); err != nil {
			t.Fatal(err)
		}
	}
	list := must("nft list set inet firestorm blocked4")
	if !strings.Contains(list, `198.18.0.7 timeout 1h`) || !strings.Contains(list, `comment "FS-abc234"`) {
		t.Errorf("the set is %s", list)
	}
	if comes("198.18.0.7") || comes("2001:db8::7") || !comes("198.18.0.8") {
		t.Errorf("7: %v, six: %v, 8: %v", comes("198.18.0.7"), comes("2001:db8::7"), comes("198.18.0.8"))
	}
	// This machine's own addresses, asked of the kernel, are never in.
	if _ = p.Finding(guess("198.18.0.1")); strings.Contains(must("nft list set inet firestorm blocked4"), "198.18.0.1 ") {
		t.Error("the own address is blocked")
	}
	// Another run knows what is in, and takes it out when the finding is muted.
	again, err := New(Options{Timeout: time.Hour}, output.Setup{Out: &said})
	if err != nil {
		t.Fatal(err)
	}
	if b := again.in[Source{Addr: netip.MustParseAddr("198.18.0.7")}]; b == nil || b.id != "FS-abc234" {
		t.Errorf("%+v", again.in)
	}
	f.MutedBy = "known"
	if err := again.Finding(f); err != nil || !comes("198.18.0.7") {
		t.Errorf("%v; muted, and still blocked", err)
	}
	must("nft flush set inet firestorm blocked4")
	if err := again.o.Remove(Source{Addr: netip.MustParseAddr("198.18.0.7")}); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
	// A card.
	if err := p.Finding(pose(packet.MAC{2, 0, 0, 0, 0, 9})); err != nil || comes("198.18.0.8") {
		t.Errorf("%v; the card's frames still come", err)
	}
	if got := must("nft list table inet other"); got != others {
		t.Errorf("the table of others is %s, it was %s", got, others)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil { // of this thread alone
		t.Fatal(err)
	}
	if _, err := New(Options{}, output.Setup{}); err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("without the capability: %v", err)
	}
}

// in runs what it is given in a network namespace, until the channel is closed.
func in(t *testing.T, file string) chan<- func() {
	t.Helper()
	work, ready := make(chan func()), make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			unix.Close(fd)
		}
		ready <- err
		if err != nil {
			return
		}
		for f := range work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	return work
}
