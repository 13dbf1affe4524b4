package main

import "github.com/spf13/cobra"

func (a *app) lintCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lint",
		Short: "say what is wrong or dated in configurations",
		Long: `Say what is wrong or dated in the configuration of servers and gateways: file and line,
why it matters, and the safe change. Nothing is changed, and nothing needs a capture.

  firestorm lint ipsec FILE...      IPsec gateways, and whether two ends will agree`,
		GroupID: groupFix,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.lintIPsecCommand())
	return c
}
