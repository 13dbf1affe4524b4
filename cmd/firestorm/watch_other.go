//go:build !linux

package main

import "github.com/spf13/cobra"

// watchCommand is nil: live capture is made for Linux.
func (a *app) watchCommand() *cobra.Command { return nil }
