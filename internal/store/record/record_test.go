package record

import (
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var code = &finding.Code{ID: "tcp-closed-port", Kind: finding.Diagnosis, Severity: finding.Low}

func found(c *finding.Code) *finding.Finding {
	ref := packet.Ref{Frame: 1, Time: 5}
	return &finding.Finding{ID: "FS-1", Revision: 1, Code: c, Severity: finding.Low, Confidence: finding.Likely, Title: "a\xff\x1b", Facts: []finding.Fact{{Text: "b", Refs: []packet.Ref{ref}}},
		Gates: []finding.GateResult{{Gate: finding.GateTwoWay, Caps: finding.Possible}}, First: ref, Last: ref, Count: 1}
}

// FuzzDecode: what is no finding is refused; what is one can be written again.
func FuzzDecode(f *testing.F) {
	for _, c := range []*finding.Code{code, {ID: "x"}} {
		b, err := Encode(&Record{Finding: found(c), Files: []string{"a"}, Names: []Name{{Name: "x"}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b, map[string]*finding.Code{code.ID: code})
		if err != nil {
			return
		}
		_ = r.Finding.Severity.String() + r.Finding.Confidence.String()
		for _, g := range r.Finding.Gates {
			_ = g.Gate.String() + g.Caps.String()
		}
		if _, err := Encode(r); err != nil && !strings.Contains(err.Error(), "more than") {
			t.Error(err)
		}
	})
}
