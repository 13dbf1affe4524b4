//go:build linux

package main

import (
	"context"
	"time"
)

// injectFlags are those of doctor --inject.
type injectFlags struct {
	on, yes bool
	iface   string
	within  time.Duration
}

func (a *app) runInject(ctx context.Context, d *doctorFlags, args []string) error { return nil }
