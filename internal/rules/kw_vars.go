package rules

import (
	"bytes"
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

const (
	// mostCaught is how much of what a group caught is kept.
	mostCaught = 255
	// mostVars bounds the texts of a packet, and those of a connection.
	mostTexts = 64
)

// capture says where what a group of an expression caught goes.
type capture struct {
	group int
	name  string
	flow  bool // to the connection, else to the packet
}

// captured is a text by its name.
type captured struct {
	capture
	text []byte
}

// captures finds the groups that have a place for what they catch: by the list behind the expression ("flow:a,pkt:b", in the
// order of the groups), or by their names ("flow_a", "pkt_b").
func captures(list string, names []string, groups int) (all []capture, err error) {
	for i, f := range strings.Split(list, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		kind, name, ok := strings.Cut(f, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || kind != "flow" && kind != "pkt" {
			return nil, fmt.Errorf("%q should be flow:NAME or pkt:NAME", f)
		}
		if i >= groups {
			return nil, fmt.Errorf("there is no group for %q", f)
		}
		all = append(all, capture{i + 1, name, kind == "flow"})
	}
	if list != "" {
		return all, nil
	}
	for g, n := range names {
		if name, ok := strings.CutPrefix(n, "flow_"); ok && name != "" {
			all = append(all, capture{g, name, true})
		} else if name, ok := strings.CutPrefix(n, "pkt_"); ok && name != "" {
			all = append(all, capture{g, name, false})
		}
	}
	return all, nil
}

// catch keeps what the groups of a match of c took, which lies in b.
func (m *matcher) catch(c *check, b []byte, groups []int) {
	for _, k := range c.captures {
		if 2*k.group+1 < len(groups) && groups[2*k.group] >= 0 && len(m.caught) < mostTexts {
			text := b[groups[2*k.group]:groups[2*k.group+1]]
			m.caught = append(m.caught, captured{k, bytes.Clone(text[:min(len(text), mostCaught)])})
		}
	}
}

// keepTexts is what a match of a rule does with what its expressions caught.
func keepTexts(x *inspection) {
	for _, c := range x.m.caught {
		to := &x.texts
		if c.flow {
			if x.flow == nil {
				continue
			}
			to = &x.flow.texts
		}
		putText(to, c)
	}
}

// named are the texts with their names.
func (f *flowState) named() (all [][2]string) {
	for _, c := range f.texts {
		all = append(all, [2]string{c.name, string(c.text)})
	}
	return all
}

func putText(to *[]captured, c captured) {
	for i := range *to {
		if (*to)[i].name == c.name {
			(*to)[i] = c
			return
		}
	}
	if len(*to) < mostTexts {
		*to = append(*to, c)
	}
}

// textKeyword asks whether a text that an earlier match kept has a value in it.
func textKeyword(flow bool) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		name, value, ok := strings.Cut(o.Value, ",")
		name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf("%s:NAME,VALUE", o.Name)
		}
		want, err := pattern(value)
		if err != nil {
			return err
		}
		c.s.textClass |= classAsks
		c.s.conds = append(c.s.conds, func(x *inspection) bool {
			texts := x.texts
			if flow {
				if x.flow == nil {
					return false
				}
				texts = x.flow.texts
			}
			for i := range texts {
				if texts[i].name == name && bytes.Contains(texts[i].text, want) {
					return true
				}
			}
			return false
		})
		return nil
	}
}
