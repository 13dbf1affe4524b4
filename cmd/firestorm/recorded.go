package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"firestorm/internal/pcapfile"
)

// recorded collects the findings that -w wrote into a capture when it was made.
type recorded struct {
	pcapfile.Collector
	name string
}

// verdicts returns a sentence for each finding that travels in the file. The file may come from anybody: what it says
// is shown as its claim, beside the analysis of its packets, and decides nothing.
func (r *recorded) verdicts() []string {
	var out []string
	all, broken := r.Attachments()
	for _, at := range all {
		var f struct{ ID, Code, Severity, Confidence, Title string }
		if at.Kind != "finding" || json.Unmarshal([]byte(at.Text), &f) != nil || f.Code == "" {
			continue
		}
		out = append(out, fmt.Sprintf("%s carries the verdict of the analysis it was cut from: %s, %s, %s %s: %s",
			filepath.Base(r.name), f.Severity, f.Confidence, f.Code, f.ID, f.Title))
	}
	if broken > 0 {
		out = append(out, fmt.Sprintf("%s carries a recorded verdict of which parts are missing", filepath.Base(r.name)))
	}
	return out
}
