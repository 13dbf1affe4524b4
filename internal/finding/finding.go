// Package finding is the model of a conclusion for a person, and the one place where a finding lives: it is held,
// judged against what the capture can prove, absorbed by a more specific cause, folded, muted and released.
package finding

import (
	"time"

	"firestorm/internal/packet"
)

// Kind says what sort of conclusion a finding is.
type Kind string

// Kinds of findings.
const (
	Attack    Kind = "attack"
	Diagnosis Kind = "diagnosis"
	Policy    Kind = "policy"
	Anomaly   Kind = "anomaly"
)

// Severity orders findings for a person; greater is worse.
type Severity uint8

// Severities.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"", "info", "low", "medium", "high", "critical"}

// String returns the word.
func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads the word; ok is false for any other text.
func ParseSeverity(s string) (Severity, bool) {
	for i, n := range severityNames {
		if i > 0 && n == s {
			return Severity(i), true
		}
	}
	return 0, false
}

// Confidence is how sure a finding is. It is computed from the alternatives of its code, never set.
type Confidence uint8

// Confidences; greater is surer.
const (
	CannotTell Confidence = iota + 1 // a needed gate failed
	Possible                         // two or more alternatives open
	Likely                           // one alternative open, named
	Certain                          // all alternatives excluded by frames
)

var confidenceNames = [...]string{"", "cannot-tell", "possible", "likely", "certain"}

// String returns the word.
func (c Confidence) String() string { return confidenceNames[c] }

// ParseConfidence reads the word; ok is false for any other text.
func ParseConfidence(s string) (Confidence, bool) {
	for i, n := range confidenceNames {
		if i > 0 && n == s {
			return Confidence(i), true
		}
	}
	return 0, false
}

// State is where a finding is in its life.
type State string

// States of a finding.
const (
	Open     State = "open"
	Updated  State = "updated"
	Closed   State = "closed"
	Absorbed State = "absorbed"
)

// Where is the place a remedy applies to.
type Where string

// Places, in the words the report prints.
const (
	AtServer   Where = "at the server"
	AtNAT      Where = "at the NAT"
	AtFirewall Where = "at the firewall"
	AtRouter   Where = "at the router"
	AtClient   Where = "at the client"
	AtSwitch   Where = "at the switch"
	AtSensor   Where = "at the sensor"
)

// Fact is one observed thing with the frames that prove it.
type Fact struct {
	Text string
	Refs []packet.Ref
}

// Alternative is another explanation: excluded with Refs, or still open and decided by Text.
type Alternative struct {
	ID   string // as listed in the Code
	Name string // in words
	Text string // ruled out: why; open: what would decide it
	Refs []packet.Ref
}

// Step is one step of a remedy: what to do, and the lines that do it.
type Step struct {
	Where Where
	Text  string
	Run   []Command // one for each platform; none: the step needs a person
}

// Command is one line to paste.
type Command struct {
	On   string // platform or program: "Linux", "Windows", "nftables"; may be empty
	Line string
}

// Subject is a party of the story.
type Subject struct {
	Role string // client, server, nat, router, attacker, victim, sender, path …
	Addr packet.Addr
	Port uint16 // 0 = none
	MAC  packet.MAC
	Name string // a name seen in the capture, hostile text; empty = none
}

// Proof is one evidence frame and its part in the story.
type Proof struct {
	Ref  packet.Ref
	Role string // a few words: "server closes first"
}

// MaxEvidence is how many frames a finding carries.
const MaxEvidence = 12

// GateResult is a gate that did not pass.
type GateResult struct {
	Gate Gate
	Text string // what the capture cannot show, with numbers
	How  string // how to capture again: one command or setting
	Caps Confidence
}

// Explained is a symptom that a finding absorbed.
type Explained struct {
	Code  string
	Count int
	Text  string
}

// Finding is a conclusion. All text is plain; text that came from packets is raw and must be escaped by outputs.
type Finding struct {
	ID         string // "FS-" and a short hash of code, subjects and first frame
	Revision   int
	State      State
	Code       *Code
	Severity   Severity
	Confidence Confidence
	Title      string // one sentence
	Summary    string // one paragraph, for a non-specialist
	Why        string // the cause in one breath, printed beside "why"
	Impact     string
	Facts      []Fact
	RuledOut   []Alternative
	CouldBe    []Alternative
	WrongIf    string // what would prove it wrong
	Remedy     []Step
	Check      string // one command
	CheckNote  string // where to run it, and the twin for the other platform
	References []string
	Subjects   []Subject
	Evidence   []Proof
	Gates      []GateResult
	First      packet.Ref
	Last       packet.Ref
	Count      int // instances folded in
	Explains   []Explained
	Ladder     []LadderRow // the conversation as steps, for drawings; may be empty
	Flows      []uint64    // flows it happened to, at most MaxKept; internal, in no output
	Key        string      // Instance.Key of what was folded; internal, in no output
	Earlier    *Earlier    // what an earlier run told of it; nil: nothing. Internal, in no output
	MutedBy    string      // reason of the mute or rate that hid it; empty = shown
	Limited    bool        // a rate hid it
	Suppressed int         // findings that its bucket held back since it last told one
}

// LadderRow is one step of the conversation that a drawing shows.
type LadderRow struct {
	Ref   packet.Ref
	Dir   packet.Dir
	Label string // "SYN", "FIN, ACK", "SYN (retry)"
	Note  string // why it matters; may be empty
	Lost  bool   // nothing came of it
	Gap   time.Duration
}
