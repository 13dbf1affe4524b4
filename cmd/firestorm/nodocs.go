//go:build !docgen

package main

import "github.com/spf13/cobra"

func addDocsCommand(*app, *cobra.Command) {}
