package main

import (
	"errors"
	"fmt"
	"math/rand"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// allProtocols is ETH_P_ALL in network byte order.
const allProtocols = uint16(unix.ETH_P_ALL)>>8 | uint16(unix.ETH_P_ALL)<<8

// port is one end of the cable: a packet socket bound to a device.
type port struct {
	fd, index int
}

func openPort(device string) (port, error) {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return port{}, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(allProtocols))
	if err != nil {
		return port{}, fmt.Errorf("packet socket for %s: %w (root is needed)", device, err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: dev.Index}); err != nil {
		return port{}, fmt.Errorf("bind to %s: %w", device, err)
	}
	m := unix.PacketMreq{Ifindex: int32(dev.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
		return port{}, fmt.Errorf("promiscuous mode of %s: %w", device, err)
	}
	// A burst must not be lost here: loss is what the flags ask for, nothing else.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		return port{}, fmt.Errorf("receive buffer of %s: %w", device, err)
	}
	return port{fd, dev.Index}, nil
}

func (p port) send(b []byte) error {
	return unix.Sendto(p.fd, b, 0, &unix.SockaddrLinklayer{Ifindex: p.index, Protocol: allProtocols})
}

// run moves frames both ways until a socket fails.
func run(a, b string, ab, ba faults, seed int64) error {
	pa, err := openPort(a)
	if err != nil {
		return err
	}
	pb, err := openPort(b)
	if err != nil {
		return err
	}
	end := make(chan error, 2)
	go func() { end <- pump(pa, pb, ab, rand.New(rand.NewSource(seed))) }()
	go func() { end <- pump(pb, pa, ba, rand.New(rand.NewSource(seed+1))) }()
	return <-end
}

// pump carries one direction. Frames without extra delay leave in order through
// one queue; held back ones get a goroutine each, so that later ones overtake.
func pump(from, to port, f faults, r *rand.Rand) error {
	type item struct {
		at   time.Time
		data []byte
	}
	queue := make(chan item, 1<<14)
	defer close(queue)
	go func() {
		for it := range queue {
			time.Sleep(time.Until(it.at))
			to.send(it.data) // a full device queue is loss as on a real cable
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, sender, err := unix.Recvfrom(from.fd, buf, 0)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if ll, ok := sender.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		what := f.decide(n, r)
		if what.drop {
			continue
		}
		data := f.relabel(append([]byte(nil), buf[:n]...))
		if what.flip >= 0 {
			data[what.flip] ^= 0x10
		}
		it := item{time.Now().Add(what.wait), data}
		for range what.copies {
			if what.wait == f.delay {
				queue <- it
				continue
			}
			time.AfterFunc(what.wait, func() { to.send(data) })
		}
	}
}
