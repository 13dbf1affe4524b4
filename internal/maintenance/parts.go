package maintenance

import (
	"embed"
	"net/netip"
	"strconv"
	"strings"
	"text/template"
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

// values are what the templates are filled with.
type values struct {
	Options
	Seconds string // of RetryAfter
	Flag    string // as the server sees it
	Page    string
	JSON    string
}

func newValues(o Options) *values {
	o.Dir = strings.TrimSuffix(o.Dir, "/")
	dir := o.Dir
	if o.Server == "haproxy" && o.Chroot != "" {
		dir = strings.TrimPrefix(dir, strings.TrimSuffix(o.Chroot, "/"))
	}
	return &values{Options: o, Seconds: strconv.Itoa(int(o.RetryAfter / time.Second)), Flag: dir + "/" + FlagName, Page: dir + "/" + PageName, JSON: dir + "/" + JSONName}
}

func (v *values) place(p string) string { return strings.Replace(p, "{dir}", v.Dir, 1) }

func (v *values) fill(name string) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{"quote": quoteMeta, "mask": mask, "join": strings.Join}).Parse(part(name))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

// quoteMeta makes a path a regular expression that matches it: of what Check lets through only the dot has a meaning.
func quoteMeta(s string) string { return strings.ReplaceAll(s, ".", `\.`) }

// mask writes a prefix with its host bits cleared.
func mask(p netip.Prefix) string { return p.Masked().String() }
