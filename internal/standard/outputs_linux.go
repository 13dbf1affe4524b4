package standard

import (
	"firestorm/internal/output"
	"firestorm/internal/output/sqlite"
)

// serviceOutputs are those that only the service needs, which is built for Linux alone.
var serviceOutputs = []output.Def{
	sqlite.Def,
}
