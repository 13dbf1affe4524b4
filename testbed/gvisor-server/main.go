// Command gvisor-server answers HTTP requests on a TCP/IP stack that is not the
// kernel's: gVisor's netstack on a TUN device. It closes each connection first
// and so holds TIME_WAIT, and its stack drops an older SYN without a word: the
// behaviour of the servers in the founding case.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/tun"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const nic = 1

// newStack puts a stack with one address on the TUN device. hold is how long
// TIME_WAIT lasts.
func newStack(device string, addr netip.Addr, mtu uint32, hold time.Duration) (*stack.Stack, error) {
	fd, err := tun.Open(device)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", device, err)
	}
	link, err := fdbased.New(&fdbased.Options{FDs: []int{fd}, MTU: mtu})
	if err != nil {
		return nil, fmt.Errorf("link on %s: %w", device, err)
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, icmp.NewProtocol4},
	})
	wait := tcpip.TCPTimeWaitTimeoutOption(hold)
	if e := s.SetTransportProtocolOption(tcp.ProtocolNumber, &wait); e != nil {
		return nil, fmt.Errorf("TIME_WAIT of %v: %v", hold, e)
	}
	if e := s.CreateNIC(nic, link); e != nil {
		return nil, fmt.Errorf("NIC: %v", e)
	}
	pa := tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddrFrom4(addr.As4()).WithPrefix(),
	}
	if e := s.AddProtocolAddress(nic, pa, stack.AddressProperties{}); e != nil {
		return nil, fmt.Errorf("address %v: %v", addr, e)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s, nil
}

// answer reads one request, answers it, sends the first FIN and waits for the
// client's.
func answer(c net.Conn, half func() error) {
	defer c.Close()
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		log.Printf("%v: %v", c.RemoteAddr(), err)
		return
	}
	io.Copy(io.Discard, req.Body)
	body := "served by a stack that keeps its word\n"
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
	if err := half(); err != nil {
		log.Printf("%v: %v", c.RemoteAddr(), err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	io.Copy(io.Discard, c)
}

func main() {
	device := flag.String("tun", "tun0", "TUN device, made before")
	addr := flag.String("addr", "10.2.0.2", "address of the stack")
	port := flag.Uint("port", 80, "TCP port")
	hold := flag.Duration("timewait", 4*time.Minute, "how long TIME_WAIT lasts")
	mtu := flag.Uint("mtu", 1500, "MTU of the device")
	flag.Parse()
	ip, err := netip.ParseAddr(*addr)
	if err != nil {
		log.Fatal(err)
	}
	s, err := newStack(*device, ip, uint32(*mtu), *hold)
	if err != nil {
		log.Fatal(err)
	}
	l, err := gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Port: uint16(*port)}, ipv4.ProtocolNumber)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening on %v:%d, TIME_WAIT %v", ip, *port, *hold)
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		t, ok := c.(*gonet.TCPConn)
		if !ok {
			log.Fatalf("accept gave %T", c)
		}
		go answer(t, t.CloseWrite)
	}
}
