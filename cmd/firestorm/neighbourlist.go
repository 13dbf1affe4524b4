package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// neighbourInfo is a neighbour for programs. Times are RFC 3339, UTC.
type neighbourInfo struct {
	IP       string        `json:"ip"`
	MAC      string        `json:"mac"`
	Vendor   string        `json:"vendor,omitempty"`
	Random   bool          `json:"self_chosen,omitempty"`
	Name     string        `json:"name,omitempty"`
	Note     string        `json:"note,omitempty"`
	Approved bool          `json:"approved"`
	Gone     bool          `json:"gone,omitempty"`
	First    string        `json:"first"`
	Last     string        `json:"last"`
	Place    uint16        `json:"place"`
	VLAN     uint16        `json:"vlan,omitempty"`
	Earlier  []stationInfo `json:"earlier,omitempty"`
}

type stationInfo struct {
	MAC   string `json:"mac"`
	First string `json:"first"`
	Last  string `json:"last"`
}

func stamp(t packet.Time) string { return t.Std().Format(time.RFC3339) }

func (n *neighbours) info(x *neighbour.Neighbour) neighbourInfo {
	c := x.Current()
	i := neighbourInfo{IP: x.IP.String(), MAC: c.MAC.String(), Vendor: n.vendors.Of(c.MAC), Random: neighbour.Random(c.MAC), Name: x.Name, Note: x.Note,
		Approved: x.Approved, Gone: x.Gone, First: stamp(x.First()), Last: stamp(c.Last), Place: x.Vantage, VLAN: x.VLAN}
	for _, s := range x.Stations[1:x.N] {
		i.Earlier = append(i.Earlier, stationInfo{s.MAC.String(), stamp(s.First), stamp(s.Last)})
	}
	return i
}

// list prints the neighbours that all of the words mean; those with self-chosen MAC addresses come last.
func (n *neighbours) list(args []string) error {
	if len(args) > 0 && args[0] == "list" {
		args = args[1:]
	}
	xs := slices.DeleteFunc(n.table.All(), func(x *neighbour.Neighbour) bool { return !n.meant(x, args) })
	if n.json {
		for _, x := range xs {
			if err := n.writeJSON(n.info(x)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(xs) == 0 {
		_, err := fmt.Fprintln(n.stdout, "no neighbours")
		return err
	}
	var fixed, random []*neighbour.Neighbour
	for _, x := range xs {
		if neighbour.Random(x.Current().MAC) && n.vendors.Of(x.Current().MAC) == "" {
			random = append(random, x)
		} else {
			fixed = append(fixed, x)
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tMAC\tMAKER\tNAME\tFIRST\tLAST\tWIRE\t")
	n.rows(w, fixed)
	if len(random) > 0 {
		n.rows(w, random)
	}
	w.Flush()
	text := b.String()
	if len(random) > 0 {
		text += fmt.Sprintf("%d of %d with self-chosen MAC addresses\n", len(random), len(xs))
	}
	_, err := io.WriteString(n.stdout, text)
	return err
}

func (n *neighbours) rows(w io.Writer, xs []*neighbour.Neighbour) {
	for _, x := range xs {
		c := x.Current()
		maker := n.vendors.Of(c.MAC)
		if maker == "" && neighbour.Random(c.MAC) {
			maker = "(self-chosen)"
		}
		if s := neighbour.Shared(c.MAC); s != "" {
			maker = "(" + s + ")"
		}
		var marks []string
		if x.Approved {
			marks = append(marks, "approved")
		}
		if x.Gone {
			marks = append(marks, "gone")
		}
		if x.N > 1 {
			marks = append(marks, fmt.Sprintf("was %s", x.Stations[1].MAC))
		}
		if x.Note != "" {
			marks = append(marks, x.Note)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.IP, c.MAC, cell(maker), cell(x.Name), day(x.First()), day(c.Last), place(x), cell(strings.Join(marks, "; ")))
	}
}

func day(t packet.Time) string { return t.Std().Format("2006-01-02 15:04") }

// place names the wire: the number of the place of capture, and the VLAN.
func place(x *neighbour.Neighbour) string {
	if x.VLAN != 0 {
		return fmt.Sprintf("%d vlan %d", x.Vantage+1, x.VLAN)
	}
	return fmt.Sprint(x.Vantage + 1)
}

// cell makes text from packets and people fit for a table on a terminal.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return event.Visible(strings.ReplaceAll(strings.ReplaceAll(s, "\t", " "), "\n", " "))
}

func (n *neighbours) meant(x *neighbour.Neighbour, words []string) bool {
	c := x.Current()
	text := strings.ToLower(strings.Join([]string{x.IP.String(), c.MAC.String(), n.vendors.Of(c.MAC), x.Name, x.Note}, "\x00"))
	for _, w := range words {
		if !strings.Contains(text, strings.ToLower(w)) {
			return false
		}
	}
	return true
}
