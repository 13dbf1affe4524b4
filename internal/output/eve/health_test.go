package eve

import (
	"os"
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// TestHealth: how the place is that records go to is known of the output too, so that a watch whose disk is full is not well.
func TestHealth(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here: a file that takes nothing; try: on Linux")
	}
	s, err := output.OpenSink("/dev/full", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := New(output.Setup{Out: s})
	if h := o.Health(); !h.Up {
		t.Errorf("before: %+v", h)
	}
	f := &finding.Finding{ID: "FS-abc234", Code: &finding.Code{ID: "x"}, Severity: finding.High, Confidence: finding.Certain}
	if err := o.Finding(f); err != nil {
		t.Fatal(err)
	}
	if err := o.Flush(); err != nil {
		t.Fatal(err)
	}
	if h := o.Health(); h.Up || h.Lost != 1 || !strings.Contains(h.Err, "no space") {
		t.Errorf("a full disk: %+v", h)
	}
	if h := New(output.Setup{Out: &strings.Builder{}}).Health(); !h.Up {
		t.Errorf("a place that knows nothing: %+v", h)
	}
}
