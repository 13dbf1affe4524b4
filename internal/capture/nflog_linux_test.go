package capture_test

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// firewall sets rules of nftables in the test's own network.
func firewall(t *testing.T, rules string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("program 'nft' is missing: apt-get install nftables")
	}
	c := exec.Command("nft", "-f", "-")
	c.Stdin = bytes.NewBufferString(rules)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}

// TestNFLOG: what a rule of the firewall logs arrives whole and in order, with the rule's words; a flood that nobody reads is
// counted as lost, to the packet.
func TestNFLOG(t *testing.T) {
	ownNetwork(t)
	cable(t, "a", "b")
	const begin = "table inet f { chain in { type filter hook input priority 0; "
	firewall(t, begin+`log group 5 prefix "FW DROP in " drop; }; }`)
	sh(t, "ip address add 10.0.0.2/24 dev b && ip link set dev b address 02:00:00:00:00:02 && ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev b && ip address add 127.0.0.1/8 dev lo && ip link set dev lo up")
	l := open(t, capture.LiveOptions{Interfaces: []string{"nflog:5"}, RingBytes: 4 << 20})
	s := newSender(t, "a", false)
	frame := bytes.Clone(lookup)
	copy(frame, []byte{2, 0, 0, 0, 0, 2})
	const n = 100
	for range n {
		s.send(frame)
	}
	got := gather(t, l, n, patience)
	if len(got) != n {
		t.Fatalf("%d packets of %d", len(got), n)
	}
	for i := range got {
		p := &got[i].Packet
		p.Data = got[i].data
		packet.Decode(p, nil)
		if p.Link != packet.LinkNFLOG || p.Firewall != packet.FirewallBlock || p.DstPort != 53 || p.Proto != packet.ProtoUDP || p.Frame != uint64(i+1) {
			t.Fatalf("packet %d: link %v, verdict %v, port %d", i+1, p.Link, p.Firewall, p.DstPort)
		}
		if d := time.Since(p.Time.Std()); d < -time.Second || d > time.Minute {
			t.Errorf("packet %d is %v old", i+1, d)
		}
	}
	if st := l.Stats(); st.KernelLost != 0 || !st.LossKnown {
		t.Errorf("%+v", st)
	}
	// A socket that has room for little: what does not fit is known by the numbers.
	small := open(t, capture.LiveOptions{Interfaces: []string{"nflog:6"}, RingBytes: capture.RingBlock})
	firewall(t, "flush ruleset; "+begin+"log group 6 drop; }; }")
	const many = 12000
	for range many {
		s.send(frame)
	}
	got = gather(t, small, many, 300*time.Millisecond)
	s.send(frame) // the number of one more tells how many are missing before it
	got = append(got, gather(t, small, 1, patience)...)
	lost := small.Stats().KernelLost
	if uint64(len(got))+lost != many+1 || lost == 0 {
		t.Errorf("%d seen and %d lost of %d", len(got), lost, many+1)
	}
	if _, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{"nflog:6"}}); err == nil {
		t.Error("two read one group")
	}
	if _, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{"nflog:7"}, Filter: "port 53"}); err == nil || errors.Is(err, capture.ErrNoInterface) {
		t.Errorf("a capture filter on a group: %v", err)
	}
}
