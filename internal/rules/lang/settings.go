package lang

// Settings are what a suricata.yaml says of analysis and records. A key that is not given has the value that Suricata gives
// it then, which is not always what its shipped file says: see DefaultSettings.
type Settings struct {
	Vars Vars
	// Rule files and what belongs to them, as written: paths are relative to RulePath or to the settings' own place.
	RulePath           string
	RuleFiles          []string
	ClassificationFile string
	ReferenceFile      string
	ThresholdFile      string
	// Lists of reputations: the categories, the folder of the lists, their names.
	ReputationCategories string
	ReputationPath       string
	ReputationFiles      []string

	ActionOrder     []Action // the first is applied first; all four of pass, drop, reject, alert
	ExceptionPolicy string   // "auto", "ignore", "drop-flow", …; empty: not given
	PacketAlertMax  uint32   // alerts of one packet

	Stream    Stream
	Defrag    Defrag
	Flow      FlowTimeouts
	HostOS    []HostOS
	Decoder   map[string]Decoder // of tunnels, by name: "vxlan", "teredo", "geneve", "erspan"
	VLAN      bool               // vlan.use-for-tracking: the VLAN is part of what makes a connection
	Protocols map[string]*Protocol
	HTTP      []HTTPServer // the default comes first and names no address
	SMTP      SMTP
	EVE       []EVELog // each eve-log of outputs that is switched on
	FileStore FileStore
	Datasets  Datasets
	Stats     Stats

	// Checksum is what "-k" or pcap-file.checksum-checks asks for: "none", "all", "auto", or empty where nothing is said.
	Checksum string
	// SimulateIPS: the arguments ask to act as if packets could be dropped.
	SimulateIPS bool
	// Args are the arguments that came with the settings, as they are.
	Args []string

	// Ignored are the keys that mean nothing here, each once, in the order of the alphabet: "stream.memcap". Where a whole
	// section means nothing, only the section.
	Ignored []string
}

// Stream is how TCP is followed.
type Stream struct {
	ChecksumValidation bool // segments with a wrong checksum are no part of a stream
	Midstream          bool // connections whose beginning was not seen are picked up
	AsyncOneside       bool // connections of which one side is seen are followed
	Inline             bool // "auto" counts as no
	DropInvalid        bool
	Bypass             bool
	MidstreamPolicy    string // an exception policy; empty: not given
	Depth              uint64 // bytes of each side that are reassembled; 0: all
	ToServerChunk      uint32 // bytes that are gathered before raw data is inspected
	ToClientChunk      uint32
	RandomizeChunk     bool
	Raw                bool   // raw data is inspected at all
	UrgentPolicy       string // "oob", "inline", "drop", "gap"
}

// Defrag is how fragments are put together.
type Defrag struct {
	Timeout  uint32 // seconds
	MaxFrags uint32
}

// Timeouts of connections without traffic, in seconds.
type Timeouts struct{ New, Established, Closed, Bypassed uint32 }

// FlowTimeouts are the timeouts by protocol.
type FlowTimeouts struct{ Default, TCP, UDP, ICMP Timeouts }

// HostOS says which system's way with overlapping data some addresses have.
type HostOS struct {
	Policy string // "windows", "bsd", "linux", "old-linux", "solaris", …
	Addrs  string // an expression for Addrs
}

// Decoder is a tunnel that is or is not unpacked.
type Decoder struct {
	Enabled State
	Ports   string // an expression for Ports; empty: not given
}

// State is whether a protocol or a decoder is switched on.
type State uint8

// States.
const (
	Unset         State = iota // nothing is said
	On                         // parsed and logged
	DetectionOnly              // recognised, not parsed
	Off                        // neither
)

// Protocol is a section of app-layer.protocols. dns has further sections, found under "dns.tcp" and "dns.udp".
type Protocol struct {
	Enabled State
	// Detection ports of the server (dp) and the client (sp): expressions for Ports; empty: not given.
	DstPorts, SrcPorts string
	Encryption         string  // encryption-handling: "track-only", "bypass", "full"; empty: not given
	JA3, JA4, HASSH    string  // "auto", "yes", "no"; empty: not given
	MaxTx              uint32  // 0: not given
	StreamDepth        *uint64 // bytes; nil: not given
	MaxMsgLength       uint64  // bytes; 0: not given
	HTTP1Rules         bool    // http2.http1-rules
}

// HTTPServer is what libhtp is told of servers. Bytes where nothing else is said.
type HTTPServer struct {
	Name               string
	Addrs              string // an expression for Addrs; empty: the default
	Personality        string // in lower case
	RequestBodyLimit   uint64 // 0: no limit; 100 KiB as in the suricata.yaml that everybody begins with
	ResponseBodyLimit  uint64
	RequestMinInspect  uint64
	RequestWindow      uint64
	ResponseMinInspect uint64
	ResponseWindow     uint64
	BodyInline         string // "auto", "yes", "no"
	DecompressLayers   uint32
	DoubleDecodePath   bool
	DoubleDecodeQuery  bool
	LZMA               bool
	CompressionBomb    uint64
	SWFDecompression   bool
	SWFType            string // "both", "deflate", "lzma"
	SWFCompressDepth   uint64
	SWFDecompressDepth uint64
	MetaFieldLimit     uint64 // 0: not given
}

// SMTP is what a mail parser does with mail.
type SMTP struct {
	DecodeMIME, Base64, QuotedPrintable bool
	ExtractURLs, LogURLScheme           bool
	URLSchemes                          []string
	HeaderValueDepth                    uint32
	BodyMD5                             string // "auto", "yes", "no"
	RawExtraction                       bool
	ContentLimit                        uint64
	InspectMin, InspectWindow           uint64
}

// Datasets is the section on the lists that rules ask about.
type Datasets struct {
	AnyPath    bool   // rules.allow-absolute-filenames
	AllowWrite bool   // rules.allow-write
	Memcap     uint64 // defaults.memcap, bytes; 0: not given
	HashSize   uint32 // defaults.hashsize; 0: not given
	MostPlaces uint32 // limits.single-hashsize; 0: not given
	AllPlaces  uint32 // limits.total-hashsizes; 0: not given
	Lists      []Dataset
}

// Dataset is a list that the section defines. What is not given is empty.
type Dataset struct{ Name, Type, Load, State, Save, Memcap, HashSize string }

// FileStore is the output that keeps files.
type FileStore struct {
	Enabled       bool
	Dir           string
	Force         bool // force-filestore: all files, not only those rules ask for
	WriteFileInfo bool
	ForceMagic    bool
	ForceHash     []string // "md5", "sha1", "sha256"
	StreamDepth   uint64   // 0: all
}

// Stats is the section on counters.
type Stats struct {
	Enabled       bool
	Interval      uint32 // seconds
	DecoderEvents bool
	StreamEvents  bool
}

// DefaultSettings are those of an empty file.
func DefaultSettings() *Settings {
	return &Settings{
		ActionOrder:    []Action{Pass, Drop, Reject, Alert},
		PacketAlertMax: 15,
		Stream: Stream{ChecksumValidation: true, DropInvalid: true, ToServerChunk: 2560, ToClientChunk: 2560,
			RandomizeChunk: true, Raw: true, UrgentPolicy: "oob"},
		Defrag: Defrag{Timeout: 60, MaxFrags: 65535},
		Flow: FlowTimeouts{
			Default: Timeouts{New: 30, Established: 300, Bypassed: 100},
			TCP:     Timeouts{New: 30, Established: 300, Closed: 10, Bypassed: 100},
			UDP:     Timeouts{New: 30, Established: 300, Bypassed: 100},
			ICMP:    Timeouts{New: 30, Established: 300, Bypassed: 100},
		},
		Datasets: Datasets{AllowWrite: true},
		VLAN:     true,
		Decoder:  map[string]Decoder{}, Protocols: map[string]*Protocol{},
		Vars: Vars{Addrs: map[string]string{}, Ports: map[string]string{}},
		HTTP: []HTTPServer{defaultHTTP},
		SMTP: SMTP{DecodeMIME: true, Base64: true, QuotedPrintable: true, ExtractURLs: true,
			URLSchemes: []string{"http"}, HeaderValueDepth: 2000, BodyMD5: "auto", ContentLimit: 100000,
			InspectMin: 32768, InspectWindow: 4096},
		Stats: Stats{Enabled: true, Interval: 8, DecoderEvents: true},
	}
}

var defaultHTTP = HTTPServer{Personality: "ids", RequestBodyLimit: 100 << 10, ResponseBodyLimit: 100 << 10,
	RequestMinInspect: 32 << 10, RequestWindow: 4 << 10, ResponseMinInspect: 32 << 10, ResponseWindow: 4 << 10,
	BodyInline: "auto", DecompressLayers: 2, CompressionBomb: 1 << 20, SWFType: "both"}
