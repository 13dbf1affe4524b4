// Package standard lists what the program is made of. Adding a detector is its folder and one line here.
//
// The lists are ordered: the order is part of the output for equal inputs. Nothing else belongs in this package.
package standard

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/arp"
	"firestorm/internal/detect"
	"firestorm/internal/detect/acceptqueue"
	"firestorm/internal/detect/asymmetric"
	"firestorm/internal/detect/duplicate"
	"firestorm/internal/detect/idle"
	"firestorm/internal/detect/loss"
	"firestorm/internal/detect/pmtud"
	"firestorm/internal/detect/refused"
	"firestorm/internal/detect/routingloop"
	"firestorm/internal/detect/scan"
	"firestorm/internal/detect/serverslow"
	"firestorm/internal/detect/stalled"
	"firestorm/internal/detect/synflood"
	"firestorm/internal/detect/synsilent"
	"firestorm/internal/detect/tcpodd"
	"firestorm/internal/detect/timewait"
	"firestorm/internal/detect/unreachable"
	"firestorm/internal/detect/wscale"
	"firestorm/internal/detect/zerowindow"
	"firestorm/internal/output"
	"firestorm/internal/output/eve"
	"firestorm/internal/output/jsonlines"
	"firestorm/internal/output/pcapng"
)

// Analyzers read protocols, asked in this order.
var Analyzers = []analyzer.Def{
	arp.Def,
}

// Detectors answer questions from events, in this order.
var Detectors = []detect.Def{
	acceptqueue.Def,
	asymmetric.Def,
	duplicate.Def,
	idle.Def,
	loss.Def,
	pmtud.Def,
	refused.Def,
	routingloop.Def,
	scan.Def,
	serverslow.Def,
	stalled.Def,
	synflood.Def,
	synsilent.Def,
	tcpodd.Def,
	timewait.Def,
	unreachable.Def,
	wscale.Def,
	zerowindow.Def,
}

// Outputs write what was observed and concluded.
var Outputs = []output.Def{
	eve.Def,
	jsonlines.Def,
	pcapng.Def,
}
