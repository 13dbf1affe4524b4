package event

import "firestorm/internal/packet"

// Parts is what rules can look at of one side of a transaction: what detectors and outputs see of a protocol is what rules
// see.
type Parts interface {
	// EachBuffer calls f for each part, by the rule language's name for it; several parts may have one name. What is not
	// there is not given: an empty part is one that is there. The bytes are good until the rules have looked at them all.
	EachBuffer(f func(name string, b []byte))
}

// Inspection is what there is to see now of one side of a transaction. The same transaction may come again with more of it.
type Inspection struct {
	Dir  packet.Dir // the way in which the parts travelled
	Tx   uint64     // number of the transaction in its connection, from 0
	Done bool       // no more of this side comes: what is not given is absent
	// Partial: what is not given is of no such transaction, so that nothing is absent.
	Partial bool
	Parts   Parts
	// Events are what was odd in this side so far, by Suricata's names without the protocol ("invalid_host_header"): what
	// app-layer-event asks for. They come again each time, with all that came since. Lent, as the parts.
	Events []string
}

// Windowed is what Parts may be as well where long parts are shown piece by piece.
type Windowed interface {
	// Window says of a part where in it the piece at hand begins, and whether its end is in sight.
	Window(name string) (from uint64, end bool)
}

// AppObject is what Parts may be as well: it writes what an alert says of the transaction, such as "http":{…}, without
// commas around.
type AppObject interface {
	AppendAppObject(dst []byte) []byte
}

// FileKeeper is what Parts that speak of a file may be as well: a rule with filestore asks for the file to be kept.
type FileKeeper interface {
	KeepFile(sid uint32)
}

// Muter is what Parts may be as well: a rule with config switches the record of the transaction off.
type Muter interface {
	// Mute switches it off: Head.Quiet.
	Mute()
	// Pair is a number that a message and its answer share where each has a record of its own; false: there is one record.
	Pair() (id uint64, ok bool)
}

// FileTeller is a file of which records that name others beside it can be told.
type FileTeller interface {
	Facts() FileFacts
}
