package metrics

import (
	"cmp"
	"sort"
	"strconv"
	"strings"

	"firestorm/internal/output"
)

// appendText appends numbers in Prometheus' text format, version 0.0.4: what has one name stands together, ordered by name
// and labels. Of two with the same labels the first one counts: readers refuse a page that has both.
func appendText(dst []byte, all []output.Metric) []byte {
	type sample struct {
		of     *output.Metric
		labels string
	}
	list := make([]sample, len(all))
	for i := range all {
		list[i] = sample{&all[i], string(appendLabels(nil, all[i].Labels))}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(strings.Compare(a.of.Name, b.of.Name), strings.Compare(a.labels, b.labels)) < 0
	})
	for i, x := range list {
		if i == 0 || list[i-1].of.Name != x.of.Name {
			kind := "gauge"
			if x.of.Total {
				kind = "counter"
			}
			dst = append(append(append(append(dst, "# HELP "...), x.of.Name...), ' '), helpText.Replace(x.of.Help)...)
			dst = append(append(append(append(append(dst, "\n# TYPE "...), x.of.Name...), ' '), kind...), '\n')
		} else if list[i-1].labels == x.labels {
			continue
		}
		dst = append(append(append(dst, x.of.Name...), x.labels...), ' ')
		dst = append(strconv.AppendFloat(dst, x.of.Value, 'g', -1, 64), '\n')
	}
	return dst
}

// What must not stand in a help text, and in the value of a label.
var (
	helpText  = strings.NewReplacer("\\", "\\\\", "\n", "\\n")
	labelText = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\"", "\\\"")
)

func appendLabels(dst []byte, labels [][2]string) []byte {
	for i, l := range labels {
		if i == 0 {
			dst = append(dst, '{')
		} else {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, l[0]...), "=\""...), labelText.Replace(label(l[1]))...), '"')
	}
	if len(labels) > 0 {
		dst = append(dst, '}')
	}
	return dst
}
