package maintenance

import (
	"embed"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

//go:embed parts
var parts embed.FS

func part(name string) string {
	b, err := parts.ReadFile("parts/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return string(b)
}

// layout says which files make up the configuration of a server on Debian. "{dir}" is the folder of the maintenance.
var layout = map[string][]struct{ path, part, note string }{
	"lighttpd": {
		{"/etc/lighttpd/conf-available/09-maintenance.conf", "lighttpd.conf", "apt-get install lighttpd-modules-lua; lighty-enable-mod maintenance; systemctl restart lighttpd"},
		{"{dir}/maintenance.lua", "lighttpd.lua", "read by lighttpd's user; changes count at once"},
	},
	"nginx": {
		{"/etc/nginx/conf.d/maintenance.conf", "nginx-http.conf", "Debian's nginx.conf includes it within http { }"},
		{"/etc/nginx/snippets/maintenance.conf", "nginx-server.conf", "write \"include snippets/maintenance.conf;\" into each server { }; then nginx -t && systemctl reload nginx"},
	},
	"haproxy": {
		{"/etc/haproxy/maintenance.cfg", "haproxy.cfg", "into haproxy.cfg: the line of \"global\", and those of \"frontend\" at the begin of yours; then haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl restart haproxy"},
		{"/etc/haproxy/maintenance.lua", "haproxy.lua", "read once, at the start of HAProxy"},
	},
	"apache": {
		{"/etc/apache2/conf-available/maintenance.conf", "apache.conf", "a2enmod rewrite headers alias; a2enconf maintenance; apachectl configtest && systemctl reload apache2; a virtual host with rewrite rules of its own needs also: RewriteOptions InheritBefore"},
	},
}

// values are what the parts are filled with. All of it passed Options.Check: nothing in it can end a string or a line.
type values struct {
	dir   string
	one   map[string]string   // by name
	lists map[string][]string // by name; what is set or not is a list of one or none
}

func newValues(o Options) *values {
	o.Dir = strings.TrimSuffix(o.Dir, "/")
	dir := o.Dir // as the server sees it
	if o.Server == "haproxy" && o.Chroot != "" {
		dir = strings.TrimPrefix(dir, strings.TrimSuffix(o.Chroot, "/"))
	}
	var allow, patterns []string
	for _, p := range o.Allow {
		allow = append(allow, mask(p))
	}
	for _, p := range o.API {
		patterns = append(patterns, quoteMeta(p))
	}
	return &values{
		dir: o.Dir,
		one: map[string]string{
			"dir": o.Dir, "flag": dir + "/" + FlagName, "page": dir + "/" + PageName, "json": dir + "/" + JSONName, "chroot": o.Chroot,
			"seconds": strconv.Itoa(int(o.RetryAfter / time.Second)), // of RetryAfter
			"assets":  o.Assets, "assets pattern": quoteMeta(o.Assets), "allow": strings.Join(allow, " "), "api pattern": strings.Join(patterns, "|"),
		},
		lists: map[string][]string{"allow": allow, "api": o.API, "assets": some(o.Assets), "chroot": some(o.Chroot)},
	}
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (v *values) place(p string) string { return strings.Replace(p, "{dir}", v.dir, 1) }

// fill fills a part. {{name}} in it is a value. What begins a line says whether it is there: {{if name}} where there is such a
// thing, {{no name}} where there is none, {{each name}} once for each, which is {{it}}, as a pattern {{it pattern}}, and counts
// {{it length}} bytes.
func (v *values) fill(name string) (string, error) {
	var b strings.Builder
	for i, line := range strings.SplitAfter(part(name), "\n") {
		if err := v.line(&b, line); err != nil {
			return "", fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return b.String(), nil
}

func (v *values) line(b *strings.Builder, line string) error {
	for _, word := range []string{"if", "no", "each"} {
		rest, ok := strings.CutPrefix(line, "{{"+word+" ")
		if !ok {
			continue
		}
		name, rest, ok := strings.Cut(rest, "}}")
		list, known := v.lists[name]
		switch {
		case !ok || !known:
			return fmt.Errorf("there is no list %q", name)
		case word == "each":
			for _, it := range list {
				if err := v.words(b, rest, it); err != nil {
					return err
				}
			}
			return nil
		case word == "if" && len(list) == 0, word == "no" && len(list) > 0:
			return nil
		}
		line = rest
		break
	}
	return v.words(b, line, "")
}

// words writes a line with its values; it is the one of a list, or empty.
func (v *values) words(b *strings.Builder, line, it string) error {
	for {
		before, rest, more := strings.Cut(line, "{{")
		b.WriteString(before)
		if !more {
			return nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		value, known := v.one[name]
		switch {
		case it == "":
		case name == "it":
			value, known = it, true
		case name == "it pattern":
			value, known = quoteMeta(it), true
		case name == "it length":
			value, known = strconv.Itoa(len(it)), true
		}
		if !closed || !known {
			return fmt.Errorf("there is no value %q", name)
		}
		b.WriteString(value)
		line = after
	}
}

// quoteMeta makes a path a regular expression that matches it: of what Check lets through only the dot has a meaning.
func quoteMeta(s string) string { return strings.ReplaceAll(s, ".", `\.`) }

// mask writes a prefix with its host bits cleared.
func mask(p netip.Prefix) string { return p.Masked().String() }
