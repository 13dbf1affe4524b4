//go:build linux

package main

import (
	"bytes"
	"testing"

	"firestorm/internal/packet"
	pt "firestorm/internal/packettest"
)

