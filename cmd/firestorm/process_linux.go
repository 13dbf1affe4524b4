package main

import (
	"context"
	"fmt"
	"os"

	"firestorm/internal/service"
)

// process is what this process is among those of a watch. The zero value, as in tests, is one that does all itself.
type process struct {
	split  bool            // it may start a worker for what needs no rights
	worker *service.Worker // it is one
}

// commands are where the commands of a watch come from, and notify who hears how it does.
func (p *process) commands() (c <-chan service.Command, stop func(), notify *service.Notifier) {
	if p.worker != nil {
		return p.worker.Commands(), func() {}, p.worker.Notifier()
	}
	c, stop = watchSignals()
	return c, stop, service.SystemNotifier()
}

// begin finds out what this process is, and returns a context that a signal ends, or the parent's word.
func (a *app) begin() (context.Context, func()) {
	w, err := service.Join()
	if err != nil {
		fmt.Fprintf(a.stderr, "firestorm: %v\n", err)
		os.Exit(exitEngine)
	}
	a.process.split, a.process.worker = w == nil, w
	if w == nil {
		return withSignals(context.Background(), a.stderr)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		<-w.Stopped()
		cancel(errInterrupted)
		<-w.Again()
		os.Exit(exitInterrupted)
	}()
	return ctx, func() { cancel(nil) }
}
