package hostconf

import "strings"

// swanctl reads swanctl.conf of strongSwan: the section connections, and nothing of secrets.
func (f *Facts) swanctl(file string, text []byte) error {
	t := &tokens{file: file, text: string(text), line: 1}
	for {
		name, open, err := t.section()
		if err != nil || name == "" {
			return err
		}
		switch {
		case !open: // a setting at the top level
		case name == "connections":
			if err := f.swanctlConnections(t); err != nil {
				return err
			}
		default:
			if err := t.skip(1); err != nil {
				return err
			}
		}
	}
}

func (f *Facts) swanctlConnections(t *tokens) error {
	for {
		name, open, err := t.section()
		switch {
		case err != nil:
			return err
		case name == "}":
			return nil
		case name == "":
			return &Error{t.file, t.line, "ends within connections { … }"}
		case !open:
			continue
		case len(f.Connections) >= maxSections:
			return &Error{t.file, t.line, "too many connections"}
		}
		c := Connection{Name: name, File: t.file, Line: t.line}
		if err := t.connection(&c); err != nil {
			return err
		}
		f.Connections = append(f.Connections, c)
	}
}

// connection reads one connection up to its closing brace.
func (t *tokens) connection(c *Connection) error {
	return t.each(func(name, value string, open bool) error {
		if open {
			switch {
			case strings.HasPrefix(name, "local"):
				return t.id(&c.LocalID)
			case strings.HasPrefix(name, "remote"):
				return t.id(&c.RemoteID)
			case name == "children":
				return t.children(c)
			}
			return t.skip(1)
		}
		switch name {
		case "version":
			switch value {
			case "1":
				c.Version = 1
			case "2":
				c.Version = 2
			}
		case "aggressive":
			c.Aggressive = tri(value)
		case "proposals":
			if value != "default" {
				c.Proposals = ParseProposals(value)
			}
		case "local_addrs":
			c.LocalAddr = list(value)
		case "remote_addrs":
			c.RemoteAddr = list(value)
		}
		return nil
	})
}

func (t *tokens) id(id *string) error {
	return t.each(func(name, value string, open bool) error {
		if open {
			return t.skip(1)
		}
		if name == "id" && *id == "" {
			*id = bounded(value)
		}
		return nil
	})
}

func (t *tokens) children(c *Connection) error {
	return t.each(func(name, _ string, open bool) error {
		if !open {
			return nil
		}
		if len(c.Children) >= maxValues {
			return &Error{t.file, t.line, "too many children"}
		}
		ch := Child{Name: name, Line: t.line}
		err := t.each(func(name, value string, open bool) error {
			if open {
				return t.skip(1)
			}
			switch name {
			case "esp_proposals":
				if value != "default" {
					ch.Proposals = ParseProposals(value)
				}
			case "local_ts":
				ch.LocalNets = list(value)
			case "remote_ts":
				ch.RemoteNets = list(value)
			}
			return nil
		})
		ch.PFS = pfsOf(ch.Proposals)
		c.Children = append(c.Children, ch)
		return err
	})
}

// tokens reads the braces and settings of strongswan.conf's language.
type tokens struct {
	file string
	text string
	at   int
	line int
}

// section reads to the next name: of a section that opens, or of a setting, whose value is passed over. "}" is the end
// of the one around, "" that of the file.
func (t *tokens) section() (name string, open bool, err error) {
	name, _, open, err = t.next()
	return name, open, err
}

// each calls f for the settings and sections up to the closing brace.
func (t *tokens) each(f func(name, value string, open bool) error) error {
	for {
		name, value, open, err := t.next()
		switch {
		case err != nil:
			return err
		case name == "}":
			return nil
		case name == "":
			return &Error{t.file, t.line, "ends before its closing brace"}
		}
		if err := f(name, value, open); err != nil {
			return err
		}
	}
}

// skip passes over a section that has opened, with all in it.
func (t *tokens) skip(depth int) error {
	if depth > maxDepth {
		return &Error{t.file, t.line, "is nested too deeply"}
	}
	return t.each(func(_, _ string, open bool) error {
		if open {
			return t.skip(depth + 1)
		}
		return nil
	})
}

func (t *tokens) next() (name, value string, open bool, err error) {
	t.blank()
	if t.at >= len(t.text) {
		return "", "", false, nil
	}
	if t.text[t.at] == '}' {
		t.at++
		return "}", "", false, nil
	}
	from := t.at
	for t.at < len(t.text) && !strings.ContainsRune("{}=\n#", rune(t.text[t.at])) {
		t.at++
	}
	name = bounded(t.text[from:t.at])
	if name == "" {
		return "", "", false, &Error{t.file, t.line, "a setting or section without a name"}
	}
	t.blank()
	switch {
	case t.at < len(t.text) && t.text[t.at] == '{':
		t.at++
		if i := strings.IndexAny(name, " \t:"); i > 0 { // references to other sections follow a colon
			name = name[:i]
		}
		return name, "", true, nil
	case t.at < len(t.text) && t.text[t.at] == '=':
		t.at++
		return name, t.value(), false, nil
	case strings.HasPrefix(name, "include"):
		return name, "", false, nil
	}
	return "", "", false, &Error{t.file, t.line, "neither a setting (KEY = VALUE) nor a section (NAME { … })"}
}

// value reads to the end of the line, or of the quotes.
func (t *tokens) value() string {
	for t.at < len(t.text) && (t.text[t.at] == ' ' || t.text[t.at] == '\t') {
		t.at++
	}
	from := t.at
	if t.at < len(t.text) && t.text[t.at] == '"' {
		for t.at++; t.at < len(t.text) && t.text[t.at] != '"'; t.at++ {
			if t.text[t.at] == '\n' {
				t.line++
			}
		}
		t.at = min(t.at+1, len(t.text))
		return bounded(strings.Trim(t.text[from:t.at], `"`))
	}
	for t.at < len(t.text) && !strings.ContainsRune("\n#}", rune(t.text[t.at])) {
		t.at++
	}
	v := strings.TrimSpace(t.text[from:t.at])
	if len(v) > 16*maxText {
		v = v[:16*maxText]
	}
	return v
}

// blank passes over blanks and comments.
func (t *tokens) blank() {
	for t.at < len(t.text) {
		switch t.text[t.at] {
		case '\n':
			t.line++
			t.at++
		case ' ', '\t', '\r':
			t.at++
		case '#':
			for t.at < len(t.text) && t.text[t.at] != '\n' {
				t.at++
			}
		default:
			return
		}
	}
}
