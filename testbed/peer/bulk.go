package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// hold listens with a tiny queue and never accepts, as a server does whose
// workers are all stuck.
func hold(args []string) error {
	fs := flag.NewFlagSet("hold", flag.ExitOnError)
	port := fs.Int("port", 80, "TCP port on all IPv4 addresses")
	backlog := fs.Int("backlog", 1, "length of the accept queue")
	sleep := fs.Duration("for", time.Hour, "how long")
	fs.Parse(args)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: *port}); err != nil {
		return err
	}
	if err := syscall.Listen(fd, *backlog); err != nil {
		return err
	}
	time.Sleep(*sleep)
	return syscall.Close(fd)
}

// sink reads -before bytes, pauses, then reads the rest; a small receive buffer
// closes the window meanwhile.
func sink(args []string) error {
	fs := flag.NewFlagSet("sink", flag.ExitOnError)
	addr := fs.String("listen", ":9", "address")
	before := fs.Int64("before", 8192, "bytes read before each pause")
	pause := fs.Duration("pause", 3*time.Second, "pause")
	times := fs.Int("times", 1, "pauses for each connection")
	buffer := fs.Int("buffer", 8192, "receive buffer in bytes")
	fs.Parse(args)
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	// The buffer is taken over from the listening socket at the handshake.
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	if err := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, *buffer)
	}); err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			for range *times {
				io.CopyN(io.Discard, c, *before)
				time.Sleep(*pause)
			}
			io.Copy(io.Discard, c)
		}()
	}
}

// push sends -bytes and prints how long it took until the peer had closed.
func push(args []string) error {
	fs := flag.NewFlagSet("push", flag.ExitOnError)
	to := fs.String("to", "", "server address and port")
	n := fs.Int("bytes", 100000, "bytes to send")
	chunk := fs.Int("chunk", 4096, "bytes of one write")
	gap := fs.Duration("gap", 0, "pause between writes")
	timeout := fs.Duration("timeout", 60*time.Second, "for everything")
	fs.Parse(args)
	c, err := net.DialTimeout("tcp", *to, *timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	start := time.Now()
	c.SetDeadline(start.Add(*timeout))
	for sent := 0; sent < *n; sent += *chunk {
		if _, err := io.WriteString(c, filler(min(*chunk, *n-sent))); err != nil {
			fmt.Printf("push fail after %v: %v\n", time.Since(start), err)
			return nil
		}
		time.Sleep(*gap)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	fmt.Printf("push %d bytes in %v, end: %v\n", *n, time.Since(start), err)
	return nil
}
