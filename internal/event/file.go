package event

import "firestorm/internal/packet"

// File is what is known of a file when its first byte comes. Its bytes are lent for the call.
type File struct {
	Dir  packet.Dir // the way in which it travels
	Tx   uint64     // number of the transaction in its connection, from 0
	Name []byte     // as its sender, or who asked for it, calls it; empty: nobody says
	// Part: it is a part of a file, from byte From to byte To, both inclusive, of Size bytes. Size is -1 where it is not said.
	Part           bool
	From, To, Size int64
}
