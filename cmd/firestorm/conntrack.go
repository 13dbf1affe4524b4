package main

import (
	"fmt"
	"os"

	"firestorm/internal/tracker"
)

// conntrackLog makes the events in a log of conntrack a witness of the run. Empty: there is none.
func (n *analysis) conntrackLog(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return openFailure(name, err)
	}
	n.closers = append(n.closers, func() { f.Close() })
	n.tracked = tracker.NewLog(f)
	n.opt.Witness = n.tracked
	return nil
}

// trackedWarnings says what of the log was not understood.
func (n *analysis) trackedWarnings() (out []string) {
	if n.tracked == nil {
		return nil
	}
	for n.tracked.Next() != nil { // what is later than the last packet
	}
	if err := n.tracked.Err(); err != nil {
		out = append(out, fmt.Sprintf("%s cannot be read to its end: %v", n.o.Conntrack, err))
	}
	switch c := n.tracked.Counts(); {
	case c.Events == 0:
		out = append(out, fmt.Sprintf("%s has no event of a connection tracker: it is to be what conntrack -E -o timestamp,extended prints", n.o.Conntrack))
	case n.tracked.Unread() > 1: // the program's own last line is none
		out = append(out, fmt.Sprintf("%d lines of %s are no events of a connection tracker", n.tracked.Unread(), n.o.Conntrack))
	}
	return out
}
