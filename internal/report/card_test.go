package report

import (
	"strings"
	"testing"

	"firestorm/internal/finding"
)

// A card is what stands in the page, word for word; hostile text does not get out of it.
func TestCard(t *testing.T) {
	for name, r := range map[string]*Report{"finding": founding(), "cannot tell": oneSided()} {
		page := page1(t, r)
		for _, f := range r.Findings {
			card, err := Card(r, f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(page, strings.TrimSpace(string(card))) || !strings.Contains(string(card), f.ID) {
				t.Errorf("%s: the card is not what the page shows:\n%s", name, card)
			}
		}
	}
	for _, s := range nasty {
		r := hostile(s)
		card, err := Card(r, r.Findings[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script", "<img", " style=", "href=", "ZgotmplZ"} {
			if strings.Contains(string(card), bad) {
				t.Errorf("%q: the card holds %q", s, bad)
			}
		}
	}
	r := founding()
	f := *r.Findings[0]
	f.Confidence = finding.CannotTell
	if card, err := Card(r, &f); err != nil || !strings.Contains(string(card), "cannot tell") && !strings.Contains(string(card), "possible") {
		t.Errorf("%v %s", err, card)
	}
}
