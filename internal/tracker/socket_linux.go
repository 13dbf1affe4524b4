package tracker

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// ErrNotPermitted says that CAP_NET_ADMIN is missing.
var ErrNotPermitted = errors.New("not allowed to read the events of the connection tracker")

// Live are the events of the kernel's connection tracker in this network namespace, from when it was opened.
type Live struct {
	queue
	file *os.File
	done chan struct{}
}

// Of linux/netfilter/nfnetlink_compat.h: groups of events.
const groups = 1<<(1-1) | 1<<(3-1) // NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY

// room is how much the kernel keeps until it is read: some 30 000 events.
const room = 8 << 20

// OpenSocket makes the socket that Start reads: who has the capability may do it for another process. The caller closes it.
func OpenSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			err = ErrNotPermitted
		}
		return nil, err
	}
	return os.NewFile(uintptr(fd), "conntrack"), nil
}

// Start reads events from a socket of OpenSocket until Close. It takes the socket over. One that came from another process
// waits in the kernel when it is read: it is made to wait in a way that Close ends.
func Start(f *os.File) (*Live, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	l := &Live{file: os.NewFile(uintptr(fd), "conntrack"), done: make(chan struct{})}
	go l.read()
	return l, nil
}

// read moves events from the kernel into the queue.
func (l *Live) read() {
	defer close(l.done)
	c, err := l.file.SyscallConn()
	if err != nil {
		return
	}
	b := make([]byte, 64<<10)
	var xs []*event.Tracked
	for {
		var n int
		var got error
		if err := c.Read(func(fd uintptr) bool {
			n, _, got = unix.Recvfrom(int(fd), b, 0)
			return !errors.Is(got, unix.EAGAIN)
		}); err != nil {
			return // closed
		}
		now := packet.Time(time.Now().UnixNano())
		switch {
		case got == nil:
		case errors.Is(got, unix.ENOBUFS):
			l.lose(1, now) // how many, the kernel does not say
			continue
		case errors.Is(got, unix.EINTR):
			continue
		default:
			return
		}
		var bad bool
		if xs, bad = parse(b[:n], now, xs[:0]); bad {
			l.lose(1, now)
		}
		l.put(xs)
	}
}

// Close ends reading. What came before can still be taken.
func (l *Live) Close() error {
	err := l.file.Close()
	<-l.done
	return err
}
