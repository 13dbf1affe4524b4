package main

import (
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// readOptions is the command line of read after it was checked. Nothing in it depends on the machine it runs on, but
// Workers = 0, which means one for each processor and never changes the result.
type readOptions struct {
	Files         []string   // as given; "-" is standard input, at most once
	Taps          [][]string // files that together see one wire
	Filter        string     // capture filter, libpcap language
	Checksums     string     // none, all, auto
	HomeNet       []netip.Prefix
	HomeNetGiven  bool
	Rules         []string // rule files and folders
	Settings      string   // a suricata.yaml
	Strict        bool     // one refused rule refuses all
	ChecksumGiven bool
	MutesFile     string
	MutesToo      []string // lines as in that file
	StoreIn       string   // the folder of the store; empty: none
	Context       []contextFile
	Depth         uint64    // of each direction of a TCP connection, bytes; 0: all
	Conntrack     string    // a log of the connection tracker; empty: none
	Format        string    // text, json, eve, html, md: what goes to standard output
	FormatIn      string    // pcap, tshark-text
	EVEFile       string    // "-" is standard output
	EVE           event.EVE // how its records look
	KeepRules     bool      // rules are explained or traced
	WriteFile     string    // annotated pcapng; "-" is standard output
	OutDir        string
	Since, Until  timeBound
	MinConfidence finding.Confidence // 0: likely in full, possible in short
	FailOn        finding.Severity   // 0 = never
	MaxMemory     int64              // bytes
	MemoryGiven   bool               // it is the user's bound, for the rules as well
	Workers       int                // 0 = one for each processor
	Follow        bool
	Live          bool // watch: an interface is read; files are appended to, and opened anew when a signal says so
	Quiet         bool
	Verbose       int
	Progress      string // auto, always, never
	Local         bool   // times in the local zone instead of UTC
	StateDir      string // where memories are kept; empty: none
	Store         *file.StoreOptions
	StoreAll      bool
	FileHash      sensor.FileHashes
	StateGiven    bool   // the command line names StateDir
	Seed          uint64 // of hash tables; never changes the result
}

// zone is the zone of times in reports; nil is UTC.
func (o *readOptions) zone() *time.Location {
	if o.Local {
		return time.Local
	}
	return nil
}

// contextFile is one --context HOST=FILE.
type contextFile struct {
	Host packet.Addr
	File string
}

// timeBound is an end of the time window: absolute, or relative to the first packet.
type timeBound struct {
	Set      bool
	Relative bool
	Time     packet.Time   // when not Relative
	Offset   time.Duration // when Relative, from the first packet
}

// At returns the bound as a time for an input whose first packet is at first.
func (t timeBound) At(first packet.Time) packet.Time {
	if t.Relative {
		return first.Add(t.Offset)
	}
	return t.Time
}

// rawRead is the command line of read as the flags hold it.
type rawRead struct {
	files, taps, homeNet, context, rules  []string
	filter, checksums, mutes              string
	format, formatIn, eve, write, outdir  string
	json, follow, quiet, utc, local       bool
	since, until, minConf, failOn, memory string
	progress, state, settings, store      string
	strict, checksumsGiven, memoryGiven   bool
	workers, verbose                      int
	seed                                  uint64
	formatGiven, filestoreAll             bool
	filestore, filestoreSize              string
	filestoreCount                        int
	fileHash                              []string
	eveAlert                              []string
	eveVersion                            int
	conntrack, depth                      string
}

const (
	defaultMemory = "400M"
	minMemory     = 32 << 20
	maxWorkers    = 64
)

// check turns the flags into options, or says what is wrong with them.
func (r *rawRead) check() (*readOptions, error) {
	o := &readOptions{Filter: r.filter, MutesFile: r.mutes, EVEFile: r.eve, WriteFile: r.write, OutDir: r.outdir,
		Rules: r.rules, Settings: r.settings, Strict: r.strict, ChecksumGiven: r.checksumsGiven, Follow: r.follow, Quiet: r.quiet, Verbose: r.verbose, Local: r.local, Seed: r.seed, Workers: r.workers, StateDir: r.state, StoreIn: r.store, Conntrack: r.conntrack}
	for _, step := range []func(*readOptions) error{r.inputs, r.outputs, r.networks, r.contexts, r.kept, r.times, r.limits} {
		if err := step(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (r *rawRead) inputs(o *readOptions) error {
	o.Files = slices.Clone(r.files)
	for _, t := range r.taps {
		parts, err := splitTap(t, r.files)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if !slices.Contains(o.Files, p) {
				o.Files = append(o.Files, p)
			}
		}
		o.Taps = append(o.Taps, parts)
	}
	if len(o.Files) == 0 {
		return usagef("firestorm read problem.pcapng", "read needs a capture: a file name, or - for standard input")
	}
	seen, tapped := map[string]bool{}, map[string]bool{}
	for _, f := range o.Files {
		k := f
		if f != "-" {
			k = filepath.Clean(f)
		}
		if seen[k] {
			return usagef("name each capture once", "%s is given twice", f)
		}
		seen[k] = true
	}
	for _, t := range o.Taps {
		for _, f := range t {
			if tapped[f] {
				return usagef("put all files of one wire into one --tap: A+B+C", "%s is in two --tap groups", f)
			}
			tapped[f] = true
		}
	}
	if err := oneOf("-k", r.checksums, "none", "all", "auto"); err != nil {
		return err
	}
	if err := oneOf("--format-in", r.formatIn, "pcap", "tshark-text"); err != nil {
		return err
	}
	o.Checksums, o.FormatIn = r.checksums, r.formatIn
	if o.Follow {
		switch {
		case len(o.Files) != 1 || o.Files[0] == "-":
			return usagef("firestorm read --follow growing.pcap", "--follow reads one growing file, not %s", strings.Join(o.Files, ", "))
		case o.FormatIn != "pcap":
			return usagef("leave one of them out", "--follow and --format-in %s do not go together", o.FormatIn)
		}
	}
	if o.FormatIn == "tshark-text" && o.Filter != "" {
		return usagef("filter with tshark -Y before pasting", "-f needs packets, a listing (--format-in tshark-text) has none")
	}
	if o.FormatIn == "tshark-text" && o.WriteFile != "" {
		return usagef("leave -w out", "-w needs packets, a listing (--format-in tshark-text) has none")
	}
	return nil
}

// splitTap reads A+B(+C…). File names may hold a plus sign when they are also given as arguments.
func splitTap(s string, files []string) ([]string, error) {
	var parts []string
	for rest := s; rest != ""; {
		best := ""
		for _, f := range files {
			if len(f) > len(best) && (rest == f || strings.HasPrefix(rest, f+"+")) {
				best = f
			}
		}
		if best == "" {
			best, _, _ = strings.Cut(rest, "+")
		}
		parts = append(parts, best)
		rest = strings.TrimPrefix(rest[len(best):], "+")
	}
	if len(parts) < 2 || slices.Contains(parts, "") || strings.HasSuffix(s, "+") {
		return nil, usagef("firestorm read --tap to-server.pcap+to-client.pcap", "--tap joins files that see one wire, %q does not name two", s)
	}
	return parts, nil
}

func (r *rawRead) outputs(o *readOptions) error {
	o.Format = r.format
	if r.json {
		if r.formatGiven && r.format != "json" {
			return usagef("leave one of them out", "--json and --format %s do not go together", r.format)
		}
		o.Format = "json"
	}
	if err := oneOf("--format", o.Format, "text", "json", "eve", "html", "md"); err != nil {
		return err
	}
	if err := oneOf("--progress", r.progress, "auto", "always", "never"); err != nil {
		return err
	}
	o.Progress = r.progress
	if err := r.records(&o.EVE); err != nil {
		return err
	}
	var onStdout []string
	if o.EVEFile == "-" {
		onStdout = append(onStdout, "--eve -")
	}
	if o.WriteFile == "-" {
		onStdout = append(onStdout, "-w -")
	}
	if r.json || r.formatGiven {
		onStdout = append(onStdout, "--format "+o.Format)
	}
	if len(onStdout) > 1 {
		return usagef("give all but one a file name", "%s would all write to standard output", strings.Join(onStdout, " and "))
	}
	for _, f := range o.Files {
		if f != "-" && o.WriteFile != "-" && o.WriteFile != "" && filepath.Clean(f) == filepath.Clean(o.WriteFile) {
			return usagef("-w another.pcapng", "-w %s would overwrite the capture that is read", o.WriteFile)
		}
	}
	if r.utc && r.local {
		return usagef("leave one of them out", "--utc and --local do not go together")
	}
	if r.quiet && r.verbose > 0 {
		return usagef("leave one of them out", "-q and -v do not go together")
	}
	return nil
}

// ReportOnStderr says that standard output is taken by data, so that the report goes beside it.
func (o *readOptions) ReportOnStderr() bool { return o.EVEFile == "-" || o.WriteFile == "-" }

func (r *rawRead) networks(o *readOptions) error {
	for _, s := range strings.FieldsFunc(strings.Join(r.homeNet, ","), func(c rune) bool { return c == ',' || c == ' ' }) {
		p, err := parsePrefix(s)
		if err != nil {
			return usagef("--home-net 192.0.2.0/24,2001:db8::/32", "--home-net: %q is neither a network nor an address", s)
		}
		o.HomeNet = append(o.HomeNet, p)
	}
	o.HomeNetGiven = len(o.HomeNet) > 0
	if !o.HomeNetGiven {
		o.HomeNet = slices.Clone(detect.DefaultHomeNet)
	}
	return nil
}

func (r *rawRead) contexts(o *readOptions) error {
	for _, s := range r.context {
		host, file, ok := strings.Cut(s, "=")
		a, err := netip.ParseAddr(host)
		if !ok || err != nil || file == "" {
			return usagef("--context 192.0.2.1=ipsec.conf", "--context: %q is not ADDRESS=FILE", s)
		}
		o.Context = append(o.Context, contextFile{packet.FromNetip(a), file})
	}
	return nil
}

// kept reads what is asked of the files that protocols carry.
func (r *rawRead) kept(o *readOptions) error {
	for _, h := range r.fileHash {
		switch h {
		case "md5":
			o.FileHash.MD5 = true
		case "sha1":
			o.FileHash.SHA1 = true
		case "sha256":
			o.FileHash.SHA256 = true
		default:
			return usagef("--file-hash md5,sha256", "--file-hash: %q is none of md5, sha1, sha256", h)
		}
	}
	if r.filestore == "" {
		if r.filestoreAll {
			return usagef("--filestore files --filestore-all", "--filestore-all needs a folder: --filestore DIR")
		}
		return nil
	}
	n, err := parseSize(r.filestoreSize)
	if err != nil || n == 0 {
		return usagef("--filestore-size 16M", "--filestore-size: %q is no size", r.filestoreSize)
	}
	if r.filestoreCount < 1 {
		return usagef("--filestore-count 10000", "--filestore-count %d: at least 1", r.filestoreCount)
	}
	o.Store, o.StoreAll = &file.StoreOptions{Dir: r.filestore, MaxSize: n, MaxFiles: r.filestoreCount}, r.filestoreAll
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

func (r *rawRead) times(o *readOptions) (err error) {
	if o.Since, err = parseBound("--since", r.since, r.local); err != nil {
		return err
	}
	if o.Until, err = parseBound("--until", r.until, r.local); err != nil {
		return err
	}
	if o.Since.Set && o.Until.Set && o.Since.Relative == o.Until.Relative {
		if o.Since.Relative && o.Since.Offset >= o.Until.Offset || !o.Since.Relative && o.Since.Time >= o.Until.Time {
			return usagef("swap them", "--since %s is not before --until %s", r.since, r.until)
		}
	}
	return nil
}

// boundLayouts are the ways to write a time without a zone.
var boundLayouts = []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04",
	"2006-01-02 15:04", "2006-01-02"}

func parseBound(flag, s string, local bool) (timeBound, error) {
	if s == "" {
		return timeBound{}, nil
	}
	bad := usagef(flag+" 2024-05-01T10:00:00Z   or, from the first packet on:   "+flag+" +90s",
		"%s: %q is no time", flag, s)
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		if _, err := strconv.ParseFloat(rest, 64); err == nil {
			rest += "s"
		}
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return timeBound{}, bad
		}
		return timeBound{Set: true, Relative: true, Offset: d}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	for i := 0; err != nil && i < len(boundLayouts); i++ {
		zone := time.UTC
		if local {
			zone = time.Local
		}
		t, err = time.ParseInLocation(boundLayouts[i], s, zone)
	}
	if err != nil || t.Year() < 1678 || t.Year() > 2261 { // what int64 nanoseconds hold
		return timeBound{}, bad
	}
	return timeBound{Set: true, Time: packet.Time(t.UnixNano())}, nil
}

func (r *rawRead) limits(o *readOptions) error {
	var ok bool
	if r.minConf == "" {
		o.MinConfidence, ok = 0, true
	} else if o.MinConfidence, ok = finding.ParseConfidence(r.minConf); !ok {
		return usagef("--min-confidence likely", "--min-confidence: %q is none of cannot-tell, possible, likely, certain", r.minConf)
	}
	if r.failOn != "none" {
		if o.FailOn, ok = finding.ParseSeverity(r.failOn); !ok {
			return usagef("--fail-on high", "--fail-on: %q is none of none, info, low, medium, high, critical", r.failOn)
		}
	}
	n, err := parseSize(r.memory)
	if err != nil {
		return usagef("--max-memory "+defaultMemory, "--max-memory: %s", err)
	}
	if n < minMemory {
		return usagef("--max-memory "+defaultMemory, "--max-memory %s is too little: the least is %dM", r.memory, minMemory>>20)
	}
	if r.depth != "" && r.depth != "0" {
		d, err := parseSize(r.depth)
		if err != nil || d < 4096 {
			return usagef("--stream-depth 1M", "--stream-depth %s: 4K or more, or 0 for all", r.depth)
		}
		o.Depth = uint64(d)
	}
	o.MaxMemory, o.MemoryGiven = n, r.memoryGiven
	if r.workers < 0 || r.workers > maxWorkers {
		return usagef("--workers 0   (one for each processor)", "--workers %d: between 0 and %d", r.workers, maxWorkers)
	}
	return nil
}

func oneOf(flag, v string, allowed ...string) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	return usagef(flag+" "+allowed[0], "%s: %q is none of %s", flag, v, strings.Join(allowed, ", "))
}

// parseSize reads a number of bytes: plain, or with K, M, G (powers of 1024, as in 400M or 1GiB).
func parseSize(s string) (int64, error) {
	u := strings.ToUpper(strings.TrimSpace(s))
	u = strings.TrimSuffix(strings.TrimSuffix(u, "B"), "I")
	shift := 0
	if i := strings.IndexByte("KMGT", last(u)); i >= 0 && u != "" {
		shift = 10 * (i + 1)
		u = u[:len(u)-1]
	}
	n, err := strconv.ParseInt(u, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return n << shift, nil
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}
