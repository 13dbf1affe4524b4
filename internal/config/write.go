package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// YAML writes the configuration as a file: every key with what it means. Read again it gives the same configuration.
func (c *Config) YAML() []byte { return c.yaml(false, nil) }

const exampleHead = "# Firestorm's configuration. What is switched off (#) is the default; the file may be empty or absent.\n" +
	"# firestorm config check FILE says what is wrong with it, firestorm config show what holds.\n"

// Example is a file to begin with: every key with its default, switched off.
func Example() []byte { return append([]byte(exampleHead+"\n"), Default().yaml(true, nil)...) }

// packaged are the keys that the packages' file sets, SECTION.KEY and the value: a service keeps what it knows, in the
// folders that belong to it.
var packaged = map[string]string{
	"service.state":  "/var/lib/firestorm",
	"service.status": "/run/firestorm/status.json",
}

// Packaged is the file that comes with the packages, /etc/firestorm/firestorm.yaml: every key, switched off but for those
// that a service needs.
func Packaged() []byte {
	head := exampleHead + "# The service needs one thing said: which interfaces it watches (capture, interfaces). Then, as root:\n" +
		"#   systemctl enable --now firestorm\n\n"
	return append([]byte(head), Default().yaml(true, packaged)...)
}

// yaml writes all sections. With off, every line is a comment, and lists of entries show one; but set holds the keys that
// are on nevertheless, SECTION.KEY and the value.
func (c *Config) yaml(off bool, set map[string]string) []byte {
	var b bytes.Buffer
	for i := range Sections {
		s := &Sections[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		mark, sectionMark := "", ""
		if off {
			mark, sectionMark = "#", "#"
		}
		for j := range s.Keys {
			if _, on := set[s.Name+"."+s.Keys[j].Name]; on {
				sectionMark = ""
			}
		}
		fmt.Fprintf(&b, "# %s\n%s%s:\n", s.About, sectionMark, s.Name)
		target := s.at(c)
		for j := range s.Keys {
			k := &s.Keys[j]
			fmt.Fprintf(&b, "  # %s%s\n", k.About, k.remark())
			if v, on := set[s.Name+"."+k.Name]; on {
				fmt.Fprintf(&b, "  %s: %s\n", k.Name, v)
				continue
			}
			if k.Kind != Tables {
				fmt.Fprintf(&b, "%s  %s: %s\n", mark, k.Name, k.flow(target))
				continue
			}
			entries := k.each(target)
			switch {
			case off:
				fmt.Fprintf(&b, "#  %s:\n", k.Name)
				for e := range k.Of {
					o := &k.Of[e]
					fmt.Fprintf(&b, "#%s%s: %-12s # %s\n", dash(e), o.Name, scalarText(cmp.Or(o.Default, o.Like)), o.About)
				}
			case len(entries) == 0:
				fmt.Fprintf(&b, "  %s: []\n", k.Name)
			default:
				fmt.Fprintf(&b, "  %s:\n", k.Name)
				for _, entry := range entries {
					for e := range k.Of {
						fmt.Fprintf(&b, "%s%s: %s\n", dash(e), k.Of[e].Name, k.Of[e].flow(entry))
					}
				}
			}
		}
	}
	return b.Bytes()
}

func dash(i int) string {
	if i == 0 {
		return "    - "
	}
	return "      "
}

// remark is the unit and the range of a key, in brackets.
func (k *Key) remark() string {
	var parts []string
	if k.Unit != "" {
		parts = append(parts, k.Unit)
	}
	if r := k.Range(); r != "" && k.Kind != Bool {
		parts = append(parts, r)
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// flow writes the value that target has, on one line.
func (k *Key) flow(target any) string {
	v := k.values(target)
	if !k.Kind.isList() {
		if k.textual() {
			return scalarText(v[0])
		}
		return v[0]
	}
	q := make([]string, len(v))
	for i := range v {
		q[i] = scalarText(v[i])
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// textual reports whether a value could look like something else than the text it is.
func (k *Key) textual() bool { return k.Kind == Text || k.Kind == Path || k.Kind == Listen }

// scalarText quotes what YAML would read as something else.
func scalarText(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && (c == '-' || c == '.' || c == '+' || c >= '0' && c <= '9') || c == '/') {
			return quoted(s)
		}
	}
	switch strings.ToLower(s) {
	case "", "true", "false", "yes", "no", "on", "off", "null", "y", "n", ".inf", ".nan":
		return quoted(s)
	}
	return s
}

// quoted writes s with double quotes; of what YAML escapes, JSON's are a part.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return strconv.Quote(s)
	}
	return string(b)
}

// JSON writes the configuration as one object: sections, in them keys, sizes in bytes and durations in seconds.
func (c *Config) JSON() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range Sections {
		s := &Sections[i]
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", s.Name)
		jsonKeys(&b, s.Keys, s.at(c))
	}
	b.WriteString("}\n")
	return b.Bytes()
}

func jsonKeys(b *bytes.Buffer, keys []Key, target any) {
	b.WriteByte('{')
	for i := range keys {
		k := &keys[i]
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "%q:", k.Name)
		if k.Kind == Tables {
			b.WriteByte('[')
			for j, e := range k.each(target) {
				if j > 0 {
					b.WriteByte(',')
				}
				jsonKeys(b, k.Of, e)
			}
			b.WriteByte(']')
			continue
		}
		var v any
		switch p := k.at(target).(type) {
		case *bool:
			v = *p
		case *int:
			v = *p
		case *int64:
			v = *p
		case *time.Duration:
			v = p.Seconds()
		case *string:
			v = *p
		default:
			v = append([]string{}, k.values(target)...)
		}
		text, err := json.Marshal(v)
		if err != nil { // none of these types fails
			text = []byte("null")
		}
		b.Write(text)
	}
	b.WriteByte('}')
}

// Markdown is the page docs/configuration.md.
func Markdown() []byte {
	var b bytes.Buffer
	b.WriteString("# Configuration\n\n<!-- Written by scripts/gendocs from internal/config: change the table there. -->\n\n" +
		"One YAML file, `/etc/firestorm/firestorm.yaml` unless `--config` names another. It may be absent: the defaults need none. A key\n" +
		"that is not known is an error, with its line and the nearest key. What the command line says goes before the file.\n\n" +
		"    firestorm config show               what holds, with what each key means\n" +
		"    firestorm config show --defaults    the defaults, as a file to begin with\n" +
		"    firestorm config check FILE         what is wrong with a file (also: firestorm lint config FILE)\n\n" +
		"Sizes are bytes, or have K, M, G or T behind them (powers of 1024). Durations are as `500ms`, `30s`, `5m`, `12h`, `7d`. Relative\n" +
		"paths are meant from the configuration's own folder. A list of one may be written without brackets.\n")
	for i := range Sections {
		s := &Sections[i]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | value | default | range | meaning |\n|---|---|---|---|---|\n", s.Name, s.About)
		for j := range s.Keys {
			row(&b, "", &s.Keys[j])
		}
	}
	return b.Bytes()
}

func row(b *bytes.Buffer, prefix string, k *Key) {
	def, needed := "", ""
	if k.Default != "" {
		def = "`" + k.Default + "`"
	}
	if k.Needed {
		needed = " Must be given."
	}
	kind := k.Kind.String()
	if k.Unit != "" {
		kind += ", " + k.Unit
	}
	fmt.Fprintf(b, "| `%s%s` | %s | %s | %s | %s%s |\n", prefix, k.Name, kind, def, k.Range(), strings.ReplaceAll(k.About, "|", `\|`), needed)
	for i := range k.Of {
		row(b, prefix+k.Name+"[].", &k.Of[i])
	}
}
