package nftset

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strings"

	"firestorm/internal/packet"
)

// Machine knows who must never be blocked: to cut off oneself, one's gateway or one's names is what an attacker would want.
type Machine interface{ Known() Known }

// Known are the addresses that this machine lives by.
type Known struct {
	Own, Gateways, Servers []netip.Addr
	Cards                  []packet.MAC // own, and those of gateways as far as they are known
	GatewayCards           bool         // a card is known of each IPv4 gateway
}

// thisMachine asks the kernel and resolv.conf each time: leases and routes change.
type thisMachine struct{}

// Known implements Machine.
func (*thisMachine) Known() (k Known) {
	ifs, _ := net.Interfaces()
	for _, i := range ifs {
		if len(i.HardwareAddr) == 6 {
			k.Cards = append(k.Cards, packet.MAC(i.HardwareAddr))
		}
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			k.Own = append(k.Own, p.Addr().Unmap())
		}
	}
	k.routes()
	k.cards()
	lines("/etc/resolv.conf", func(f []string) {
		if len(f) >= 2 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil {
				k.Servers = append(k.Servers, a.Unmap().WithZone(""))
			}
		}
	})
	return k
}

// routes reads the gateways of all routes (proc_net_route: destination, gateway, as the machine's own words in hex).
func (k *Known) routes() {
	add := func(b []byte) {
		if a, ok := netip.AddrFromSlice(b); ok && !a.IsUnspecified() {
			k.Gateways = append(k.Gateways, a.Unmap())
		}
	}
	lines("/proc/net/route", func(f []string) {
		if len(f) < 3 {
			return
		}
		if b, err := hex.DecodeString(f[2]); err == nil && len(b) == 4 {
			if littleEndian {
				b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
			}
			add(b)
		}
	})
	lines("/proc/net/ipv6_route", func(f []string) {
		if len(f) >= 5 {
			if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 {
				add(b)
			}
		}
	})
}

// cards reads which cards the gateways have.
func (k *Known) cards() {
	at := map[netip.Addr]packet.MAC{}
	lines("/proc/net/arp", func(f []string) {
		if len(f) < 4 {
			return
		}
		a, err := netip.ParseAddr(f[0])
		m, bad := net.ParseMAC(f[3])
		if err == nil && bad == nil && len(m) == 6 {
			at[a] = packet.MAC(m)
		}
	})
	k.GatewayCards = true
	for _, g := range k.Gateways {
		if !g.Is4() {
			continue
		}
		m, ok := at[g]
		if !ok || m.IsZero() {
			k.GatewayCards = false
			continue
		}
		k.Cards = append(k.Cards, m)
	}
}

// lines gives the words of each line of a small file.
func lines(name string, give func([]string)) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for n := 0; s.Scan() && n < 10_000; n++ {
		give(strings.Fields(s.Text()))
	}
}

// littleEndian says how the kernel writes words in /proc/net/route: as they lie in memory.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
