package rules

import (
	"errors"
	"fmt"
	"slices"
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
		if id = strings.TrimSpace(id); strings.Contains(id, "://") { // written out
			prefix = ""
		}
		c.s.info.References = append(c.s.info.References, prefix+id)
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
	{"requires", requires},
	{"bypass", func(_ *compiler, o *lang.Option) error {
		if o.Given {
			return errors.New("bypass takes no value")
		}
		return nil // what a bypassed connection brings later is looked at all the same
	}},
}

// knownReferences are what stands before the id of a reference where no reference.config is at hand.
var knownReferences = map[string]string{"url": "https://", "cve": "https://cve.mitre.org/cgi-bin/cvename.cgi?name=", "bugtraq": "http://www.securityfocus.com/bid/",
	"md5": "https://www.virustotal.com/gui/search/", "nessus": "https://www.tenable.com/plugins/nessus/"}

// notRun are options that are known and not run, with the reason.
var notRun = map[string]string{
	"sip_body":     "the content of a message of SIP is not shown",
	"geoip":        "no database says here where an address is",
	"lua":          "scripts are not run",
	"luajit":       "scripts are not run",
	"luaxform":     "scripts are not run",
	"replace":      "nothing is changed here: the sensor only listens",
	"nfq_set_mark": "nothing is marked here: the sensor only listens",
}

// refusedKeywords refuse them.
var refusedKeywords = func() (list []keyword) {
	for name, why := range notRun {
		list = append(list, keyword{name, func(*compiler, *lang.Option) error { return errors.New(why) }})
	}
	return list
}()

// errUnmet says that a rule is meant for other engines, and is left out without a word.
var errUnmet = errors.New("what the rule requires is not here")

// asVersion is the version of Suricata whose language is run.
var asVersion = [3]int{8, 0, 7}

// requires leaves a rule out that needs another version, or a feature that is not here.
func requires(c *compiler, o *lang.Option) error {
	for word := range strings.SplitSeq(o.Value, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(word), " ")
		value = strings.TrimSpace(value)
		switch name {
		case "feature":
			if f := strings.ToLower(value); !features[f] || c.o.Off[f] {
				return errUnmet
			}
		case "keyword":
			if keywordNamed(value) == nil {
				return errUnmet
			}
		case "version":
			ok, err := versions(value)
			if err != nil {
				return err
			}
			if !ok {
				return errUnmet
			}
		case "":
			return errors.New("requires needs feature, keyword or version")
		default: // what a later version may require is not here
			return errUnmet
		}
	}
	return nil
}

// keywordNamed finds a keyword; it is not called before all are known.
var keywordNamed func(name string) *keyword

func init() { keywordNamed = func(name string) *keyword { return keywordByName[name] } }

// features are those of Suricata that rules may require and that are here.
var features = map[string]bool{"have_ja3": true, "have_ja4": true, "ja3": true, "ja4": true, "output::file-store": true}

// versions reports whether a condition on the version holds: comparisons, all of which must hold, or groups of such between |.
func versions(text string) (bool, error) {
	for group := range strings.SplitSeq(text, "|") {
		all := true
		for {
			group = strings.TrimSpace(group)
			if group == "" {
				break
			}
			i := strings.IndexAny(group, "0123456789")
			if i < 1 {
				return false, fmt.Errorf("%q is no comparison with a version", group)
			}
			op := strings.TrimSpace(group[:i])
			number, rest, _ := strings.Cut(group[i:], " ")
			group = rest
			var v [3]int
			for k, f := range strings.Split(number, ".") {
				n, err := strconv.Atoi(f)
				if err != nil || k > 2 || n < 0 {
					return false, fmt.Errorf("%q is no version", number)
				}
				v[k] = n
			}
			c := slices.Compare(asVersion[:], v[:])
			switch op {
			case ">":
				all = all && c > 0
			case ">=":
				all = all && c >= 0
			case "<":
				all = all && c < 0
			case "<=":
				all = all && c <= 0
			default:
				return false, fmt.Errorf("%q is none of < > <= >=", op)
			}
		}
		if all {
			return true, nil
		}
	}
	return false, nil
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
