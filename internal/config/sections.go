package config

import (
	"net/netip"
	"time"
)

// Network says what is ours.
type Network struct {
	HomeNet []netip.Prefix // empty: private, unique local and link-local networks and those of the own interfaces
}

var networkSection = section("network", "What is inside. Findings say whose side a fault is on, and rules have it as HOME_NET.",
	func(c *Config) *Network { return &c.Network },
	key(Networks, "home-net", "", "The networks that are ours. Empty: private (RFC 1918), unique local and link-local ones, and those of the own interfaces.",
		func(n *Network) *[]netip.Prefix { return &n.HomeNet }),
)

// Capture says where packets come from.
type Capture struct {
	Interfaces []string
	Taps       []string // each A+B: interfaces that together see one wire
	Filter     string
	Checksums  string
	Ring       int64 // bytes, for each interface
	Rings      int   // 0: one for each worker
	Conntrack  bool
}

var captureSection = section("capture", "Where packets come from.", func(c *Config) *Capture { return &c.Capture },
	key(Texts, "interfaces", "", "The interfaces to watch, unless the command line names some; nflog:GROUP for a group of the kernel's packet log.", func(c *Capture) *[]string { return &c.Interfaces }),
	key(Texts, "taps", "", "Interfaces that together see one wire, joined with +: eth1+eth2 (a tap with one port for each direction).",
		func(c *Capture) *[]string { return &c.Taps }),
	key(Text, "filter", "", "Which packets to take, in the language of libpcap. Empty: all.", func(c *Capture) *string { return &c.Filter }),
	key(Word, "checksums", "auto", "Whether packets with a wrong checksum are left out. auto tells what the own network card fills in later.",
		func(c *Capture) *string { return &c.Checksums }).of("none", "all", "auto"),
	key(Size, "ring", "64M", "Memory that the kernel fills with packets, for each interface, all its rings together.",
		func(c *Capture) *int64 { return &c.Ring }).between(4<<20, 4<<30).in("bytes"),
	key(Int, "rings", "0", "Into how many rings that memory is cut, among which the kernel shares the packets by pairs of hosts; each has 1M at least. 0: one for each worker.",
		func(c *Capture) *int { return &c.Rings }).between(0, 64),
	key(Bool, "conntrack", "false", "Whether to listen to the kernel's connection tracker too, which knows when a NAT forgot a connection.",
		func(c *Capture) *bool { return &c.Conntrack }),
)

// Analysis bounds what the engine may use.
type Analysis struct {
	MaxMemory   int64 // bytes
	Workers     int   // 0: one for each processor, at most 8
	StreamDepth int64 // bytes; 0: all
}

var analysisSection = section("analysis", "What the engine may use.", func(c *Config) *Analysis { return &c.Analysis },
	key(Size, "max-memory", "400M", "Most memory to use, rules included; the rings of the kernel come on top. Left at its default, what rules take comes on top too.",
		func(a *Analysis) *int64 { return &a.MaxMemory }).between(32<<20, 1<<40).in("bytes"),
	key(Size, "stream-depth", "0", "How much of each direction of a TCP connection is read; what follows is counted, and headers are followed to the end. 0: all.",
		func(a *Analysis) *int64 { return &a.StreamDepth }).between(0, 1<<40).in("bytes"),
	key(Int, "workers", "0", "Threads that read packets. 0: one for each processor, 8 at most.",
		func(a *Analysis) *int { return &a.Workers }).between(0, 64),
)

// Rules says which rules of Suricata's language run.
type Rules struct {
	Files    []string
	Settings string // a suricata.yaml
	Strict   bool
}

var rulesSection = section("rules", "Rules in Suricata's language. Those that cannot be run are refused, and said.", func(c *Config) *Rules { return &c.Rules },
	key(Paths, "files", "", "Rule files, and folders whose *.rules are read.", func(r *Rules) *[]string { return &r.Files }),
	key(Path, "suricata-settings", "", "A suricata.yaml whose variables, limits and records hold here too.", func(r *Rules) *string { return &r.Settings }),
	key(Bool, "strict", "false", "Whether one refused rule refuses all. Otherwise it is left out, and said.", func(r *Rules) *bool { return &r.Strict }),
)

// Findings says what is shown.
type Findings struct {
	MinConfidence string
	MutesFile     string
	Mutes         []Mute
}

// Mute hides findings that a person has judged; counting goes on.
type Mute struct {
	Code        string // or "*"
	Source      string // address or network, or "*"
	Destination string
	Until       string // a date or an RFC 3339 time; empty: for ever
	Reason      string
}

var findingsSection = section("findings", "What is shown.", func(c *Config) *Findings { return &c.Findings },
	key(Word, "min-confidence", "likely", "The least confidence of a finding that is shown in full.",
		func(f *Findings) *string { return &f.MinConfidence }).of("cannot-tell", "possible", "likely", "certain"),
	key(Path, "mutes-file", "", "More mutes, one a line: CODE SOURCE DESTINATION UNTIL REASON.", func(f *Findings) *string { return &f.MutesFile }),
	tables("mutes", "Findings that are hidden. What they hide is still counted.", func(f *Findings) *[]Mute { return &f.Mutes },
		key(Text, "code", "", "The code of the findings, or *.", func(m *Mute) *string { return &m.Code }).needed().like("tcp-closed-port"),
		key(Text, "source", "*", "The client's address or network, or *.", func(m *Mute) *string { return &m.Source }).must(networkOrStar),
		key(Text, "destination", "*", "The server's address or network, or *.", func(m *Mute) *string { return &m.Destination }).must(networkOrStar),
		key(Text, "until", "", "When the mute ends: a date (2026-12-31) or a time (RFC 3339). Empty: never.", func(m *Mute) *string { return &m.Until }).must(dateOrNothing),
		key(Text, "reason", "", "Why, for who reads it later.", func(m *Mute) *string { return &m.Reason }).needed().like("the printer is off at night"),
	),
)

// Outputs says who hears of findings while the sensor runs.
type Outputs struct {
	EVE     string   // a file
	Syslog  []string // each NETWORK:ADDRESS
	Webhook []string // URLs
	Metrics string   // ADDRESS:PORT
	// MetricsRemote allows an address that others reach.
	MetricsRemote bool
}

var outputsSection = section("outputs", "Who hears of findings while the sensor runs.", func(c *Config) *Outputs { return &c.Outputs },
	key(Path, "eve", "", "The file that EVE's records are appended to, a socket (unix:PATH, unixgram:PATH), or - for standard output. Empty: none.", func(o *Outputs) *string { return &o.EVE }).orSocket(),
	key(Texts, "syslog", "", "Log servers (RFC 5424), each as udp:HOST:PORT, tcp:HOST:PORT or unixgram:/dev/log.", func(o *Outputs) *[]string { return &o.Syslog }),
	key(Texts, "webhook", "", "Addresses that findings are posted to as JSON. The variable FIRESTORM_WEBHOOK_AUTHORIZATION has the Authorization header.",
		func(o *Outputs) *[]string { return &o.Webhook }),
	key(Listen, "metrics", "", "Where numbers are shown to Prometheus, such as 127.0.0.1:9469. Empty: nowhere.", func(o *Outputs) *string { return &o.Metrics }),
	key(Bool, "metrics-remote", "false", "Whether that address may be one that others reach. There is no password.", func(o *Outputs) *bool { return &o.MetricsRemote }),
)

// Service says what stays of a run.
type Service struct {
	StateDir string
	Status   string // a file
	StatusOf time.Duration
}

var serviceSection = section("service", "What is kept of a run, and what tells how it does.", func(c *Config) *Service { return &c.Service },
	key(Path, "state", "", "The folder where memories are kept over restarts, such as /var/lib/firestorm. Empty: nowhere.", func(s *Service) *string { return &s.StateDir }),
	key(Path, "status", "", "The file that says how the sensor does, as JSON: packets, drops, interfaces that are blind. Empty: none.", func(s *Service) *string { return &s.Status }),
	key(Duration, "status-every", "5s", "How often that file is written.", func(s *Service) *time.Duration { return &s.StatusOf }).between(int64(time.Second), int64(time.Minute)),
)
