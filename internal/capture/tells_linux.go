package capture

// TellsJoined reports that this kernel says of what sizes it, or a card, joined packets, so that live capture knows the
// sizes on the wire although the joining is on.
func TellsJoined() bool { return tellsJoined() }
