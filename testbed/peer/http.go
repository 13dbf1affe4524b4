package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// filler is n bytes of text, the same each time.
func filler(n int) string {
	const line = "the quick brown fox jumps over the lazy dog 0123456789 again\n"
	return strings.Repeat(line, n/len(line)+1)[:n]
}

// serve answers HTTP requests. With -close server it sends the first FIN and
// waits for the client's, so TIME_WAIT stays here; with -close client it keeps
// the connection until the client has closed.
func serve(args []string) error {
	fs := flag.NewFlagSet("serve", flag.ExitOnError)
	addr := fs.String("listen", ":80", "address")
	first := fs.String("close", "server", "who closes first: server or client")
	delay := fs.Duration("delay", 0, "time from request to answer")
	step := fs.Duration("step", 0, "each further request is answered this much later than the one before, from -delay up to three times -delay")
	size := fs.Int("size", 400, "bytes of the body")
	fs.Parse(args)
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	wait := *delay
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		w := wait
		if wait += *step; wait > 3**delay {
			wait = *delay
		}
		go answer(c.(*net.TCPConn), *first == "server", w, *size)
	}
}

func answer(c *net.TCPConn, closeFirst bool, delay time.Duration, size int) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return // closed by the client, or cut: both are wanted here
		}
		io.Copy(io.Discard, req.Body)
		time.Sleep(delay)
		keep := "keep-alive"
		if closeFirst {
			keep = "close"
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s", size, keep, filler(size))
		if closeFirst {
			c.CloseWrite()
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			io.Copy(io.Discard, r)
			return
		}
	}
}

// reuse lets a client bind a port that it has used a moment before.
func reuse(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}); e != nil {
		return e
	}
	return err
}

// get asks -count times over new connections and prints one line for each.
func get(args []string) error {
	fs := flag.NewFlagSet("get", flag.ExitOnError)
	to := fs.String("to", "", "server address and port")
	from := fs.String("from", "", "own address and port, for instance :2268")
	first := fs.String("close", "server", "who closes first: server or client")
	count := fs.Int("count", 1, "connections")
	gap := fs.Duration("gap", 0, "pause between them")
	upload := fs.Int("upload", 0, "bytes to post")
	timeout := fs.Duration("timeout", 10*time.Second, "for connect and answer")
	fs.Parse(args)
	d := net.Dialer{Timeout: *timeout, Control: reuse}
	if *from != "" {
		a, err := net.ResolveTCPAddr("tcp", *from)
		if err != nil {
			return err
		}
		d.LocalAddr = a
	}
	for i := range *count {
		if i > 0 {
			time.Sleep(*gap)
		}
		start := time.Now()
		n, err := once(&d, *to, *first == "client", *upload, *timeout)
		ms := float64(time.Since(start).Microseconds()) / 1000
		if err != nil {
			fmt.Printf("%s get %d fail after %.1f ms: %v\n", start.UTC().Format("15:04:05.000"), i, ms, err)
			continue
		}
		fmt.Printf("%s get %d ok %d bytes in %.1f ms\n", start.UTC().Format("15:04:05.000"), i, n, ms)
	}
	return nil
}

func once(d *net.Dialer, to string, closeFirst bool, upload int, timeout time.Duration) (int64, error) {
	conn, err := d.DialContext(context.Background(), "tcp", to)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(timeout))
	method, path := "GET", "/page"
	if upload > 0 {
		method, path = "POST", "/form"
	}
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: peer\r\nContent-Length: %d\r\n\r\n%s", method, path, upload, filler(upload))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || closeFirst {
		return n, err
	}
	// The server's FIN has to arrive first, else both ends close at once.
	if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	return n, nil
}
