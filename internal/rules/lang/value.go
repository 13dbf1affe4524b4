package lang

import (
	"math"
	"strconv"
	"strings"
)

// word is the text of a value; a list or a mapping is a problem.
func (v view) word() (string, bool) {
	if !v.given() {
		return "", false
	}
	if v.n.kind != scalar {
		v.bad("a single value should stand here")
		return "", false
	}
	return strings.TrimSpace(v.n.text), true
}

func (v view) str(name string, to *string) {
	if w, ok := v.key(name).word(); ok {
		*to = w
	}
}

// flag reads yes and no in the forms that Suricata knows.
func (v view) flag(name string, to *bool) {
	k := v.key(name)
	w, ok := k.word()
	if !ok {
		return
	}
	if yes, known := isYes(w); known {
		*to = yes
	} else {
		k.bad("%s is neither yes nor no", quote(w))
	}
}

func isYes(w string) (yes, known bool) {
	switch lower(w) {
	case "yes", "true", "on", "1":
		return true, true
	case "no", "false", "off", "0":
		return false, true
	}
	return false, false
}

// either reads yes, no or auto, whatever their form.
func (v view) either(name string, to *string) {
	k := v.key(name)
	w, ok := k.word()
	if !ok {
		return
	}
	yes, known := isYes(w)
	switch {
	case known && yes:
		*to = "yes"
	case known:
		*to = "no"
	case lower(w) == "auto":
		*to = "auto"
	default:
		k.bad("%s is none of yes, no, auto", quote(w))
	}
}

// state reads whether a protocol is switched on.
func (v view) state(name string, to *State) {
	k := v.key(name)
	w, ok := k.word()
	if !ok {
		return
	}
	yes, known := isYes(w)
	switch {
	case known && yes:
		*to = On
	case known:
		*to = Off
	case lower(w) == "detection-only":
		*to = DetectionOnly
	default:
		k.bad("%s is none of yes, no, detection-only", quote(w))
	}
}

func (v view) count(name string, to *uint32) {
	n := uint64(*to)
	v.size(name, &n)
	if n > math.MaxUint32 {
		v.key(name).bad("%d is more than %d", n, uint32(math.MaxUint32))
		return
	}
	*to = uint32(n)
}

// size reads a number of bytes or of anything: "4096", "1 MiB", "10kb", "1.5gb".
func (v view) size(name string, to *uint64) {
	k := v.key(name)
	w, ok := k.word()
	if !ok {
		return
	}
	n, ok := ParseSize(w)
	if !ok {
		k.bad("%s is no size", quote(w))
		return
	}
	*to = n
}

// ParseSize reads a number with a unit; all units are powers of 1024.
func ParseSize(w string) (uint64, bool) {
	i := strings.LastIndexAny(w, "0123456789.") + 1
	unit, factor := lower(strings.TrimSpace(w[i:])), uint64(1)
	switch unit {
	case "":
	case "kb", "kib":
		factor = 1 << 10
	case "mb", "mib":
		factor = 1 << 20
	case "gb", "gib":
		factor = 1 << 30
	default:
		return 0, false
	}
	if n, err := strconv.ParseUint(w[:i], 10, 64); err == nil {
		if n > math.MaxUint64/factor {
			return 0, false
		}
		return n * factor, true
	}
	if strings.Trim(w[:i], "0123456789.") != "" {
		return 0, false // no sign, no exponent
	}
	f, err := strconv.ParseFloat(w[:i], 64)
	if f *= float64(factor); err != nil || f >= math.MaxUint64 {
		return 0, false
	}
	return uint64(f), true
}
