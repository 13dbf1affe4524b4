// Package analyzer is the contract of protocol analyzers, and what brings bytes to them: probing, dispatch,
// expectations and containment.
//
// A protocol is one folder with a Def and one line in the list that the program starts with. Which analyzer gets a
// flow is decided by its bytes; ports only say who is asked first. A Dispatcher serves one shard and belongs to one
// goroutine. A panic in an analyzer ends the analysis of that flow, is counted and reported, and stops nothing else.
package analyzer
