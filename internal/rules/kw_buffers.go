package rules

import (
	"errors"
	"fmt"

	"firestorm/internal/rules/lang"
)

// buffers are the parts of events that rules can ask for (event.Buffered), by their names and older ones.
var buffers = map[string]buffer{
	"dns.query": {"dns.query", "dns"}, "dns_query": {"dns.query", "dns"},
	"tls.sni": {"tls.sni", "tls"}, "tls_sni": {"tls.sni", "tls"},
}

// buffer is a part of an event.
type buffer struct {
	name string
	kind string // of the events that have it
}

// bufferKeywords say where the contents behind them lie.
var bufferKeywords = func() []keyword {
	list := []keyword{{"dotprefix", func(c *compiler, o *lang.Option) error {
		if c.s.buffer.name == "" {
			return errors.New("there is no buffer before it")
		}
		c.s.dotted = true
		return nil
	}}}
	for name := range buffers {
		list = append(list, keyword{name, inBuffer})
	}
	return list
}()

func inBuffer(c *compiler, o *lang.Option) error {
	b := buffers[o.Name]
	switch {
	case len(c.s.payload) > 0 && c.s.buffer.name != b.name:
		return errors.New("rules about two buffers are not run")
	case c.s.app != "" && c.s.app != b.kind:
		return fmt.Errorf("%s has no such buffer", c.s.app)
	}
	c.s.buffer = b
	return nil
}
