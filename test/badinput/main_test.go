// Package badinput feeds the sensor what it should survive: every capture of the conformance set, damaged captures,
// and floods made to fill its tables. Nothing may panic, hang, outgrow its memory or go uncounted.
//
// FIRESTORM_LONG=1 runs larger samples.
package badinput

import (
	"os"
	"testing"

	"firestorm/test/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Cleanup()
	os.Exit(code)
}

// seed makes the damage the same on every machine.
const seed = 20031209

// small is the memory limit that bad input runs under.
const small = 64 << 20
