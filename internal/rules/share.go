package rules

import (
	"strings"

	"firestorm/internal/event"
)

// words are texts that many rules share, each with the list that holds nothing but it. Texts are copied, so that the files
// that they stood in are not held: for a large set they are more than all that is made of it.
type words map[string][]string

func (w words) list(text string) []string {
	if l, ok := w[text]; ok {
		return l
	}
	text = strings.Clone(text)
	l := []string{text}
	w[text] = l
	return l
}

// share has the texts of a rule be those of the others where they are alike.
func (w words) share(r *event.RuleInfo) {
	r.Msg = strings.Clone(r.Msg)
	meta := make([]event.RuleMeta, len(r.Metadata))
	for i, m := range r.Metadata {
		meta[i].Key = w.list(m.Key)[0]
		if len(m.Values) == 1 {
			meta[i].Values = w.list(m.Values[0])
			continue
		}
		for _, v := range m.Values {
			meta[i].Values = append(meta[i].Values, w.list(v)[0])
		}
	}
	r.Metadata = meta
}
