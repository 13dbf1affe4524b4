//go:build !linux

package standard

import "firestorm/internal/output"

// serviceOutputs are those that only the service needs: none here.
var serviceOutputs []output.Def
