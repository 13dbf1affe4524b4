// Command peer is both ends of the testbed's TCP connections: small servers and
// clients whose timing, closing order and ports are in the hand of the caller.
// Ordinary traffic comes from ordinary programs; this one is for the cases in
// which the order of events is the case.
package main

import (
	"fmt"
	"os"
)

// modes are the first word of the command line.
var modes = map[string]func(args []string) error{
	"serve": serve, // HTTP server: -close, -delay, -size
	"get":   get,   // HTTP client: -from, -close, -count
	"hold":  hold,  // listens and never accepts
	"echo":  echo,  // answers each line with the same line
	"chat":  chat,  // sends lines with pauses and waits for each answer
	"sink":  sink,  // reads, with a pause in the middle
	"push":  push,  // sends bytes as fast as it may
}

func main() {
	if len(os.Args) < 2 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peer serve|get|hold|echo|chat|sink|push [flags]")
		os.Exit(2)
	}
	if err := modes[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "peer %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
