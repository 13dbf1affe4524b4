package pcapng

import (
	"bytes"
	"io"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

func found(id string, c finding.Confidence, frame uint64) *finding.Finding {
	return &finding.Finding{ID: id, Code: &finding.Code{ID: "x"}, Title: "title of " + id, Confidence: c,
		Evidence: []finding.Proof{{Ref: packet.Ref{Frame: frame}, Role: "role"}}}
}

func TestOutput(t *testing.T) {
	var b bytes.Buffer
	o, err := New(output.Setup{Out: &b, Fetch: func(want []packet.Ref, give func(p *packet.Packet) error) error {
		for _, r := range want {
			p := packet.Packet{Data: []byte{byte(r.Frame)}, Frame: r.Frame, Link: packet.LinkRaw, WireLen: 1}
			if err := give(&p); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	muted := found("muted", finding.Certain, 4)
	muted.MutedBy = "known"
	for _, f := range []*finding.Finding{found("a", finding.Likely, 1), found("b", finding.Certain, 2), found("guess", finding.Possible, 3), muted,
		found("a", finding.Certain, 5)} {
		if err := o.Finding(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	r := pcapfile.NewReader(&b, pcapfile.Options{})
	var got []byte
	for {
		var rec pcapfile.Record
		if err := r.Next(&rec); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec.Data[0])
	}
	if string(got) != "\x02\x05" { // the second revision of a took the place of the first
		t.Errorf("frames %v", got)
	}
	if o.Result.Frames != 2 {
		t.Errorf("%+v", o.Result)
	}
}

func TestNeedsASecondPass(t *testing.T) {
	if _, err := New(output.Setup{Out: &bytes.Buffer{}}); err == nil {
		t.Error("no error")
	}
}
