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
	{"reference", func(c *compiler, o *lang.Option) error {
		system, id, ok := strings.Cut(o.Value, ",")
		if !ok { // without an id it points nowhere
			return nil
		}
		prefix := c.o.References[strings.ToLower(strings.TrimSpace(system))]
		if prefix == "" { // a set without its reference.config is no reason to lose the rule
			prefix = knownReferences[strings.ToLower(strings.TrimSpace(system))]
		}
		c.s.info.References = append(c.s.info.References, prefix+strings.TrimSpace(id))
		return nil
	}},
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
	{"target", func(c *compiler, o *lang.Option) error {
		switch v := strings.TrimSpace(o.Value); v {
		case "src_ip":
			c.s.info.Target = event.SourceIsHit
		case "dest_ip":
			c.s.info.Target = event.DestIsHit
		default:
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

// knownReferences are what stands before the id of a reference where no reference.config is at hand.
var knownReferences = map[string]string{"url": "http://", "cve": "https://nvd.nist.gov/vuln/detail/CVE-", "bugtraq": "http://www.securityfocus.com/bid/",
	"md5": "https://www.virustotal.com/gui/search/", "nessus": "https://www.tenable.com/plugins/nessus/"}

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
