package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// echo answers each line with the same line, until the client closes.
func echo(args []string) error {
	fs := flag.NewFlagSet("echo", flag.ExitOnError)
	addr := fs.String("listen", ":7", "address")
	fs.Parse(args)
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			for in := bufio.NewReader(c); ; {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				fmt.Fprint(c, line)
			}
		}()
	}
}

// chat opens one connection and sends one line after each pause. It prints
// which pause the connection did not survive.
func chat(args []string) error {
	fs := flag.NewFlagSet("chat", flag.ExitOnError)
	to := fs.String("to", "", "server address and port")
	pauses := fs.String("pauses", "0s", "comma-separated; one line is sent after each")
	size := fs.Int("size", 40, "bytes of a line")
	alive := fs.Duration("keepalive", 0, "TCP keep-alive after this idle time; 0: off")
	timeout := fs.Duration("timeout", 12*time.Second, "for each answer")
	fs.Parse(args)
	d := net.Dialer{Timeout: *timeout, KeepAliveConfig: net.KeepAliveConfig{Enable: *alive > 0, Idle: *alive, Interval: *alive, Count: 9}}
	if *alive == 0 {
		d.KeepAlive = -1
	}
	c, err := d.DialContext(context.Background(), "tcp", *to)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for _, p := range strings.Split(*pauses, ",") {
		wait, err := time.ParseDuration(p)
		if err != nil {
			return err
		}
		time.Sleep(wait)
		start := time.Now()
		c.SetDeadline(start.Add(*timeout))
		fmt.Fprintf(c, "%s\n", filler(*size-1))
		_, err = in.ReadString('\n')
		fmt.Fprintf(os.Stdout, "%s chat %v pause %v: ", start.UTC().Format("15:04:05.000"), c.LocalAddr(), wait)
		if err != nil {
			fmt.Printf("dead: %v\n", err)
			return nil
		}
		fmt.Println("answered")
	}
	return nil
}
