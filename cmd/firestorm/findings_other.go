//go:build !linux

package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"firestorm/internal/report"
	"firestorm/internal/sensor"
)

// The store is the service's, which is built for Linux alone.
func storeFlag(*pflag.FlagSet, *string) {}

func (a *app) keepFindings(string, *sensor.Result, *report.Report) error { return nil }

func (a *app) findingsCommand() *cobra.Command { return nil }

func (a *app) serveCommand() *cobra.Command { return nil }

func (a *app) topCommand() *cobra.Command { return nil }

// liveStore knows no store here.
func liveStore(context.Context, string, string) (bool, error) { return false, nil }
