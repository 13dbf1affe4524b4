//go:build !linux

package main

import "github.com/spf13/cobra"

// extcapCommand is nil: live capture is made for Linux.
func (a *app) extcapCommand() *cobra.Command { return nil }
