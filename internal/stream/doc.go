// Package stream puts TCP segments in order (RFC 9293) and hands the bytes to a Sink.
//
// Data is released when the receiver acknowledges it: only then is it settled which bytes the target took. Until
// then it is kept, and where segments overlap the policy of the target decides (Policy). Data is released earlier
// only where no acknowledgement can come: at the end of the flow, when the other side is never seen, and when the
// memory limit asks for it. What was acknowledged and never seen is a gap. Neither the bytes that a sink gets nor
// their order depend on how they were cut into segments.
//
// A Shard belongs to one goroutine. Its clock is the packets' time. A connection costs memory only after Open, and
// buffers only while data waits.
package stream
