//go:build !linux

package main

import (
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// far are the outputs of watch, which is there on Linux alone.
type far struct{}

func (*far) times(begin, now packet.Time) {}

func (*far) decided(*finding.Finding) {}

func (*far) news(*finding.Finding) {}
