package output

import "strings"

// Records are the kinds of EVE records that are wanted. The zero value wants none.
type Records struct{ names map[string]bool }

// Add wants records of these kinds by EVE's event_type; "anomaly.decode", "anomaly.stream" and "anomaly.applayer" are
// parts of one, "finding" is the alerts that findings become.
func (r *Records) Add(names ...string) {
	if r.names == nil {
		r.names = map[string]bool{}
	}
	for _, n := range names {
		r.names[n] = true
		if kind, _, ok := strings.Cut(n, "."); ok {
			r.names[kind] = true
		}
	}
}

// Has reports whether records of a kind are wanted. All are where r is nil.
func (r *Records) Has(name string) bool { return r == nil || r.names[name] }
