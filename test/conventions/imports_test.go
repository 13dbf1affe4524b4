package conventions

import (
	"fmt"
	"strings"
	"testing"
)

// room is a package and what it may import of ours. Arrows point down only. "name/*" stands for the packages below name.
type room struct {
	pkg   string
	may   string // separated by blanks; names are relative to internal/
	extra []exception
}

// exception is an import beyond the table, with the reason.
type exception struct {
	pkg, may, why string
}

const anything = "*"

// house is the table of ARCHITECTURE.md. count may be imported by all.
var house = []room{
	{pkg: "cmd/firestorm", may: anything},
	{pkg: "scripts/*", may: anything},
	{pkg: "test/ruletraffic", may: "packet packettest"}, // what makes traffic knows nothing of the engine
	{pkg: "test/*", may: anything},
	{pkg: "testbed/*", may: anything},
	{pkg: "testdata", may: ""},
	{pkg: "internal/standard", may: "analyzer analyzer/* detect detect/* output output/*"},
	{pkg: "internal/sensor", may: "capture packet header defrag flow stream event analyzer file rules finding detect output neighbour evidence twin hostconf prefetch"},
	{pkg: "internal/config", may: ""},
	{pkg: "internal/capture", may: "packet pcapfile filter header"},
	{pkg: "internal/pcapfile", may: "packet"},
	{pkg: "internal/filter", may: ""},
	{pkg: "internal/tracker", may: "packet event"},
	{pkg: "internal/header", may: ""},
	{pkg: "internal/packet", may: "header"},
	{pkg: "internal/defrag", may: "packet header"},
	{pkg: "internal/prefetch", may: ""},
	{pkg: "internal/flow", may: "packet header event prefetch"},
	{pkg: "internal/stream", may: "flow packet header event prefetch"},
	{pkg: "internal/event", may: "packet"},
	{pkg: "internal/analyzer", may: "packet flow event header stream prefetch"},
	{pkg: "internal/analyzer/analyzertest", may: "analyzer packet flow event packettest"}, // tests only
	{pkg: "internal/analyzer/*", may: "analyzer packet flow event header stream", extra: []exception{
		{"internal/analyzer/smtp", "mime", "takes mails apart"},
		{"internal/analyzer/ike", "analyzer/esp", "ESP in UDP shares port 4500 and its flow with IKE (RFC 3948)"},
		{"internal/analyzer/quic", "analyzer/tls", "its handshake is that of TLS (RFC 9001 4)"},
		{"internal/analyzer/http2", "analyzer/http", "carries the messages of HTTP (RFC 9110)"},
		{"internal/analyzer/http2", "analyzer/dns", "DNS is asked in it (RFC 8484)"},
		{"internal/analyzer/smb", "analyzer/dcerpc", "SMB's pipes carry calls (MS-RPCE 2.1.1.2)"},
	}},
	{pkg: "internal/mime", may: ""},
	{pkg: "internal/file", may: "packet flow event analyzer"},
	{pkg: "internal/rules", may: "packet flow event analyzer prefetch rules/*"},
	{pkg: "internal/rules/lang", may: "packet"},
	{pkg: "internal/rules/update", may: "rules/lang"},
	{pkg: "internal/rules/*", may: ""},
	{pkg: "internal/finding", may: "packet"},
	{pkg: "internal/neighbour", may: "packet event"},
	{pkg: "internal/detect", may: "packet flow event finding neighbour hostconf prefetch"},
	{pkg: "internal/detect/detecttest", may: "capture packet finding sensor standard twin detect event packettest hostconf"}, // tests only
	{pkg: "internal/why", may: "packet event finding detect report twin"},
	{pkg: "internal/detect/*", may: "detect packet flow event finding neighbour hostconf analyzer/* prefetch"},
	{pkg: "internal/evidence", may: "packet pcapfile finding header"},
	{pkg: "internal/markup", may: "event"},
	{pkg: "internal/report", may: "finding event markup", extra: []exception{
		{"internal/report", "packet", "prints addresses and times of findings, whose types live there"},
	}},
	{pkg: "internal/output", may: "packet event finding"},
	{pkg: "internal/output/*", may: "output packet event finding", extra: []exception{
		{"internal/output/zeek", "analyzer/*", "Zeek's logs carry the fields of each protocol's event"},
		{"internal/output/pcapng", "evidence", "writes the packets that evidence fetches"},
		{"internal/output/sqlite", "store", "is the store's writer"},
	}},
	{pkg: "internal/twin", may: "packet header"},
	{pkg: "internal/hostconf", may: "packet ipsecconf"},
	{pkg: "internal/ipsecconf", may: ""},
	{pkg: "internal/store", may: "event finding packet store/record"},
	{pkg: "internal/store/record", may: "finding packet"},
	{pkg: "internal/state", may: "event finding packet"},
	{pkg: "internal/service", may: "capture"}, // the parent opens what capture asks for
	{pkg: "internal/sandbox", may: ""},
	{pkg: "internal/web", may: "store report finding health markup", extra: []exception{
		{"internal/web", "packet", "prints addresses and times of findings, whose types live there"},
	}},
	{pkg: "internal/health", may: ""},
	{pkg: "internal/lint", may: ""},
	{pkg: "internal/lint/*", may: "lint finding config analyzer/*", extra: []exception{
		{"internal/lint/nfs", "rpcfw", "judges the plan that the firewall's rules are made of"},
		{"internal/lint/ipsec", "ipsecconf", "reads what --context reads, with one parser"},
	}},
	{pkg: "internal/maintenance", may: "finding config analyzer/*"},
	{pkg: "internal/rpcfw", may: "finding config analyzer/*"},
	{pkg: "internal/backup", may: "finding config analyzer/* seal"},
	{pkg: "internal/doctor", may: "capture packet packettest sensor event finding detect store"},
	{pkg: "internal/seal", may: ""},
	{pkg: "internal/spool", may: "packet pcapfile seal"},
	{pkg: "internal/count", may: ""},
	{pkg: "internal/packettest", may: "packet header pcapfile event"},
	{pkg: "internal/netns", may: ""},
}

// modules says where code of others may be imported outside of tests. What is not listed is refused.
var modules = []struct{ prefix, may, why string }{
	{"github.com/spf13/cobra", "cmd/firestorm", "flags and verbs"},
	{"github.com/spf13/pflag", "cmd/firestorm", "flags"},
	{"github.com/schollz/progressbar", "cmd/firestorm", "progress on a terminal"},
	{"github.com/rivo/uniseg", "cmd/firestorm", "how wide text is on a terminal"},
	{"golang.org/x/term", "cmd/firestorm", "is it a terminal, how wide"},
	{"github.com/klauspost/compress", "internal/pcapfile", "packed captures"},
	{"golang.org/x/net/publicsuffix", "internal/rules", "which end of a name others register below"},
	{"golang.org/x/net/bpf", "internal/filter internal/capture", "instructions of the kernel's filter machine"},
	{"golang.org/x/sys", "internal/capture internal/tracker internal/service internal/sandbox internal/doctor testbed/*", "system calls"},
	{"github.com/coreos/go-systemd", "internal/service", "news for the service manager"},
	{"github.com/landlock-lsm/go-landlock", "internal/sandbox", "files and ports that a process may reach"},
	{"github.com/elastic/go-seccomp-bpf", "internal/sandbox", "system calls that a process may make"},
	{"github.com/andybalholm/brotli", "internal/analyzer/http", "pages in br"},
	{"github.com/prometheus/client_golang", "", "an oracle in tests"},
	{"github.com/google/nftables", "internal/output/nftset internal/doctor", "sets of the kernel's firewall, and its flowtables"},
	{"github.com/goccy/go-yaml", "internal/config internal/rules/lang internal/rules/update scripts/* cmd/firestorm", "YAML with positions"},
	{"filippo.io/age", "internal/seal", "encryption of backups and kept packets"},
	{"maragu.dev/gomponents", "internal/markup", "renders and escapes pages"},
	{"modernc.org/sqlite", "internal/store", "the store"},
	{"github.com/vishvananda/netlink", "internal/doctor", "interfaces and filters, as the kernel lists them"},
	{"github.com/gopacket/gopacket", "", "an oracle in tests"},
	{"github.com/google/go-cmp", "", "tests"},
	{"github.com/rogpeppe/go-internal", "", "tests"},
	{"github.com/santhosh-tekuri/jsonschema", "internal/analyzer/analyzertest", "tests"},
	{"gvisor.dev/gvisor", "", "a server for the testbed, in its own module"},
}

// matches reports whether pkg is named by pattern: itself, or below it with "/*".
func matches(pattern, pkg string) bool {
	if pattern == anything {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(pkg, base+"/")
	}
	return pattern == pkg
}

func roomOf(pkg string) *room {
	for i := range house {
		if house[i].pkg == pkg {
			return &house[i]
		}
	}
	for i := range house {
		if matches(house[i].pkg, pkg) {
			return &house[i]
		}
	}
	return nil
}

func allowed(list, pkg string) bool {
	for _, p := range strings.Fields(list) {
		if matches(p, pkg) {
			return true
		}
	}
	return false
}

// importRule checks one file against the house and the list of modules.
func importRule(s *source) []string {
	if s.test {
		return nil // tests may look everywhere
	}
	r := roomOf(s.pkg)
	if r == nil {
		return []string{fmt.Sprintf("%s: package %s is not in the table of ARCHITECTURE.md and this test", s.path, s.pkg)}
	}
	var out []string
	imports := s.imports()
	for _, p := range sortedKeys(imports) {
		at := fmt.Sprintf("%s:%d: ", s.path, imports[p])
		ours, ok := strings.CutPrefix(p, module+"/")
		switch {
		case ok && !ourImportAllowed(r, s.pkg, ours):
			out = append(out, at+s.pkg+" may not import "+ours)
		case !ok && strings.Contains(strings.SplitN(p, "/", 2)[0], ".") && !moduleAllowed(s.pkg, p):
			out = append(out, at+s.pkg+" may not import "+p)
		}
	}
	return out
}

func ourImportAllowed(r *room, pkg, target string) bool {
	if r.may == anything || target == pkg {
		return true
	}
	t, ok := strings.CutPrefix(target, "internal/")
	if !ok {
		return false
	}
	if t == "count" || allowed(r.may, t) {
		return true
	}
	for _, e := range r.extra {
		if matches(e.pkg, pkg) && matches(e.may, t) {
			return true
		}
	}
	return false
}

func moduleAllowed(pkg, path string) bool {
	for _, m := range modules {
		if path == m.prefix || strings.HasPrefix(path, m.prefix+"/") {
			return allowed(m.may, pkg)
		}
	}
	return false
}

func TestImports(t *testing.T) {
	for _, s := range goSources(t) {
		report(t, importRule(s))
	}
	for _, r := range house {
		for _, e := range r.extra {
			if e.why == "" {
				t.Errorf("exception %s -> %s has no reason", e.pkg, e.may)
			}
		}
	}
}

func TestImportRuleCanFail(t *testing.T) {
	in := func(path, imp string) []string {
		return importRule(parse(t, path, "package x\nimport _ \""+imp+"\"\n"))
	}
	mustComplain(t, "upwards", in("internal/packet/a.go", "firestorm/internal/detect"),
		in("internal/packet/a.go", "firestorm/internal/header"), "may not import internal/detect")
	mustComplain(t, "detector by the pipeline", in("internal/sensor/a.go", "firestorm/internal/detect/timewait"),
		in("internal/sensor/a.go", "firestorm/internal/detect"), "may not import")
	mustComplain(t, "sibling", in("internal/detect/a/a.go", "firestorm/internal/detect/b"),
		in("internal/detect/a/a.go", "firestorm/internal/analyzer/dns"), "may not import")
	mustComplain(t, "unknown room", in("internal/attic/a.go", "fmt"), in("internal/attic/a_test.go", "fmt"), "not in the table")
	mustComplain(t, "foreign module", in("internal/flow/a.go", "github.com/gopacket/gopacket"),
		in("internal/flow/a_test.go", "github.com/gopacket/gopacket"), "may not import github.com/gopacket")
}
