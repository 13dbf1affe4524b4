package lang

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// ReadSettings reads a suricata.yaml, or the same as JSON: alone or as "config" beside "args" and "checksum". What has no
// meaning here is named in Ignored, a value that cannot be read is a Problem and keeps its default; only a text that is
// neither YAML nor JSON is an error. Files that the text includes are not opened but are Problems.
func ReadSettings(name string, r io.Reader) (*Settings, []Problem, error) {
	return readSettings(name, r, nil)
}

// ReadSettingsFile is ReadSettings for a file on disk; included files are read from its folder.
func ReadSettingsFile(path string) (*Settings, []Problem, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return readSettings(path, f, func(name string) (io.ReadCloser, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return os.Open(name)
	})
}

type settingsReader struct {
	name     string
	open     func(name string) (io.ReadCloser, error) // nil: nothing is included
	included int
	problems []Problem
	Settings
}

func readSettings(name string, r io.Reader, open func(string) (io.ReadCloser, error)) (*Settings, []Problem, error) {
	s := &settingsReader{name: name, open: open, Settings: *DefaultSettings()}
	root, err := s.parse(name, r)
	if err != nil {
		return nil, nil, err
	}
	if root.kind != mapping && root.kind != null {
		return nil, nil, fmt.Errorf("%s: names with values should stand at the top", name)
	}
	top := view{s: s, n: root}
	if c := top.key("config"); c.given() && c.n.kind == mapping {
		s.arguments(top)
		top = view{s: s, n: c.n}
	}
	s.all(top)
	ignored(top.n, "", map[*node]bool{}, &s.Ignored)
	s.Ignored = sortedUnique(s.Ignored)
	sort.SliceStable(s.problems, func(i, j int) bool {
		a, b := &s.problems[i], &s.problems[j]
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) < 0
	})
	return &s.Settings, s.problems, nil
}

func (s *settingsReader) parse(name string, r io.Reader) (*node, error) {
	text, err := readText(name, io.LimitReader(r, maxSettings+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSettings {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, maxSettings)
	}
	var root *node
	if strings.HasPrefix(trimLeft(text), "{") {
		root, err = parseJSON(text)
	} else {
		root, err = parseYAML(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.include(name, root)
	return root, nil
}

// maxIncludes is how many files may be included, together.
const maxIncludes = 32

// include replaces "include: FILE" at the top and "key: !include FILE" by what the files say. Keys of the top level are
// replaced as a whole by what comes later, as Suricata does it.
func (s *settingsReader) include(name string, root *node) {
	if root.kind != mapping {
		return
	}
	keys, values := root.keys, root.value
	root.keys, root.value = nil, nil
	for _, k := range keys {
		v := values[k]
		switch {
		case k == "include":
			for _, item := range append([]*node{v}, v.items...) {
				if item.kind != scalar {
					continue
				}
				if in := s.file(name, item); in != nil {
					for _, k := range in.keys {
						root.set(k, in.value[k])
					}
				}
			}
		case v.tag == "!include" && v.kind == scalar:
			if in := s.file(name, v); in != nil {
				root.set(k, in)
			}
		default:
			root.set(k, v)
		}
	}
}

func (s *settingsReader) file(from string, at *node) *node {
	bad := func(format string, args ...any) *node {
		s.problems = append(s.problems, Problem{Place: Place{from, at.line}, Option: "include", Reason: fmt.Sprintf(format, args...)})
		return nil
	}
	if s.open == nil {
		return bad("%s is not read here", quote(at.text))
	}
	if s.included++; s.included > maxIncludes {
		return bad("more than %d files are included; does one include itself?", maxIncludes)
	}
	f, err := s.open(at.text)
	if err != nil {
		return bad("%s", err)
	}
	defer f.Close()
	root, err := s.parse(at.text, f)
	if err != nil {
		return bad("%s", err)
	}
	root.from(at.text)
	return root
}

// arguments reads what stands beside "config".
func (s *settingsReader) arguments(top view) {
	for _, a := range top.key("args").list() {
		if w, ok := a.word(); ok {
			s.Args = append(s.Args, w)
			if k, ok := strings.CutPrefix(w, "-k "); ok {
				s.Checksum = lower(strings.TrimSpace(k))
			}
			if w == "--simulate-ips" {
				s.SimulateIPS = true
			}
		}
	}
	if w, ok := top.key("checksum").word(); ok && w != "default" && w != "" {
		s.Checksum = lower(w)
	}
}

// all reads every section that means something.
func (s *settingsReader) all(v view) {
	s.vars(v)
	v.str("default-rule-path", &s.RulePath)
	v.words("rule-files", &s.RuleFiles)
	v.str("classification-file", &s.ClassificationFile)
	v.str("reference-config-file", &s.ReferenceFile)
	v.str("threshold-file", &s.ThresholdFile)
	v.str("reputation-categories-file", &s.ReputationCategories)
	v.str("default-reputation-path", &s.ReputationPath)
	v.words("reputation-files", &s.ReputationFiles)
	s.actionOrder(v)
	v.str("exception-policy", &s.ExceptionPolicy)
	v.count("packet-alert-max", &s.PacketAlertMax)
	s.stream(v)
	s.timeouts(v)
	s.hosts(v)
	s.decoders(v)
	v.key("vlan").flag("use-for-tracking", &s.VLAN)
	s.protocols(v.key("app-layer").key("protocols"))
	s.outputs(v.key("outputs"))
	s.datasets(v.key("datasets"))
	stats := v.key("stats")
	stats.flag("enabled", &s.Stats.Enabled)
	stats.count("interval", &s.Stats.Interval)
	stats.flag("decoder-events", &s.Stats.DecoderEvents)
	stats.flag("stream-events", &s.Stats.StreamEvents)
	s.checksum(v)
}

func (s *settingsReader) vars(v view) {
	group := func(section string, to map[string]string) {
		names, values := v.key("vars").key(section).keys()
		for i, n := range names {
			if e, ok := values[i].expression(); ok {
				to[n] = e
			}
		}
	}
	group("address-groups", s.Vars.Addrs)
	group("port-groups", s.Vars.Ports)
}

func (s *settingsReader) actionOrder(v view) {
	var words []string
	v.words("action-order", &words)
	if words == nil {
		return
	}
	var order []Action
	for _, w := range words {
		a, ok := actions[lower(w)]
		if !ok || a == RejectDst || a == RejectBoth {
			v.key("action-order").bad("%s is none of pass, drop, reject, alert", quote(w))
			return
		}
		order = append(order, a)
	}
	if set := map[Action]bool{}; len(order) == 4 {
		for _, a := range order {
			set[a] = true
		}
		if len(set) == 4 {
			s.ActionOrder = order
			return
		}
	}
	v.key("action-order").bad("each of pass, drop, reject, alert should stand here once")
}

// checksum joins the switch with the two settings that it overrides.
func (s *settingsReader) checksum(v view) {
	var file string
	v.key("pcap-file").either("checksum-checks", &file)
	v.key("capture").str("checksum-validation", &file)
	if s.Checksum == "" {
		s.Checksum = map[string]string{"yes": "all", "no": "none", "all": "all", "none": "none", "auto": "auto"}[file]
	}
	switch s.Checksum {
	case "none":
		s.Stream.ChecksumValidation = false
	case "all":
		s.Stream.ChecksumValidation = true
	}
}
