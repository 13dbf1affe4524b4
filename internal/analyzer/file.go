package analyzer

import (
	"firestorm/internal/event"
	"firestorm/internal/flow"
)

// FileSink takes the files that transactions carry, from all readers of a shard.
type FileSink interface {
	// Takes reports whether anybody wants files of that kind of transaction.
	Takes(kind string) bool
	// Open begins a file of the flow of h. nil: it is not wanted.
	Open(c *Context, kind string, h flow.Handle, f event.File) OpenFile
}

// OpenFile is a file that is coming. Its bytes come in order, without what they were packed in to travel (codings, chunks,
// lines of mail). After End it is asked for its parts until the reader returns from the call at hand, and is not touched any
// more. A reader that failed ends none: who takes files forgets those of a flow when it ends.
type OpenFile interface {
	// Data brings its next bytes, lent.
	Data(c *Context, b []byte)
	// Gap says that the next n bytes are missing. 0: so many as nobody knows.
	Gap(c *Context, n uint64)
	// Stop says that no more comes; whole, that its end was seen. Its record waits for End, where what it says of the
	// transaction is not complete yet.
	Stop(c *Context, whole bool)
	// End says that no more comes, unless Stop did. app writes what a record says of the transaction.
	End(c *Context, whole bool, app event.AppObject)
	// EachBuffer gives what rules can ask of the file (event.Parts), file.name and the like, but for file.data: that is its
	// reader's, who shows it with the other parts of the transaction.
	event.Parts
}
