// Package maintenance takes a web site down in a way that programs understand: it writes the configuration of a web
// server that answers 503 with Retry-After while a flag file exists, sets and clears that flag, and asks a site the way
// a crawler does whether it says what it should.
package maintenance

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Servers are the web servers for which Files writes a configuration.
var Servers = []string{"lighttpd", "nginx", "haproxy", "apache"}

// Defaults of Options.
const (
	DefaultDir        = "/var/www/maintenance"
	DefaultChroot     = "/var/lib/haproxy"
	DefaultRetryAfter = time.Hour
	DefaultAssets     = "/maintenance-assets/"
	DefaultAPI        = "/api/"
)

// Names of the files in the folder of a maintenance.
const (
	FlagName = "on"
	PageName = "page.html"
	JSONName = "page.json"
)

// Options say what the configuration is for.
type Options struct {
	Server     string
	Dir        string        // absolute: the folder with the flag, the page and the script
	RetryAfter time.Duration // told where the flag names no time; at least a second
	Allow      []netip.Prefix
	Assets     string   // path prefix that stays reachable, for what the page itself shows; empty: none
	API        []string // path prefixes that are answered in JSON
	Chroot     string   // HAProxy's chroot, empty for none
}

// File is one file of a configuration.
type File struct {
	Path string // where it belongs
	Text string
	Note string // what to do with it, a line
}

// word is what may stand in a configuration without quoting in any of the four languages.
var word = regexp.MustCompile(`^/[A-Za-z0-9._/-]*$`)

// Check says what of the options cannot be written into a configuration.
func (o *Options) Check() error {
	if !slices.Contains(Servers, o.Server) {
		return fmt.Errorf("no server %q: %s", o.Server, strings.Join(Servers, ", "))
	}
	for _, p := range append([]string{o.Dir}, o.API...) {
		if !word.MatchString(p) || len(p) < 2 || path.Clean(p) == "/" || strings.Contains(p, "..") {
			return fmt.Errorf("%q: wanted is an absolute path of letters, digits and ._-/", p)
		}
	}
	for _, p := range []string{o.Assets, o.Chroot} {
		if p != "" && (!word.MatchString(p) || len(p) < 2 || strings.Contains(p, "..")) {
			return fmt.Errorf("%q: wanted is an absolute path of letters, digits and ._-/", p)
		}
	}
	if o.RetryAfter < time.Second {
		return errors.New("Retry-After counts whole seconds, one at least")
	}
	if o.Server == "haproxy" && o.Chroot != "" && !strings.HasPrefix(o.Dir, strings.TrimSuffix(o.Chroot, "/")+"/") {
		return fmt.Errorf("HAProxy runs in the chroot %s and cannot see %s: a folder below the chroot is needed", o.Chroot, o.Dir)
	}
	return nil
}

// Files returns the configuration, ready to be put in place. The options must have passed Check.
func Files(o Options) ([]File, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	v := newValues(o)
	var out []File
	for _, t := range layout[o.Server] {
		text, err := v.fill(t.part)
		if err != nil {
			return nil, err
		}
		out = append(out, File{Path: v.place(t.path), Text: text, Note: t.note})
	}
	return out, nil
}

// Page is the maintenance page for people, and JSON that for programs. They stand in for pages of one's own.
func Page() string { return part("page.html") }

// JSON is what programs get that ask for JSON.
func JSON() string { return part("page.json") }
