//go:build !linux

package main

import "github.com/spf13/cobra"

// doctorCommand is nil: what it looks at is Linux's.
func (a *app) doctorCommand() *cobra.Command { return nil }
