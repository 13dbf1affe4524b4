// Package invariants holds tests of what must be true of every input: the same output for any number of workers, hash
// seed, run and form of the file; no byte kept beyond its time; the same findings however the input is cut.
//
// FIRESTORM_LONG=1 runs the whole of what the normal tier samples.
package invariants

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
