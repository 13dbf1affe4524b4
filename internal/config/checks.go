package config

import (
	"fmt"
	"time"
)

// networkOrStar wants an address, a network or "*".
func networkOrStar(s string) error {
	if s == "*" {
		return nil
	}
	if _, err := parsePrefix(s); err != nil {
		return fmt.Errorf("%q is neither a network nor an address nor *", s)
	}
	return nil
}

// dateOrNothing wants a date, an RFC 3339 time or nothing.
func dateOrNothing(s string) error {
	if s == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return fmt.Errorf("%q is neither a date (2026-12-31) nor a time (2026-12-31T18:00:00Z)", s)
	}
	return nil
}
