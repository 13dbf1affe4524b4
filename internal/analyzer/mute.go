package analyzer

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Mute is the protocol recognised but not read: its connections are named, and no event comes of them.
func (d Def) Mute() Def {
	if d.Stream != nil {
		d.Stream = func(Options) (StreamAnalyzer, error) { return mute{}, nil }
	}
	if d.Message != nil {
		d.Message = func(Options) (MessageAnalyzer, error) { return muteMessages{}, nil }
	}
	return d
}

// mute reads nothing.
type mute struct{}

func (mute) Data(c *Context, _ packet.Dir, _ []byte) { c.Done() }
func (mute) Gap(c *Context, _ packet.Dir, _ uint64)  { c.Done() }
func (mute) Close(*Context, packet.Dir, stream.End)  {}
func (mute) Reset()                                  {}

type muteMessages struct{}

func (muteMessages) Message(c *Context, _ packet.Dir, _ []byte) { c.Done() }
func (muteMessages) Close(*Context, event.EndReason)            {}
func (muteMessages) Reset()                                     {}
