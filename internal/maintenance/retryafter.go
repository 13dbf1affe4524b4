package maintenance

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseRetryAfter reads the field Retry-After: seconds, or a date (RFC 9110 10.2.3). now is the moment of the answer. A
// date that is over gives a negative duration. False: it is neither.
func ParseRetryAfter(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 31); err == nil && s[0] != '+' {
		return time.Duration(n) * time.Second, true
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return t.Sub(now.Truncate(time.Second)), true
}
