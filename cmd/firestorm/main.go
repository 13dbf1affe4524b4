// Firestorm reads packets and says in plain words what is broken in a network or attacking it, and why.
//
// This package only wires: flags, verbs, signals and exit codes. Each verb is one small file.
package main

import (
	"context"
	"io"
	"os"
)

// version is set by the build (Makefile); "dev" is what a bare "go build" leaves.
var version = "dev"

func main() {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, isTerminal: isTerminal, args: os.Args[1:]}
	ctx, stop := withSignals(context.Background(), os.Stderr)
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of the program. Everything it touches of the outside is a field, so that tests run many at once.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	isTerminal     func(any) bool
	color          colorMode
	args           []string // of the process, for who runs it again; nil where this is no process of its own
}

// run executes the command line args and returns the exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(withRead(root, args))
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return a.finish(root.ExecuteContext(ctx))
}
