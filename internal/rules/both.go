package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// Rules with => speak of a request and of its answer, and match once both sides of one transaction are as they want. What they
// ask of one side is gone through when that side is shown; that it held is remembered, like a match, until the other side came
// as well. The addresses and ports of the header are those of the request.

// bothWays stands for a direction in what is remembered of a rule about both sides: the whole of it matched.
const bothWays packet.Dir = 2

// aimed is the buffer that an option names, in the direction that it says: to_server or to_client.
func (c *compiler) aimed(b buffer, o *lang.Option) (buffer, error) {
	word := strings.TrimSpace(o.Value)
	var w way
	switch word {
	case "":
		return b, nil
	case "to_server":
		w = toServer
	case "to_client":
		w = toClient
	default:
		return b, fmt.Errorf("%s knows to_server and to_client, not %q", o.Name, word)
	}
	if b.way != eitherWay && b.way != w {
		return b, fmt.Errorf("%s does not travel %s", o.Name, strings.ReplaceAll(word, "_", " "))
	}
	if !c.s.twoWay {
		return b, fmt.Errorf("only rules about both sides of a transaction (=>) say a direction with %s; others say it with flow", o.Name)
	}
	b.way = w
	return b, nil
}

// placeBoth checks a rule about both sides, as Suricata does.
func (s *sig) placeBoth() error {
	var there [2]bool
	stream, fastAnswer := false, false
	for i := range s.parts {
		p := &s.parts[i]
		if p.way == eitherWay {
			return fmt.Errorf("%s travels either way: a rule about both sides of a transaction says which one is meant (%s: to_client)", p.name, p.name)
		}
		there[p.way] = true
		stream = stream || p.way == toServer && (p.name == "file.data" || p.name == "http.request_body")
		for k := range p.checks {
			c := &p.checks[k]
			fastAnswer = fastAnswer || p.way == toClient && c.fast
			if len(c.captures) > 0 {
				return errors.New("what an expression catches is not kept by rules about both sides of a transaction (=>)")
			}
		}
	}
	switch {
	case !there[toServer] || !there[toClient]:
		return errors.New("=> asks for something of the request and something of the answer; for one of them -> is enough")
	case s.flow.toServer || s.flow.toClient:
		return errors.New("a rule about both sides of a transaction (=>) has no direction of its own")
	case len(s.payload) > 0:
		return errors.New("a rule about both sides of a transaction (=>) asks for buffers; the payload travels one way")
	case s.keeps && !s.scoped:
		return errors.New("which side's file is to be kept is not said by a rule about both sides of a transaction (=>)")
	case stream && fastAnswer:
		return errors.New("fast_pattern cannot be of the answer where the request is looked at as it comes (file.data, http.request_body)")
	}
	return nil
}

// otherHalf remembers that what a rule asks of one side holds, and reports whether the other side's did before.
func (e *Engine) otherHalf(s *sig, h flow.Handle, tx uint64) bool {
	f := e.own(h.Index)
	e.x.flow = f
	if slices.Contains(f.fired, fired{s, h.Dir.Other(), tx}) {
		return true
	}
	if half := (fired{s, h.Dir, tx}); !slices.Contains(f.fired, half) && !(h.Dir == packet.ToClient && tx < f.asked) {
		f.fire(half)
	}
	return false
}

// sideOver forgets what is no longer waited for: nothing more comes of one side of a transaction.
func (e *Engine) sideOver(h flow.Handle, tx uint64) {
	f := e.own(h.Index)
	if h.Dir == packet.ToServer {
		f.asked = max(f.asked, tx+1)
	}
	f.fired = slices.DeleteFunc(f.fired, func(x fired) bool {
		return x.s.twoWay && x.tx == tx && (x.dir == h.Dir.Other() || x.dir == bothWays && tx < f.asked && h.Dir == packet.ToClient)
	})
}
