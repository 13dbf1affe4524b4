package lang

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// ThresholdKind is what a line of threshold.config does with the alerts of a rule.
type ThresholdKind uint8

// Kinds of lines.
const (
	Suppress   ThresholdKind = iota // no alert, or none for the addresses given
	Limit                           // threshold and event_filter: how many alerts are shown
	RateFilter                      // another action once a rate is passed
)

// LimitType is the type of a threshold.
type LimitType uint8

// Types of thresholds.
const (
	TypeNone      LimitType = iota // of a suppress, a rate_filter, a detection_filter
	TypeLimit                      // the first Count in Seconds
	TypeThreshold                  // each Count-th in Seconds
	TypeBoth                       // one in Seconds, once Count are reached
	TypeBackoff                    // the Count-th, then each time Multiplier times as many
)

// Track is what a threshold counts by.
type Track uint8

// What a threshold counts by, or whose address a suppress looks at.
const (
	TrackNone Track = iota // not given
	BySrc                  // the source address
	ByDst                  // the destination address
	ByEither               // suppress only: one of both addresses
	ByBoth                 // the pair of addresses
	ByRule                 // the rule alone
	ByFlow                 // the connection
)

// Threshold is a line of threshold.config, or the value of the options threshold and detection_filter.
type Threshold struct {
	Place
	Kind ThresholdKind
	// GID and SID: 0 stands for all. SID is 0 wherever GID is.
	GID, SID   uint32
	Type       LimitType
	Track      Track
	Count      uint32
	Seconds    uint32
	Multiplier uint32 // of TypeBackoff
	NewAction  Action // of RateFilter
	Timeout    uint32 // of RateFilter: seconds that NewAction stays
	IP         string // of Suppress: an expression for Addrs; empty: all addresses
	UniqueOn   string // of detection_filter: what must differ to count, "src_port" or "dst_port"; empty: nothing
}

// Thresholds reads threshold.config: suppress, threshold, event_filter and rate_filter.
func Thresholds(name string, r io.Reader) ([]Threshold, []Problem, error) {
	var out []Threshold
	problems, err := configLines(name, r, func(text string, at Place) *fault {
		t, f := thresholdLine(text)
		if f == nil {
			t.Place = at
			out = append(out, t)
		}
		return f
	})
	return out, problems, err
}

// ThresholdOption reads the value of the rule options threshold ("type limit, track by_src, count 1, seconds 60") and
// detection_filter (the same without a type). Text after a field's value, and after type, track, count and seconds, means
// nothing: in published rules it is what follows a forgotten semicolon, and Suricata runs them.
func ThresholdOption(value string) (Threshold, error) {
	t := thresholdFields{Threshold: Threshold{Kind: Limit}, option: true}
	f := t.read(value)
	if f == nil || t.given["type"] && t.given["track"] && t.given["count"] && t.given["seconds"] {
		f = t.check("track", "count")
	}
	if f != nil {
		return Threshold{}, errors.New(strings.TrimPrefix(f.option+": "+f.reason, ": "))
	}
	return t.Threshold, nil
}

func thresholdLine(text string) (Threshold, *fault) {
	var t thresholdFields
	need := []string{"gen_id", "sig_id"}
	verb, rest := text, ""
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		verb, rest = text[:i], text[i:]
	}
	switch verb {
	case "suppress":
		t.Kind = Suppress
	case "threshold", "event_filter":
		t.Kind = Limit
		need = append(need, "type", "track", "count")
	case "rate_filter":
		t.Kind = RateFilter
		need = append(need, "track", "count", "seconds", "new_action", "timeout")
	default:
		return t.Threshold, faultf("", "%s is none of suppress, threshold, event_filter, rate_filter", quote(verb))
	}
	f := t.read(rest)
	if f == nil {
		f = t.check(need...)
	}
	return t.Threshold, f
}

// thresholdFields is a threshold while it is read.
type thresholdFields struct {
	Threshold
	option bool // it is the value of an option, not a line
	given  map[string]bool
}

var limitTypes = map[string]LimitType{"limit": TypeLimit, "threshold": TypeThreshold, "both": TypeBoth, "backoff": TypeBackoff}

var tracks = map[string]Track{"by_src": BySrc, "by_dst": ByDst, "by_either": ByEither, "by_both": ByBoth, "by_rule": ByRule,
	"by_flow": ByFlow}

// read takes pairs of name and value between commas, in any order.
func (t *thresholdFields) read(text string) *fault {
	t.given = map[string]bool{}
	for more := "," + text; more != ""; {
		var item string
		var err error
		if item, more, err = cutItem(more[1:]); err != nil {
			return faultf("", "%s", err)
		}
		i := strings.IndexAny(item, " \t")
		if i < 0 {
			return faultf("", "%s is no name with a value", quote(item))
		}
		name, value := lower(item[:i]), strings.TrimSpace(item[i:])
		if t.option {
			value, _, _ = strings.Cut(value, " ")
		}
		if t.given[name] {
			return faultf(name, "%s is given twice", name)
		}
		t.given[name] = true
		if f := t.field(name, value); f != nil {
			return f
		}
	}
	return nil
}

func (t *thresholdFields) field(name, value string) *fault {
	ok := true
	switch name {
	case "type":
		t.Type, ok = limitTypes[lower(value)]
	case "track":
		t.Track, ok = tracks[lower(value)]
	case "new_action":
		t.NewAction, ok = actions[lower(value)]
	case "unique_on":
		t.UniqueOn = lower(value)
		ok = t.option && (t.UniqueOn == "src_port" || t.UniqueOn == "dst_port")
	case "ip":
		t.IP = value
		// Variables are known only where the threshold is used.
		if _, err := Addrs(value, nil); err != nil && !strings.Contains(value, "$") {
			return faultf(name, "%s", err)
		}
	case "gen_id", "sig_id", "count", "seconds", "timeout", "multiplier":
		n, err := strconv.ParseUint(value, 10, 32)
		ok = err == nil
		*map[string]*uint32{"gen_id": &t.GID, "sig_id": &t.SID, "count": &t.Count, "seconds": &t.Seconds,
			"timeout": &t.Timeout, "multiplier": &t.Multiplier}[name] = uint32(n)
	default:
		return faultf("", "there is no field %s", quote(name))
	}
	if !ok {
		return faultf(name, "%s has no meaning here", quote(value))
	}
	return nil
}

// check refuses what is incomplete or contradicts itself.
func (t *thresholdFields) check(need ...string) *fault {
	switch t.Type {
	case TypeBackoff:
		need = append(need, "multiplier")
	default:
		if t.Kind == Limit {
			need = append(need, "seconds")
		}
	}
	if t.given["ip"] {
		need = append(need, "track")
	}
	if t.given["track"] && t.Kind == Suppress {
		need = append(need, "ip")
	}
	for _, n := range need {
		if !t.given[n] {
			return faultf(n, "%s is missing", n)
		}
	}
	switch {
	case t.GID == 0 && t.SID != 0:
		return faultf("gen_id", "gen_id 0 means all rules and wants sig_id 0")
	case t.given["count"] && t.Count == 0:
		return faultf("count", "count must be 1 or more")
	case t.Kind == Suppress && t.Track > ByEither, t.Kind != Suppress && t.Track == ByEither:
		return faultf("track", "a suppress counts by_src, by_dst or by_either, which others do not know")
	case t.Type == TypeBackoff && t.given["track"] && t.Track != ByFlow:
		return faultf("track", "a backoff counts by_flow")
	case t.UniqueOn != "" && t.Type != TypeNone:
		return faultf("unique_on", "only a detection_filter has unique_on")
	case t.given["ip"] && t.Kind != Suppress:
		return faultf("ip", "only a suppress has an ip")
	}
	return nil
}
