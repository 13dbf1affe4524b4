package update

import (
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
)

// Source is where rules come from, as a source index lists it.
type Source struct {
	Name     string `yaml:"-"`
	Vendor   string `yaml:"vendor"`
	Summary  string `yaml:"summary"`
	License  string `yaml:"license"`
	URL      string `yaml:"url"`
	Checksum *bool  `yaml:"checksum"` // the MD5 of what URL gives stands at URL.md5; nil counts as true, as suricata-update has it
	Obsolete string `yaml:"obsolete"` // why it is not to be used any more; empty: it is
	// Parameters are what the URL has in it beside, such as secret-code.
	Parameters map[string]struct {
		Prompt string `yaml:"prompt"`
	} `yaml:"parameters"`
}

// mostIndex bounds an index of sources in bytes.
const mostIndex = 4 << 20

// ReadIndex reads an index of sources in the shape of suricata-update's: version 1, sources by name.
func ReadIndex(text []byte) (out []Source, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("the index cannot be read: %v", p)
		}
	}()
	if len(text) > mostIndex {
		return nil, fmt.Errorf("the index is longer than %d bytes", mostIndex)
	}
	var doc struct {
		Version int               `yaml:"version"`
		Sources map[string]Source `yaml:"sources"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New("the index is not as expected: " + first)
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("the index has version %d; version 1 is read", doc.Version)
	}
	for name, s := range doc.Sources {
		s.Name = name
		if s.URL == "" {
			return nil, fmt.Errorf("the source %s has no url", name)
		}
		out = append(out, s)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return a.Name < b.Name
	})
	return out, nil
}

// engineVersion is whose rules are asked for where a URL has a place for it.
const engineVersion = "8.0.7"

// At is the URL with what belongs into it: %(__version__)s and the parameters.
func (s *Source) At(params map[string]string) (string, error) {
	text := strings.ReplaceAll(s.URL, "%(__version__)s", engineVersion)
	for {
		i := strings.Index(text, "%(")
		if i < 0 {
			break
		}
		name, rest, ok := strings.Cut(text[i+2:], ")s")
		if !ok {
			return "", fmt.Errorf("the url of %s has a place without an end", s.Name)
		}
		v, known := params[name]
		if !known || v == "" {
			return "", fmt.Errorf("the source %s wants %s", s.Name, name)
		}
		text = text[:i] + url.PathEscape(v) + rest
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("the url of %s is no http or https address", s.Name)
	}
	return text, nil
}

// Redact is an address as it may be printed: without user, password and query, and without parts that look like a code.
func Redact(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "(an address that cannot be read)"
	}
	parts := strings.Split(u.Path, "/")
	for i, p := range parts {
		if secret(p) {
			parts[i] = "…"
		}
	}
	out := u.Scheme + "://" + u.Host + strings.Join(parts, "/")
	if u.RawQuery != "" {
		out += "?…"
	}
	return out
}

// secret reports whether a part of a path looks like a code: long, with figures, and no name of a file.
func secret(p string) bool {
	if len(p) < 12 || strings.ContainsAny(p, ". ") {
		return false
	}
	digits := 0
	for _, c := range p {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits >= 3
}
