package main

import (
	"slices"
	"strings"

	"firestorm/internal/event"
)

// eveVersion is the Suricata whose records EVE's are like where nothing is said.
const eveVersion = 8

// alertParts are the words of --eve-alert: those of types.alert in suricata.yaml.
var alertParts = []struct {
	word string
	set  func(e *event.EVE)
}{
	{"payload", func(e *event.EVE) { e.Alert.Payload = true }},
	{"payload-printable", func(e *event.EVE) { e.Alert.PayloadPrintable = true }},
	{"payload-length", func(e *event.EVE) { e.Alert.PayloadLength = true }},
	{"packet", func(e *event.EVE) { e.Alert.Packet = true }},
	{"reference", func(e *event.EVE) { e.Alert.References = true }},
	{"raw", func(e *event.EVE) { e.Alert.RuleText = true }},
	{"verdict", func(e *event.EVE) { e.Alert.Verdict = true }},
	{"ethernet", func(e *event.EVE) { e.Ethernet = true }},
	{"no-app-layer", func(e *event.EVE) { e.Alert.NoApp = true }},
	{"no-flow", func(e *event.EVE) { e.Alert.NoFlow = true }},
	{"no-metadata", func(e *event.EVE) { e.Alert.NoMetadata, e.Alert.NoVars = true, true }},
}

// alertWords are the words of --eve-alert.
func alertWords() []string {
	var words []string
	for _, p := range alertParts {
		words = append(words, p.word)
	}
	return words
}

// records reads how EVE's records look.
func (r *rawRead) records(e *event.EVE) error {
	if r.eveVersion == 0 {
		r.eveVersion = eveVersion
	}
	if r.eveVersion != 7 && r.eveVersion != 8 {
		return usagef("--eve-version 8", "--eve-version: records of Suricata %d are not written, those of 7 and 8 are", r.eveVersion)
	}
	e.Version = r.eveVersion
	for _, w := range r.eveAlert {
		w = strings.ToLower(strings.TrimSpace(w))
		i := slices.Index(alertWords(), w)
		if i < 0 {
			return usagef("--eve-alert payload,packet", "--eve-alert does not know %q; it knows %s", w, strings.Join(alertWords(), ", "))
		}
		alertParts[i].set(e)
	}
	return nil
}

// records is what EVE's records need from outside the events.
func (o *readOptions) records(in *input) event.EVE {
	e := o.EVE
	e.File = in.name
	return e
}
