package main

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/finding"
	"firestorm/internal/standard"
)

// gateMeaning says for each gate what must hold before a finding may lean on it.
var gateMeaning = [finding.NumGates]string{
	finding.GateHandshake: "the begin of the conversation is in the capture",
	finding.GateTwoWay:    "both directions are in the capture",
	finding.GateLoss:      "the capture itself lost almost nothing",
	finding.GateSnap:      "frames are whole, not cut by a snap length",
	finding.GateOffload:   "packet sizes are those on the wire, not of a card that joins segments",
	finding.GateDup:       "copies of one packet (a mirror port seen twice) were recognised",
	finding.GateNAT:       "it is known on which side of the address translation this was captured",
	finding.GateClock:     "capture times run forward",
	finding.GateLocal:     "it is known which networks are inside (--home-net)",
	finding.GateTable:     "no state of these hosts was thrown out for lack of memory",
}

func (a *app) explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "say what a finding code means, what fools it, and what it needs",
		Long: `Say what a finding code means, what else it could be, what a capture must show
before it is certain, and where it is written down. Without a code: list all.`,
		GroupID: groupLook,
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, c := range codes() {
				ids = append(ids, c.ID+"\t"+c.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && asJSON {
				for _, c := range codes() {
					if err := a.writeJSON(explained(c, codes())); err != nil {
						return err
					}
				}
				return nil
			}
			if len(args) == 0 {
				return listCodes(a.stdout, codes())
			}
			id := strings.ToLower(args[0])
			for _, c := range codes() {
				switch {
				case c.ID != id:
				case asJSON:
					return a.writeJSON(explained(c, codes()))
				default:
					return explainCode(a.stdout, c, codes())
				}
			}
			near := nearest(id, codes())
			if len(near) == 0 {
				return usagef("firestorm explain    (lists all codes)", "there is no finding code %q", args[0])
			}
			return usagef("firestorm explain "+strings.Join(near, "\nfirestorm explain "), "there is no finding code %q", args[0])
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text: one code a line")
	return c
}

// codeInfo is what explain --json prints of a code.
type codeInfo struct {
	Code         string     `json:"code"`
	Kind         string     `json:"kind"`
	Severity     string     `json:"severity"`
	Tier         int        `json:"tier"`
	Title        string     `json:"title"`
	About        string     `json:"about"`
	Alternatives []altInfo  `json:"alternatives"`
	Needs        []gateInfo `json:"needs"`
	Explains     []string   `json:"explains"`
	ExplainedBy  []string   `json:"explained_by"`
	SettleSecs   float64    `json:"settle_s"` // of packet time
	Reproduce    string     `json:"reproduce"`
	References   []string   `json:"references"`
}

type altInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type gateInfo struct {
	Gate string `json:"gate"`
	Text string `json:"text"`
}

func explained(c *finding.Code, all []*finding.Code) codeInfo {
	i := codeInfo{Code: c.ID, Kind: string(c.Kind), Severity: c.Severity.String(), Tier: int(c.Tier), Title: c.Title, About: c.About,
		Alternatives: []altInfo{}, Needs: []gateInfo{}, Explains: append([]string{}, c.Absorbs...), ExplainedBy: []string{},
		SettleSecs: c.Settle.Seconds(), Reproduce: c.Reproduce, References: append([]string{}, c.References...)}
	for _, x := range c.Alternatives {
		i.Alternatives = append(i.Alternatives, altInfo{x.ID, x.Name})
	}
	for _, g := range c.Needs {
		i.Needs = append(i.Needs, gateInfo{g.String(), gateMeaning[g]})
	}
	i.ExplainedBy = append(i.ExplainedBy, finding.Explainers(all, c.ID)...)
	return i
}

// codes returns all finding codes, by name.
func codes() []*finding.Code {
	var out []*finding.Code
	for _, d := range standard.Detectors {
		out = append(out, d.Codes...)
	}
	slices.SortFunc(out, func(x, y *finding.Code) int { return strings.Compare(x.ID, y.ID) })
	return out
}

func listCodes(w io.Writer, cs []*finding.Code) error {
	if len(cs) == 0 {
		_, err := fmt.Fprintln(w, "no finding codes in this build")
		return err
	}
	width := 0
	for _, c := range cs {
		width = max(width, len(c.ID))
	}
	for _, c := range cs {
		if _, err := fmt.Fprintf(w, "%-*s  %-9s  %-8s  %s\n", width, c.ID, c.Kind, c.Severity, c.Title); err != nil {
			return err
		}
	}
	return nil
}

func explainCode(w io.Writer, c *finding.Code, all []*finding.Code) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s · %s · tier %d\n\n%s\n", c.ID, c.Kind, c.Severity, c.Tier, wrap(c.Title, 96, ""))
	if c.About != "" {
		fmt.Fprintf(&b, "\n%s\n", wrap(c.About, 96, ""))
	}
	section := func(name string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", name)
		for _, l := range lines {
			fmt.Fprintf(&b, "  - %s\n", wrap(l, 92, "    "))
		}
	}
	var alts, gates, absorbs, absorbed []string
	for _, x := range c.Alternatives {
		alts = append(alts, x.Name)
	}
	for _, g := range c.Needs {
		gates = append(gates, g.String()+": "+gateMeaning[g])
	}
	absorbs = append(absorbs, c.Absorbs...)
	for _, o := range all {
		if slices.Contains(o.Absorbs, c.ID) {
			absorbed = append(absorbed, o.ID)
		}
	}
	section("It could also be (each must be ruled out with frames before it is certain)", alts)
	section("The capture must show", gates)
	section("It explains, so that these are not reported beside it", absorbs)
	section("It is not reported beside", absorbed)
	if c.Settle > 0 {
		fmt.Fprintf(&b, "\nIt is held for %s of packet time, so that a better explanation can arrive.\n", c.Settle)
	}
	if c.Reproduce != "" {
		section("How to see it yourself", []string{c.Reproduce})
	}
	section("Where it is written down", c.References)
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks s at spaces so that lines keep to width columns; lines after the first begin with indent.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	col := 0
	for i, word := range strings.Fields(s) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case col+1+n > width:
			b.WriteString("\n" + indent)
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
}

// nearest returns the codes that id was probably meant to be, at most three, the likeliest first.
func nearest(id string, cs []*finding.Code) []string {
	type guess struct {
		id   string
		dist int
	}
	var near []guess
	for _, c := range cs {
		d := editDistance(id, c.ID)
		if plain := strings.ReplaceAll(id, "-", ""); len(plain) >= 3 && strings.Contains(strings.ReplaceAll(c.ID, "-", ""), plain) {
			d = 1 // part of a name says more than a few equal letters
		}
		for _, word := range strings.Split(c.ID, "-") {
			if len(id) >= 4 && editDistance(id, word) <= 1 {
				d = min(d, 2)
			}
		}
		if d <= 3 {
			near = append(near, guess{c.ID, d})
		}
	}
	sort.SliceStable(near, func(i, j int) bool {
		a, b := &near[i], &near[j]
		return a.dist < b.dist
	})
	var out []string
	for _, g := range near[:min(len(near), 3)] {
		out = append(out, g.id)
	}
	return out
}

// editDistance counts insertions, deletions and replacements (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 0; i < len(a); i++ {
		diag := row[0]
		row[0] = i + 1
		for j := 0; j < len(b); j++ {
			cost := diag
			if a[i] != b[j] {
				cost = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
