package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/rules/lang"
)

// metaKeywords say something about the rule and ask nothing of the traffic.
var metaKeywords = []keyword{
	{"sid", ignored}, {"rev", ignored}, {"msg", ignored}, {"gid", ignored}, // read with the rule itself
	{"reference", ignored},
	{"classtype", func(c *compiler, o *lang.Option) error {
		k, ok := c.o.Classifications[strings.ToLower(o.Value)]
		if !ok { // a set without its classification.config is no reason to lose the rule
			return nil
		}
		c.s.info.Category, c.rank = k.Description, k.Priority
		return nil
	}},
	{"priority", func(c *compiler, o *lang.Option) error {
		n, err := strconv.Atoi(strings.TrimSpace(o.Value))
		if err != nil || n < 0 || n > 255 {
			return fmt.Errorf("%q is no priority from 0 to 255", o.Value)
		}
		c.s.info.Severity, c.own = n, true
		return nil
	}},
	{"metadata", func(c *compiler, o *lang.Option) error {
		for item := range strings.SplitSeq(o.Value, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(item), " ")
			if key == "" {
				continue
			}
			c.s.addMeta(key, strings.TrimSpace(value))
		}
		return nil
	}},
	{"target", func(_ *compiler, o *lang.Option) error {
		if v := strings.TrimSpace(o.Value); v != "src_ip" && v != "dest_ip" {
			return fmt.Errorf("%q is neither src_ip nor dest_ip", v)
		}
		return nil
	}},
	{"noalert", func(c *compiler, _ *lang.Option) error { c.s.noalert = true; return nil }},
	{"alert", func(_ *compiler, _ *lang.Option) error { return nil }},
	{"fast_pattern", func(c *compiler, o *lang.Option) error {
		k, err := c.last("fast_pattern")
		if err != nil {
			return err
		}
		if k.neg && (k.relative || k.hasDepth || k.offset != (number{})) {
			return errors.New("a negated content with offset, depth, distance or within cannot be searched for first")
		}
		k.fast = true
		return nil
	}},
	{"prefilter", ignored},
}

func ignored(*compiler, *lang.Option) error { return nil }

// addMeta adds a value to a key of the rule's metadata.
func (s *sig) addMeta(key, value string) {
	for i := range s.info.Metadata {
		if m := &s.info.Metadata[i]; m.Key == key {
			m.Values = append(m.Values, value)
			return
		}
	}
	s.info.Metadata = append(s.info.Metadata, event.RuleMeta{Key: key, Values: []string{value}})
}
