package standard

import (
	"firestorm/internal/output"
	"firestorm/internal/output/mail"
	"firestorm/internal/output/metrics"
	"firestorm/internal/output/nftset"
	"firestorm/internal/output/sqlite"
	"firestorm/internal/output/syslog"
	"firestorm/internal/output/webhook"
)

// serviceOutputs are those that only the service needs, which is built for Linux alone.
var serviceOutputs = []output.Def{
	mail.Def,
	metrics.Def,
	nftset.Def,
	sqlite.Def,
	syslog.Def,
	webhook.Def,
}
