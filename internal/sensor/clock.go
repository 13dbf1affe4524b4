package sensor

import (
	"time"

	"firestorm/internal/packet"
)

// clock is the time that the whole sensor agrees on: the highest packet time so far, wary of absurd stamps.
//
// A step back of a second or more is a clock that was set: the sensor follows it. A leap of over an hour is believed
// when the next packet confirms it; a single stray stamp would otherwise time out every connection.
type clock struct {
	now   packet.Time
	last  packet.Ref
	leap  packet.Ref // unconfirmed leap
	begun bool
}

const (
	stepBack = time.Second
	leapOver = time.Hour
)

// jump is a step of the clock between two packets.
type jump struct{ from, to packet.Ref }

// steady takes the next packet's time when it is what nearly all are: as late as the clock or a little later. False
// means that it took nothing and see must.
func (c *clock) steady(r packet.Ref) bool {
	if !c.begun || r.Time < c.now || uint64(r.Time)-uint64(c.now) > uint64(leapOver) || !c.leap.IsZero() {
		return false
	}
	c.now, c.last = r.Time, r
	return true
}

// see takes the next packet's time and reports a jump of the clock, if this packet completes one.
func (c *clock) see(r packet.Ref) (j jump, jumped bool) {
	defer func() { c.last = r }()
	if !c.begun {
		c.begun, c.now = true, r.Time
		return
	}
	d := r.Time.Sub(c.now)
	switch {
	case d > leapOver:
		if c.leap.IsZero() || r.Time.Sub(c.leap.Time) > leapOver || c.leap.Time.Sub(r.Time) > leapOver {
			c.leap = r
			return
		}
		j, jumped = jump{c.last, c.leap}, true
		j.from.Time = c.now
		c.now, c.leap = max(r.Time, c.leap.Time), packet.Ref{}
	case d > 0:
		c.now, c.leap = r.Time, packet.Ref{}
	case -d >= stepBack:
		j, jumped = jump{c.last, r}, true
		j.from.Time = c.now
		c.now, c.leap = r.Time, packet.Ref{}
	}
	return
}

// pass lets time pass without a packet, by an hour at most; false: nothing changed.
func (c *clock) pass(now packet.Time) bool {
	if !c.begun || now <= c.now || now.Sub(c.now) > leapOver {
		return false
	}
	c.now = now
	return true
}
