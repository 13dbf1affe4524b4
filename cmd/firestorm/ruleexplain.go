package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"firestorm/internal/rules"
)

func (a *app) rulesExplainCommand(load func([]string) (*rulesRead, error)) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain SID FILE|DIR...",
		Short: "say in plain words what a rule does",
		Long: `Say in plain words what a rule does: which packets it is about, what it looks at
and in which order, by what it is found among the others, what it remembers, how
often it may alert, and where to read more. This is told from the rule as it was
compiled: what stands here is what runs.`,
		Example: "  firestorm rules explain 2100498 /etc/firestorm/rules",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			sid, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return usagef("firestorm rules explain 2100498 rules", "%q is no sid", args[0])
			}
			r, err := load(args[1:])
			if err != nil {
				return err
			}
			list := r.set.Explain(uint32(sid))
			if len(list) == 0 {
				for _, p := range r.problems {
					if p.SID == uint32(sid) {
						return &failure{code: exitEngine, what: fmt.Sprintf("the rule %d does not run", sid), why: problemText(p)}
					}
				}
				return usagef("firestorm rules list "+shellWord(args[1])+" --sid "+args[0], "no rule %d is there", sid)
			}
			w := bufio.NewWriter(a.stdout)
			for i := range list {
				if asJSON {
					if err := a.writeJSON(&list[i]); err != nil {
						return err
					}
					continue
				}
				explainRule(w, &list[i])
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text: one rule a line")
	return c
}

// explainRule writes one rule. Errors of w stay in it.
func explainRule(w io.Writer, x *rules.Explanation) {
	fmt.Fprintf(w, "%d:%d:%d  %s\n", x.GID, x.SID, x.Rev, printable(x.Msg))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-16s %s\n", name, printable(text))
		}
	}
	several := func(name string, list []string, numbered bool) {
		for i, s := range list {
			if i > 0 {
				name = ""
			}
			if numbered {
				s = fmt.Sprintf("%d. %s", i+1, s)
			}
			line(name, s)
		}
	}
	line("where", fmt.Sprintf("%s:%d", x.File, x.Line))
	line("does", x.Action)
	line("packets", x.Packets)
	several("looks at", x.Looks, false)
	line("searched first", x.First)
	several("then asks", x.Steps, true)
	several("remembers", x.State, false)
	several("how often", x.Limits, false)
	class := fmt.Sprintf("%d", x.Severity)
	if x.Category != "" {
		class += ", " + x.Category
	}
	line("priority", class)
	several("metadata", x.Metadata, false)
	several("read more", x.References, false)
}
