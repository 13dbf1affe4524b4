package event

// Tracked is what the kernel's connection tracker says of a connection that passes through it: a witness beside the packets.
// Head's Client and Server are the ends as the packets have them that the client sends, Seen has a time and no frame.
type Tracked struct {
	head Head
	What TrackerSays
	// Inner and Outer are the ends before and behind a translation: Outer.Client is the address that the server sees. Both
	// are the same where nothing is translated.
	Inner, Outer Ends
	// Lost, when not zero, is how many events the kernel had no room for, or more, up to this moment. Nothing else is valid then.
	Lost uint64
}

// Ends are both ends of a connection.
type Ends struct{ Client, Server End }

// TrackerSays is what happened to a connection in the tracker.
type TrackerSays uint8

// What a tracker says.
const (
	TrackerNew    TrackerSays = iota + 1 // it remembers the connection from now on
	TrackerForgot                        // it let the connection go
	TrackerLost                          // events were lost: see Tracked.Lost
)

// Head returns the common part.
func (x *Tracked) Head() *Head { return &x.head }

// NewTracked returns an event with head h.
func NewTracked(h Head) *Tracked {
	h.Kind = KindTracked
	return &Tracked{head: h}
}

// AppendEVE writes nothing: Suricata has no such record.
func (x *Tracked) AppendEVE(dst []byte, _ *EVE) []byte { return dst }
