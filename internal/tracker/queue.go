package tracker

import (
	"sync"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// most bounds the events that wait to be taken. The sensor takes them many times a second.
const most = 65536

// queue holds events between who reads them from the kernel and the sensor.
type queue struct {
	mu     sync.Mutex
	events []*event.Tracked
	lost   uint64 // since the last event that says so
	lostAt packet.Time
	total  Counts
}

// Counts is what came from the tracker.
type Counts struct {
	Events uint64
	Lost   uint64 // that the kernel or the queue had no room for: at least so many
}

// put adds events; those without room count as lost.
func (q *queue) put(xs []*event.Tracked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, x := range xs {
		if len(q.events) >= most {
			q.missed(1, x.Head().Seen.Time)
			continue
		}
		q.total.Events++
		q.events = append(q.events, x)
	}
}

// lose counts events that the kernel did not deliver; it does not say how many.
func (q *queue) lose(n uint64, at packet.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.missed(n, at)
}

func (q *queue) missed(n uint64, at packet.Time) {
	q.lost += n
	q.lostAt = at
	q.total.Lost += n
}

// Next returns the oldest event, nil when there is none now. What was lost is said by an event of its own, first.
func (q *queue) Next() *event.Tracked {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lost > 0 {
		x := event.NewTracked(event.Head{Seen: packet.Ref{Time: q.lostAt}})
		x.What, x.Lost = event.TrackerLost, q.lost
		q.lost = 0
		return x
	}
	if len(q.events) == 0 {
		return nil
	}
	x := q.events[0]
	q.events[0] = nil
	if q.events = q.events[1:]; len(q.events) == 0 {
		q.events = nil // the room goes back
	}
	return x
}

// Told is Counts in plain numbers, for the sensor's status.
func (q *queue) Told() (events, lost uint64) {
	c := q.Counts()
	return c.Events, c.Lost
}

// Counts returns what came so far.
func (q *queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}
