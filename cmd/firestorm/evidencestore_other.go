//go:build !linux

package main

import (
	"context"

	"github.com/spf13/pflag"
)

// storeFlags: the store is the service's, which is built for Linux alone.
func (*evidenceOptions) storeFlags(*pflag.FlagSet) {}

func (*app) evidenceOfStore(context.Context, *readOptions, *evidenceOptions) error { return nil }
