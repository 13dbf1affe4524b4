package report

import (
	"bytes"
	"html/template"

	"firestorm/internal/finding"
)

// Style is the style sheet of the page that WriteHTML writes, and of Card.
func Style() string { return pageStyle }

// Card writes one finding as the page shows it, in full, as a piece of HTML for a page of its own: an article whose heading
// is of level 3. Text from packets is escaped in it; it holds no script, and no style but classes of Style.
func Card(r *Report, f *finding.Finding) (template.HTML, error) {
	v := newView(r, &Options{MinConfidence: finding.CannotTell})
	name := "finding"
	if f.Confidence == finding.CannotTell {
		name = "small" // says what is missing, not what was found
	}
	var b bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&b, name, v.htmlFinding(f)); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}
