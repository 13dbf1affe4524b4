package update

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// Conf is what enable.conf, disable.conf, modify.conf and drop.conf ask for, in the words of suricata-update.
type Conf struct {
	Disable, Enable, Drop []Matcher
	Modify                []Change
}

// Matcher says which rules a line is about.
type Matcher struct {
	text string
	fits func(e *entry) bool
}

// String is the line as it is written.
func (m Matcher) String() string { return m.text }

// Change is a line of modify.conf.
type Change struct {
	Matcher
	from  *regexp.Regexp // nil: metadata is added
	to    string
	key   string
	value string
}

// mostConf bounds a line of such a file.
const mostConf = 64 << 10

// ReadMatchers reads enable.conf, disable.conf or drop.conf. A line is a sid, gid:sid, several of them with commas, re:EXPRESSION
// on the rule's text, group:NAME of its file, filename:PATTERN, metadata: KEY VALUE, or * for all.
func ReadMatchers(name string, r io.Reader) (out []Matcher, err error) {
	err = confLines(name, r, func(line string) error {
		m, err := matcher(line)
		if err == nil {
			out = append(out, m)
		}
		return err
	})
	return out, err
}

// ReadChanges reads modify.conf: MATCH "FROM" "TO", where FROM is an expression and TO may name its groups as \1 or ${1}, or
// metadata-add MATCH "KEY" "VALUE".
func ReadChanges(name string, r io.Reader) (out []Change, err error) {
	err = confLines(name, r, func(line string) error {
		c, err := change(line)
		if err == nil {
			out = append(out, c)
		}
		return err
	})
	return out, err
}

func confLines(name string, r io.Reader, f func(line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, mostConf)
	n := 0
	for s.Scan() {
		n++
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return nil
}

func matcher(text string) (Matcher, error) {
	m := Matcher{text: text}
	word, rest, _ := strings.Cut(text, ":")
	rest = strings.TrimSpace(rest)
	switch strings.TrimSpace(word) {
	case "re":
		re, err := regexp.Compile("(?i)" + rest)
		if err != nil {
			return m, fmt.Errorf("re: %w", err)
		}
		m.fits = func(e *entry) bool { return re.MatchString(e.Text) }
	case "group":
		if _, err := path.Match(rest, ""); err != nil || rest == "" {
			return m, fmt.Errorf("group: %q is no name of a rule file", rest)
		}
		m.fits = func(e *entry) bool {
			g := e.group()
			ok, _ := path.Match(rest, g)
			bare, _ := path.Match(rest, strings.TrimSuffix(g, ".rules"))
			return ok || bare
		}
	case "filename":
		if _, err := path.Match(rest, ""); err != nil || rest == "" {
			return m, fmt.Errorf("filename: %q is no pattern", rest)
		}
		m.fits = func(e *entry) bool {
			whole, _ := path.Match(rest, e.File)
			base, _ := path.Match(rest, e.group())
			last, _ := path.Match(path.Base(rest), e.group())
			return whole || base || strings.HasPrefix(rest, "*/") && last
		}
	case "metadata":
		key, value, ok := strings.Cut(rest, " ")
		value = strings.TrimSpace(value)
		if !ok || key == "" || value == "" {
			return m, errors.New("metadata: a key and a value belong behind it")
		}
		m.fits = func(e *entry) bool { return hasMetadata(e.Rule, key, value) }
	default:
		if text == "*" {
			m.fits = func(*entry) bool { return true }
			return m, nil
		}
		ids := map[uint64]bool{}
		for id := range strings.SplitSeq(text, ",") {
			g, s, ok := strings.Cut(strings.TrimSpace(id), ":")
			if !ok {
				g, s = "1", g
			}
			gid, err1 := strconv.ParseUint(strings.TrimSpace(g), 10, 32)
			sid, err2 := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
			if err1 != nil || err2 != nil {
				return m, fmt.Errorf("%q is no sid, gid:sid, re:, group:, filename: or metadata:", text)
			}
			ids[gid<<32|sid] = true
		}
		m.fits = func(e *entry) bool { return ids[e.key()] }
	}
	return m, nil
}

// hasMetadata reports whether a rule's metadata has a value of a key, whatever the case of letters.
func hasMetadata(r *lang.Rule, key, value string) bool {
	for i := range r.Options {
		if r.Options[i].Name != "metadata" {
			continue
		}
		for item := range strings.SplitSeq(r.Options[i].Value, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(item), " ")
			if strings.EqualFold(k, key) && strings.EqualFold(strings.TrimSpace(v), value) {
				return true
			}
		}
	}
	return false
}

func change(line string) (c Change, err error) {
	rest, adds := strings.CutPrefix(line, "metadata-add ")
	rest, older := strings.CutPrefix(rest, "modifysid ")
	if older { // the form of an older program: modifysid MATCH "FROM" | "TO"
		rest = strings.Replace(rest, `" | "`, `" "`, 1)
	}
	i := strings.IndexByte(rest, '"')
	if i < 0 {
		return c, errors.New(`two texts in quotes belong behind what the line is about`)
	}
	if c.Matcher, err = matcher(strings.TrimSpace(rest[:i])); err != nil {
		return c, err
	}
	from, rest, ok1 := cutQuoted(rest[i:])
	to, rest, ok2 := cutQuoted(strings.TrimSpace(rest))
	if !ok1 || !ok2 || strings.TrimSpace(rest) != "" {
		return c, errors.New(`two texts in quotes belong behind what the line is about`)
	}
	if adds {
		if strings.ContainsAny(from+to, ",;\"\\ ") && strings.ContainsAny(from, " ,;\"\\") || strings.ContainsAny(to, ",;\"\\") || from == "" {
			return c, fmt.Errorf("%q %q cannot be metadata", from, to)
		}
		c.key, c.value = from, to
		return c, nil
	}
	if c.from, err = regexp.Compile(from); err != nil {
		return c, err
	}
	c.to = groupNumbers.ReplaceAllString(strings.ReplaceAll(to, "$", "$$"), "$${$1$2}")
	return c, nil
}

// groupNumbers finds \1 and, after $ was doubled, ${1}.
var groupNumbers = regexp.MustCompile(`\\(\d)|\$\$\{(\d+)\}`)

// cutQuoted takes a text in quotes; \" is a quote in it.
func cutQuoted(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", s, false
}

// did counts what the files changed.
type did struct{ Disabled, Enabled, Modified, Dropped, Flowbits int }

// apply does what the files ask for: switch off, then on, then change, then drop. A change that leaves no rule is an error.
func (c *Conf) apply(all []*entry) (d did, err error) {
	for _, e := range all {
		if e.on && fitsAny(c.Disable, e) {
			e.on = false
			d.Disabled++
		}
		if !e.on && fitsAny(c.Enable, e) {
			e.on = true
			d.Enabled++
		}
		for i := range c.Modify {
			m := &c.Modify[i]
			if !m.fits(e) {
				continue
			}
			text := m.change(e.Text)
			if text == e.Text {
				continue
			}
			if err := e.rewrite(text); err != nil {
				return d, fmt.Errorf("the line %q leaves no rule of sid %d: %w", m.text, e.SID, err)
			}
			d.Modified++
		}
		if e.on && e.Action == lang.Alert && fitsAny(c.Drop, e) {
			if _, quiet := e.Get("noalert"); quiet {
				continue
			}
			word, rest, _ := strings.Cut(e.Text, " ")
			_, scope, scoped := strings.Cut(word, ":")
			if scoped {
				scope = ":" + scope
			}
			if err := e.rewrite("drop" + scope + " " + rest); err != nil {
				return d, err
			}
			d.Dropped++
		}
	}
	d.Flowbits = flowbits(all)
	return d, nil
}

func fitsAny(ms []Matcher, e *entry) bool {
	for i := range ms {
		if ms[i].fits(e) {
			return true
		}
	}
	return false
}

// change is what a line makes of a rule.
func (c *Change) change(text string) string {
	if c.from != nil {
		return c.from.ReplaceAllString(text, c.to)
	}
	i := strings.LastIndexByte(text, ')')
	if i < 0 {
		return text
	}
	return strings.TrimRight(text[:i], " ") + " metadata:" + c.key + " " + c.value + ";)"
}

func (e *entry) rewrite(text string) error {
	r, bad := lang.ParseRule(text, e.Place)
	if bad != nil {
		return errors.New(bad.Reason)
	}
	e.Rule = r
	return nil
}
