package report

import (
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/markup"
)

// A card is what stands in the page, word for word; hostile text does not get out of it.
func TestCard(t *testing.T) {
	for name, r := range map[string]*Report{"finding": founding(), "cannot tell": oneSided()} {
		page := page1(t, r)
		for _, f := range r.Findings {
			card := string(markup.Bytes(Card(r, f)))
			if !strings.Contains(page, strings.TrimSpace(card)) || !strings.Contains(card, f.ID) {
				t.Errorf("%s: the card is not what the page shows:\n%s", name, card)
			}
		}
	}
	for _, s := range nasty {
		r := hostile(s)
		card := string(markup.Bytes(Card(r, r.Findings[0])))
		for _, bad := range []string{"<script", "<img", " style=", "href="} {
			if strings.Contains(card, bad) {
				t.Errorf("%q: the card holds %q", s, bad)
			}
		}
	}
	r := founding()
	f := *r.Findings[0]
	f.Confidence = finding.CannotTell
	if card := string(markup.Bytes(Card(r, &f))); !strings.Contains(card, "cannot tell") && !strings.Contains(card, "possible") {
		t.Error(card)
	}
}
