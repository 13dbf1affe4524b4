//go:build !linux

package main

import "context"

// process is empty: watch, which has several, is there on Linux alone.
type process struct{}

// begin returns a context that a signal ends.
func (a *app) begin() (context.Context, func()) { return withSignals(context.Background(), a.stderr) }
