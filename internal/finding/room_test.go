package finding

import (
	"fmt"
	"testing"
)

// TestMonths: a run without an end always has room for the next finding; what it let go is told as closed, once.
func TestMonths(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("x")}, MaxGroups: 40, MaxInstances: 200})
	told, closed := map[string]bool{}, map[string]bool{}
	for hour := range 2000 {
		at := float64(hour * 3600)
		for k := range 5 {
			e.Report(&Instance{Code: "x", Key: fmt.Sprint(hour), First: ref(uint64(hour*5+k+1), at), Last: ref(uint64(hour*5+k+1), at), Data: said{Certain, ""}, Client: addr("10.0.0.1")})
		}
		for s := range 40 {
			for _, f := range e.Tick(ref(1, at+float64(s)*60).Time) {
				told[f.ID] = true
			}
			for _, f := range e.Closed() {
				if f.State != Closed || closed[f.ID] || !told[f.ID] {
					t.Fatalf("hour %d: %s is %s", hour, f.ID, f.State)
				}
				closed[f.ID] = true
			}
			if len(e.list) > 40 || len(e.groups) != len(e.list) || e.held > 200 {
				t.Fatalf("hour %d: %d groups, %d instances", hour, len(e.list), e.held)
			}
		}
	}
	if len(told) != 2000 || e.Counts.DroppedMax != 0 {
		t.Errorf("%d findings of 2000 told, %d instances dropped", len(told), e.Counts.DroppedMax)
	}
	last := e.End(ref(1, 2000*3600).Time)
	if rest := e.Findings(); len(rest)+len(closed) != 2000 || e.Counts.Closed != len(closed) || len(rest) < 10 || len(last) == 0 {
		t.Errorf("%d at the end, %d closed, %d counted", len(rest), len(closed), e.Counts.Closed)
	}
}

// TestHurriedEnd: an end in a hurry leaves what was told as it is, and says how much it left.
func TestHurriedEnd(t *testing.T) {
	for _, hurry := range []bool{false, true} {
		e := engine(t, Options{Codes: []*Code{code("x")}, Hurry: func() bool { return hurry }})
		e.Report(inst("x", "told", 1, 1, Likely))
		if fs := e.Tick(ref(1, 100).Time); len(fs) != 1 {
			t.Fatalf("%d findings told", len(fs))
		}
		e.Report(inst("x", "new", 2, 100, Likely))
		e.End(ref(1, 101).Time)
		want := 2
		if hurry {
			want = 1
		}
		if fs := e.Findings(); len(fs) != want || e.Counts.Hurried != 2*(2-want) {
			t.Errorf("hurry %v: %d findings, %d left", hurry, len(fs), e.Counts.Hurried)
		}
	}
}

// TestYoungStay: what happened within the last hour is not let go, however full it is.
func TestYoungStay(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("x")}, MaxGroups: 8, MaxInstances: 200})
	for k := range 8 {
		e.Report(&Instance{Code: "x", Key: fmt.Sprint(k), First: ref(uint64(k+1), float64(k)), Last: ref(uint64(k+1), float64(k)), Data: said{Certain, ""}, Client: addr("10.0.0.1")})
	}
	for _, at := range []float64{600, 3000} {
		e.Tick(ref(1, at).Time)
		if c := e.Closed(); len(c) != 0 || len(e.list) != 8 {
			t.Fatalf("at %v s: %d closed, %d left", at, len(c), len(e.list))
		}
	}
	e.Tick(ref(1, 3700).Time)
	if c := e.Closed(); len(c) == 0 {
		t.Error("nothing was let go after an hour")
	}
}
