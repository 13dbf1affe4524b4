package report

import (
	"firestorm/internal/finding"
	"firestorm/internal/markup"
)

// Style is the style sheet of the page that WriteHTML writes, and of Card.
func Style() string { return pageStyle }

// Card is one finding as the page shows it, in full, for a page of its own: an article whose heading is of level 3. Text
// from packets is escaped in it; it holds no script, and no style but classes of Style.
func Card(r *Report, f *finding.Finding) markup.Node {
	h := newView(r, &Options{MinConfidence: finding.CannotTell}).htmlFinding(f)
	if f.Confidence == finding.CannotTell {
		return h.small() // says what is missing, not what was found
	}
	return h.card()
}
