package main

import (
	"net"
	"testing"
	"time"
)

// dialed returns both ends of a loopback connection.
func dialed(t *testing.T) (client net.Conn, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback listener: ", err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); c.Close() })
	return client, c.(*net.TCPConn)
}

// The closing order is what this program is for: with -close server the end of
// the stream follows the answer at once, with -close client it does not come.
func TestAnswerClosingOrder(t *testing.T) {
	for _, closeFirst := range []bool{true, false} {
		client, server := dialed(t)
		go answer(server, closeFirst, 0, 10)
		if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		var text []byte
		ended := false
		buf := make([]byte, 4096)
		for !ended {
			client.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			n, err := client.Read(buf)
			text = append(text, buf[:n]...)
			if e, ok := err.(net.Error); ok && e.Timeout() {
				break
			}
			ended = err != nil
		}
		if len(text) == 0 {
			t.Errorf("close first %v: no answer", closeFirst)
		}
		if ended != closeFirst {
			t.Errorf("close first %v: stream ended %v", closeFirst, ended)
		}
		client.Close()
	}
}

func TestAnswerWaits(t *testing.T) {
	client, server := dialed(t)
	const delay = 80 * time.Millisecond
	go answer(server, true, delay, 10)
	start := time.Now()
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	client.SetReadDeadline(start.Add(5 * time.Second))
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < delay {
		t.Errorf("answered after %v, want at least %v", took, delay)
	}
}

func TestFiller(t *testing.T) {
	for _, n := range []int{0, 1, 61, 62, 5000} {
		if got := len(filler(n)); got != n {
			t.Errorf("filler(%d): %d bytes", n, got)
		}
	}
}
