package packet

import "time"

// Time is a packet's capture time in nanoseconds since 1970-01-01 UTC. It is the only clock of the program.
type Time int64

// Std returns t as a UTC time.Time.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// Sub returns t-u, saturating instead of wrapping: absurd capture times must not turn a span negative.
func (t Time) Sub(u Time) time.Duration {
	d := int64(t) - int64(u)
	if (d < 0) == (t < u) {
		return time.Duration(d)
	}
	if t > u {
		return 1<<63 - 1
	}
	return -1 << 63
}

// Add returns t+d, saturating.
func (t Time) Add(d time.Duration) Time {
	s := int64(t) + int64(d)
	if d > 0 && s < int64(t) {
		return 1<<63 - 1
	}
	if d < 0 && s > int64(t) {
		return -1 << 63
	}
	return Time(s)
}

// Ref is a frame as proof. It is comparable and outlives the frame's bytes. The zero Ref points nowhere.
type Ref struct {
	Frame  uint64 // 1-based number in its source
	Time   Time
	Source uint16 // index of file or interface
}

// Earlier is the Source of a frame that an earlier run of the sensor saw, and that is remembered: its time is right, the frame
// is in no input of this run.
const Earlier = ^uint16(0)

// IsZero reports that r points nowhere.
func (r Ref) IsZero() bool { return r.Frame == 0 }
