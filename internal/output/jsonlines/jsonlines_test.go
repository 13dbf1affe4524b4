package jsonlines

import (
	"bytes"
	"errors"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/output"
)

func TestLines(t *testing.T) {
	var b bytes.Buffer
	o, err := New(output.Setup{Out: &b,
		FindingJSON: func(dst []byte, f *finding.Finding) []byte { return append(append(dst, f.ID...), '!') },
		SummaryJSON: func(dst []byte) []byte { return append(dst, "sum"...) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if err := o.Finding(&finding.Finding{ID: id, Confidence: finding.CannotTell}); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Event(nil); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 0 {
		t.Error("written before the flush")
	}
	if err := o.Flush(); err != nil || b.String() != "a!\nb!\n" {
		t.Errorf("%v, %q", err, b.String())
	}
	if err := o.Close(); err != nil || b.String() != "a!\nb!\nsum\n" {
		t.Errorf("%v, %q", err, b.String())
	}
}

func TestNeedsAForm(t *testing.T) {
	if _, err := New(output.Setup{Out: &bytes.Buffer{}}); err == nil {
		t.Error("no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestSaysThatItCannotWrite(t *testing.T) {
	o, err := New(output.Setup{Out: broken{}, FindingJSON: func(dst []byte, f *finding.Finding) []byte { return append(dst, '1') }})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Finding(&finding.Finding{}), o.Close()); err == nil {
		t.Error("a full disk was not noticed")
	}
}
