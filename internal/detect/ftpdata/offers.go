package ftpdata

import (
	"net/netip"
	"time"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// offerKey is where a data connection was to go.
type offerKey struct {
	vantage uint16
	to      event.End
}

// offer is an address that the control channel named.
type offer struct {
	ses     *session
	to      event.End
	from    packet.Addr // who is to connect
	true    packet.Addr // the address of the side that offered, as the control channel shows it
	command string      // PASV, PORT, EPRT
	seen    packet.Ref  // the frame that names it
	passive bool
	key     offerKey
}

// foreign reports that the address is not that of the side that offered it.
func (o *offer) foreign() bool { return o.to.Addr != o.true }

// offer keeps what PASV, PORT or EPRT arranged.
func (d *detector) offer(s *session, x *ftp.Exchange) {
	h := x.Head()
	o := &offer{ses: s, to: x.Channel.End, command: x.Command, seen: h.Seen, passive: x.Channel.Passive, from: s.client.Addr, true: s.server.Addr,
		key: offerKey{s.vantage, x.Channel.End}}
	if !o.passive {
		o.from, o.true, o.seen = s.server.Addr, s.client.Addr, x.Request
	}
	if o.passive && x.Code()/100 != 2 {
		return
	}
	if !o.passive && x.Code()/100 == 5 && o.foreign() && private(o.to.Addr) {
		// The server refuses to call an address that is not the client's (RFC 2577 3).
		d.reportPrivate(&failure{how: unseen, ses: s, offer: o, client: o.from, reply: h.Seen, code: x.Code()}, h)
		return
	}
	s.offered = o
	for len(d.queue) >= max(d.scope.Limits.Entries, 1) {
		d.scope.Forgot("ftpdata", "announced connections", s.client.Addr, s.server.Addr)
		delete(d.offers, d.queue[0])
		d.queue = d.queue[1:]
	}
	if d.offers[o.key] == nil {
		d.queue = append(d.queue, o.key)
	}
	d.offers[o.key] = o
}

// ageOffers forgets what nobody took up.
func (d *detector) ageOffers(now packet.Time) {
	for len(d.queue) > 0 {
		o := d.offers[d.queue[0]]
		if o != nil && now.Sub(o.seen.Time) <= 5*time.Minute {
			return
		}
		delete(d.offers, d.queue[0])
		d.queue = d.queue[1:]
	}
}

func (d *detector) reportPrivate(x *failure, h *event.Head) {
	o := x.offer
	last := h.Seen
	if x.flow != nil {
		last = x.flow.Last
	}
	d.scope.Report(&finding.Instance{Code: Private, Key: o.ses.key() + " " + o.to.Addr.String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: x.client, Server: o.to.Addr,
		Port: o.to.Port, First: o.seen, Last: last, Data: x, Covers: o.ses.cover()})
}

// private reports an address that is reached only inside its own network (RFC 1918, RFC 4193, RFC 3927, RFC 6598).
func private(a packet.Addr) bool {
	n := a.Netip()
	return n.IsPrivate() || n.IsLinkLocalUnicast() || n.IsLoopback() || shared.Contains(n)
}

var shared = netip.MustParsePrefix("100.64.0.0/10")

// tries returns the requests of a failed connection.
func (f *failure) tries() []packet.Ref {
	if f.flow == nil {
		return nil
	}
	m := &f.flow.Marks
	return detect.Refs(m[event.MarkSYN], m[event.MarkSYN2], m[event.MarkSYN3], m[event.MarkSYNLast])
}
